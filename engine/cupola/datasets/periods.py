"""Months, quarters and weeks as people write them, read as their first days."""

import datetime
import re

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
EXAMPLES = "1990-01, Jan 1990, 1990Q1 and 2024-W05"
_YEAR = r"(?P<year>[12]\d{3})"
_MONTH = r"(?P<month>0[1-9]|1[0-2])"
_QUARTER = r"[Qq](?P<quarter>[1-4])"
_NAME = r"(?P<name>[A-Za-z]{3,9})\.?"
_PERIOD = [
    re.compile(one)
    for one in (
        rf"{_YEAR}-{_MONTH}", rf"{_YEAR}[- /]?{_QUARTER}", rf"{_QUARTER}[- /]?{_YEAR}",
        rf"{_YEAR}-?[Ww](?P<week>\d\d)", rf"{_NAME}[- ,]*{_YEAR}", rf"{_YEAR}[- ]*{_NAME}",
    )
]  # fmt: skip


def first_day(text: str) -> datetime.date | None:
    """The first day of a period; None for what is none."""
    for pattern in _PERIOD:
        if found := pattern.fullmatch(text.strip()):
            return _first(found.groupdict())
    return None


def _first(said: dict[str, str]) -> datetime.date | None:
    year = int(said["year"])
    if "week" in said:
        try:
            return datetime.date.fromisocalendar(year, int(said["week"]), 1)
        except ValueError:
            return None
    if "name" in said:
        named = [place for place, month in enumerate(MONTHS) if month.startswith(said["name"].lower())]
        return datetime.date(year, named[0] + 1, 1) if named else None
    return datetime.date(year, int(said.get("month", 0)) or 3 * int(said["quarter"]) - 2, 1)
