"""A run of MLflow's: the lines that its clients have acknowledged, and the record that is put together from them.

The lines are the truth. They lie where the lines of metrics of any run do (`attempts/1/metrics.jsonl`, other writers in
`metrics.mlflow.WRITER.jsonl`), and are durable before a client gets its answer; besides metrics and parameters they say
tags, states, names, inputs and outputs. run.json is what they amount to: written at once when a run begins or ends or
has ended, else now and then, and again by whoever finds that it lags behind.
"""

import math
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from cupola.errors import BadOption
from cupola.experiments import histories
from cupola.experiments import records as experiments
from cupola.experiments.records import Latest, Mlflow, Run
from cupola.mlflow.book import retag
from cupola.store import Store, journals, names, records
from cupola.team import notes

STATUSES = {
    "RUNNING": "InProgress", "SCHEDULED": "Queued", "FINISHED": "Completed", "FAILED": "Failed", "KILLED": "Stopped",
}  # fmt: skip
OWN = "metrics.jsonl"
PIECE = 1 << 22


class Line(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A line: a value of a metric, or what else is new.

    ms: the time of a value where `time` cannot say it. start, end: milliseconds since 1970. A tag that is None was
    taken away. clock: orders the lines of several writers.
    """

    seq: int = 0
    time: str
    clock: int = 0
    name: str = ""
    value: float | str | None = None
    step: int | None = None
    ms: int | None = None
    model: str = ""
    dataset: str = ""
    digest: str = ""
    params: dict[str, Any] = {}
    tags: dict[str, str | None] = {}
    run_name: str = ""
    user: str = ""
    status: str = ""
    start: int | None = None
    end: int | None = None
    inputs: list[Any] = []
    models: list[Any] = []
    outputs: list[Any] = []


class Live:
    """One run, as far as its lines have been read. Whoever uses it holds `lock`."""

    def __init__(self, store: Store, record: Run) -> None:
        assert record.mlflow is not None
        self.store = store
        self.lock = threading.RLock()
        self.record = record
        self.facts = Mlflow(writer=record.mlflow.writer)
        self.params: dict[str, Any] = {}
        self.name = record.name
        self.written = 0.0  # when the record was, by this process
        self.used = time.monotonic()
        self._clock = 0
        self._offsets: dict[str, int] = {}
        self._appender: journals.Appender | None = None
        self._own = OWN if record.mlflow.writer == store.writer else f"metrics.mlflow.{store.writer}.jsonl"

    @property
    def directory(self) -> str:
        return f"{self.record.directory}/attempts/1"

    def refresh(self) -> "Live":
        """Reads what others have said since. Raises DiskTrouble."""
        new: list[Line] = []
        for file in histories.files_of(self.store, self.directory):
            if self._appender is None or file != self._own:
                new += self._go_on(file)
        self.take(sorted(new, key=lambda line: line.clock) if len(self._offsets) > 1 else new)
        return self

    def say(self, lines: list[Line]) -> None:
        """Adds lines, which are durable when it returns. Raises DiskTrouble: then this is not to be used any more."""
        if not lines:
            return
        if self._appender is None:
            self.refresh()
            self._appender = journals.Appender(self.store, f"{self.directory}/{self._own}")
        self._clock += 1
        for line in lines:
            line.clock = self._clock
        self._appender.extend(lines)
        self._appender.flush()
        self.take(lines)
        self.used = time.monotonic()

    def let_go(self) -> None:
        """Closes the file of lines; all of them are durable."""
        if self._appender:
            self._appender.let_go()
            self._appender = None
            self._offsets.pop(self._own, None)

    def lags(self) -> bool:
        """Whether run.json is not what the lines amount to."""
        now = self.amounts()
        return msgspec.json.encode(now) != msgspec.json.encode(self.record)

    def project(self, durable: bool = True) -> Run:
        """Writes run.json. Raises DiskTrouble."""
        now = self.amounts()
        records.write(self.store, experiments.path(now), now, kind="run", ref=now.id, durable=durable)
        self.record = now
        self.written = time.monotonic()
        return now

    def amounts(self) -> Run:
        """What the lines amount to."""
        facts = msgspec.structs.replace(self.facts, tags=dict(self.facts.tags), latest=dict(self.facts.latest))
        over = facts.status in ("FINISHED", "FAILED", "KILLED")
        return msgspec.structs.replace(
            self.record,
            name=self.name,
            status=STATUSES.get(facts.status, "InProgress"),
            secondary_status="Running" if facts.status == "RUNNING" else "",
            started=iso(facts.start),
            ended=iso(facts.end) if over and facts.end is not None else None,
            params=dict(self.params),
            metrics={name: value for name, one in facts.latest.items() if math.isfinite(value := float(one.value))},
            tags=words(facts.tags),
            mlflow=facts,
        )

    def _go_on(self, file: str) -> list[Line]:
        found: list[Line] = []
        position, rest = self._offsets.get(file, 0), b""
        while data := journals.tail(self.store, f"{self.directory}/{file}", position + len(rest), PIECE)[0]:
            whole, newline, rest = (rest + data).rpartition(b"\n")
            found += (line for text in whole.splitlines() if (line := decoded(text)))
            position += len(whole) + len(newline)
        self._offsets[file] = position
        return found

    def take(self, lines: Iterable[Line]) -> None:
        facts = self.facts
        for line in lines:
            self._clock = max(self._clock, line.clock)
            if line.name and line.value is not None:
                keep_latest(facts.latest, line)
                continue
            self.params |= line.params
            retag(facts.tags, line.tags)
            self.name = line.run_name or self.name
            facts.user = line.user or facts.user
            facts.status = line.status or facts.status
            facts.start = facts.start if line.start is None else line.start
            facts.end = facts.end if line.end is None else line.end
            for more, known in (
                (line.inputs, facts.inputs), (line.models, facts.models), (line.outputs, facts.outputs),
            ):  # fmt: skip
                known += [one for one in more if one not in known]


def value(key: str, number: float, timestamp: int, step: int, **more: Any) -> Line:
    """The line of a value of a metric."""
    written = number if math.isfinite(number) else "NaN" if number != number else str(number).replace("inf", "Infinity")
    moment = iso(timestamp)
    exact = moment is not None and stamp(moment) == timestamp
    time_, ms = (moment or names.now(), None) if exact else (names.now(), timestamp)
    return Line(time=time_, name=key, value=written, step=step, ms=ms, **more)


def said_now(**news: Any) -> Line:
    """A line with what is new, now."""
    return Line(time=names.now(), **news)


def iso(milliseconds: int | None) -> str | None:
    """A moment as Cupola writes it; None for one that no calendar has."""
    if milliseconds is None:
        return None
    try:
        moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}000Z" if moment.year >= 1000 else None


def stamp(moment: str) -> int:
    """Milliseconds since 1970 of a moment; 0 for what is none."""
    try:
        found = datetime.fromisoformat(moment)
    except ValueError:
        return 0
    return round((found - EPOCH).total_seconds() * 1000)


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment_of(line: Line) -> int:
    """When a value was logged."""
    return stamp(line.time) if line.ms is None else line.ms


def words(tags: dict[str, str]) -> list[str]:
    """The tags of people as Cupola shows them: "team=blue"; not MLflow's own, nor what is too long for a tag."""
    found = []
    for key, value in tags.items():
        if key.startswith("mlflow."):
            continue
        try:
            found.append(notes.check_tag(f"{key}={value}" if value else key))
        except BadOption:
            continue
    return found


def keep_latest(latest: dict[str, Latest], line: Line) -> None:
    """Of a metric counts the value of the highest step, then the latest, then the largest."""
    value = line.value
    assert value is not None
    new = Latest(value, moment_of(line), line.step or 0)
    old = latest.get(line.name)
    if old is None or _rank(new) > _rank(old):
        latest[line.name] = new


def _rank(one: Latest) -> tuple[int, int, float]:
    value = float(one.value)
    return one.step, one.timestamp, 0.0 if math.isnan(value) else value


_DECODER = msgspec.json.Decoder(Line)


def decoded(text: bytes) -> Line | None:
    """A line as it lies in a file; None for one that is torn."""
    try:
        return _DECODER.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
