"""What a model takes and gives: written by training beside the model, read by the registry and by servers."""

from typing import Any

import msgspec

FILE = "signature.json"


class SignatureColumn(msgspec.Struct, kw_only=True):
    """One column that the model uses.

    type: as in a dataset ("integer", "number", "boolean", "category", "text", "date", "datetime").
    dtype: the pandas dtype that the column had in training; a server gives the model the same.
    categories: the values seen in training, where they are few; for help and completion, others are taken too.
    """

    name: str
    type: str
    dtype: str = ""
    categories: list[Any] | None = None


class Signature(msgspec.Struct, kw_only=True):
    """The columns of a model, by name and in order.

    columns: what the model uses, in the order in which it was fitted. others: what the data had besides (the target,
    excluded and unused columns): known, and ignored. source: every column of the data in the order of the source.
    task: "classification" or "regression". classes: the values of the target, in the order of the probabilities.
    """

    columns: list[SignatureColumn]
    others: list[str] = []
    source: list[str] = []
    target: str | None = None
    task: str = ""
    classes: list[Any] | None = None


def decode(data: bytes) -> Signature:
    """A signature from the bytes of its file. Raises msgspec.DecodeError."""
    return msgspec.json.decode(data, type=Signature)
