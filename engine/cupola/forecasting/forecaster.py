"""The model that a forecast leaves: candidates with their weights, what widens them, and the newest of the history.

It takes rows as they stand in the data. Those with a value are history, newer than what it has kept or in its place;
those without one, after the last value of their item, ask for a forecast. It says one thing a row: a forecast for
what was asked, None for history. Of an item with no row that asks, the last row has the whole horizon, as a list.
"""

import datetime
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from cupola.forecasting import calibrating, candidates, panel
from cupola.forecasting.candidates import Candidate
from cupola.forecasting.frequencies import Frequency
from cupola.forecasting.naive import Floats
from cupola.forecasting.panel import Encodings, Panel, Series
from cupola.forecasting.records import ForecastSpec

KEPT = 2000  # steps of each series


class Forecaster:
    """A fitted model. members: each with its weight; factors: by which quantiles are moved from the median."""

    by_row = False  # the rows of a request belong together

    def __init__(
        self, spec: ForecastSpec, history: Panel, encodings: Encodings, members: list[tuple[Candidate, float]],
        factors: Floats,
    ) -> None:  # fmt: skip
        self.asked = msgspec.to_builtins(spec)
        self.history = history.of([one.since(KEPT) for one in history.series])
        self.encodings = encodings
        self.members = [one for one, _ in members]
        self.weights = [float(weight) for _, weight in members]
        self.factors = factors

    @property
    def spec(self) -> ForecastSpec:
        return msgspec.convert(self.asked, ForecastSpec)

    def ahead(self, series: Panel, horizon: int) -> Floats:
        """Quantiles of the steps after the end of series: (series, steps, quantiles)."""
        said = [
            weight * candidates.tidy(one.forecast(series, horizon), series)
            for one, weight in zip(self.members, self.weights, strict=True)
        ]
        return candidates.tidy(calibrating.widened(np.sum(said, axis=0), self.spec.quantiles, self.factors), series)

    def predict(self, frame: pd.DataFrame) -> Any:
        """What is said of each row. Raises ValueError for rows that cannot be forecast."""
        spec = self.spec
        answers = np.empty(len(frame), dtype=object)
        if not len(frame):
            return answers
        frame = frame.reset_index(drop=True)
        groups, keys = panel.keys_of(frame, spec.items)
        sent = panel.gathered(frame, spec, self.history.frequency, self.history.seasons, self.encodings)
        kept = {one.key: one for one in self.history.series}
        whole = [self._joined(one, kept.get(one.key)) for one in sent.series]
        frequency = self.history.frequency
        places = frequency.places(panel.moments_of(frame[spec.time], frequency.kind))
        values = panel.numbers(frame[spec.target])
        asking = frame[spec.target].isna().to_numpy()
        if (lost := np.isnan(values) & ~asking).any():
            raise ValueError(f"row {int(lost.argmax()) + 1}: {spec.target} is too large to be forecast")
        ends = np.array([one.end for one in whole])[groups]
        steps = np.where(asking & (places >= ends), places - ends + 1, 0)
        row = int(steps.argmax())
        if steps[row] > spec.horizon:
            raise ValueError(
                f"row {row + 1} asks {steps[row]} steps after the last value, and the model looks {spec.horizon} ahead"
            )
        said = self.ahead(self.history.of(whole), spec.horizon)
        for at in np.flatnonzero(steps):
            answers[at] = self._step(whole[groups[at]], said[groups[at]], int(steps[at]))
        for place in range(len(keys)):
            rows = np.flatnonzero(groups == place)
            if not steps[rows].any():
                last = rows[places[rows].argmax()]
                answers[last] = [self._step(whole[place], said[place], one + 1) for one in range(spec.horizon)]
        return answers

    def _joined(self, sent: Series, kept: Series | None) -> Series:
        """The history of an item with what was sent of it."""
        if kept is None or not len(kept.values):
            if not len(sent.values):
                named = "/".join(sent.key)
                raise ValueError(f"nothing is known of the item {named!r}: send its recent rows, with their values")
            return sent
        if len(sent.values):
            apart, season = sent.start - kept.end, self.history.season
            if apart <= max(season, self.spec.horizon):
                return kept.followed_by(sent)
            if len(sent.values) <= season:
                of = f" of {'/'.join(sent.key)}" if sent.key else ""
                raise ValueError(
                    f"{apart} steps before the first value{of} are not known: send these rows too, or more than "
                    f"{season} of the newest, with their values"
                )
            return sent
        last = min(sent.start + len(sent.known), kept.end + self.spec.horizon)
        known = np.full((max(0, last - kept.start), kept.known.shape[1]), np.nan)
        known[: len(kept.known)] = kept.known[: len(known)]
        begin = max(0, sent.start - kept.start)
        newer = sent.known[max(0, kept.start - sent.start) :][: max(0, len(known) - begin)]
        known[begin : begin + len(newer)] = newer
        return Series(kept.key, kept.start, kept.values, known, kept.past, sent.static)

    def _step(self, series: Series, said: Floats, step: int) -> dict[str, Any]:
        moment = moment_text(self.history.frequency, series.end + step - 1)
        values = {f"{level:g}": float(value) for level, value in zip(self.spec.quantiles, said[step - 1], strict=True)}
        return {"time": moment, "step": step, **values}


def moment_text(frequency: Frequency, place: int) -> Any:
    """When a step begins, as JSON has it: a date, a time or a number."""
    moment = frequency.moments([place])[0]
    if not isinstance(moment, np.datetime64):
        return int(moment) if float(moment).is_integer() else float(moment)
    when: datetime.datetime = moment.astype("datetime64[us]").item()
    if frequency.has_days and when.time() == datetime.time():
        return when.date().isoformat()
    return when.isoformat() + "Z" * frequency.zoned
