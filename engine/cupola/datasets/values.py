"""What a column of texts can be read as, and reading it: whole arrays at a time, and never a value that was not meant.

A number is read only where its text and the number say the same: "007", "+49", "0x1F", "inf" and integers that a
float would round stay text unless the user says otherwise.
"""

import functools
import re
from collections.abc import Callable
from typing import TypeAlias

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from cupola.datasets import periods

EXACT = 2**53  # beyond it a float cannot tell neighbouring integers apart
STAMP = pa.timestamp("us")
MOMENT = pa.timestamp("us", "UTC")
TRUE = ["true", "yes", "t", "y", "1"]
FALSE = ["false", "no", "f", "n", "0"]

Strings: TypeAlias = pa.StringArray
Parse = Callable[[Strings], pa.Array]


class Kind(msgspec.Struct, frozen=True):
    """One way to read texts. `parse` raises pa.ArrowInvalid when any value does not fit `pattern`, or its meaning.

    base: the kind that all its values would have been tried as first; while that one fits, this one is not tried.
    """

    name: str
    type: str
    pattern: str
    parse: Parse
    arrow: pa.DataType
    base: str | None = None

    def reads(self, texts: Strings) -> bool:
        try:
            self.parse(texts)
        except pa.ArrowInvalid:
            return False
        return True

    def first_unreadable(self, texts: Strings) -> int:
        """The place of the first of `texts` that cannot be read, where there is one."""
        low, high = 0, len(texts)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.reads(texts[low:middle]) else (low, middle)
        return low


def _invalid(what: str) -> pa.ArrowInvalid:
    return pa.ArrowInvalid(what)


def _any(mask: pa.BooleanArray) -> bool:
    return bool(pc.any(mask).as_py())


def _cast(texts: Strings, type: pa.DataType) -> pa.Array:
    try:
        return pc.cast(texts, type)
    except pa.ArrowInvalid:
        trimmed = pc.ascii_trim(texts, " \t")
        if trimmed.equals(texts):
            raise
        return pc.cast(trimmed, type)


def _refuse_odd_digits(texts: Strings, odd: str, also_plus: bool = False) -> None:
    """Refuses "007", "-0" (as an integer) and "+5": few values begin so, and only those are looked at."""
    for start in ("0", "-0", "+") if also_plus else ("0", "-0"):
        hit = pc.starts_with(texts, start)
        if _any(hit) and _any(pc.match_substring_regex(texts.filter(hit), odd)):
            raise _invalid("more than a number")


def _integer(texts: Strings) -> pa.Array:
    numbers = _cast(texts, pa.int64())
    _refuse_odd_digits(texts, r"^\s*(-0|0[0-9xX])")
    return numbers


def _number(texts: Strings) -> pa.Array:
    numbers = _cast(texts, pa.float64())
    _refuse_odd_digits(texts, r"^\s*(-?0[0-9]|\+)", also_plus=True)
    _refuse_unfaithful(numbers, texts)
    return numbers


def _refuse_unfaithful(numbers: pa.Array, texts: Strings) -> None:
    """Refuses what is not finite, and integers that the float does not hold exactly."""
    if not len(numbers) or numbers.null_count == len(numbers):
        return
    span = pc.min_max(pc.abs(numbers))
    if _any(pc.invert(pc.is_finite(numbers))):
        raise _invalid("not finite")
    if span["max"].as_py() > EXACT:
        for text in texts.filter(pc.greater(pc.abs(numbers), EXACT)).to_pylist():
            if re.fullmatch(r"-?\d+", text.strip()) and (int(float(text)) != int(text) or abs(int(text)) >= 2**63):
                raise _invalid("a float would round it")


def _comma(texts: Strings) -> pa.Array:
    if _any(pc.match_substring(texts, ".")):
        raise _invalid("a point among decimal commas")
    return _number(pc.replace_substring(texts, ",", "."))


def _boolean(texts: Strings) -> pa.Array:
    low = pc.utf8_lower(pc.ascii_trim(texts, " \t"))
    true = pc.equal(low, "true")
    if not pc.all(pc.or_(true, pc.equal(low, "false")), min_count=0).as_py():
        raise _invalid("neither true nor false")
    return true


def _stamp(texts: Strings) -> pa.Array:
    return _cast(texts, STAMP)


def _moment(texts: Strings) -> pa.Array:
    return _cast(texts, MOMENT)


def _date(texts: Strings) -> pa.Array:
    return _cast(texts, pa.date32())


def _month(texts: Strings) -> pa.Array:
    """The first day of months such as 1990-01."""
    trimmed = pc.ascii_trim(texts, " \t")
    if not pc.all(pc.match_substring_regex(trimmed, f"^{_MONTH}$"), min_count=0).as_py():
        raise _invalid("not a year and a month")
    return pc.cast(pc.binary_join_element_wise(trimmed, "01", "-"), pa.date32())


def _iso(texts: Strings, first: str) -> Strings:
    """Days such as 3.4.2024, 03/04/2024 or 3-4-2024 as 2024-04-03, where the day comes `first` ("dmy"), or the month.

    A time behind them stays as it is.
    """
    trimmed = pc.ascii_trim(texts, " \t")
    if not pc.all(pc.match_substring_regex(trimmed, rf"^(?:{_WRITTEN})(?:{_CLOCK})?$"), min_count=0).as_py():
        raise _invalid("not a day, a month and a year")
    padded = pc.replace_substring_regex(trimmed, r"^(\d)([./-])", r"0\1\2")
    padded = pc.replace_substring_regex(padded, r"^(\d\d[./-])(\d[./-])", r"\10\2")
    order = r"\3-\2-\1" if first == "dmy" else r"\3-\1-\2"
    return pc.replace_substring_regex(padded, r"^(\d\d)[./-](\d\d)[./-](\d{4})", order)


