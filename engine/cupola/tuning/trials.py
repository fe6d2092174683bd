"""What happened in a tuning, as its journals say it: one file of lines per process that makes trials.

A line is an operation; the trials are their fold, the same for every reader. Whoever made a trial, or took a waiting
one, is its owner: what the owner says goes before what anybody else says of it, in whatever order it is read.
"""

import bisect
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from cupola.store import Store, feed, files, journals
from cupola.store.journals import START, Appender, Entry, Offset
from cupola.store.names import now

WAITING, RUNNING, COMPLETED, PRUNED, FAILED = "Waiting", "Running", "Completed", "Pruned", "Failed"
OVER = (COMPLETED, PRUNED, FAILED)
STOPPED = "its tuning was stopped"
LOST = "its worker is gone"
SUFFIX = ".jsonl"
KEPT = 8  # tunings whose trials a process remembers, to read on in them

Number = float | str
NOT_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}  # JSON has no numbers for them


class Param(msgspec.Struct, frozen=True, array_like=True):
    """A value that was drawn, as Optuna holds it (a number; of a category its place), and what it was drawn from."""

    value: float
    distribution: str


class Attributes(msgspec.Struct, kw_only=True):
    """What a distribution is made of."""

    choices: list[Any] = []
    low: float = 0
    high: float = 0
    step: float | None = None
    log: bool = False


class Notation(msgspec.Struct):
    """A distribution in Optuna's notation."""

    name: str
    attributes: Attributes


class Trial(msgspec.Struct, kw_only=True):
    """A trial as it stands. `owner`: the journal of whoever runs it; `run`: the run that it is.

    user, system: attributes, each as JSON text. given: it was taken over from another tuning, whose run it is. why: of
    one that failed. changed: counts up with every operation, for those who keep what they have made of it.
    """

    number: int
    owner: str
    run: str = ""
    state: str = RUNNING
    values: list[float] | None = None
    params: dict[str, Param] = {}
    steps: dict[int, float] = {}
    user: dict[str, str] = {}
    system: dict[str, str] = {}
    started: str | None = None
    ended: str | None = None
    given: bool = False
    why: str = ""
    changed: int = 0

    @property
    def over(self) -> bool:
        return self.state in OVER


