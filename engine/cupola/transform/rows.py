"""The rows of a chunk as the frame that a model was fitted on: the same as an endpoint makes of them, only faster.

What is plain goes through Arrow, which reads numbers as numbers; where one is odd, all as texts, and of these a column
at a time. Whatever else there is - another way of writing, stray quotes, ragged lines - goes through the endpoint's own
reading, which also has the words for what is wrong.
"""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
from pyarrow import compute, types

from cupola.registry.signature import PLAIN, Signature
from cupola.runtimes.frames import Frames
from cupola.runtimes.tables import Table
from cupola.serving import columnar, payloads

FLOATS = ("float64", "float32")
TEXTS = ("category", "text")
QUOTE, COMMA, LINE_END, RETURN, ZERO, X = b'",\n\r0x'
BEFORE, AFTER = np.array([COMMA, LINE_END], np.uint8), np.array([COMMA, LINE_END, RETURN], np.uint8)

LETTERS = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


class Odd(Exception):
    """A number that is better read otherwise."""


class Rows:
    """Reads chunks of a CSV for one model. names: of its columns, where it has a header."""

    def __init__(self, signature: Signature, names: list[str] | None) -> None:
        self.frames = Frames(signature)
        self._columns = {one.name: one for one in signature.columns}
        self._names = names or []
        each = {one.name: pa.float64() if one.dtype in FLOATS else pa.int64() for one in signature.columns}
        self._numeric = {one.name: each[one.name] for one in signature.columns if one.dtype in (*FLOATS, "int64")}
        known = {*self._columns} <= set(self._names) <= self.frames.form.known
        self._plain = known and len(set(self._names)) == len(self._names) and signature.writing == PLAIN

    def frame(self, body: bytes) -> pd.DataFrame:
        """The frame of a CSV that begins with the header, if there is one. Raises BadInput."""
        if self._plain and _is_plain(body):
            try:
                found = self._quickly(body)
            except pa.ArrowException:  # what is wrong is told by the endpoint's reading
                found = None
            if found is not None and len(found):
                return found
        return self.frames.frame(payloads.read(body, "text/csv", self.frames.form))

    def of_table(self, table: pa.Table) -> pd.DataFrame:
        """The frame of a table with names. Raises BadInput."""
        if set(self._columns) <= set(table.column_names) <= self.frames.form.known:
            return pd.DataFrame({name: self._as_it_is(name, table[name]) for name in self._columns}, copy=False)
        names = table.column_names
        return self.frames.frame(Table(names, [columnar.from_arrow(table[name]) for name in names], table.num_rows))

    def _as_it_is(self, name: str, values: pa.ChunkedArray) -> Any:
        column, kind = self._columns[name], values.type
        if column.dtype in FLOATS and (types.is_floating(kind) or types.is_integer(kind)):
            return values.cast(pa.float64(), safe=False).to_numpy().astype(column.dtype, copy=False)
        if column.dtype == "int64" and types.is_signed_integer(kind) and not values.null_count:
            return values.cast(pa.int64()).to_numpy()
        if (
            column.dtype == "str"
            and column.type in TEXTS
            and types.is_string(kind)
            and not self.frames.form.writing.missing
        ):
            return pd.array(values, dtype="str")
        return self.frames.column(name, columnar.from_arrow(values))

    def _quickly(self, body: bytes) -> pd.DataFrame:
        if not _may_be_hexadecimal(body):
            try:
                return self._typed(body)
            except (pa.ArrowInvalid, Odd):
                pass
        table = self._read(body, {})
        return pd.DataFrame({name: self._column(name, table[name].combine_chunks()) for name in self._columns})

    def _typed(self, body: bytes) -> pd.DataFrame:
        """The frame of a CSV whose numbers are plain. Raises Odd, ArrowInvalid."""
        table = self._read(body, self._numeric)
        found = {}
        for name, column in self._columns.items():
            values = table[name].combine_chunks()
            if name in self._numeric and not (column.dtype == "int64" and values.null_count):
                found[name] = _array(values, column.dtype)
            elif column.dtype == "str" and column.type in TEXTS:
                found[name] = pd.array(values, dtype="str")
            else:
                found[name] = self.frames.column(name, values.to_pylist())
        return pd.DataFrame(found, copy=False)

    def _read(self, body: bytes, types: dict[str, pa.DataType]) -> pa.Table:
        """The model's columns, of these types and else texts; an empty field is null."""
        return pa.csv.read_csv(
            pa.BufferReader(body),
            read_options=pa.csv.ReadOptions(
                use_threads=False, column_names=self._names, skip_rows=1, block_size=len(body) + 1
            ),
            parse_options=pa.csv.ParseOptions(newlines_in_values=True),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(self._names, pa.string()) | types,
                include_columns=list(self._columns),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )

    def _column(self, name: str, texts: pa.StringArray) -> Any:
        column = self._columns[name]
        found = _numbers(texts, column.dtype)
        if found is None and column.type in TEXTS and column.dtype == "str":
            found = pd.array(texts, dtype="str")
        return self.frames.column(name, texts.to_pylist()) if found is None else found


