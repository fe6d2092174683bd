"""The histories of a run's metrics: one file of lines per process that logged, read on from where reading stopped."""

import math
from collections.abc import Iterable
from typing import Any, TypeGuard

import msgspec

from cupola.experiments import records
from cupola.experiments.records import Run
from cupola.store import Store, files, journals

BEGIN, END = "metrics", ".jsonl"
PIECE = 1 << 22  # bytes that are read at once
NOT_FINITE = ("NaN", "Infinity", "-Infinity")


class Logged(msgspec.Struct, kw_only=True):
    """One value of a metric as it was logged; `step` is None for a final one.

    value: a number, or "NaN", "Infinity", "-Infinity", which JSON has no numbers for. process: "" for the one whose run
    it is, else which of a training's processes has logged it ("rank1", "HOST-PID").
    error: its standard error, where that was told.
    """

    name: str
    value: float | str
    step: int | None = None
    time: str = ""
    seq: int = 0
    process: str = ""
    error: float | None = None

    @property
    def number(self) -> float:
        return float(self.value)


class _Entry(msgspec.Struct):
    """A line of a file of metrics: a value, or parameters."""

    name: str = ""
    value: float | str | None = None
    step: int | None = None
    time: str = ""
    seq: int = 0
    error: float | None = None
    params: dict[str, Any] = {}


class History:
    """What one attempt of a run has logged. `refresh` reads what is new.

    `logged` is in the order of the files, of which that of the run's own process comes first.
    """

    def __init__(self, store: Store, directory: str) -> None:
        self.store = store
        self.directory = directory
        self.logged: list[Logged] = []
        self.params: dict[str, Any] = {}
        self._read: dict[str, tuple[int, int]] = {}  # up to which byte and seq, by file

    def refresh(self) -> "History":
        """Reads on. Raises DiskTrouble."""
        for name in files_of(self.store, self.directory):
            self._refresh(name)
        return self

    def _refresh(self, file: str) -> None:
        process = file.removeprefix(BEGIN).removesuffix(END).strip(".").rpartition(".")[0]
        position, seq = self._read.get(file, (0, 0))
        rest = b""
        while data := journals.tail(self.store, f"{self.directory}/{file}", position + len(rest), PIECE)[0]:
            whole, newline, rest = (rest + data).rpartition(b"\n")
            for entry in _decode(whole):
                if entry.seq > seq or not entry.seq:  # what was written again after an error comes twice
                    seq = max(seq, entry.seq)
                    self._take(entry, process)
            position += len(whole) + len(newline)
        self._read[file] = (position, seq)

    def _take(self, entry: _Entry, process: str) -> None:
        self.params |= entry.params
        if entry.name and _is_value(entry.value):
            self.logged.append(
                Logged(
                    name=entry.name, value=entry.value, step=entry.step, time=entry.time, seq=entry.seq,
                    process=process, error=entry.error,
                )
            )  # fmt: skip


def of_run(store: Store, run: Run) -> History:
    """All that the believed attempt of a run has logged."""
    return History(store, records.attempt_directory(store, run) or run.directory).refresh()


def files_of(store: Store, directory: str) -> list[str]:
    """The files of metrics of an attempt."""
    found = [one for one in files.listing(store, directory) if one.startswith(BEGIN) and one.endswith(END)]
    return sorted(found, key=lambda name: (len(name) != len(BEGIN + END), name))


def of_others(store: Store, directory: str, own: str) -> tuple[dict[str, Any], dict[str, float]]:
    """Parameters and the last finite values of metrics in the files of other processes than that of the file `own`."""
    history = History(store, directory)
    if all(name == own for name in files_of(store, directory)):
        return {}, {}
    history.refresh()
    others = [one for one in history.logged if one.process]
    return history.params, {one.name: one.number for one in sorted(others, key=lambda one: one.time)}


def of_one_process(logged: list[Logged]) -> list[Logged]:
    """Each metric as one process has it: the run's own, else the first of those that have logged it."""
    speaks: dict[str, str] = {}
    for one in logged:
        if speaks.setdefault(one.name, one.process) > one.process:
            speaks[one.name] = one.process
    return [one for one in logged if speaks[one.name] == one.process]


def thin(logged: Iterable[Logged], most: int) -> list[Logged]:
    """At most about `most` of each metric and process, by step, so that a plot of them looks like one of all.

    Of each of the stretches that a history is cut into, the smallest and the largest value are kept, and of the whole
    the first and the last.
    """
    series: dict[tuple[str, str], list[Logged]] = {}
    for one in logged:
        series.setdefault((one.name, one.process), []).append(one)
    return [one for points in series.values() for one in _thin(points, most)]


def _thin(points: list[Logged], most: int) -> list[Logged]:
    if len(points) <= most:
        return points
    if all(one.step is not None for one in points):
        points = sorted(points, key=lambda one: one.step or 0)
    last, stretches = len(points) - 1, max(1, most // 2 - 1)
    values = [one.number for one in points]
    low = [math.inf if value != value else value for value in values]
    high = [-math.inf if value != value else value for value in values]
    kept = {0, last}
    for place in range(stretches):
        span = range(1 + place * (last - 1) // stretches, 1 + (place + 1) * (last - 1) // stretches)
        if span:
            kept |= {min(span, key=low.__getitem__), max(span, key=high.__getitem__)}
    return [points[place] for place in sorted(kept)]


_DECODER = msgspec.json.Decoder(_Entry)


def can_be_read(line: bytes) -> bool:
    """Whether a line of a file of metrics says all that it was to say: of a value also whose it is."""
    entry = _entry(line)
    return entry is not None and bool(entry.name) == _is_value(entry.value)


def _is_value(value: float | str | None) -> TypeGuard[float | str]:
    return isinstance(value, float) or value in NOT_FINITE


def _decode(lines: bytes) -> list[_Entry]:
    """The entries in whole lines; one that is torn is passed over."""
    try:
        found: list[_Entry] = _DECODER.decode_lines(lines)
        return found
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return [entry for line in lines.splitlines() if (entry := _entry(line)) is not None]


def _entry(line: bytes) -> _Entry | None:
    try:
        return _DECODER.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
