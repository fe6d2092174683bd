"""A worker of a tuning, as a job: draws parameters, trains, says how good they were, until the tuning is over.

Several may work on one tuning, on several hosts; they know of each other by its journals alone. A worker that is
killed loses the trial that it was at, and its next attempt goes on.
"""

import contextlib
import signal
import sys
import zlib
from typing import Any

import msgspec
import optuna
from optuna.trial import FrozenTrial, TrialState

from cupola.datasets import records as datasets
from cupola.errors import BadInput, Corrupt, CupolaError
from cupola.experiments import records as experiments
from cupola.experiments.records import Run
from cupola.jobs.attempt import Attempt
from cupola.registry import registration
from cupola.store import files, names
from cupola.training import artifacts
from cupola.training.job import Work, read
from cupola.training.records import Training
from cupola.tuning import records, samplers, space, stops, trials
from cupola.tuning.records import Tuning
from cupola.tuning.space import Dimension
from cupola.tuning.storage import NoMore, WorkspaceStorage
from cupola.tuning.trials import Fold, Line


def work(attempt: Attempt) -> dict[str, Any]:
    """Makes trials until the tuning that the job's spec names is over, paused or stopped; says what it has come to."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    tuning = records.read(attempt.store, attempt.spec["tuning"])
    if records.seal(tuning) != attempt.spec["seal"]:
        hint = "file another one: `cupola tune`"
        raise Corrupt("tuning.json is not what was filed", where=tuning.directory, hint=hint)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what is half-made is cleared away on the way out
    worker = _Worker(attempt, tuning)
    try:
        worker.run()
    finally:
        worker.storage.close()
    now = records.state(attempt.store, worker.tuning.id)
    return {"tuning": now.tuning, "best_run": now.best_run, "metrics": now.metrics, "stop_reason": now.stop_reason}


class _Worker:
    def __init__(self, attempt: Attempt, tuning: Tuning) -> None:
        self.attempt, self.tuning = attempt, tuning
        self.round: int = attempt.spec["round"]
        self.store = attempt.store
        self.training = msgspec.convert(tuning.training, Training)
        self.wish = records.asked(self.store, tuning)
        self.storage = WorkspaceStorage(
            self.store, writer=f"{attempt.job.id}.{attempt.number}", attempt=attempt, most=self._most,
            room=attempt.with_room,
        )  # fmt: skip
        seed = zlib.crc32(f"{self.training.seed} {attempt.spec['worker']} {self.round} {attempt.number}".encode())
        self.study = optuna.load_study(
            study_name=tuning.id, storage=self.storage, sampler=samplers.sampler(tuning, seed),
            pruner=samplers.pruner(tuning),
        )  # fmt: skip
        self.id = self.study._study_id
        self.runs = self.storage.runs(self.id)
        self.fold: Fold = self.storage.fold(self.id)

    def run(self) -> None:
        self.attempt.report(0.0, "reading the rows")
        self.storage.bury(self.id)
        if self._is_over():
            return
        self.version = datasets.find(self.store, self.training.dataset)
        self.table = read(str(datasets.data_path(self.store, self.version)), self.training)
        with contextlib.suppress(NoMore):
            self.study.optimize(self._objective, callbacks=[self._after], catch=(CupolaError,))
            if not self._is_over():  # the sampler has stopped by itself: it has nothing left to draw
                self._end(stops.EXHAUSTED)

    def _most(self, fold: Fold) -> int | None:
        """How many trials there may be: those that were given, or lost, are not of those asked for."""
        wanted = self.wish.stops.trials
        given = len(fold.numbers) - len(records.own(fold))
        return None if wanted is None else wanted + given + records.lost(fold)

    def _objective(self, trial: optuna.Trial) -> list[float]:
        """Trains with what is drawn. Whatever keeps the trial from completing is said in its run."""
        params = self.training.params | _drawn(self.tuning.space, trial)
        training = msgspec.structs.replace(self.training, params=params)
        run = self.runs.open[trial.number]
        _describe(run, training)
        run.code = msgspec.structs.replace(self.tuning.code, patch=None)  # that is kept once, with the tuning
        self.attempt.with_room(lambda: self.runs.write(trial.number))
        trials.announce(self.store, self.tuning.id)
        work = Work(self.attempt, training, run, self._report(trial), self._watch(trial))
        try:
            return self._trained(trial, work)
        except optuna.TrialPruned:
            run.metrics = {name: points[-1][1] for name, points in work.curve.items()}
            raise
        except CupolaError as error:
            run.reason = str(error)
            raise
        except SystemExit:
            run.status, run.secondary_status, run.reason = "Stopped", "Interrupted", trials.STOPPED
            self.storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
            raise

    def _trained(self, trial: optuna.Trial, work: Work) -> list[float]:
        fitted = work.fit(self.table)
        values = self._values(fitted.metrics)
        looks = artifacts.of_run(fitted, work.training, work.curve, importance=False)
        self.attempt.with_room(lambda: work.save_artifacts(looks, fitted))
        if self._is_best(values):
            work.save_model(fitted, self.version)
        work.complete(fitted)
        trial.set_user_attr(stops.ERRORS, [fitted.errors.get(f"validation_{one}") for one in self.tuning.metrics])
        return values

    def _values(self, metrics: dict[str, float]) -> list[float]:
        for one in self.tuning.metrics:
            if f"validation_{one}" not in metrics:
                raise BadInput(f"{one} cannot be told from these rows")
        return [metrics[f"validation_{one}"] for one in self.tuning.metrics]

    def _is_best(self, values: list[float]) -> bool:
        """Whether no trial so far is better: only such a one keeps its model."""
        made = records.own(self.storage.fold(self.id))
        mine = trials.Trial(number=-1, owner="", state=trials.COMPLETED, values=values)
        return mine in records.front([mine, *made], self.tuning.directions)

    def _report(self, trial: optuna.Trial) -> Any:
        def report(fraction: float, message: str) -> None:
            wanted = self.wish.stops.trials
            done = len([one for one in records.own(self.fold) if one.over])
            self.attempt.report(
                None if wanted is None else min(1.0, (done + fraction) / wanted), f"trial {trial.number}: {message}"
            )

        return report

    def _watch(self, trial: optuna.Trial) -> Any:
        """Looks at a fit on its way: it may be stopped early, or the time of the tuning may be over."""
        objective = f"validation_{self.tuning.metrics[0]}"
        looks = 0

        def watch(name: str, value: float, step: int | None) -> None:
            nonlocal looks
            if name != objective or len(self.tuning.metrics) > 1:
                return
            looks += 1
            trial.report(value, looks)
            if trial.should_prune():
                self.runs.open[trial.number].reason = f"stopped early, at step {step}: others were better by then"
                raise optuna.TrialPruned
            limit = self.wish.stops.seconds
            if limit is not None and stops.seconds(self.fold, self.wish) >= limit:
                self.runs.open[trial.number].reason = f"stopped at step {step}: the time of the tuning is over"
                raise optuna.TrialPruned

        return watch

    def _after(self, study: optuna.Study, trial: FrozenTrial) -> None:
        values = dict(zip(self.tuning.metrics, trial.values or [], strict=False))
        said = ", ".join(f"{name} {value:.6g}" for name, value in values.items())
        print(f"trial {trial.number}: {trial.state.name.lower()} {said}", flush=True)
        self.storage.bury(self.id)
        if self._is_over():
            study.stop()

    def _is_over(self) -> bool:
        """Whether there is no more to do for this worker; the one who finds out why the tuning is over says so.

        When it is resumed or extended others begin, and those of before end; so does one whose job went to another.
        """
        self.wish = records.asked(self.store, self.tuning)
        fold = self.storage.fold(self.id)
        if self.wish.halted or self.wish.round != self.round or not self.runs.believed():
            return True
        if any(end.round == self.round for end in fold.ends):
            return True
        if why := stops.reason(self.tuning, self.wish, fold):
            self._end(why)
        return bool(why)

    def _end(self, why: str) -> None:
        self.storage.say(self.id, Line(op="end", why=why, round=self.round))
        if self.tuning.register:
            self._register(self.tuning.register)
        trials.announce(self.store, self.tuning.id)

    def _register(self, model: str) -> None:
        """Registers the best, once; a refusal is said in the job's log."""
        best = records.state(self.store, self.tuning.id).best_run
        mark = f"{self.tuning.directory}/registered/{self.round}.json"
        if best is None or not files.create_bytes(self.store, mark, msgspec.json.encode({"by": names.new_id()})):
            return
        try:
            run = experiments.read(self.store, f"{self.tuning.experiment}/{best}")
            version = self.attempt.with_room(lambda: registration.register(self.store, run, model))
        except CupolaError as error:
            print(f"the best was not registered as {model}: {error}", flush=True)
            return
        text = msgspec.json.encode(version.ref).decode()
        self.storage.say(self.id, Line(op="study", scope="user", name=records.MODEL, text=text))


