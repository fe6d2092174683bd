"""Rows as they came made into the frame that a model was fitted on: columns matched, values of the right type."""

import datetime
import difflib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from cupola.errors import BadInput
from cupola.registry.signature import Signature, SignatureColumn, Writing
from cupola.serving.payloads import Form, Table

BOOLEANS = {"true": True, "t": True, "yes": True, "y": True, "1": True} | {
    "false": False, "f": False, "no": False, "n": False, "0": False
}  # fmt: skip
NUMBERS = frozenset({int, float, type(None)})
ISO = "write it as in 2013-01-31 or 2013-01-31T06:00:00"

Convert = Callable[[list[Any]], Any]


class Misfit(Exception):
    """A value that its column cannot take: its row (from 0) and what is wrong."""

    def __init__(self, row: int, what: str) -> None:
        self.row, self.what = row, what


class Frames:
    """Makes frames for one model; what depends on the signature alone is worked out once."""

    def __init__(self, signature: Signature) -> None:
        self._signature = signature
        self._names = [one.name for one in signature.columns]
        self._known = frozenset([*signature.source, *self._names, *signature.others])
        self._missing = frozenset(signature.writing.missing)
        self._converters = [(one.name, _converter(one, signature.writing)) for one in signature.columns]
        self.form = Form(self._known, frozenset([len(self._names), len(signature.source)]), signature.writing)

    def frame(self, table: Table) -> pd.DataFrame:
        """The frame of a table. Raises BadInput naming the column, and the row where one value is at fault."""
        columns = self._matched(table)
        built = {}
        for (name, convert), values in zip(self._converters, columns, strict=True):
            if self._missing:
                values = [None if type(value) is str and value in self._missing else value for value in values]
            try:
                built[name] = convert(values)
            except Misfit as misfit:
                raise BadInput(f"row {misfit.row + 1}, column {name!r}: {misfit.what}") from None
        return pd.DataFrame(built, copy=False)

    def _matched(self, table: Table) -> list[list[Any]]:
        if table.names is None:
            return self._by_position(table.columns)
        by_name = dict(zip(table.names, table.columns, strict=True))
        unknown = [name for name in by_name if name not in self._known]
        if unknown:
            near = difflib.get_close_matches(unknown[0], self._known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"the columns are: {_listed(self._names)}"
            raise BadInput(f"the model's data has no column {_listed(unknown)}", hint=hint)
        missing = [name for name in self._names if name not in by_name]
        if missing:
            raise BadInput(
                f"the columns {_listed(missing)} are missing"
                if missing[1:]
                else f"the column {missing[0]!r} is missing"
            )
        return [by_name[name] for name in self._names]

    def _by_position(self, columns: list[list[Any]]) -> list[list[Any]]:
        if len(columns) == len(self._names):
            return columns
        source = self._signature.source
        if len(columns) == len(source):
            by_name = dict(zip(source, columns, strict=True))
            return [by_name[name] for name in self._names]
        also = f" (or all {len(source)} of the source)" if len(source) > len(self._names) else ""
        raise BadInput(
            f"the rows have {len(columns)} values where the model takes {len(self._names)}{also}",
            hint=f"the columns are: {_listed(self._names)}",
        )


def _converter(column: SignatureColumn, writing: Writing) -> Convert:
    dtype = column.dtype
    if dtype.startswith(("int", "uint", "float")):
        if writing.commas:
            points = column.name in writing.thousands
            return lambda values: _numbers([_with_point(value, points) for value in values], np.dtype(dtype))
        return lambda values: _numbers(values, np.dtype(dtype))
    if dtype == "bool" or column.type == "boolean":
        return _booleans
    if column.type == "date":
        return _dates
    if column.type == "datetime" or dtype.startswith("datetime64"):
        return _datetimes(dtype or "datetime64[us]")
    if column.type == "integer":
        return lambda values: _numbers(values, np.dtype(np.int64))
    if column.type == "number":
        return lambda values: _numbers(values, np.dtype(np.float64))
    return _texts(dtype or "str")


def _numbers(values: list[Any], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    if not NUMBERS.issuperset(map(type, values)):
        values = [_number(value, row) for row, value in enumerate(values)]
    if dtype.kind in "iu":
        whole = _whole(values, dtype)
        if whole is not None:
            return whole
        dtype = np.dtype(np.float64)
    try:
        return np.array(values, dtype=np.float64).astype(dtype, copy=False)
    except OverflowError:
        row = next(row for row, value in enumerate(values) if isinstance(value, int) and abs(value) > 2**1023)
        raise Misfit(row, "the number is too large") from None


def _whole(values: list[Any], dtype: np.dtype[Any]) -> np.ndarray[Any, Any] | None:
    """The values as integers; None when one of them is missing, has a fraction or does not fit."""
    if not all(type(value) is int for value in values):
        return None
    try:
        return np.array(values, dtype=dtype)
    except OverflowError:
        return None


def _with_point(value: Any, points: bool) -> Any:
    """A text with a decimal comma as one with a point. points: there may be points, which are of thousands."""
    if not isinstance(value, str) or not (points or ("," in value and "." not in value)):
        return value
    return value.replace(".", "").replace(",", ".")


def _number(value: Any, row: int) -> int | float | None:
    if type(value) in NUMBERS:
        return value  # type: ignore[no-any-return]
    if isinstance(value, str) and "_" not in value:
        text = value.strip()
        try:
            return int(text) if text.lstrip("+-").isdecimal() else float(text) if text else None
        except ValueError:
            pass
    raise Misfit(row, f"{_shown(value)} is not a number")


def _booleans(values: list[Any]) -> np.ndarray[Any, Any]:
    found = [
        value if value is None or value is True or value is False else _boolean(value, row)
        for row, value in enumerate(values)
    ]
    return np.array(found, dtype=object if None in found else bool)


def _boolean(value: Any, row: int) -> bool | None:
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    if isinstance(value, str):
        text = value.strip().lower()
        if not text:
            return None
        if text in BOOLEANS:
            return BOOLEANS[text]
    raise Misfit(row, f"{_shown(value)} is not true or false")


def _dates(values: list[Any]) -> np.ndarray[Any, Any]:
    found = np.empty(len(values), dtype=object)
    found[:] = [
        None if value is None or value == "" else _moment(value, row, "date").date() for row, value in enumerate(values)
    ]
    return found


def _datetimes(dtype: str) -> Convert:
    kind: Any = dtype
    _, aware, zone = dtype.removeprefix("datetime64[").removesuffix("]").partition(", ")

    def convert(values: list[Any]) -> Any:
        moments = [
            None if value is None or value == "" else _moment(value, row, "time") for row, value in enumerate(values)
        ]
        if aware:
            whole: Any = [one and (one if one.tzinfo else one.replace(tzinfo=datetime.UTC)) for one in moments]
            return pd.Series(pd.to_datetime(whole, utc=True)).dt.tz_convert(zone).astype(kind)
        naive = [one and (one.astimezone(datetime.UTC).replace(tzinfo=None) if one.tzinfo else one) for one in moments]
        return np.array(naive, dtype="datetime64[us]").astype(dtype, copy=False)

    return convert


def _moment(value: Any, row: int, what: str) -> datetime.datetime:
    if isinstance(value, str):
        try:
            return datetime.datetime.fromisoformat(value.strip())
        except ValueError:
            pass
    raise Misfit(row, f"{_shown(value)} is not a {what}; {ISO}")


def _texts(dtype: str) -> Convert:
    kind: Any = pd.Series([], dtype=dtype).dtype
    plain = kind == np.dtype(object)

    def convert(values: list[Any]) -> Any:
        texts: Any = [
            value if value is None or type(value) is str else _text(value, row) for row, value in enumerate(values)
        ]
        return pd.Series(texts, dtype=object) if plain else pd.array(texts, dtype=kind)

    return convert


def _text(value: Any, row: int) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float) and math.isfinite(value):
        return repr(value)
    raise Misfit(row, f"{_shown(value)} is not a text")


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = "true" if value is True else "false" if value is False else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name) if len(name) <= 60 else repr(name[:57] + "...") for name in names[:12])
    return shown if len(names) <= 12 else f"{shown} and {len(names) - 12} more"
