"""Values of a column, as they came, made into numbers one by one: what `training.preparation` does, without a frame."""

import bisect
import datetime
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cupola.registry.signature import SignatureColumn, Writing
from cupola.runtimes import values as read
from cupola.runtimes.program import Encoder, Lookup, Moment, Number, Prose, Several
from cupola.runtimes.values import EXACT, LARGE, Misfit

Numbers = Sequence[float]
Encode = Callable[[Any], Numbers]

LARGEST = float(np.finfo(np.float32).max)
DAY = 86_400_000_000  # microseconds
EPOCH = datetime.datetime(1970, 1, 1)
MICROSECOND = datetime.timedelta(microseconds=1)
NARROW = ("float32", "float16")
UNITS = {"us": 1, "ms": 1000, "s": 1_000_000}  # in microseconds


def encoding(column: SignatureColumn, writing: Writing, encoder: Encoder) -> Encode:
    """What makes numbers of one value of a column; it raises Misfit."""
    encode = _encoding(column, writing, encoder)
    if not writing.missing:
        return encode
    words = frozenset(writing.missing)
    return lambda value: encode(None if type(value) is str and value in words else value)


def is_numeric(column: SignatureColumn) -> bool:
    """Whether its values are read as numbers, as in `frames`."""
    other = column.dtype == "bool" or column.dtype.startswith("datetime64")
    return column.dtype.startswith(("int", "uint", "float")) or (column.type in ("integer", "number") and not other)


def is_boolean(column: SignatureColumn) -> bool:
    """Whether its values are read as true or false, as in `frames`."""
    return not is_numeric(column) and (column.dtype == "bool" or column.type == "boolean")


def _encoding(column: SignatureColumn, writing: Writing, encoder: Encoder) -> Encode:
    if isinstance(encoder, Number):
        value = _truths if is_boolean(column) else _floats(column, writing)
        return _plain(_numbers(value, _stepping(encoder)), column, encoder)
    if isinstance(encoder, Moment):
        return _moments(_microseconds(column), encoder)
    if isinstance(encoder, Lookup):
        return _looked_up(_keys(column, writing), encoder)
    if isinstance(encoder, Several):
        parts = [_encoding(column, writing, one) for one in encoder.parts]
        return lambda value: [number for part in parts for number in part(value)]
    return _prose(encoder)


def _truths(value: Any) -> float:
    found = read.truth(value)
    return math.nan if found is None else float(found)


def _floats(column: SignatureColumn, writing: Writing) -> Callable[[Any], float]:
    """A value of a column of numbers as a float; NaN where there is none."""
    points = column.name in writing.thousands

    def wide(value: Any) -> float:
        if type(value) is float:
            return value
        found = read.number(read.with_point(value, points) if writing.commas else value)
        try:
            return math.nan if found is None else float(found)
        except OverflowError:
            raise Misfit(LARGE) from None

    def narrow(value: Any) -> float:
        with np.errstate(over="ignore"):
            return float(np.array(wide(value)).astype(column.dtype))

    return narrow if column.dtype in NARROW else wide


def _numbers(value: Callable[[Any], float], step: Callable[[float], Numbers] | None) -> Encode:
    def encode(given: Any) -> Numbers:
        number = value(given)
        if not -LARGEST <= number <= LARGEST:
            number = math.nan if not math.isfinite(number) else math.copysign(LARGEST, number)
        return step(number) if step else (number,)

    return encode


def _plain(encode: Encode, column: SignatureColumn, how: Number) -> Encode:
    """The same, quicker for a number that stays as it is."""
    if how.edges is not None or how.fill is not None or is_boolean(column) or column.dtype in NARROW:
        return encode

    def plain(given: Any) -> Numbers:
        kind = type(given)
        return (float(given),) if (kind is float or kind is int) and -LARGEST <= given <= LARGEST else encode(given)

    return plain


