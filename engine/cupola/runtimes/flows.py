"""Raw values through a fitted flow, one row at a time, to what a compiled model's encoders take."""

import datetime
from collections.abc import Callable, Sequence
from typing import Any

from cupola.flows import byvalue
from cupola.flows.byvalue import NotByValue, Otherwise
from cupola.registry.signature import Signature, SignatureColumn, Writing
from cupola.runtimes import values as read
from cupola.runtimes.columns import UNITS, is_boolean, is_numeric
from cupola.runtimes.families import Uncompilable
from cupola.runtimes.program import Before
from cupola.runtimes.values import EXACT, LARGE, Misfit

DTYPES = {"BIGINT": "int64", "DOUBLE": "float64", "BOOLEAN": "bool", "VARCHAR": "str"}
WHOLE = 2**63
Read = Callable[[Any], Any]


def before(fitted: Any, takes: Sequence[str], columns: Sequence[tuple[str, str]], signature: Signature) -> Before:
    """A flow before a compiled model. columns: (name, type) of what its encoders take. Raises Uncompilable."""
    names = [one.name for one in signature.columns]
    if list(takes) != names:
        raise Uncompilable("its flow takes other columns than its signature names")
    found = Before(fitted, [_column(name, kind, fitted.result[name]) for name, kind in columns])
    try:
        Rows(found, signature)
    except NotByValue as why:
        raise Uncompilable(f"in its flow {why}") from None
    return found


def _column(name: str, kind: str, type: str) -> SignatureColumn:
    return SignatureColumn(name=name, type=kind, dtype=DTYPES.get(type, "datetime64[us]" if kind == "datetime" else ""))


class Rows:
    """Reads raw values of a model's columns, and gives those of its flow's. Raises NotByValue, Uncompilable."""

    def __init__(self, flow: Before, signature: Signature) -> None:
        self._flow, self._signature = flow, signature
        self._wanted = [one.name for one in flow.columns]
        self._program = byvalue.program(flow.fitted, [one.name for one in signature.columns], self._wanted)
        types = flow.fitted.columns
        self._read = [_reader(one, types[one.name], signature.writing) for one in signature.columns]
        self._dated = [
            place for place, one in enumerate(self._wanted) if self._program.types[one] in ("DATE", "TIMESTAMP")
        ]
        self._served: Any = None

    def of(self, values: Sequence[Any]) -> list[Any]:
        """What the flow makes of one row. Raises Misfit, BadInput."""
        try:
            found = self._program.run([of(value) for of, value in zip(self._read, values, strict=True)])
        except Otherwise:
            found = self._by_duckdb(values)
        for place in self._dated:
            if found[place] is not None:
                found[place] = found[place].isoformat()
        return found

    def blamed(self, values: Sequence[Any]) -> tuple[str, Misfit] | None:
        """The first column whose value does not fit, and why."""
        for column, of, value in zip(self._signature.columns, self._read, values, strict=True):
            try:
                of(value)
            except Otherwise:
                continue
            except Misfit as misfit:
                return column.name, misfit
        return None

    def _by_duckdb(self, values: Sequence[Any]) -> list[Any]:
        """The same of an odd row, by what knows all of them."""
        from cupola.flows.serving import Served, plain
        from cupola.runtimes.frames import Frames

        if self._served is None:
            self._served = Served(self._flow.fitted, self._wanted), Frames(self._signature)
        served, frames = self._served
        made = served.by_sql(frames.of_columns([[value] for value in values]))
        return [plain(made[name], self._program.types[name])[0] for name in self._wanted]


def _reader(column: SignatureColumn, type: str, writing: Writing) -> Read:
    of = _of_value(column, type, writing)
    if not writing.missing:
        return of
    words = frozenset(writing.missing)
    return lambda value: of(None if value.__class__ is str and value in words else value)


def _of_value(column: SignatureColumn, type: str, writing: Writing) -> Read:
    """What makes a value of SQL's type of one as it came, as `frames` and DuckDB do together."""
    if is_numeric(column) and type in ("BIGINT", "DOUBLE") and column.dtype not in ("float32", "float16"):
        convert = _whole if type == "BIGINT" else _float
        if writing.commas:
            points = column.name in writing.thousands
            return lambda value: convert(read.number(read.with_point(value, points)))
        return lambda value: convert(read.number(value))
    if is_boolean(column) and type == "BOOLEAN":
        return read.truth
    if column.type == "date" and type == "DATE":
        return _date
    if type == "TIMESTAMP" and "," not in column.dtype:
        unit = UNITS.get(column.dtype.removeprefix("datetime64[").removesuffix("]"))
        if unit is not None:
            return lambda value: _time(value, unit)
    if type == "VARCHAR" and not is_numeric(column) and not is_boolean(column) and column.type in ("category", "text"):
        return read.text
    raise Uncompilable(f"its flow takes the column {column.name!r} as {type}, and it came as {column.dtype}")


def _float(value: int | float | None) -> float | None:
    try:
        return None if value is None or value != value else float(value)
    except OverflowError:
        raise Misfit(LARGE) from None


def _whole(value: int | float | None) -> int | None:
    if value is None or value != value:
        return None
    if value.__class__ is int and -WHOLE <= value < WHOLE:
        return int(value)
    if value.__class__ is float and value.is_integer() and abs(value) < EXACT:
        return int(value)
    raise Otherwise


def _date(value: Any) -> datetime.date | None:
    found = read.moment(value, "date")
    return None if found is None else found.date()


def _time(value: Any, unit: int) -> datetime.datetime | None:
    found = read.time(value)
    return found if found is None or unit == 1 else found.replace(microsecond=found.microsecond // unit * unit)
