"""The runs that the trials of a tuning are: made as these begin, so that a number is had once; ended by the maker."""

import os
import sys
import time
from typing import Any

import msgspec

from cupola.errors import CupolaError
from cupola.experiments import histories
from cupola.experiments import records as experiments
from cupola.experiments.records import Run
from cupola.jobs import attempts
from cupola.jobs.attempt import Attempt, run_directory
from cupola.store import Store, feed, files, names, records, runtime
from cupola.store.journals import Appender
from cupola.store.settling import settle
from cupola.tuning.records import Tuning, run_id
from cupola.tuning.trials import COMPLETED, FAILED, PRUNED, Number, Trial, number

EVERY = 1.0  # seconds that what was written waits to be made durable, together with all the rest
STATUS = {COMPLETED: ("Completed", ""), PRUNED: ("Stopped", "Pruned"), FAILED: ("Failed", "")}


class Runs:
    """The runs that this process makes of a tuning's trials, `worker` being its journal there.

    Raises DiskTrouble, ReadOnly, whatever it is asked.
    """

    def __init__(self, store: Store, tuning: Tuning, worker: str, attempt: Attempt | None) -> None:
        self.store = store
        self.tuning = tuning
        self.worker = worker
        self.attempt = attempt
        self.open: dict[int, Run] = {}
        self._unsettled: set[str] = set()
        self._settled = time.monotonic()
        self._base = _base(tuning, worker, attempt)

    def claim(self, number: int, *, waiting: bool = False) -> Run | None:
        """Makes the run of a trial, one that begins or is `waiting`; None where somebody else has that number."""
        moment = names.now()
        status = ("Queued", "Waiting") if waiting else ("InProgress", "Running")
        run = msgspec.structs.replace(
            self._base,
            id=run_id(self.tuning.id, number),
            name=f"{self._base.name}-{number}",
            trial=number,
            status=status[0],
            secondary_status=status[1],
            submitted=moment,
            started=None if waiting else moment,
        )
        if not files.create_bytes(self.store, experiments.path(run), msgspec.json.encode(run) + b"\n", durable=False):
            return None
        self.open[number] = run
        self._unsettled.add(experiments.path(run))
        feed.announce(self.store, "run", run.id, run.revision)
        return run

    def take(self, number: int, run: str) -> bool:
        """Takes over the run of a trial that has waited; False where somebody else has."""
        moment = names.now()
        path = f"{self.tuning.directory}/taken/{number}.json"
        said = {"worker": self.worker, "nonce": names.new_id(), "time": moment}
        if not files.create_bytes(self.store, path, msgspec.json.encode(said) + b"\n", durable=False):
            return False
        found = experiments.read(self.store, f"{self._base.experiment}/{run}")
        mine = {one: getattr(self._base, one) for one in ("user", "host", "job", "attempt", "process", "worker")}
        self.open[number] = msgspec.structs.replace(
            found, started=moment, status="InProgress", secondary_status="Running", **mine
        )
        self.write(number)
        return True

    def write(self, number: int) -> None:
        """Brings the record of a run to disk as it is by now."""
        run = self.open[number]
        if not self.believed():
            return
        records.write(self.store, experiments.path(run), run, kind="run", ref=run.id, durable=False)
        self._unsettled.add(experiments.path(run))

    def end(self, trial: Trial, params: dict[str, Any], objectives: list[str]) -> None:
        """Ends the run of a trial that is over, in what was not said of it before; one that is not ours stays."""
        run = self.open.get(trial.number)
        if run is None:
            return
        if not run.over:
            run.status, run.secondary_status = STATUS[trial.state]
        run.ended, run.reason = trial.ended, run.reason or trial.why
        run.params = run.params or params
        if not run.metrics and trial.values is not None:
            run.metrics = {name: one for name, one in zip(objectives, trial.values, strict=False) if one - one == 0}
        run.metric = run.metric or objectives[0]
        if trial.steps and not run.dataset:
            self._history(run, trial, objectives[0])
        self.write(trial.number)
        del self.open[trial.number]

    def settle(self, *, now: bool = False) -> bool:
        """Makes durable what was written, when it is time to; whether it did."""
        if not now and time.monotonic() - self._settled < EVERY:
            return False
        paths, self._unsettled = self._unsettled, set()
        try:
            settle(self.store, paths)
        except CupolaError:
            self._unsettled |= paths
            raise
        self._settled = time.monotonic()
        return True

    def believed(self) -> bool:
        """Whether no later attempt of the job has begun: one that was given up writes no record any more."""
        mine = self.attempt
        return mine is None or max(attempts.numbers(self.store, mine.job), default=0) <= mine.number

    def _history(self, run: Run, trial: Trial, name: str) -> None:
        """The values on the way, as the metrics of any run; those of a training are there already."""
        path = f"{run_directory(f'{run.experiment}/{run.id}', run.attempt)}/{histories.BEGIN}{histories.END}"
        with Appender(self.store, path, settled=False) as metrics:
            metrics.extend([_Value(name, number(one), step, names.now()) for step, one in sorted(trial.steps.items())])
            metrics.flush(durable=False)
            metrics.let_go()
        self._unsettled.add(path)


class _Value(msgspec.Struct):
    """A line of a file of metrics."""

    name: str
    value: Number
    step: int
    time: str
    seq: int = 0


def _base(tuning: Tuning, worker: str, attempt: Attempt | None) -> Run:
    """What all the runs of this process have alike. The number and the moment are those of each."""
    user, host = names.who()
    return Run(
        id="",
        name=tuning.name[:80] if names.NAME.fullmatch(tuning.name) else tuning.id,
        experiment=tuning.experiment,
        user=user,
        host=host,
        submitted="",
        job=attempt.job.id if attempt else "",
        attempt=attempt.number if attempt else 1,
        environment={"python": sys.version.partition(" ")[0], "executable": sys.executable},
        process=None if attempt else runtime.of(os.getpid()),
        tuning=tuning.id,
        worker=worker,
    )
