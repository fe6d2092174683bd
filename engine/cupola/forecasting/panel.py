"""The rows of a dataset as series: one value a step, what is missing as NaN, with what is known beside them."""

import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cupola.errors import BadInput
from cupola.forecasting import dated, frequencies
from cupola.forecasting.frequencies import Frequency
from cupola.forecasting.records import ForecastSpec

Floats = NDArray[np.float64]
TABLES = ("values", "known", "past")  # of a series, a row a step
LARGEST = 1e100
MOST_VALUES = 20  # of a category that get a column of their own
MOST_STEPS = 20_000_000  # of all series together
HOLE, SPARSE = 1000, 10  # distances that are missing, and so many for each value after: what lies before is left out


class Series:
    """One item. start: the step of its first value; known: covariates, a row a step, from start on and maybe beyond the
    values; past: as many as values.
    """

    def __init__(self, key: tuple[str, ...], start: int, values: Floats, known: Floats, past: Floats, static: Floats):
        self.key, self.start, self.values = key, start, values
        self.known, self.past, self.static = known, past, static

    @property
    def end(self) -> int:
        """The step after its last value."""
        return self.start + len(self.values)

    def until(self, end: int, horizon: int) -> "Series":
        """What could be known before the step `end`: values up to it, known covariates for the horizon after it."""
        cut = max(0, end - self.start)
        return Series(
            self.key, self.start, self.values[:cut], self.known[: cut + horizon], self.past[:cut], self.static
        )

    def since(self, most: int) -> "Series":
        """The newest steps, at most so many."""
        cut = max(0, len(self.values) - most)
        return Series(self.key, self.start + cut, self.values[cut:], self.known[cut:], self.past[cut:], self.static)

    def followed_by(self, newer: "Series") -> "Series":
        """This one up to where a newer part of it begins, and that from there on; what lies between is missing."""
        older = self.until(newer.start, 0)
        gap = newer.start - older.end

        def joined(name: str) -> Floats:
            before, after = getattr(older, name), getattr(newer, name)
            hole = np.full((gap, *before.shape[1:]), np.nan)
            return np.concatenate([before, hole, after])

        return Series(self.key, older.start, joined("values"), joined("known"), joined("past"), newer.static)

    @property
    def filled(self) -> Floats:
        """The values with straight lines through what is missing."""
        there = np.isfinite(self.values)
        if there.all() or not there.any():
            return self.values
        at = np.arange(len(self.values))
        return np.interp(at, at[there], self.values[there])


