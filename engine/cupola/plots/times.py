"""An axis of time: seconds since 1970 in UTC, at round moments."""

import datetime

HOUR, DAY, YEAR = 3600, 86400, 365.25 * 86400
STEPS = (60, 300, 900, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY)
MONTHS = (1, 2, 3, 6)
YEARS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
FIRST = datetime.datetime(1970, 1, 1)


def label(seconds: float, reach: float) -> str:
    """A moment at an axis that reaches so far."""
    when = moment(seconds)
    if when is None:
        return f"{seconds:.3g}"
    if reach < 3 * DAY:
        return when.strftime("%m-%d %H:%M")
    return f"{when:%Y-%m-%d}" if reach < 2 * YEAR else f"{when:%Y-%m}"


def iso(seconds: float) -> str:
    """A moment as text, without a time of day where that is midnight."""
    when = moment(seconds)
    return (
        f"{seconds}" if when is None else when.date().isoformat() if when.time() == FIRST.time() else when.isoformat()
    )


def moment(seconds: float) -> datetime.datetime | None:
    """The moment; None where there is no such year."""
    try:
        return FIRST + datetime.timedelta(seconds=round(seconds))
    except (OverflowError, ValueError):
        return None


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round moments between two others, at most so many."""
    begin, end = moment(low), moment(high)
    if begin is None or end is None or not high > low:
        return [low]
    reach = high - low
    for seconds in STEPS:
        if reach / seconds <= most:
            first = -(-low // seconds) * seconds
            return [first + place * seconds for place in range(int((high - first) // seconds) + 1)]
    months = next((one for one in MONTHS if reach / (YEAR / 12) / one <= most), 0)
    if months:
        numbers = range(begin.year * 12 // months * months, end.year * 12 + 12, months)
        found = [datetime.datetime(one // 12, one % 12 + 1, 1) for one in numbers]
    else:
        years = next((one for one in YEARS if reach / YEAR / one <= most), YEARS[-1])
        found = [datetime.datetime(one, 1, 1) for one in range(begin.year // years * years, end.year + 1, years) if one]
    return [(one - FIRST).total_seconds() for one in found if begin <= one <= end]
