"""What a model takes and gives: written by training beside the model, read by the registry and by servers."""

from typing import Any

import msgspec

from cupola.datasets.records import DatasetVersion

FILE = "signature.json"
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}


class SignatureColumn(msgspec.Struct, kw_only=True):
    """One column that the model uses.

    type: as in a dataset ("integer", "number", "boolean", "category", "text", "date", "datetime").
    dtype: the pandas dtype that the column had in training; a server gives the model the same.
    categories: the values seen in training, where they are few; for help and completion, others are taken too.
    optional: rows without the column are taken as if it were empty.
    """

    name: str
    type: str
    dtype: str = ""
    categories: list[Any] | None = None
    optional: bool = False


class Writing(msgspec.Struct, kw_only=True, omit_defaults=True, frozen=True):
    """How the source of the data was written, so that its rows are understood as they stand there.

    delimiter, quote, escaped (by a backslash): of a CSV. commas: numbers may have a decimal comma. thousands: the
    columns in whose numbers a point is no decimal one. missing: the words that stand for a missing value.
    """

    delimiter: str = ","
    quote: str = '"'
    escaped: bool = False
    commas: bool = False
    thousands: list[str] = []
    missing: list[str] = []


PLAIN = Writing()


class Signature(msgspec.Struct, kw_only=True):
    """The columns of a model, by name and in order.

    columns: what the model uses, in the order in which it was fitted. others: what the data had besides (the target,
    excluded and unused columns): known, and ignored. source: every column of the data in the order of the source.
    task: "classification", "regression", "clustering" or "anomaly". classes: the values of the target, in the order of
    the probabilities. threshold: from which probability of the second of two classes on the model says that it is that.
    writing: of the source.
    """

    columns: list[SignatureColumn]
    others: list[str] = []
    source: list[str] = []
    target: str | None = None
    task: str = ""
    classes: list[Any] | None = None
    threshold: float | None = None
    writing: Writing = PLAIN


def writing(version: DatasetVersion) -> Writing:
    """How the source of a version was written."""
    quote, _, escape = version.found.get("quote", '"').partition(" ")
    delimiter = version.found.get("delimiter", ",")
    asked = version.options.get("types", {}) if version.options.get("decimal") == "," else {}
    return Writing(
        delimiter=DELIMITERS.get(delimiter, delimiter),
        quote=quote,
        escaped=bool(escape),
        commas="decimal" in version.found,
        thousands=[name for name, type in asked.items() if type == "number"],
        missing=list(version.options.get("missing", [])),
    )


def decode(data: bytes) -> Signature:
    """A signature from the bytes of its file. Raises msgspec.DecodeError."""
    return msgspec.json.decode(data, type=Signature)
