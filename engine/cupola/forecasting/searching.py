"""The work of a forecast: candidates judged on rolling origins, weighed, and what comes of it left as runs."""

import hashlib
import time
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cupola.datasets import records as datasets
from cupola.datasets.records import DatasetVersion
from cupola.errors import BadInput
from cupola.experiments import records as experiments
from cupola.experiments.records import Run
from cupola.forecasting import artifacts, backtesting, calibrating, candidates, judging, panel, saving, scoring
from cupola.forecasting.artifacts import Tested
from cupola.forecasting.candidates import Candidate, OutOfTime
from cupola.forecasting.forecaster import Forecaster
from cupola.forecasting.judging import Tried
from cupola.forecasting.lagged import TooShort
from cupola.forecasting.naive import Floats
from cupola.forecasting.records import TASK, ForecastSpec
from cupola.forecasting.records import Candidate as Line
from cupola.jobs.attempt import Attempt
from cupola.jobs.keeping import Kept
from cupola.store import files, names, records
from cupola.training.saving import packages

ESTIMATORS = {
    "seasonal-naive": "SeasonalNaive", "long-seasonal-naive": "SeasonalNaive", "naive": "Naive", "drift": "Drift",
    "mean": "Mean", "croston": "Croston", "theta": "Theta", "ets": "ETS", "linear": "LaggedLinear",
    "trees": "LaggedTrees",
}  # fmt: skip
ENSEMBLE = "Ensemble"
KEPT = 0.15  # of the budget, for what is left to do once candidates have been tried, at least; or so many times what
LEFT = 4  # leaving one of them has taken: one is that of the candidate, and weighing takes a while
LEADERBOARD = "leaderboard.json"
SPENT = "spent"  # seconds of the budget, as the next attempt is told


def search(attempt: Attempt, spec: ForecastSpec, run: Run, made: Callable[[Run], None] | None = None) -> Run:
    """Tries the candidates, each a run beside `run`, and ends that one with the best; the caller writes its record.

    made: told of each candidate's run once it is there. Raises BadInput for rows that cannot be forecast.
    """
    return _Search(attempt, spec, run, made).run()