def _drawn(dimensions: list[Dimension], trial: optuna.Trial) -> dict[str, Any]:
    """The parameters of a trial, each drawn where those before it have the values that it depends on."""
    drawn: dict[str, Any] = {}
    params: dict[str, Any] = {}
    for one in dimensions:
        if not space.is_searched(one, params):
            continue
        if one.kind == "Categorical":
            drawn[one.key] = trial.suggest_categorical(one.key, [space.choice(each) for each in one.values])
        elif one.kind == "Integer":
            drawn[one.key] = trial.suggest_int(one.key, int(one.low), int(one.high), log=one.scale == "log")
        else:
            drawn[one.key] = trial.suggest_float(one.key, *one.drawn, log=one.scale != "linear")
        params = space.params(dimensions, drawn)
    return params


def _describe(run: Run, training: Training) -> None:
    """What the record of a training says from its beginning on."""
    run.params, run.metric = training.params, f"validation_{training.metric}"
    run.dataset, run.target = training.dataset, training.target or ""
    run.estimator, run.task, run.seed = training.estimator, training.task, training.seed
    run.features = [one for one, _ in training.features]
    run.flow = training.flow.ref if training.flow else ""
    run.looked_up = training.flow.looked_up if training.flow else []
    run.split, run.options = msgspec.to_builtins(training.split), training.options