def _stepping(how: Number) -> Callable[[float], Numbers] | None:
    """What becomes of a number; None where it stays as it is."""
    fill, center, scale, clip = how.fill, how.center, how.scale, how.clip
    if how.edges is not None:
        edges = how.edges
        return lambda number: (float(len(edges) + 1 if number != number else bisect.bisect_right(edges, number)),)
    if fill is None:
        return None

    def scaled(number: float) -> Numbers:
        missing = number != number
        found = ((fill if missing else number) - center) / scale
        if clip:
            found = min(max(found, 0.0), 1.0)
        return (found, float(missing)) if how.flag else (found,)

    return scaled


def _keys(column: SignatureColumn, writing: Writing) -> Callable[[Any], str | None]:
    """A value of a column of categories as it is looked up; None where there is none."""
    if is_boolean(column):

        def of_truth(value: Any) -> str | None:
            found = read.truth(value)
            return None if found is None else str(found)

        return of_truth
    if not is_numeric(column):
        return read.text
    whole = not column.dtype.startswith("float") and column.type != "number"
    floats, points = _floats(column, writing), column.name in writing.thousands

    def of_number(value: Any) -> str | None:
        number = floats(value)
        if whole and abs(number) > EXACT:
            value = read.number(read.with_point(value, points) if writing.commas else value)
        if whole and type(value) is int:
            return str(value)
        return None if number != number else str(int(number)) if number.is_integer() else str(number)

    return of_number


def _looked_up(key: Callable[[Any], str | None], how: Lookup) -> Encode:
    known, missing, other = {one: tuple(each) for one, each in how.known.items()}, tuple(how.missing), tuple(how.other)

    def encode(value: Any) -> Numbers:
        if key is read.text and type(value) is str and value in known:
            return known[value]
        found = key(value)
        return missing if found is None else known.get(found, other)

    return encode


def _microseconds(column: SignatureColumn) -> Callable[[Any], int | None]:
    """A value of a column of dates or times as microseconds since 1970, in UTC."""
    if column.type == "date":

        def of_date(value: Any) -> int | None:
            found = read.moment(value, "date")
            return None if found is None else (found.date() - EPOCH.date()).days * DAY

        return of_date
    unit = UNITS.get(column.dtype.removeprefix("datetime64[").partition(",")[0].removesuffix("]"), 1)

    def of_time(value: Any) -> int | None:
        found = read.time(value)
        return None if found is None else (found - EPOCH) // MICROSECOND // unit * unit

    return of_time


def _moments(microseconds: Callable[[Any], int | None], how: Moment) -> Encode:
    steps = [(part, _stepping(number)) for part, number in how.parts.items()]

    def encode(value: Any) -> Numbers:
        found = microseconds(value)
        numbers: list[float] = []
        for part, step in steps:
            number = math.nan if found is None else PARTS[part](found, how.start)
            numbers += step(number) if step else (number,)
        return numbers

    return encode


def _date(moment: int) -> datetime.date:
    return datetime.date.fromordinal(719163 + moment // DAY)


PARTS: dict[str, Callable[[int, int], float]] = {
    "year": lambda moment, start: float(_date(moment).year),
    "month": lambda moment, start: float(_date(moment).month),
    "day": lambda moment, start: float(_date(moment).day),
    "weekday": lambda moment, start: float(_date(moment).weekday()),
    "hour": lambda moment, start: float(moment % DAY // 3_600_000_000),
    "days": lambda moment, start: float(moment - start) / float(DAY),
}


@functools.cache
def _hashing() -> Any:
    from cupola.training import texts  # with scikit-learn: only its own hashing counts words as in training

    return texts.hashed


def _prose(how: Prose) -> Encode:
    kept, rarity = np.array(how.kept, dtype=np.intp), np.array(how.rarity)

    def encode(value: Any) -> Numbers:
        text = read.text(value)
        counts = _hashing().transform([text or ""])
        found = np.asarray(counts[:, kept].toarray(), dtype=np.float64)[0]
        if how.binned:
            found = (found > 0).astype(np.float64)
        else:
            found = np.log1p(found) * rarity
            length = np.sqrt((found**2).sum())
            found = found / length if length > 0 else np.zeros_like(found)
        numbers: list[float] = found.tolist()
        if not how.positive:
            numbers.append(float(np.log1p(counts.sum())))
        if how.flag:
            numbers.append(float(text is None))
        return numbers

    return encode
