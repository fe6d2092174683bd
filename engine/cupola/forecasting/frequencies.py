"""How often a series is measured: found from its moments, which it makes into whole numbers and back."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cupola.errors import BadInput
from cupola.forecasting import dated

Moments = NDArray[Any]
WORDS = {
    "minutely": "min", "hourly": "h", "daily": "D", "business": "B", "weekly": "W", "monthly": "MS",
    "quarterly": "QS", "yearly": "YS",
}  # fmt: skip
MINUTE, HOUR, DAY, WEEK = 60, 3600, 86400, 7 * 86400
MONTHS = {1: "monthly", 3: "quarterly", 12: "yearly"}
SECONDS = {1: "every second", MINUTE: "minutely", HOUR: "hourly", DAY: "daily", WEEK: "weekly"}
STANDARD = (1, MINUTE, HOUR, DAY, WEEK)
ENOUGH = 0.8  # of the distances between moments that are whole numbers of steps, where moments are regular
MONTH = 30.44 * DAY
YEAR, BUSINESS_YEAR = 365.25 * DAY, 261
MICRO = 1_000_000
FEW_DATES = 10  # with fewer nobody can say that weekends are left out


class Frequency:
    """Steps of one length, counted from an origin.

    unit: "seconds", "business" (days), "months" or "numbers" (a column that counts). size: of a step, in it. kind: what
    the moments are ("time", "number", "decimal": years such as 1949.083, or numbers that `dated` reads). origin:
    microseconds since 1970 for seconds and business days, months since the year 0, or a number. day: of the month, 31
    for its end. days: moments are days of a time zone, whose midnights are not those of UTC; zoned: they are times of
    one.
    """

    days, zoned = False, False

    def __init__(self, unit: str, size: float, kind: str, origin: float = 0, day: int = 1) -> None:
        self.unit, self.size, self.kind, self.origin, self.day = unit, size, kind, origin, day

    @property
    def name(self) -> str:
        """As people say it."""
        if self.unit == "business":
            return "business days"
        if self.unit == "numbers":
            return f"steps of {self.size:g}"
        said = MONTHS if self.unit == "months" else SECONDS
        if self.size in said:
            return said[int(self.size)]
        sizes = {"days": DAY, "hours": HOUR, "minutes": MINUTE} if self.unit == "seconds" else {}
        unit = next((one for one, size in sizes.items() if self.size % size == 0), self.unit)
        return f"every {self.size / sizes.get(unit, 1):g} {unit}"

    @property
    def has_days(self) -> bool:
        """Whether no step is shorter than a day."""
        return self.unit in ("business", "months") or (self.unit == "seconds" and self.size % DAY == 0)

    @property
    def seasons(self) -> list[int]:
        """The lengths after which such series like to repeat, in steps, the main one first; none: [1]."""
        if self.unit == "months":
            return [int(12 // self.size)] if self.size < 12 and 12 % self.size == 0 else [1]
        if self.unit == "business":
            return [5, 260]
        if self.unit == "numbers":
            return [1]
        if self.size >= DAY:
            return {DAY: [7, 364], WEEK: [52]}.get(int(self.size), [1])
        cycles = [round(one / self.size) for one in (HOUR, DAY, WEEK) if one % self.size == 0 and one > self.size]
        return ([one for one in cycles if 4 <= one <= 288] or cycles[:1] or [1])[-2:] if self.size < HOUR else cycles

    def places(self, moments: Moments) -> NDArray[np.int64]:
        """The number of the step that each moment lies in."""
        moments = midnights(moments) if self.days else moments
        if self.unit == "numbers":
            return np.floor((moments.astype(float) - self.origin) / self.size + 1e-6).astype(np.int64)
        if self.unit == "months":
            months = np.round(moments.astype(float) * 12) if self.kind == "decimal" else _months(moments)
            return np.asarray((months.astype(np.int64) - int(self.origin)) // int(self.size), np.int64)
        if self.unit == "business":
            first = np.datetime64(int(self.origin), "us").astype("datetime64[D]")
            return np.busday_count(first, moments.astype("datetime64[D]")).astype(np.int64)
        micros = moments.astype("datetime64[us]").astype(np.int64)
        return np.asarray((micros - int(self.origin)) // int(self.size * MICRO), np.int64)

    def moments(self, places: Iterable[int] | NDArray[np.int64]) -> Moments:
        """When each step begins, as the data has it: datetime64, or numbers."""
        at = np.asarray(places, np.int64)
        if self.kind == "decimal":
            return np.round((int(self.origin) + at * int(self.size)) / 12, 4)
        found = self.instants(at)
        return dated.numbers(found, self.kind) if self.kind in dated.EXAMPLES else found

    def instants(self, places: Iterable[int] | NDArray[np.int64]) -> Moments:
        """When each step begins: datetime64, or numbers of a column that counts."""
        at = np.asarray(places, np.int64)
        if self.unit == "numbers":
            return np.round(self.origin + at * self.size, 9)
        if self.unit == "months":
            return self._days(int(self.origin) + at * int(self.size))
        if self.unit == "business":
            first = np.datetime64(int(self.origin), "us").astype("datetime64[D]")
            return np.busday_offset(first, at, roll="forward").astype("datetime64[us]")
        return (int(self.origin) + at * int(self.size * MICRO)).astype("datetime64[us]")

    @property
    def year(self) -> float:
        """So many steps are a year; infinity where steps have none."""
        if self.unit == "numbers":
            return np.inf
        return {"months": 12, "business": BUSINESS_YEAR}.get(self.unit, YEAR) / self.size

    def calendar(self, places: NDArray[np.int64], yearly: bool = True) -> NDArray[np.float64]:
        """What the calendar says of steps, a column each: hours, weekdays, days, months, as far as they vary.

        yearly: with the place in the year of steps that are shorter than a month.
        """
        if self.unit == "numbers":
            return np.zeros((len(places), 0))
        if self.unit == "months":
            month = (int(self.origin) + places * int(self.size)) % 12
            named = [_float(month)] if self.size < 12 else []
            return np.column_stack([*named, *_waves(month / 12.0, 2 if self.size == 1 else 1)])
        when = pd.DatetimeIndex(self.instants(places))
        year = when.day_of_year.to_numpy() / 365.25
        days_of_year: list[Any] = [when.day_of_year] if yearly else []
        columns = [*days_of_year, when.day] if self.size >= DAY or self.unit == "business" else []
        if self.size < WEEK or self.unit == "business":
            columns.append(when.day_of_week)
        waves = _waves(year, 2) if yearly else []
        if self.unit == "seconds" and self.size < DAY:
            hours = when.hour.to_numpy() + when.minute.to_numpy() / 60
            columns += [hours, *days_of_year]
            waves += _waves(hours / 24, 3)
        days = (
            [_float(when.day_of_week == day) for day in range(7)] if self.size < WEEK and self.unit == "seconds" else []
        )
        return np.column_stack([*map(_float, columns), *days, *waves])

    def _days(self, months: NDArray[np.int64]) -> Moments:
        first = (months - 1970 * 12).astype("datetime64[M]")
        last = (first + 1).astype("datetime64[D]") - 1
        wanted = first.astype("datetime64[D]") + (self.day - 1)
        found: Moments = np.minimum(wanted, last).astype("datetime64[us]")
        return found


def are_days(moments: Moments) -> bool:
    """Whether moments of a time zone, in UTC, are its days: at one time of the day, or at two for the summer's hour."""
    times = np.unique(moments.astype("datetime64[us]").astype(np.int64) // MICRO % DAY)
    return len(times) == 1 or (len(times) == 2 and times[1] - times[0] in (HOUR, DAY - HOUR))


def midnights(moments: Moments) -> Moments:
    """The midnight of UTC that each is nearest to."""
    return (moments.astype("datetime64[us]") + np.timedelta64(12, "h")).astype("datetime64[D]").astype("datetime64[us]")


def of(moments: Moments, groups: NDArray[np.int64], asked: str = "auto") -> tuple[Frequency, list[str]]:
    """The frequency of moments, each of the series that `groups` says, and notes. Raises BadInput.

    moments: datetime64 or numbers, none missing.
    """
    if not len(moments):
        raise BadInput("no row has a time", hint="say with --time which column is the time")
    timed = moments.dtype.kind == "M"
    if asked != "auto":
        if not timed:
            raise BadInput("a frequency goes with dates and times, and here the time is a number", where="--frequency")
        return _placed(*_asked(asked), moments), []
    order = np.lexsort((moments, groups))
    sorted_, same = moments[order], groups[order][1:] == groups[order][:-1]
    steps = np.diff(sorted_)[same]
    distances = steps.astype("timedelta64[us]").astype(np.int64) / MICRO if timed else steps.astype(float)
    distances = distances[distances > 0]
    if not len(distances):
        unit = ("seconds", DAY) if timed else ("numbers", 1)
        return _placed(*unit, moments), ["no series has two moments: steps of a day are taken" if timed else ""][:timed]
    return _of_times(moments, distances) if timed else (_of_numbers(moments, distances), [])


def _of_times(moments: Moments, distances: NDArray[np.float64]) -> tuple[Frequency, list[str]]:
    values, counts = np.unique(np.round(distances, 3), return_counts=True)
    common = float(values[counts.argmax()])
    months = round(common / MONTH)
    if months >= 1 and abs(common - months * MONTH) < 2.6 * DAY and common >= 28 * DAY:
        apart = np.diff(np.unique(_months(moments))).astype(np.int64)
        if len(apart) and np.mean(apart % months == 0) >= ENOUGH:
            return _placed("months", months, moments), []
    ratio = distances / common
    if np.mean(np.abs(ratio - np.round(ratio)) < 0.05) >= ENOUGH and np.round(ratio).min() >= 1:
        if common == DAY and len(np.unique(moments)) > FEW_DATES and not _has_weekends(moments):
            return _placed("business", 1, moments), []
        return _placed("seconds", common, moments), []
    middle = float(np.median(distances))
    unit, size = next((("seconds", one) for one in STANDARD if one >= middle * 0.999), ("months", 1))
    if unit == "months":
        size = next((one for one in MONTHS if one * MONTH >= middle * 0.95), 12)
    found_ = _placed(unit, size, moments)
    return found_, [f"the times are irregular: taken together as {found_.name}, by their mean"]


def _of_numbers(moments: Moments, distances: NDArray[np.float64]) -> Frequency:
    """The steps of a column that counts; of decimal years months, quarters or years."""
    step = float(np.median(distances))
    low, high = float(moments.min()), float(moments.max())
    if low >= dated.FIRST_YEAR and high <= dated.LAST_YEAR and step <= 1:
        for size in (1, 2, 3, 4, 6, 12):
            months = moments.astype(float) * 12
            if abs(step * 12 - size) < 0.1 and np.abs(months - np.round(months)).max() < 0.1:
                return Frequency("months", size, "decimal", float(np.round(low * 12)))
    values, counts = np.unique(np.round(distances, 9), return_counts=True)
    return Frequency("numbers", float(values[counts.argmax()]), "number", low)


def _placed(unit: str, size: float, moments: Moments) -> Frequency:
    """The frequency with an origin, so that its steps begin where the moments are."""
    if unit == "numbers":
        return Frequency(unit, size, "number", float(moments.min()))
    first = moments.min().astype("datetime64[us]")
    if unit == "months":
        days = (moments.astype("datetime64[D]") - moments.astype("datetime64[M]").astype("datetime64[D]")).astype(int)
        ends = (moments.astype("datetime64[M]") + 1).astype("datetime64[D]") - 1
        day = 31 if (moments.astype("datetime64[D]") == ends).all() else int(np.bincount(days).argmax()) + 1
        return Frequency(unit, size, "time", int(_months(moments).min()), day)
    if unit == "business" or size < DAY or size % DAY:
        whole = first.astype("datetime64[D]") if unit == "business" else first
        at = int(whole.astype("datetime64[us]").astype(np.int64))
        step = int(size * MICRO)
        return Frequency(unit, size, "time", at if unit == "business" else at - at % step if size < DAY else at)
    return Frequency(unit, size, "time", int(first.astype("datetime64[D]").astype("datetime64[us]").astype(np.int64)))


def _asked(text: str) -> tuple[str, float]:
    from pandas.tseries import frequencies, offsets

    hint = f"{', '.join(WORDS)}, or as pandas has it: 15min, 2h, MS"
    try:
        found = frequencies.to_offset(WORDS.get(text, text))
    except ValueError:
        raise BadInput(f"{text!r} is no frequency", where="--frequency", hint=hint) from None
    assert found is not None
    if isinstance(found, offsets.Tick | offsets.Day):
        size = pd.Timedelta(days=found.n) if isinstance(found, offsets.Day) else pd.Timedelta(found)
        return "seconds", size.total_seconds()
    if isinstance(found, offsets.Week):
        return "seconds", WEEK * found.n
    if isinstance(found, offsets.BusinessDay):
        return "business", 1
    named = type(found).__name__
    for word, months in (("Month", 1), ("Quarter", 3), ("Year", 12)):
        if named.startswith(word):
            return "months", months * found.n
    raise BadInput(f"{text!r} is no frequency of steps", where="--frequency", hint=hint)


def _months(moments: Moments) -> NDArray[np.int64]:
    return moments.astype("datetime64[M]").astype(np.int64) + 1970 * 12


def _has_weekends(moments: Moments) -> bool:
    return not bool(np.is_busday(moments.astype("datetime64[D]")).all())


def _float(values: Any) -> NDArray[np.float64]:
    return np.asarray(values, np.float64)


def _waves(phase: NDArray[Any], orders: int) -> list[NDArray[np.float64]]:
    """Sines and cosines of a part of a turn."""
    turns = 2 * np.pi * _float(phase)
    return [wave(turns * order) for order in range(1, orders + 1) for wave in (np.sin, np.cos)]