class Panel:
    """Series of one frequency. season, longer: after how many steps they repeat (1: they do not)."""

    def __init__(self, series: list[Series], frequency: Frequency, seasons: list[int]) -> None:
        self.series, self.frequency, self.seasons = series, frequency, seasons

    @property
    def season(self) -> int:
        return self.seasons[0]

    def of(self, series: Iterable[Series]) -> "Panel":
        """Other series of the same kind."""
        return Panel(list(series), self.frequency, self.seasons)

    def __getstate__(self) -> dict[str, Any]:
        """As few arrays: a file of thousands of small ones is slow to read."""
        tables = {name: np.concatenate([getattr(one, name) for one in self.series]) for name in TABLES if self.series}
        return tables | {
            "frequency": self.frequency,
            "seasons": self.seasons,
            "keys": [list(one.key) for one in self.series],
            "starts": [one.start for one in self.series],
            "lengths": {name: [len(getattr(one, name)) for one in self.series] for name in TABLES},
            "statics": [one.static for one in self.series][:1] and np.array([one.static for one in self.series]),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.frequency, self.seasons, self.series = state["frequency"], state["seasons"], []
        ends = {name: np.cumsum([0, *state["lengths"][name]]) for name in TABLES}
        for place, key in enumerate(state["keys"]):
            parts = {name: state[name][ends[name][place] : ends[name][place + 1]] for name in TABLES}
            static = state["statics"][place]
            self.series.append(Series(tuple(key), int(state["starts"][place]), **parts, static=static))


class Encoding:
    """How covariates become numbers: numbers as they are, of categories a column for each of their commonest values."""

    def __init__(self, columns: list[tuple[str, str]]) -> None:
        self.columns = [name for name, _ in columns]
        self.numeric = [type in ("integer", "number", "boolean") for _, type in columns]
        self.values: list[list[str]] = []

    def fit(self, frame: pd.DataFrame) -> "Encoding":
        self.values = []
        for name, numeric in zip(self.columns, self.numeric, strict=True):
            found = [] if numeric else [*frame[name].dropna().astype(str).value_counts().index[:MOST_VALUES]]
            self.values.append(sorted(found))
        return self

    @property
    def names(self) -> list[str]:
        """What each column is."""
        found = []
        for name, numeric, values in zip(self.columns, self.numeric, self.values, strict=True):
            found += [name] if numeric else [f"{name}={one}" for one in values]
        return found

    def encode(self, frame: pd.DataFrame) -> Floats:
        """A row a row."""
        parts = [np.zeros((len(frame), 0))]
        for name, numeric, values in zip(self.columns, self.numeric, self.values, strict=True):
            if numeric:
                parts.append(numbers(frame[name])[:, None])
            else:
                said = frame[name].astype(str).to_numpy(object)
                parts += [(said == one).astype(float)[:, None] for one in values]
        return np.hstack(parts)


class Encodings:
    """The three kinds of covariates of a spec."""

    def __init__(self, spec: ForecastSpec, frame: pd.DataFrame) -> None:
        self.known, self.past, self.static = (
            Encoding(columns).fit(frame) for columns in (spec.known, spec.past, spec.static)
        )


def numbers(column: "pd.Series[Any]") -> Floats:
    """A column as numbers; what is missing, infinite or too large to be squared is NaN."""
    found = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    return np.where(np.abs(found) < LARGEST, found, np.nan)


def keys_of(frame: pd.DataFrame, items: list[str]) -> tuple[NDArray[np.int64], list[tuple[str, ...]]]:
    """Which series each row is of (-1: a part of its name is missing), and their names in order."""
    if not items:
        return np.zeros(len(frame), np.int64), [()]
    named = pd.MultiIndex.from_frame(frame[items].map(_word, na_action="ignore"))
    codes, found = pd.factorize(named, sort=True)
    missing = frame[items].isna().any(axis=1).to_numpy()
    return np.where(missing, -1, codes).astype(np.int64), [tuple(map(str, one)) for one in found]


def _word(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value == int(value) else str(value)


def moments_of(column: "pd.Series[Any]", kind: str = "") -> frequencies.Moments:
    """A column of dates, times or numbers as datetime64 (in UTC) or floats; NaT and NaN where missing.

    kind: of a frequency, which says where numbers are written months or days.
    """
    if column.dtype.kind in "iuf" or str(column.dtype) in ("Int64", "Float64"):
        return dated.moments(numbers(column), kind) if kind in dated.EXAMPLES else numbers(column)
    found = pd.to_datetime(column, errors="coerce", utc=True)
    return found.dt.tz_localize(None).to_numpy().astype("datetime64[us]")


def read(frame: pd.DataFrame, spec: ForecastSpec) -> tuple[Panel, Encodings, list[str]]:
    """The series of a dataset's rows, and notes on what was made of them. Raises BadInput."""
    moments = moments_of(frame[spec.time])
    notes = []
    if written := dated.kind_of(moments) if moments.dtype.kind == "f" else None:
        moments = dated.moments(moments, written)
        notes.append(f"{spec.time}: numbers that are written {written}, as {dated.EXAMPLES[written]} is one")
    groups, keys = keys_of(frame, spec.items)
    there = ~pd.isna(moments) & (groups >= 0)
    if not there.all():
        notes.append(f"left out: {_count(~there, 'row')} without a time or an item")
    frame, moments, groups = frame[there], moments[there], groups[there]
    is_zoned = isinstance(frame[spec.time].dtype, pd.DatetimeTZDtype)
    days = is_zoned and frequencies.are_days(moments)
    if is_zoned and not days:
        notes.append("times are those of UTC")
    frequency, said = frequencies.of(frequencies.midnights(moments) if days else moments, groups, spec.frequency)
    frequency.days, frequency.zoned, frequency.kind = days, is_zoned and not days, written or frequency.kind
    seasons = [spec.season] if spec.season else frequency.seasons
    near = _near(groups, frequency.places(moments), numbers(frame[spec.target]))
    if not near.all():
        notes.append(f"left out: {_count(~near, 'row')} before a long time without any value")
        frame, moments, groups = frame[near], moments[near], groups[near]
    encodings = Encodings(spec, frame)
    panel, more = _gathered(frame, spec, moments, groups, keys, frequency, seasons, encodings)
    return panel, encodings, [*notes, *said, *more, *_unknown(panel, spec)]


def _unknown(panel: Panel, spec: ForecastSpec) -> list[str]:
    """What is to be said where covariates that are known ahead are not."""
    short = np.array([len(one.known) < len(one.values) + spec.horizon for one in panel.series if len(one.values)])
    if not spec.known or not short.any():
        return []
    named = ", ".join(name for name, _ in spec.known)
    whose = f"of {_count(short, 'item')}" if spec.items else "ahead"
    return [f"{named}: no rows say it for all of the horizon {whose}, where it is missing; the back-test knew it"]


def _near(groups: NDArray[np.int64], places: NDArray[np.int64], target: Floats) -> NDArray[np.bool_]:
    """Which rows belong to the newest part of their series: after the last hole that is long beside what follows it."""
    valued = np.flatnonzero(np.isfinite(target))
    order = valued[np.lexsort((places[valued], groups[valued]))]
    group, at = groups[order], places[order]
    after = np.searchsorted(group, group, side="right") - np.arange(len(group))  # values, with this one
    apart = np.diff(at)
    same = (np.diff(group) == 0) & (apart > 0)
    usual = np.median(apart[same]) if same.any() else 1
    holes = same & (apart > usual * np.maximum(HOLE, SPARSE * after[1:]))
    first = np.full(groups.max(initial=0) + 1, np.iinfo(np.int64).min)
    first[group[1:][holes]] = at[1:][holes]  # the last one of a group stays
    near: NDArray[np.bool_] = places >= first[groups]
    return near


def gathered(
    frame: pd.DataFrame, spec: ForecastSpec, frequency: Frequency, seasons: list[int], encodings: Encodings
) -> Panel:
    """The series of other rows, by the frequency and the covariates of those that were learned from."""
    moments = moments_of(frame[spec.time], frequency.kind)
    groups, keys = keys_of(frame, spec.items)
    dateless = f"{spec.time} that is one of its {frequency.kind}" if frequency.kind in dated.EXAMPLES else spec.time
    for lacking, names in ((pd.isna(moments), dateless), (groups < 0, " or no ".join(spec.items))):
        if lacking.any():
            raise BadInput(f"row {int(np.argmax(lacking)) + 1} has no {names}")
    return _gathered(frame, spec, moments, groups, keys, frequency, seasons, encodings)[0]


def _gathered(
    frame: pd.DataFrame, spec: ForecastSpec, moments: frequencies.Moments, groups: NDArray[np.int64],
    keys: list[tuple[str, ...]], frequency: Frequency, seasons: list[int], encodings: Encodings,
) -> tuple[Panel, list[str]]:  # fmt: skip
    places = frequency.places(moments)
    table = {"known": encodings.known.encode(frame), "past": encodings.past.encode(frame)}
    static = encodings.static.encode(frame)
    target = numbers(frame[spec.target])
    found, twice, gaps, without = [], 0, 0, []
    order = np.lexsort((places, groups))
    bounds = np.searchsorted(groups[order], np.arange(len(keys) + 1))
    ends = [(places[order[a]], places[order[b - 1]]) for a, b in itertools.pairwise(bounds) if b > a]
    if (length := sum(int(last) - int(first) + 1 for first, last in ends)) > MOST_STEPS:
        hint = "longer steps (--frequency) or fewer items make it less"
        raise BadInput(
            f"from the first row to the last of each item it is {length:,} steps ({frequency.name})", hint=hint
        )
    for place, key in enumerate(keys):
        rows = order[bounds[place] : bounds[place + 1]]
        if not len(rows):
            continue
        steps, which = np.unique(places[rows], return_inverse=True)
        first, last = int(steps[0]), int(steps[-1])
        values = _mean(target[rows], which, steps - first, last - first + 1)
        there = np.isfinite(values)
        if not there.any():
            without.append(key)
            values = values[:0]
        else:
            begin, end = int(there.argmax()), len(there) - int(there[::-1].argmax())
            first, values = first + begin, values[begin:end]
        twice += len(rows) - len(steps)
        gaps += int(np.isnan(values).sum())
        known, past = (
            _means(one[rows], which, steps - first, max(0, last - first + 1)) for one in (table["known"], table["past"])
        )
        held = static[rows[-1]] if len(rows) else np.zeros(static.shape[1])
        found.append(Series(key, first, values, known, past[: len(values)], held))
    notes = []
    if twice:
        notes.append(f"{_count(twice, 'row')} at a step that another row of the item has: the mean counts")
    if gaps:
        notes.append(f"{_count(gaps, 'step')} without a value within the series: drawn through, and not judged by")
    if without:
        notes.append(
            f"{_count(len(without), 'item')} without any value: {', '.join('/'.join(one) for one in without[:3])}"
        )
    return Panel(found, frequency, seasons), notes


def _count(which: Any, what: str) -> str:
    number = int(np.sum(which))
    return f"{number:,} {what}{'s' * (number != 1)}"


def _mean(values: Floats, which: NDArray[np.int64], at: NDArray[np.int64], length: int) -> Floats:
    """The mean of the values of each step; NaN where there is none."""
    return _means(values[:, None], which, at, length)[:, 0]


def _means(values: Floats, which: NDArray[np.int64], at: NDArray[np.int64], length: int) -> Floats:
    there = np.isfinite(values)
    found = np.full((length, values.shape[1]), np.nan)
    keep = at >= 0
    for column in range(values.shape[1]):
        weights = np.where(there[:, column], values[:, column], 0.0)
        sums, counts = np.bincount(which, weights), np.bincount(which, there[:, column].astype(float))
        with np.errstate(invalid="ignore", divide="ignore"):
            found[at[keep], column] = (sums / counts)[keep]
    return found
