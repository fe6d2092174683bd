"""A run that is under way in this process, and what there is to be done at the end of it."""

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from time import time_ns
from types import TracebackType
from typing import Any

from cupola.errors import BadInput, BadOption, CupolaError, NotReady
from cupola.experiments import histories
from cupola.experiments.records import Code, Run
from cupola.jobs import attempts
from cupola.store import names
from cupola.team import notes
from cupola.tracking import artifacts, ending, joining, surroundings, values
from cupola.tracking.pen import MOST, MOST_BYTES, Pen, say
from cupola.tracking.writer import PATIENCE, finish, writer
from cupola.workspace import Workspace

STATUSES = ("Completed", "Failed", "Stopped")


class ActiveRun:
    """A run that is under way in this process: log to it, from any thread, and `end` it.

    What is logged waits in memory for half a second at most and is then in the workspace's files, where it survives
    this process; a second later it survives a power cut. `flush()` waits for that, as does the end of the process.
    """

    def __init__(self, opened: Workspace, seat: joining.Seat, record: Run) -> None:
        self.workspace = opened
        self._seat = seat
        self._run = record
        self._meter = surroundings.Meter()
        self._steps: dict[str, int] = {}
        self._outside: dict[str, int] = {}  # the step at which a metric ceased to be a finite number
        self._variables: dict[str, str | None] = {}
        self._pen = self._new_pen()

    @property
    def id(self) -> str:
        return self._run.id

    @property
    def name(self) -> str:
        return self._run.name

    @property
    def experiment(self) -> str:
        return self._run.experiment

    @property
    def params(self) -> dict[str, Any]:
        """The parameters so far."""
        return dict(self._run.params)

    @property
    def metrics(self) -> dict[str, float]:
        """The last value of each metric that this process has logged."""
        return dict(self._pen.values)

    @property
    def estimator(self) -> str:
        """What is trained, by name: shown where training shows its own."""
        return self._run.estimator

    @estimator.setter
    def estimator(self, name: str) -> None:
        with self._pen.lock:
            self._run.estimator = values.text(name)
            self._pen.changed = True
        self._wake()

    @property
    def ended(self) -> bool:
        return self._pen.ended

    def log_metric(self, name: str, value: Any, step: int | None = None, time: float | datetime | None = None) -> None:
        """Logs a value of a metric: a number, or an array of one element.

        step: without one it is one more than the last of that name, from 0 on. time: seconds since 1970 or a datetime,
        by default now. NaN and infinities are kept. Raises BadInput, BadName, NotReady when the run has ended.
        """
        if type(value) is not float:
            value = values.number(name, value)
        if step is not None and type(step) is not int:
            step = values.step_of(name, step)
        moment = time_ns() if time is None else values.moment_of(time)
        pen = self._pen
        if pen.ended:
            self._wake()
        with pen.lock:
            if name not in self._steps:
                values.check_name(name, "metric")
            if step is None:
                step = self._steps.get(name, -1) + 1
            self._steps[name] = step
            pen.values[name] = value
            pen.points.append((name, value, step, moment))
        if value - value != 0:  # NaN or infinite
            self._outside.setdefault(name, step)
        if not pen.due or len(pen.points) >= MOST:
            self._wake()

    def log_metrics(
        self, metrics: Mapping[str, Any], step: int | None = None, time: float | datetime | None = None
    ) -> None:
        """Logs several metrics at one step; raises as `log_metric` does."""
        moment = time_ns() / 1e9 if time is None else time
        for name, value in metrics.items():
            self.log_metric(name, value, step, moment)

    def log_param(self, name: str, value: Any) -> None:
        """Sets a parameter. Numbers, texts, lists and dicts of them stay what they are; all else is kept as text."""
        self.log_params({name: value})

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Sets parameters; one that is set again has the last value. Raises BadName, BadInput."""
        given = values.params_of(params)
        with self._pen.lock:
            self._run.params.update(given)
            if self._pen.record is None:
                self._pen.params.update(given)
            self._pen.changed = True
        self._wake()

    def log_artifact(self, path: str | Path, name: str | None = None) -> None:
        """Keeps a copy of a file with the run, under `name` (by default the file's own).

        Up to 16 MB it is read now and written later. A larger file is copied before this returns; trouble in that is
        said and does not stop the script. Raises BadInput for what is no file that can be read, BadName.
        """
        source = Path(path)
        target = self._artifact(name or source.name)
        try:
            size = source.stat().st_size
            if not source.is_file():
                raise BadInput(
                    "it is not a file", where=str(source), hint="log each file of a directory, or an archive"
                )
            content = source.read_bytes() if size <= artifacts.AT_ONCE else None
        except OSError as error:
            raise BadInput(f"it cannot be read: {error.strerror}", where=str(source)) from None
        if content is not None:
            self._keep(target, content)
            return
        try:
            artifacts.copy(self.workspace.store, source, target)
        except (CupolaError, OSError) as error:
            say(f"run {self.id}: the artifact {source.name} was not kept: {error}")

    def log_text(self, text: str, name: str) -> None:
        """Keeps a text as the artifact `name`. Raises BadName."""
        self._keep(self._artifact(name), text.encode("utf-8", "replace"))

    def log_dict(self, value: Any, name: str) -> None:
        """Keeps a dict or a list as the artifact `name`, in JSON. Raises BadName."""
        self._keep(self._artifact(name), artifacts.of_value(value))

    def log_figure(self, figure: Any, name: str) -> None:
        """Keeps a figure as the artifact `name`: one of matplotlib as .png, .svg or .pdf, one of plotly as .html.

        Raises BadInput for another kind of figure or of name, BadName.
        """
        self._keep(self._artifact(name), artifacts.of_figure(figure, name))

    def tag(self, *tags: str) -> None:
        """Gives the run tags. Raises BadOption for what is no tag."""
        wanted = [notes.check_tag(one) for one in tags]
        with self._pen.lock:
            self._run.tags += [one for one in dict.fromkeys(wanted) if one not in self._run.tags]
            self._pen.changed = True
        self._wake()

    def note(self, text: str) -> None:
        """Adds a remark that is shown with the run. Raises BadOption for an empty or an endless one."""
        said = notes.check_comment(text)
        with self._pen.lock:
            self._run.notes.append(said)
            self._pen.changed = True
        self._wake()

    def flush(self) -> bool:
        """Waits until all that was logged is durable; False when the disk does not take it within 30 seconds."""
        if self.ended and self._pen.settled >= self._pen.asked:
            return True
        return writer().now(self._pen, durable=True)

    def end(self, status: str = "Completed", reason: str = "") -> None:
        """Ends the run: Completed, Failed or Stopped. One that has ended stays as it is.

        It is then in the workspace's files. For a disk that does not take it, it waits for 30 seconds and says so.
        """
        if status not in STATUSES:
            raise BadOption(f"{status!r} is no end of a run", where="status", hint=f"one of {', '.join(STATUSES)}")
        if self.ended:
            return
        self._close(status, reason)
        if self in open_runs:
            open_runs.remove(self)
        set_variables(self._variables)
        if not writer().now(self._pen, durable=False):
            why = self._pen.trouble or "the disk does not answer"
            say(f"run {self.id}: its end could not be written within {PATIENCE:.0f} s: {why}")

    def __enter__(self) -> "ActiveRun":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end(*ending.of(error))

    def __reduce__(self) -> tuple[Any, ...]:
        """In another process it is this run, joined."""
        from cupola.tracking.run import join

        return (join, (str(self.workspace.root), self.experiment, self.id))

    def __repr__(self) -> str:
        return f"<run {self.name} ({self.experiment}/{self.id})>"

    def _new_pen(self) -> Pen:
        file = joining.metrics_file(self._seat.owner)
        pen = Pen(self.workspace.store, self._seat.directory, file, self._run if self._seat.owner else None)
        pen.believed = self._believed
        return pen

    def _believed(self) -> bool:
        """Whether no later attempt of the job has begun: only the highest one writes the run's record."""
        job = self._seat.job
        return job is None or max(attempts.numbers(job.store, job.job), default=0) <= job.number

    def _wake(self) -> None:
        """Has what was logged written. A script that is faster waits a moment; for a disk that is stuck it does not."""
        pen = self._pen
        if pen.ended:
            raise NotReady(f"run {self.name} has ended", where=self.id, hint="begin another one")
        if pen.full and not writer().make_room(pen):
            with pen.lock:
                pen.points.pop()
                pen.left_out += 1
            return
        ending.watch(end_all)
        writer().wake(pen)

    def _artifact(self, name: str) -> str:
        names.check_name(name, "name of an artifact")
        return f"{self._seat.directory}/artifacts/{name}"

    def _keep(self, path: str, content: bytes) -> None:
        pen = self._pen
        if pen.bytes + len(content) > MOST_BYTES and not writer().now(pen, durable=False):
            say(f"run {self.id}: {path.rpartition('/')[2]} was not kept: too much waits for the disk")
            return
        with pen.lock:
            pen.bytes += len(content)
            pen.tasks.append((artifacts.keep(self.workspace.store, path, content), len(content)))
        self._wake()

    def _close(self, status: str, reason: str) -> None:
        """Puts the end into the record, for the pen to write."""
        pen, run = self._pen, self._run
        if pen.record is not None:
            self._add_surroundings()
            self._gather()
        with pen.lock:
            if pen.record is not None:
                run.status, run.secondary_status, run.reason = status, "", reason
                run.ended, run.usage = names.now(), self._meter.usage()
                run.notes += self._remarks()
                pen.changed = True
            pen.ended = True

    def _add_surroundings(self) -> None:
        seen = surroundings.look()
        seen.known.wait(surroundings.PATIENCE)
        self._run.environment["packages"] = seen.packages()
        self._run.code = Code(commit=seen.commit, dirty=seen.dirty, patch="code.patch" if seen.patch else None)
        if seen.patch:
            path = f"{self._run.directory}/code.patch"
            self._pen.tasks.append((artifacts.keep(self.workspace.store, path, seen.patch), 0))

    def _gather(self) -> None:
        """Takes over what other processes of the training have logged and this one has not."""
        try:
            params, last = histories.of_others(self.workspace.store, self._seat.directory, joining.METRICS)
        except CupolaError:  # they stay in their files
            return
        with self._pen.lock:
            self._run.params = params | self._run.params
            self._pen.values = last | self._pen.values

    def _remarks(self) -> list[str]:
        said = [f"{name} is not a finite number from step {step} on" for name, step in self._outside.items()]
        if self._pen.left_out:
            said.append(f"{self._pen.left_out} values were left out: the disk did not take them")
        return said

    def write(self) -> None:
        """Writes the record now, for other processes to find; a disk in trouble gets it later."""
        try:
            self._pen.write()
        except CupolaError as error:
            self._pen.in_trouble(error)

    def in_child(self) -> None:
        """Makes this the handle of a process that was forked: it logs to a file of its own."""
        self._pen.let_go()
        self._seat = self._seat._replace(owner=False)
        ended, self._pen = self._pen.ended, self._new_pen()
        self._pen.ended = ended


open_runs: list[ActiveRun] = []  # of this process, in the order in which they were begun


def set_variables(wanted: Mapping[str, str | None]) -> dict[str, str | None]:
    """Sets variables of this process, so that those that it starts join the run; gives what they were."""
    before = {name: os.environ.get(name) for name in wanted}
    for name, value in wanted.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    return before


def end_all(error: BaseException | None) -> None:
    """Ends what the script has left open, at its end, and waits until all of it is durable."""
    for made in reversed(list(open_runs)):
        made.end(*ending.of(error))
    finish()
