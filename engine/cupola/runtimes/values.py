"""One value as it came, read as the type of its column: a number, a truth, a moment or a text."""

import datetime
import math
from typing import Any

from cupola.datasets import periods

BOOLEANS = {"true": True, "t": True, "yes": True, "y": True, "1": True} | {
    "false": False, "f": False, "no": False, "n": False, "0": False
}  # fmt: skip
NUMBERS = frozenset({int, float, type(None)})
ISO = "write it as in 2013-01-31 or 2013-01-31T06:00:00"
EXACT = 2**53  # up to which a float is as good as a whole number
LARGE = "the number is too large"


class Misfit(Exception):
    """A value that its column cannot take, and what is wrong with it."""


def with_point(value: Any, points: bool) -> Any:
    """A text with a decimal comma as one with a point. points: there may be points, which are of thousands."""
    if not isinstance(value, str) or not (points or ("," in value and "." not in value)):
        return value
    return value.replace(".", "").replace(",", ".")


def number(value: Any) -> int | float | None:
    if type(value) in NUMBERS:
        return value  # type: ignore[no-any-return]
    if isinstance(value, str) and "_" not in value:
        text = value.strip()
        try:
            return int(text) if text.lstrip("+-").isdecimal() else float(text) if text else None
        except ValueError:
            pass
    raise Misfit(f"{shown(value)} is not a number")


def truth(value: Any) -> bool | None:
    if value is None or value is True or value is False:
        return value
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    if isinstance(value, str):
        text = value.strip().lower()
        if not text:
            return None
        if text in BOOLEANS:
            return BOOLEANS[text]
    raise Misfit(f"{shown(value)} is not true or false")


def moment(value: Any, what: str) -> datetime.datetime | None:
    """The moment that an ISO text names, or the first day of a month, quarter or week; None for none.

    what: the word for it in an error.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            return datetime.datetime.fromisoformat(value.strip())
        except ValueError:
            if day := periods.first_day(value):
                return datetime.datetime.combine(day, datetime.time())
    raise Misfit(f"{shown(value)} is not a {what}; {ISO}")


def time(value: Any) -> datetime.datetime | None:
    """The moment that an ISO text names, in UTC and without a zone; one without a zone is taken to be so."""
    found = moment(value, "time")
    if found is None or found.tzinfo is None:
        return found
    try:
        return found.astimezone(datetime.UTC).replace(tzinfo=None)
    except OverflowError:
        raise Misfit(f"{shown(value)} is not between the years 1 and 9999") from None


def text(value: Any) -> str | None:
    if value is None:
        return value
    if type(value) is str:
        if not value.isascii() and any("\ud800" <= one <= "\udfff" for one in value):
            raise Misfit(f"{shown(value)} is not a text: it holds half of a character")
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return repr(value)
    raise Misfit(f"{shown(value)} is not a text")


def shown(value: Any) -> str:
    """A value as an error names it."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    words = "true" if value is True else "false" if value is False else repr(value)
    return words if len(words) <= 60 else words[:57] + "..."
