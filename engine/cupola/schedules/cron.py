"""Cron expressions: five fields, names, ranges, steps, `@daily` and its like; and the moments that they mean.

The fields and the rule for days are those of crontab(5): where both the day of the month and the day of the week are
restricted, either is enough. A clock that is put forward or back is met as Vixie's cron does. An expression for given
hours keeps one firing per wish: a time that does not exist that day is fired at the first moment after the gap, one
that exists twice at the first of the two. One for every hour (`*` or `*/N`) follows the clock on the wall: it
fires at each moment that shows such a time.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from cupola.errors import BadOption

SHORT = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
LONGEST_WAIT = 8 * 366 + 2  # days from a 29th of February to the next, over a year such as 2100
HINT = "minute hour day month weekday, as '0 3 * * 1-5' (03:00 on weekdays) or @daily"


class Cron(msgspec.Struct, frozen=True):
    """An expression, read; `hourly`: it follows the clock on the wall also where that is put forward or back."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool
    hourly: bool

    def on(self, day: date) -> bool:
        """Whether it means some time of that day."""
        if day.month not in self.months:
            return False
        by_date, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return by_date or by_weekday if self.either else by_date and by_weekday


@lru_cache(maxsize=256)
def parse(text: str) -> Cron:
    """What a cron expression says. Raises BadOption, which names the field that is wrong."""
    given = text.strip().lower()
    if given == "@reboot":
        raise BadOption("@reboot is no time that could be due", hint=HINT)
    if given.startswith("@") and given not in SHORT:
        raise BadOption(f"there is no {text.strip()[:40]!r}", hint=f"there are: {', '.join(SHORT)}")
    fields = SHORT.get(given, given).split()
    if len(fields) != 5:
        raise BadOption(f"a cron expression has 5 fields, not {len(fields)}, as {text[:80]!r} has", hint=HINT)
    minute, hour, day, month, weekday = fields
    weekdays = {one % 7 for one in _field(weekday, "weekday", 0, 7, DAYS)}
    found = Cron(
        minutes=tuple(sorted(_field(minute, "minute", 0, 59))),
        hours=tuple(sorted(_field(hour, "hour", 0, 23))),
        days=frozenset(_field(day, "day", 1, 31)),
        months=frozenset(_field(month, "month", 1, 12, MONTHS)),
        weekdays=frozenset(weekdays),
        either=not day.startswith("*") and not weekday.startswith("*"),
        hourly=hour.startswith("*"),
    )
    if not any(found.on(date(2024, 1, 1) + timedelta(days=n)) for n in range(LONGEST_WAIT)):
        raise BadOption(f"{text.strip()!r} never comes: there is no such day", hint=HINT)
    return found


def zone(name: str) -> ZoneInfo:
    """The time zone of that name. Raises BadOption."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = "as Europe/Berlin or UTC; a host without the time zones of the system needs `pip install tzdata`"
        raise BadOption(f"there is no time zone {name[:60]!r} on this host", hint=hint) from None


def after(text: str, zone_name: str, moment: float) -> Iterator[float]:
    """The moments after `moment` (both in Unix seconds) that an expression means in a time zone, in order."""
    here = zone(zone_name)
    day = datetime.fromtimestamp(moment, here).date() - timedelta(days=1)
    last = moment
    for _ in range(366 * 100):
        for one in _of_day(text, zone_name, day):
            if one > last:
                last = one
                yield float(one)
        if day.year >= 9998:
            return
        day += timedelta(days=1)


@lru_cache(maxsize=512)
def _of_day(text: str, zone_name: str, day: date) -> tuple[int, ...]:
    """The moments that a day of that date brings, in order."""
    cron, here = parse(text), zone(zone_name)
    if not cron.on(day):
        return ()
    found: set[int] = set()
    for hour in cron.hours:
        for minute in cron.minutes:
            wanted = datetime(day.year, day.month, day.day, hour, minute)
            found |= shown(wanted, here) if cron.hourly else {first(wanted, here)}
    return tuple(sorted(found))


def shown(wanted: datetime, here: ZoneInfo) -> set[int]:
    """The moments at which a clock in that zone shows a time: none in a gap, two where it is put back."""
    both = (int(wanted.replace(tzinfo=here, fold=fold).timestamp()) for fold in (0, 1))
    return {one for one in both if datetime.fromtimestamp(one, here).replace(tzinfo=None, fold=0) == wanted}


def first(wanted: datetime, here: ZoneInfo) -> int:
    """The first moment at which a clock in that zone shows a time, or has just gone past it."""
    if moments := shown(wanted, here):
        return min(moments)
    before, behind = (int(wanted.replace(tzinfo=here, fold=fold).timestamp()) for fold in (1, 0))
    while behind - before > 1:  # where in the gap's two readings the clock jumps
        middle = (before + behind) // 2
        if datetime.fromtimestamp(middle, here).replace(tzinfo=None) < wanted:
            before = middle
        else:
            behind = middle
    return behind


def shift(wanted: datetime, here: ZoneInfo) -> str:
    """What to say of a time that a clock in that zone shows never or twice; "" where it shows it once."""
    moments = shown(wanted, here)
    if len(moments) == 1:
        return ""
    utc = datetime.fromtimestamp(first(wanted, here), UTC)
    told = utc.astimezone(here).strftime("%H:%M %Z")
    if moments:
        return f"the clock shows {wanted:%H:%M} twice on {wanted:%Y-%m-%d} in {here.key}; the first is meant, {told}"
    return f"the clock of {here.key} never shows {wanted:%H:%M} on {wanted:%Y-%m-%d}; {told} is meant"


def _field(text: str, what: str, low: int, high: int, names: list[str] | None = None) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        if slash and not (step.isascii() and step.isdigit() and 0 < int(step) <= 100):
            raise _wrong(text, what, low, high, names)
        first, dash, last = span.partition("-")
        if span == "*":
            start, end = low, high
        else:
            start = _number(first, text, what, low, high, names)
            end = _number(last, text, what, low, high, names) if dash else high if slash else start
        if start > end:
            if names is DAYS and end == 0:  # fri-sun
                end = 7
            else:
                raise _wrong(text, what, low, high, names)
        found.update(range(start, end + 1, int(step) if slash else 1))
    return found


def _number(word: str, text: str, what: str, low: int, high: int, names: list[str] | None) -> int:
    if names and word in names:
        return names.index(word) + low
    if not (word.isascii() and word.isdigit() and len(word) <= 2 and low <= int(word) <= high):
        raise _wrong(text, what, low, high, names)
    return int(word)


def _wrong(text: str, what: str, low: int, high: int, names: list[str] | None) -> BadOption:
    named = f" or {names[0]} to {names[-1]}" if names else ""
    return BadOption(f"{text[:40]!r} is no {what}: {low} to {high}{named}, '*', 1-5, 1,3, */10", hint=HINT)
