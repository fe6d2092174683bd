"""Numbers, times and sizes as people read them: aligned, rounded to what is known, with their unit."""

import math
import time
from datetime import UTC, datetime
from typing import Any

from cupola_tui.plain import clean

ABSENT = "—"
BLOCKS = "▁▂▃▄▅▆▇█"
# The types of columns where there is little room.
TYPES = {"integer": "int", "number": "num", "boolean": "bool", "category": "cat", "datetime": "time"}


SILENT = 120.0


def now() -> float:
    """The wall clock; tests pin it."""
    return time.time()


def moment(stamp: Any) -> float | None:
    """Seconds since 1970 of an ISO 8601 time in UTC; None for anything else."""
    if not isinstance(stamp, str):
        return None
    try:
        return datetime.fromisoformat(stamp.replace("Z", "+00:00")).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def age(stamp: Any) -> str:
    """How long ago: "12s", "3m", "1h", "4d". Seconds go in steps of 10 and only for the first minute."""
    then = moment(stamp)
    if then is None:
        return ABSENT
    seconds = max(0, now() - then)
    if seconds < 60:
        return f"{int(seconds) // 10 * 10 or '<10'}s"
    for length, unit in ((3600, "m"), (86400, "h"), (86400 * 365, "d")):
        if seconds < length:
            return f"{int(seconds // {'m': 60, 'h': 3600, 'd': 86400}[unit])}{unit}"
    return f"{int(seconds // (86400 * 365))}y"


def when(stamp: Any) -> str:
    """A time, and how long ago it was: "3m ago, 2026-11-30 05:02:09 UTC"."""
    then = moment(stamp)
    return ABSENT if then is None else f"{age(stamp)} ago, {datetime.fromtimestamp(then, UTC):%Y-%m-%d %H:%M:%S} UTC"


def ahead(stamp: Any) -> str:
    """How long until then: "40s", "3m", "14h"; "now" for what is due, "" where nothing comes."""
    then = moment(stamp)
    if then is None:
        return ""
    seconds = then - now()
    if seconds < 1:
        return "now"
    unit, length = next(
        ((unit, length) for length, unit in ((86400, "d"), (3600, "h"), (60, "m")) if seconds >= length), ("s", 1)
    )
    return f"{int(seconds // length)}{unit}"


def silence(record: dict[str, Any]) -> str:
    """For how long a running job or run has said nothing: "4m"; "" while that is no sign of anything."""
    heard = moment(record.get("heard")) if record.get("status") == "InProgress" else None
    return age(record["heard"]) if heard is not None and now() - heard >= SILENT else ""


def seconds(start: Any, end: Any) -> float | None:
    """How long from one time to another (or till now); None while that is unknown."""
    first, last = moment(start), moment(end) if end else now()
    return None if first is None or last is None else last - first


def span(start: Any, end: Any) -> str:
    """The same as people read it: "8.1s", "2m 03s", "1h 20m"."""
    return duration(seconds(start, end))


def duration(seconds: Any) -> str:
    """Seconds in words: "0.4s", "12s", "2m 03s", "1h 20m", "2d 4h"."""
    if not isinstance(seconds, int | float) or math.isnan(seconds):
        return ABSENT
    seconds = max(0.0, seconds)
    if seconds < 60:
        return f"{seconds:.1f}s" if seconds < 10 else f"{seconds:.0f}s"
    if seconds < 3600:
        return f"{int(seconds // 60)}m {int(seconds % 60):02}s"
    if seconds < 86400:
        return f"{int(seconds // 3600)}h {int(seconds % 3600 // 60):02}m"
    return f"{int(seconds // 86400)}d {int(seconds % 86400 // 3600)}h"


def size(count: Any) -> str:
    """Bytes in the unit that leaves three digits: "512 B", "1.4 MB"."""
    if not isinstance(count, int | float):
        return ABSENT
    amount, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if abs(amount) < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"


def count(value: Any) -> str:
    """A whole number with its thousands apart."""
    return f"{value:,}" if isinstance(value, int) else ABSENT


def number(value: Any, digits: int = 4) -> str:
    """A measured number, to `digits` digits after the point where it is near one, else to as many figures or one less,
    so that with an exponent, which must not be cut, it is as wide as others are."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ABSENT if value is None else clean(value)
    if isinstance(value, int):
        return f"{value:,}" if abs(value) < 10**15 else f"{value:.{digits}g}"
    if math.isnan(value) or math.isinf(value):
        return str(value)
    if value == 0 or 1e-3 <= abs(value) < 1e3:
        return f"{value:.{digits}f}"
    return f"{value:,.{max(0, digits - 2)}f}" if 1e3 <= abs(value) < 1e7 else f"{value:.{digits - 1}g}"


def measured(value: Any, error: Any) -> str:
    """A value with its standard error, both to the error's second figure: "0.8471 ± 0.0032"."""
    if not isinstance(error, int | float) or not isinstance(value, int | float) or not error > 0:
        return number(value)
    if max(abs(value), error) >= 1e7:
        return f"{number(value)} ± {number(error)}"
    places = min(10, max(0, 1 - math.floor(math.log10(error))))
    return f"{value:,.{places}f} ± {error:.{places}f}"


def short(value: Any) -> str:
    """Any value of a record as a cell shows it."""
    match value:
        case None | "":
            return ABSENT
        case list() | dict() if not value:
            return ABSENT
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return number(value)
        case list():
            return ", ".join(short(one) for one in value)
        case dict():
            return ", ".join(f"{clean(key)}={short(one)}" for key, one in value.items())
    return clean(value)


def given(value: Any) -> str:
    """The same of what was given or read, which stands in no column of figures: 0.05 and 3.0, not 0.0500 and 3.0000."""
    head, dot, places = short(value).partition(".") if isinstance(value, float) else (short(value), "", "")
    return f"{head}.{places.rstrip('0') or '0'}" if dot and places.isdecimal() else head + dot + places


def sparkline(values: list[float], top: float | None = None) -> str:
    """The values as blocks between nothing and the largest (or `top`)."""
    highest = top or max(values, default=0)
    if not highest or not math.isfinite(highest):
        return BLOCKS[0] * len(values)
    steps = len(BLOCKS) - 1
    return "".join(BLOCKS[max(0, min(steps, round(one / highest * steps)))] if one == one else " " for one in values)


def gathered(counts: list[int], most: int) -> list[float]:
    """The counts of at most so many bins: neighbours together, where there are more."""
    if len(counts) <= most or most < 1:
        return [float(one) for one in counts[: max(0, most)]]
    step = len(counts) / most
    return [float(sum(counts[int(place * step) : int((place + 1) * step)])) for place in range(most)]