def _written(first: str) -> list[Kind]:
    """Dates, and times, that begin with the day or with the month."""
    return [
        Kind(first, "date", _WRITTEN, lambda texts: _date(_iso(texts, first)), pa.date32()),
        Kind(
            f"{first} time", "datetime", rf"(?:{_WRITTEN})(?:{_CLOCK})?", lambda texts: _stamp(_iso(texts, first)),
            STAMP, base=first,
        ),
    ]  # fmt: skip


def _asked_integer(texts: Strings) -> pa.Array:
    trimmed = pc.replace_substring_regex(pc.ascii_trim(texts, " \t"), r"^\+", "")
    if _any(pc.match_substring_regex(trimmed, r"[xX]")):
        raise _invalid("hexadecimal")
    try:
        return pc.cast(trimmed, pa.int64())
    except pa.ArrowInvalid:
        return pc.cast(pc.cast(trimmed, pa.float64()), pa.int64())  # "5.0"; refuses "5.5"


def _asked_number(texts: Strings) -> pa.Array:
    numbers = _cast(texts, pa.float64())
    if numbers.null_count < len(numbers) and _any(pc.invert(pc.is_finite(numbers))):
        raise _invalid("not finite")
    return numbers


def _asked_comma(texts: Strings) -> pa.Array:
    return _asked_number(pc.replace_substring(pc.replace_substring(texts, ".", ""), ",", "."))


def _asked_boolean(texts: Strings) -> pa.Array:
    low = pc.utf8_lower(pc.ascii_trim(texts, " \t"))
    true = pc.is_in(low, pa.array(TRUE))
    known = pc.or_(true, pc.or_(pc.is_in(low, pa.array(FALSE)), pc.is_null(low)))
    if not pc.all(known, min_count=0).as_py():
        raise _invalid("neither true nor false")
    return pc.if_else(pc.is_valid(low), true, pa.scalar(None, pa.bool_()))


def _asked_day(texts: Strings) -> pa.Array:
    try:
        return _date(texts)
    except pa.ArrowInvalid:
        return _first_days(texts)


def _first_days(texts: Strings) -> pa.Array:
    """Those of months, quarters and weeks (`cupola.datasets.periods`)."""
    written = texts.dictionary_encode()
    days = [periods.first_day(one) for one in written.dictionary.to_pylist()]
    if None in days:
        raise _invalid("neither a day nor a month, a quarter or a week")
    return pa.array(days, pa.date32()).take(written.indices)


def _asked_datetime(texts: Strings) -> pa.Array:
    try:
        return _stamp(texts)
    except pa.ArrowInvalid:
        return _moment(texts)


def _text(texts: Strings) -> pa.Array:
    return texts


def _asked_date(first: str, whole: bool, texts: Strings) -> pa.Array:
    """Days, or times, in ISO or in the order that was named."""
    try:
        return _date(texts) if whole else _asked_datetime(texts)
    except pa.ArrowInvalid:
        return (_date if whole else _stamp)(_iso(texts, first))


_NUMBER = r"-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_DAY = r"\d{4}-\d\d-\d\d"
_MONTH = r"[12]\d{3}-(?:0[1-9]|1[0-2])"
_WRITTEN = r"\d\d?\.\d\d?\.\d{4}|\d\d?/\d\d?/\d{4}|\d\d?-\d\d?-\d{4}"
_CLOCK = r"[T ]\d\d(?::\d\d(?::\d\d(?:\.\d{1,6})?)?)?"

TEXT = Kind("text", "text", r".*", _text, pa.string())
# In the order in which they are preferred.
GUESSED = [
    Kind("integer", "integer", r"-?\d+", _integer, pa.int64()),
    Kind("number", "number", _NUMBER, _number, pa.float64(), base="integer"),
    Kind("comma", "number", r"-?\d+(?:,\d+)?(?:[eE][+-]?\d+)?", _comma, pa.float64(), base="integer"),
    Kind("boolean", "boolean", r"(?i:true|false)", _boolean, pa.bool_()),
    Kind("date", "date", _DAY, _date, pa.date32()),
    Kind("month", "date", _MONTH, _month, pa.date32()),
    Kind("datetime", "datetime", rf"{_DAY}(?:{_CLOCK})?", _stamp, STAMP, base="date"),
    Kind("moment", "datetime", rf"{_DAY}{_CLOCK}(?:Z|[+-]\d\d(?::?\d\d)?)", _moment, MOMENT),
    *_written("dmy"),
    *_written("mdy"),
]
KINDS = {kind.name: kind for kind in GUESSED} | {"text": TEXT}
# What the user asked for with --type is read more generously, and refused with the line where it cannot be.
ASKED = {
    "integer": Kind("integer", "integer", "", _asked_integer, pa.int64()),
    "number": Kind("number", "number", "", _asked_number, pa.float64()),
    "boolean": Kind("boolean", "boolean", "", _asked_boolean, pa.bool_()),
    "date": Kind("date", "date", "", _asked_day, pa.date32()),
    "datetime": Kind("datetime", "datetime", "", _asked_datetime, STAMP),
    "category": Kind("text", "category", "", _text, pa.string()),
    "text": TEXT,
}
ASKED_DATES = {
    (type, first): Kind(type, type, "", functools.partial(_asked_date, first, type == "date"), arrow)
    for first in ("dmy", "mdy")
    for type, arrow in (("date", pa.date32()), ("datetime", STAMP))
}
ASKED_COMMA = Kind("comma", "number", "", _asked_comma, pa.float64())