class Line(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An operation: "trial" makes one, "param", "step", "attribute" and "state" say something of it; "study" sets an
    attribute of the tuning itself, "end" says why it is over (in its `round`), "closed" that the writer is done."""

    op: str
    seq: int = 0
    clock: int = 0
    time: str = ""
    trial: int | None = None
    name: str = ""
    value: Number | None = None
    distribution: str = ""
    step: int | None = None
    scope: str = ""
    text: str = ""
    state: str = ""
    values: list[Number] | None = None
    params: dict[str, Param] | None = None
    steps: list[tuple[int, Number]] | None = None
    user: dict[str, str] | None = None
    system: dict[str, str] | None = None
    started: str | None = None
    ended: str | None = None
    run: str = ""
    given: bool = False
    why: str = ""
    round: int = 0


class End(msgspec.Struct, frozen=True):
    """Why a tuning is over. round: how often it had been resumed or extended by then."""

    round: int
    reason: str
    time: str


_kept: dict[tuple[Path, str], "Fold"] = {}  # nobody has one in hand that is in here


class Fold:
    """The trials of one tuning. `refresh` reads what is new, `apply` takes a line of one's own."""

    def __init__(self, store: Store, directory: str) -> None:
        self.store = store
        self.directory = directory
        self.trials: dict[int, Trial] = {}
        self.numbers: list[int] = []
        self.user: dict[str, str] = {}
        self.system: dict[str, str] = {}
        self.ends: list[End] = []
        self.clock = 0
        self._offsets: dict[str, Offset] = {}
        self._closed: set[str] = set()
        self._early: dict[int, list[tuple[str, Line]]] = {}  # what was said of trials whose making was not read yet
        self._stamps: dict[tuple[Any, ...], tuple[int, str]] = {}  # what was said by others than owners, and when

    def refresh(self, own: str = "") -> "Fold":
        """Reads on in all journals but the one of `own`. Raises DiskTrouble."""
        for name in files.listing(self.store, self.directory):
            writer = name.removesuffix(SUFFIX)
            if writer != own and writer not in self._closed and name.endswith(SUFFIX):
                path = f"{self.directory}/{name}"
                entries, self._offsets[writer] = journals.read(self.store, path, self._offsets.get(writer, START))
                for entry in entries:
                    if (line := line_of(entry)) is not None:
                        self.apply(writer, line)
        return self

    def apply(self, writer: str, line: Line) -> None:
        """Takes an operation of a writer."""
        self.clock = max(self.clock, line.clock)
        if line.op == "study":
            if self._is_newest(("study", line.scope, line.name), line, writer):
                (self.system if line.scope == "system" else self.user)[line.name] = line.text
        elif line.op == "end":
            bisect.insort(self.ends, End(line.round, line.why, line.time), key=lambda end: (end.round, end.time))
        elif line.op == "closed":
            self._closed.add(writer)
        elif line.trial is not None:
            self._of_trial(writer, line, line.trial)

    def _of_trial(self, writer: str, line: Line, number: int) -> None:
        trial = self.trials.get(number)
        if line.op == "trial":
            if trial is None:
                self.trials[number] = _made(writer, line, number)
                bisect.insort(self.numbers, number)
                for other, early in self._early.pop(number, ()):
                    self._say(other, early, self.trials[number])
        elif trial is None:
            self._early.setdefault(number, []).append((writer, line))
        else:
            self._say(writer, line, trial)

    def _say(self, writer: str, line: Line, trial: Trial) -> None:
        if line.op == "state" and line.state == RUNNING and trial.state == WAITING:
            trial.owner, trial.state, trial.started, trial.run = writer, RUNNING, line.time, line.run
        elif self._holds(writer, line, trial):
            _set(trial, line)
        trial.changed += 1

    def _holds(self, writer: str, line: Line, trial: Trial) -> bool:
        """Whether what a writer says of a trial goes before what was said of the same before."""
        key = (trial.number, line.op, line.scope, line.name, line.step)
        if writer == trial.owner:
            self._stamps.pop(key, None)
            return True
        said = trial.over if line.op == "state" else _is_said(trial, line)
        return (not said or key in self._stamps) and self._is_newest(key, line, writer)

    def _is_newest(self, key: tuple[Any, ...], line: Line, writer: str) -> bool:
        stamp = (line.clock, writer)
        if stamp < self._stamps.get(key, (-1, "")):
            return False
        self._stamps[key] = stamp
        return True


class Pen:
    """The journal of one writer. What it writes is applied to the fold at once."""

    def __init__(self, fold: Fold, writer: str) -> None:
        self.fold = fold
        self.writer = writer
        self.journal = Appender(fold.store, f"{fold.directory}/{writer}{SUFFIX}")

    def write(self, *lines: Line) -> None:
        """Applies lines to the fold; they wait for a `flush` of the journal, which alone touches the disk."""
        moment = now()
        for line in lines:
            line.clock, line.time = self.fold.clock + 1, line.time or moment
            self.fold.apply(self.writer, line)
        self.journal.extend(lines)

    def close(self) -> None:
        """Says that nothing more will come, and makes all of it durable."""
        self.write(Line(op="closed"))
        self.journal.close()


def read(store: Store, directory: str) -> Fold:
    """All that the journals of a tuning say by now."""
    return Fold(store, directory).refresh()


@contextmanager
def kept(store: Store, directory: str) -> Iterator[Fold]:
    """All that the journals of a tuning say by now, read on from where this process had come to the last time."""
    fold = (_kept.pop((store.root, directory), None) or Fold(store, directory)).refresh()
    yield fold
    _kept[store.root, directory] = fold
    for old in list(_kept)[:-KEPT]:
        _kept.pop(old, None)


def give(store: Store, directory: str, lines: list[Line]) -> None:
    """Writes the trials that a tuning begins with."""
    pen = Pen(Fold(store, directory), f"given-{store.writer}")
    pen.write(*lines)
    pen.close()


def announce(store: Store, tuning: str) -> None:
    """Tells watchers that something has changed in a tuning."""
    feed.announce(store, "tuning", tuning, 0)


def attribute(attributes: dict[str, str], name: str) -> Any:
    """An attribute that is kept as JSON text; None where there is none, or what somebody wrote is no JSON."""
    try:
        return json.loads(attributes.get(name, "null"))
    except (ValueError, RecursionError):
        return None


@lru_cache(maxsize=4096)
def notation(distribution: str) -> Notation | None:
    """What a distribution says; None for a text that is none."""
    try:
        found = msgspec.json.decode(distribution, type=Notation)
    except (msgspec.MsgspecError, RecursionError):
        return None
    known = found.name in ("IntDistribution", "FloatDistribution", "CategoricalDistribution")
    return found if known and (found.name != "CategoricalDistribution" or found.attributes.choices) else None


def number(value: float) -> Number:
    """A number as a line holds it."""
    if value - value == 0:
        return value
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


def value(said: Number) -> float:
    """The number that a line holds."""
    return NOT_FINITE[said] if isinstance(said, str) else said


def line_of(entry: Entry) -> Line | None:
    """A line of a journal; None for one that is none of ours."""
    try:
        line = msgspec.convert(entry, Line)
    except msgspec.ValidationError:
        return None
    said = [line.value, *(line.values or ()), *(one for _, one in line.steps or ())]
    if any(isinstance(one, str) and one not in NOT_FINITE for one in said):
        return None
    drawn = list((line.params or {}).values())
    if line.op == "param":
        drawn.append(Param(value(line.value or 0), line.distribution))
    return line if all(map(_is_drawn, drawn)) else None


def _is_drawn(one: Param) -> bool:
    """Whether a parameter can be told from what it was drawn from."""
    found = notation(one.distribution)
    if found is None or one.value - one.value != 0:
        return False
    return found.name != "CategoricalDistribution" or 0 <= one.value < len(found.attributes.choices)


def _made(writer: str, line: Line, number: int) -> Trial:
    return Trial(
        number=number,
        owner=writer,
        run=line.run,
        state=line.state or RUNNING,
        values=None if line.values is None else [value(one) for one in line.values],
        params=dict(line.params or {}),
        steps={step: value(one) for step, one in line.steps or ()},
        user=dict(line.user or {}),
        system=dict(line.system or {}),
        started=line.started,
        ended=line.ended,
        given=line.given,
        why=line.why,
    )


def _is_said(trial: Trial, line: Line) -> bool:
    if line.op == "param":
        return line.name in trial.params
    if line.op == "step":
        return line.step in trial.steps
    return line.name in (trial.system if line.scope == "system" else trial.user)


def _set(trial: Trial, line: Line) -> None:
    """New dicts each time: what was handed out before does not change."""
    if line.op == "param" and isinstance(line.value, int | float):
        trial.params = trial.params | {line.name: Param(float(line.value), line.distribution)}
    elif line.op == "step" and line.step is not None and line.value is not None:
        trial.steps = trial.steps | {line.step: value(line.value)}
    elif line.op == "attribute" and line.scope == "system":
        trial.system = trial.system | {line.name: line.text}
    elif line.op == "attribute":
        trial.user = trial.user | {line.name: line.text}
    elif line.op == "state":
        trial.state, trial.why = line.state, line.why
        trial.ended = line.time if line.state in OVER else None
        if line.values is not None:
            trial.values = [value(one) for one in line.values]