def _is_plain(body: bytes) -> bool:
    """Whether Arrow and Python's csv see the same fields in it."""
    lone = b"\r" in body and body.count(b"\r") != body.count(b"\r\n")
    return not lone and b"\0" not in body and (b'"' not in body or not _has_stray_quotes(body))


def _has_stray_quotes(body: bytes) -> bool:
    """Whether there is a quote of which Arrow makes something where Python's csv sees a mistake.

    That is one that neither begins nor ends a field nor stands beside another; or the second of two that begin a field
    and do not end it. Most often no two stand together, and all begin or end one: that is told without looking at each.
    """
    data = np.frombuffer(b"".join((b"\n", body, b"\n\n")), np.uint8)
    quotes, before = data == QUOTE, (data == COMMA) | (data == LINE_END)
    between = before[:-2] | before[2:] | (data[2:] == RETURN)
    if not (quotes[1:-1] & ~between).any() and not (quotes[1:] & quotes[:-1]).any():
        return False
    at = np.flatnonzero(quotes)
    begins, ends = np.isin(data[at - 1], BEFORE), np.isin(data[at + 1], AFTER)
    doubled = data[at + 1] == QUOTE
    stray = ~begins & ~ends & ~doubled & (data[at - 1] != QUOTE)
    empty = begins & doubled & ~np.isin(data[at + 2], AFTER) & (data[at + 2] != QUOTE)
    return bool(stray.any() or empty.any())


def _may_be_hexadecimal(body: bytes) -> bool:
    """Whether there may be a number in it that Arrow reads and Python does not: 0x1f."""
    data = np.frombuffer(body, np.uint8)
    at = np.flatnonzero((data[:-1] == ZERO) & ((data[1:] | 32) == X))
    return not LETTERS.issuperset(data[at - 1].tolist())


def _numbers(texts: pa.StringArray, dtype: str) -> Any:
    """The numbers in texts, or None where not all of them are plain ones of that type."""
    try:
        if dtype in FLOATS:
            return _array(texts.cast(pa.float64()), dtype)
        if dtype == "int64" and not texts.null_count and not _is_hexadecimal(texts):
            return texts.cast(pa.int64()).to_numpy()
    except (pa.ArrowInvalid, Odd):
        pass
    return None


def _array(values: Any, dtype: str) -> Any:
    """Numbers as the frame has them. Raises Odd for infinite ones, which may be large ones for Python."""
    found = values.to_numpy(zero_copy_only=False)
    if dtype in FLOATS and np.isinf(found).any():
        raise Odd
    return found.astype(dtype, copy=False)


def _is_hexadecimal(texts: pa.StringArray) -> bool:
    return bool(compute.any(compute.match_substring(texts, "x", ignore_case=True)).as_py())
