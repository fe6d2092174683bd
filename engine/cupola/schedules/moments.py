"""Moments as schedules say them: at which of them one is due (`cron`, `every`, `at`), and how one is written."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count, islice

from cupola.errors import BadOption
from cupola.jobs import amounts
from cupola.schedules import cron

SHORTEST = 1.0  # seconds between two firings of `every`


def iso(moment: float) -> str:
    """A moment (Unix seconds) as records say it."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def of(text: str) -> float:
    """The moment that `iso` has written."""
    return datetime.fromisoformat(text).timestamp()


def seconds(every: str) -> float:
    """How long `every` is. Raises BadOption."""
    found = amounts.seconds(every, "--every") or 0.0
    if found < SHORTEST:
        raise BadOption(f"--every {every} is too short", hint=f"{SHORTEST:.0f}s or longer")
    return float(round(found))


def at(text: str, zone: str) -> float:
    """The moment that `at` names: 2026-12-01T03:00 by a clock of the zone, or with an offset. Raises BadOption."""
    try:
        wanted = datetime.fromisoformat(text.strip())
    except ValueError:
        raise BadOption(f"{text[:40]!r} is not a moment", hint="as 2026-12-01T03:00") from None
    if wanted.tzinfo:
        return float(int(wanted.timestamp()))
    return float(cron.first(wanted.replace(microsecond=0), cron.zone(zone)))


def after(moment: float, since: float, zone: str, given: tuple[str, str, str]) -> Iterator[float]:
    """The moments after `moment` at which what was given as (cron, every, at) is due; `every` counts from `since`."""
    expression, every, once = given
    if expression:
        yield from cron.after(expression, zone, max(moment, since))
    elif every:
        step = seconds(every)
        first = max(1, int((moment - since) // step) + 1)
        yield from (since + number * step for number in count(first))
    elif once and (one := at(once, zone)) > max(moment, since):
        yield one


def coming(moment: float, since: float, zone: str, given: tuple[str, str, str], most: int) -> list[float]:
    """The next of them, at most so many."""
    return list(islice(after(moment, since, zone, given), most))