class _Search:
    def __init__(self, attempt: Attempt, spec: ForecastSpec, run: Run, made: Callable[[Run], None] | None) -> None:
        self.attempt, self.spec, self.final, self.made = attempt, spec, run, made
        self.store = attempt.store
        self.done = Kept(attempt, packages())
        self.begun = time.monotonic() - self.done.get(SPENT, 0.0)
        self.leaving = 0.0  # seconds that leaving a candidate has taken
        self.tried: dict[str, Tried] = {}
        self.lines: list[Line] = []

    def run(self) -> Run:
        self.attempt.report(0.0, "reading the rows")
        self.version = datasets.find(self.store, self.spec.dataset)
        self.panel, self.encodings, notes = _panel(self.attempt, self.version, self.spec)
        self.windows, more = backtesting.windows(self.panel, self.spec.horizon, self.spec.windows)
        self.notes = [*self.spec.notes, self._said(), *notes, *more]
        if self.done:
            self.notes.append(f"it went on after an interruption, {self.done.get(SPENT, 0.0):.1f} s from its beginning")
        until = None if self.spec.budget is None else self.begun + self.spec.budget * (1 - KEPT)
        kinds = candidates.of(self.panel, self.spec.quantiles, self.spec.horizon, self.spec.seed, until)
        for place, (name, candidate) in enumerate(kinds.items()):
            self.attempt.report(place / (len(kinds) + 1), f"{ESTIMATORS[name]} on {len(self.windows)} windows")
            self._try(name, candidate)
        if not self.tried:
            raise BadInput("no candidate can forecast these series", hint=self.lines[0].why if self.lines else None)
        self.attempt.report(0.95, "weighing them")
        return self._end()

    def _said(self) -> str:
        frequency, season = self.panel.frequency, self.panel.season
        items = f"{len(self.panel.series):,} series" if self.spec.items else "one series"
        return f"{items}, {frequency.name}, {f'a season of {season} steps' if season > 1 else 'no season'}"

    def _try(self, name: str, candidate: Candidate) -> None:
        """Judges a candidate and leaves it as a run; or says why it was dropped."""
        begun, why, known = time.monotonic(), "", (name, judging.FITTED) in self.done
        try:
            found = judging.tried(
                name, candidate, self.panel, self.windows, self.spec.quantiles, self.spec.metric, self._spare, self.done
            )
        except OutOfTime:
            why = "the budget was spent before it could be judged"
        except TooShort:
            why = "the series are too short for it"
        if why:
            self.lines.append(Line(name=name, run="", status="Dropped", seconds=time.monotonic() - begun, why=why))
            return
        self.tried[name] = found
        run = self._run(name)
        if known and files.absolute(self.store, experiments.path(run)).exists():
            run = records.read(self.store, experiments.path(run), Run)
        else:
            leaving = time.monotonic()
            self._leave(run, ESTIMATORS[name], [(found.fitted, 1.0)], found.said, found.seconds)
            self._write(run)
            self.leaving = max(self.leaving, time.monotonic() - leaving)
        self.lines.append(
            Line(name=name, run=run.id, status=run.status, metrics=run.metrics, errors=run.metric_errors,
                 seconds=found.seconds)
        )  # fmt: skip
        if self.made:
            self.made(run)

    def _spare(self, seconds: float) -> None:
        """Raises OutOfTime where what is to be done takes longer than there is time."""
        self.done[SPENT] = time.monotonic() - self.begun
        if self.spec.budget is None or not self.tried:
            return
        last = max(self.spec.budget * KEPT, LEFT * self.leaving)
        if time.monotonic() + seconds > self.begun + self.spec.budget - last:
            raise OutOfTime

    def _end(self) -> Run:
        """Ends the run with the best."""
        best = judging.best(self.windows, self.tried, self.spec.quantiles, self.spec.metric)
        alone = self.tried[best.alone]
        for line in self.lines:
            line.weight = best.parts.get(line.name, 0.0)
            line.tied = line.name in self.tried and scoring.tied(self.tried[line.name].sums, alone.sums)
        self.lines.sort(key=lambda one: judging.order(one.metrics.get(f"validation_{self.spec.metric}", np.nan)))
        several = len(best.parts) > 1
        self.final.params = {name: round(weight, 4) for name, weight in best.parts.items()} if several else {}
        members = [(self.tried[name].fitted, weight) for name, weight in best.parts.items()]
        label = ENSEMBLE if several else ESTIMATORS[best.alone]
        self._leave(self.final, label, members, best.said, time.monotonic() - self.begun, leaderboard=True)
        self.final.notes += [f"{one.name} was dropped: {one.why}" for one in self.lines if one.why]
        return self.final

    def _run(self, name: str) -> Run:
        """The run of a candidate, whose id follows from that of the whole."""
        base = self.final
        digest = hashlib.sha256(f"forecast\0{base.id}\0{name}".encode()).digest()
        return Run(
            id="".join(names.ALPHABET[byte & 31] for byte in digest[:10]), name=f"{base.name}-{name}",
            experiment=base.experiment, user=base.user, host=base.host, submitted=base.submitted, started=names.now(),
            dataset=base.dataset, target=base.target, seed=base.seed, options=base.options, job=base.job,
            code=msgspec.structs.replace(base.code, patch=None), environment=dict(base.environment), part_of=base.id,
            metric=base.metric, split=base.split,
        )  # fmt: skip

    def _leave(
        self, run: Run, estimator: str, members: list[tuple[Candidate, float]], said: list[Floats],
        seconds: float, leaderboard: bool = False,
    ) -> None:  # fmt: skip
        """Leaves the model and the artifacts of a run, and says in its record that it has completed."""
        spec = self.spec
        factors = calibrating.factors(self.windows, said, spec.quantiles)
        model = Forecaster(spec, self.panel, self.encodings, members, factors)
        ahead = model.ahead(self.panel, spec.horizon)
        tested = Tested(self.windows, judging.calibrated(self.windows, said, spec.quantiles))
        run.estimator, run.task, run.attempt = estimator, TASK, self.attempt.number
        directory = f"{run.directory}/attempts/{self.attempt.number}"

        def left() -> None:
            with files.published(self.store, f"{directory}/artifacts") as staged:
                artifacts.write(staged, self.panel, ahead, tested, spec)
                if leaderboard:
                    (staged / LEADERBOARD).write_bytes(msgspec.json.encode(self.lines))
            with files.published(self.store, f"{directory}/model") as staged:
                saving.save(staged, model, self.version, {"estimator": estimator, "params": run.params})

        self.attempt.with_room(left)
        run.model_directory = f"{directory}/model"
        for split in ("validation", "test"):
            values, errors = scoring.metrics(
                judging.sums(self.windows, tested.said, spec.quantiles, test=split == "test")
            )
            run.metrics |= {f"{split}_{name}": value for name, value in values.items()}
            run.metric_errors |= {f"{split}_{name}": value for name, value in errors.items()}
        run.status, run.secondary_status, run.ended = "Completed", "", names.now()
        run.features = [name for name, _ in (*spec.known, *spec.past, *spec.static)]
        run.rows = {"train": int(sum(len(one.values) for one in self.panel.series))}
        run.notes = self.notes if leaderboard else []
        run.environment |= {"packages": packages()}
        run.usage = {"seconds": round(seconds, 3)}

    def _write(self, run: Run) -> None:
        """Writes the record of a candidate; a later attempt at the job writes it anew."""

        def written() -> None:
            if files.absolute(self.store, experiments.path(run)).exists():
                before = records.read(self.store, experiments.path(run), Run)
                run.revision = before.revision
                records.write(self.store, experiments.path(run), run, kind="run", ref=run.id)
            else:
                records.create(self.store, experiments.path(run), run, kind="run", ref=run.id)

        self.attempt.with_room(written)


def _panel(attempt: Attempt, version: DatasetVersion, spec: ForecastSpec) -> tuple[Any, Any, list[str]]:
    path = str(datasets.data_path(attempt.store, version))
    wanted = [*spec.items, spec.time, spec.target, *(name for name, _ in (*spec.known, *spec.past, *spec.static))]
    try:
        frame = pq.read_table(path, columns=wanted).to_pandas()[wanted]
    except pa.ArrowException as error:
        raise BadInput(f"the rows of the dataset cannot be read: {error}", where=path) from error
    found, encodings, notes = panel.read(frame, spec)
    with_values = [one for one in found.series if len(one.values)]
    if not with_values:
        raise BadInput(f"{spec.target} has no value at any time", where=version.ref)
    return found.of(with_values), encodings, notes
