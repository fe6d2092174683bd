"""Rows as they came made into the frame that a model was fitted on: columns matched, values of the right type."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from cupola.errors import BadInput
from cupola.registry.signature import Signature, SignatureColumn, Writing
from cupola.runtimes import values as read
from cupola.runtimes.tables import Columns, Table
from cupola.runtimes.values import LARGE, NUMBERS, Misfit

Convert = Callable[[list[Any]], Any]


class Frames:
    """Makes frames for one model; what depends on the signature alone is worked out once."""

    def __init__(self, signature: Signature) -> None:
        self._columns = Columns(signature)
        self._missing = frozenset(signature.writing.missing)
        self._converters = {one.name: _converter(one, signature.writing) for one in signature.columns}
        self._mixed = [(place, one.name) for place, one in enumerate(signature.columns) if _may_differ(one)]
        self.form = self._columns.form

    def frame(self, table: Table) -> pd.DataFrame:
        """The frame of a table. Raises BadInput naming the column, and the row where one value is at fault."""
        return self.of_columns(self.matched(table))

    def matched(self, table: Table) -> list[list[Any]]:
        """The values of the model's columns, in its order, as they came. Raises BadInput."""
        return self._columns.of(table)

    def kinds(self, columns: list[list[Any]]) -> tuple[Any, ...]:
        """The types that hang on the values (whole numbers, truths): rows of the same may stand in one frame, each of
        them with the types that it would have alone. Raises BadInput.
        """
        return tuple(self.column(name, columns[place]).dtype for place, name in self._mixed)

    def of_columns(self, columns: list[list[Any]]) -> pd.DataFrame:
        """The frame of columns that `matched` gave. Raises BadInput."""
        built = {name: self.column(name, values) for name, values in zip(self._converters, columns, strict=True)}
        return pd.DataFrame(built, copy=False)

    def column(self, name: str, values: list[Any]) -> Any:
        """One column of the model from its values as they came. Raises BadInput naming the row."""
        if self._missing:
            values = [None if type(value) is str and value in self._missing else value for value in values]
        try:
            return self._converters[name](values)
        except Misfit as misfit:
            raise BadInput(
                f"row {first_misfit(self._converters[name], values) + 1}, column {name!r}: {misfit}"
            ) from None


def _may_differ(column: SignatureColumn) -> bool:
    """Whether values decide about the type: of whole numbers a missing one does, and of truths."""
    if column.dtype.startswith(("int", "uint", "bool")) or column.type == "boolean":
        return True
    return column.type == "integer" and not column.dtype.startswith("float")


def first_misfit(convert: Callable[[list[Any]], Any], values: list[Any]) -> int:
    """The first of the values that a column cannot take."""
    for row, value in enumerate(values):
        try:
            convert([value])
        except Misfit:
            return row
    raise AssertionError("each value fits alone")


def _converter(column: SignatureColumn, writing: Writing) -> Convert:
    dtype = column.dtype
    if dtype.startswith(("int", "uint", "float")):
        kind, named = np.dtype(dtype), column.type in ("category", "text")
        if writing.commas:
            points = column.name in writing.thousands
            return lambda values: _numbers([read.with_point(value, points) for value in values], kind, named)
        return lambda values: _numbers(values, kind, named)
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


def _numbers(values: list[Any], dtype: np.dtype[Any], named: bool = False) -> np.ndarray[Any, Any]:
    """named: the numbers are names, of which no two may become one float."""
    if not NUMBERS.issuperset(map(type, values)):
        values = list(map(read.number, values))
    whole = _whole(values, dtype) if dtype.kind in "iu" else None
    if whole is not None:
        return whole
    try:
        floats = np.array(values, dtype=np.float64)
    except OverflowError:
        raise Misfit(LARGE) from None
    if dtype.kind == "f":
        return floats.astype(dtype, copy=False)
    inexact = named and any(type(value) is int and abs(value) > read.EXACT for value in values)
    return np.array(values, dtype=object) if inexact else floats


def _whole(values: list[Any], dtype: np.dtype[Any]) -> np.ndarray[Any, Any] | None:
    """The values as integers; None when one of them is missing, has a fraction or does not fit."""
    if not all(type(value) is int for value in values):
        return None
    try:
        return np.array(values, dtype=dtype)
    except OverflowError:
        return None


def _booleans(values: list[Any]) -> np.ndarray[Any, Any]:
    found = list(map(read.truth, values))
    return np.array(found, dtype=object if None in found else bool)


def _dates(values: list[Any]) -> np.ndarray[Any, Any]:
    found = np.empty(len(values), dtype=object)
    moments = (read.moment(value, "date") for value in values)
    found[:] = [one and one.date() for one in moments]
    return found


def _datetimes(dtype: str) -> Convert:
    kind: Any = dtype
    _, aware, zone = dtype.removeprefix("datetime64[").removesuffix("]").partition(", ")

    def convert(values: list[Any]) -> Any:
        moments: Any = list(map(read.time, values))
        if aware:
            return pd.Series(pd.to_datetime(moments, utc=True)).dt.tz_convert(zone).astype(kind)
        return np.array(moments, dtype="datetime64[us]").astype(dtype, copy=False)

    return convert


def _texts(dtype: str) -> Convert:
    kind: Any = pd.Series([], dtype=dtype).dtype
    plain = kind == np.dtype(object)

    def convert(values: list[Any]) -> Any:
        texts: Any = list(map(read.text, values))
        return pd.Series(texts, dtype=object) if plain else pd.array(texts, dtype=kind)

    return convert
