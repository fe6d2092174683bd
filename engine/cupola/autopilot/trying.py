"""The runs that the candidates are, and the board that shows how they stand."""

import time
from typing import Any

import msgspec

from cupola.autopilot.candidates import Candidate
from cupola.autopilot.measuring import Measured
from cupola.autopilot.records import BOARD, Board, Line, Spec
from cupola.experiments import records as experiments
from cupola.experiments import repeats
from cupola.experiments.records import Code, Run
from cupola.jobs.attempt import Attempt
from cupola.store import feed, files, names, records
from cupola.training import saving
from cupola.training.records import SMALLER_IS_BETTER

STATUS = {"kept": ("Completed", ""), "dropped": ("Stopped", "Pruned"), "failed": ("Failed", "")}
OFTEN = 0.3  # seconds between two writings of the board, at least
SELDOM = 2.0  # and at most, which are those of the budget that a kill gives back


class Trying:
    """Writes what an attempt of an autopilot finds out: a run for each candidate that is begun, and the board."""

    def __init__(self, attempt: Attempt, spec: Spec, run: Run, begun: float) -> None:
        self.attempt, self.spec, self.run, self.begun = attempt, spec, run, begun
        self.store = attempt.store
        self.board = Board(task=spec.task, why=spec.why, metric=spec.metric, budget=spec.budget)
        self.lines: dict[str, Line] = {}
        self.runs: dict[str, Run] = {}
        self.closed: set[str] = set()
        self.reached: dict[str, Measured] = {}
        self._written = 0.0

    def resume(self, board: Board) -> None:
        """Takes over what an earlier attempt has said; what it was about to try goes on in this one."""
        for line in board.lines:
            self.lines[line.name] = line
            if line.run:
                run = self.runs[line.name] = experiments.read(self.store, f"{self.run.experiment}/{line.run}")
                if not run.over:
                    run.attempt = self.attempt.number
                    self._write(run)
            if self.runs[line.name].over if line.run else line.state in ("dropped", "failed"):
                self.closed.add(line.name)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.begun

    def alive(self) -> None:
        """Has the board say how much time has gone by, though nothing else has changed."""
        if time.monotonic() - self._written > SELDOM:
            self.write(at_once=False)

    def say(self, message: str, *, at_once: bool = False) -> None:
        """Says what is being done."""
        self.board.message = message
        self.attempt.report(min(0.99, self.seconds / self.spec.budget), message)
        self.write(at_once=at_once)

    def tell(self, candidate: Candidate) -> None:
        """Takes over how a candidate stands."""
        line = self.lines.setdefault(candidate.name, _line(candidate))
        line.state, line.why, line.folds = candidate.state, candidate.why, candidate.folds
        line.params, line.seconds, line.weight = candidate.params, round(candidate.seconds, 3), candidate.weight
        line.share = candidate.learnt or 1.0
        if candidate.value is not None and not line.errors:
            name = self.spec.metric
            line.metrics[f"validation_{name}"] = -candidate.value if name in SMALLER_IS_BETTER else candidate.value
        if candidate.state == "trying" and candidate.name not in self.runs:
            self._begin(candidate, line)
            self._written = 0.0  # the next attempt, should there be one, has to know the run
        self.say(f"{candidate.name}: {candidate.state}, {candidate.folds} fits", at_once=candidate.folds == 1)

    def close(self, candidate: Candidate, found: Measured | None) -> None:
        """Ends the run of a candidate, with what was measured of it."""
        self.tell(candidate)
        self.closed.add(candidate.name)
        run, line = self.runs.get(candidate.name), self.lines[candidate.name]
        if run is None:
            return
        run.status, run.secondary_status = STATUS.get(candidate.state, STATUS["kept"])
        run.ended, run.reason, run.params = names.now(), candidate.why, candidate.params
        run.environment = self.run.environment | {"packages": saving.packages()}
        run.usage = {"seconds": round(sum(one.seconds for one in candidate.fits.values()), 3)}
        if 0 < candidate.learnt < 1:
            run.notes = [f"its fits have learnt from {candidate.learnt:.0%} of the rows: there was no time for more"]
        if found:
            self.reached[candidate.name] = found
            run.metrics, run.metric_errors = found.metrics, found.errors
            line.metrics, line.errors = found.metrics, found.errors
            path = f"{run.directory}/attempts/{run.attempt}/artifacts/{repeats.NAME}"
            kept = msgspec.json.encode(repeats.kept(found.repeats))
            files.write_bytes(self.store, path, kept, durable=False)
        self._write(run)
        self.write()

    def write(self, *, at_once: bool = False) -> None:
        """Brings the board to disk, unless that was just done."""
        if not at_once and time.monotonic() - self._written < OFTEN:
            return
        self._written = time.monotonic()
        sign = 1 if self.board.metric in SMALLER_IS_BETTER else -1
        name = f"validation_{self.board.metric}"
        known = [one for one in self.lines.values() if name in one.metrics]
        self.board.lines = sorted(known, key=lambda one: sign * one.metrics[name])
        self.board.lines += [one for one in self.lines.values() if name not in one.metrics]
        self.board.seconds = round(self.seconds, 2)
        path = f"{self.run.directory}/attempts/{self.attempt.number}/{BOARD}"
        files.write_bytes(self.store, path, msgspec.json.encode(self.board), durable=at_once)
        feed.announce(self.store, "run", self.run.id, 0)

    def _begin(self, candidate: Candidate, line: Line) -> None:
        training, base = self.spec.learnt, self.run
        moment = names.now()
        run = Run(
            id=names.new_id(), name=f"{base.name}-{candidate.name.replace(' ', '-')}"[:80], experiment=base.experiment,
            user=base.user, host=base.host, submitted=moment, started=moment, status="InProgress",
            secondary_status="Running", params=candidate.setting.params, metric=f"validation_{training.metric}",
            dataset=training.dataset, target=training.target or "", estimator=candidate.setting.estimator,
            task=training.task, features=[one for one, _ in training.features],
            flow=base.flow, looked_up=base.looked_up,
            split=msgspec.to_builtins(training.split), seed=training.seed, options=_options(training.options, training),
            job=self.attempt.job.id, attempt=self.attempt.number, part_of=base.id, environment=base.environment,
            code=Code(commit=base.code.commit, dirty=base.code.dirty),
        )  # fmt: skip
        self.runs[candidate.name] = run
        line.run = run.id
        records.create(self.store, experiments.path(run), run, kind="run", ref=run.id)

    def _write(self, run: Run) -> None:
        records.write(self.store, experiments.path(run), run, kind="run", ref=run.id, durable=False)


def _line(candidate: Candidate) -> Line:
    return Line(name=candidate.name, estimator=candidate.setting.estimator, params=candidate.setting.params)


def _options(given: dict[str, Any], training: Any) -> dict[str, Any]:
    """What `train` would be told to train a candidate alone: the same folds, of the same rows."""
    return given | ({"cv": training.split.folds} if training.split.folds else {})
