"""W&B's offline runs: a directory for each, with a log of records (`run-ID.wandb`) and files beside it.

A run that was resumed has several, which are one run here too.
Source: wandb/proto/wandb_internal.proto of wandb 0.31.
"""

import json
from collections import Counter
from collections.abc import Container, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from cupola.errors import BadInput, BadName, BadOption
from cupola.experiments import records as experiments
from cupola.experiments.records import Code, Run
from cupola.importing import framing, protobuf, writing
from cupola.importing.protobuf import Malformed, Value
from cupola.importing.records import Imported, id_of, shown
from cupola.importing.work import Work, size
from cupola.importing.writing import Writer
from cupola.store import names
from cupola.team import notes
from cupola.tracking import values

HISTORY, SUMMARY, CONFIG, RUN, EXIT = 2, 3, 5, 17, 18  # records, by their field
LEFT = {
    4: "lines of the console", 7: "states of the machine", 8: "artifacts", 9: "logs of TensorBoard's", 10: "alerts",
    13: "lines of the console", 25: "artifacts that were used",
}  # fmt: skip
OWN = {"_step", "_runtime", "_timestamp", "_wandb"}  # what W&B itself puts among the values
FIRST = 64  # records of a file among which its run is named
DEEPEST = 50  # values within one another
KEYS = 3  # of what did not come over are named


class Known(msgspec.Struct, kw_only=True):
    """What the records say of the run itself. started: seconds since 1970."""

    id: str = ""
    entity: str = ""
    project: str = ""
    name: str = ""
    notes: str = ""
    group: str = ""
    job: str = ""
    sweep: str = ""
    host: str = ""
    commit: str = ""
    started: float = 0.0
    tags: list[str] = []


def bring(work: Work, path: Path) -> Imported:
    """Imports the runs in or below a directory, or of one file. Raises BadInput where there are none, DiskTrouble."""
    files = list(_files(path))
    if not files:
        hint = "they lie in wandb/offline-run-*/run-*.wandb"
        raise BadInput("there are no offline runs of W&B's", where=str(path), hint=hint)
    work.total = sum(map(size, files))
    there = experiments.directories(work.store)
    for known, parts in _by_run(work, files):
        work.room(partial(_bring, work, known, parts, there))
    return work.done


def _bring(work: Work, known: Known, files: list[Path], there: Container[str]) -> None:
    _Run(work, known, files).bring(there)


def _files(root: Path) -> Iterator[Path]:
    """The logs: that file, or those in a run's directory, in a directory of runs, or in `wandb/` below."""
    if not root.is_dir():
        yield root
        return
    for pattern in ("*.wandb", "*/*.wandb", "wandb/*/*.wandb"):
        for path in sorted(root.glob(pattern)):
            if not path.is_symlink() and not path.parent.is_symlink():
                yield path


def _by_run(work: Work, files: list[Path]) -> list[tuple[Known, list[Path]]]:
    """The logs of each run, the earliest first."""
    found: dict[tuple[str, str, str], list[tuple[Known, Path]]] = {}
    for file in files:
        known = Known()
        try:
            for number, record in enumerate(framing.log(file, lambda _: None, lambda _: None)):
                if number > FIRST or _is_named(record, known):
                    break
        except BadInput as error:
            work.done.skip(shown(str(file)), error.message)
            continue
        if known.id:
            found.setdefault((known.entity, known.project, known.id), []).append((known, file))
        else:
            work.done.skip(shown(str(file)), "it names no run: its writer was killed before it had written anything")
    parts = [sorted(one, key=lambda part: (part[0].started, str(part[1]))) for one in found.values()]
    return [(one[0][0], [file for _, file in one]) for one in parts]


def _is_named(record: bytes, known: Known) -> bool:
    """Whether a record says which run it is; then `known` does."""
    try:
        for number, value in protobuf.fields(record):
            if number == RUN:
                _learn(protobuf.data(value), known)
                return True
    except Malformed:
        return False
    return False


class _Run:
    """One run on its way. left: what does not come over, by its kind."""

    def __init__(self, work: Work, known: Known, files: list[Path]) -> None:
        self.work, self.known, self.files = work, known, files
        self.name = shown(known.name or known.id)
        self.config: dict[str, Any] = {}
        self.summary: dict[str, Any] = {}
        self.left: dict[str, Counter[str]] = {}
        self.exit: int | None = None
        self.runtime = 0.0
        self.begun = known.started
        self.damaged = 0

    def bring(self, there: Container[str]) -> None:
        """Writes it, if it is not `there`."""
        known = self.known
        project = names.as_name(known.project or "uncategorized")
        id = id_of("wandb", known.entity, known.project, known.id)
        if id in there:
            self._skip("", "it is here already")
            return
        run = writing.mine(self.work.store, id, self.name, project)
        with Writer(self.work.store, run, self.work.done) as writer:
            for file in self.files:
                self.exit, self.runtime = None, 0.0
                self._read(file, writer)
            self._describe(run, writer)
            for file in self.files:
                if (beside := file.parent / "files").is_dir() and not beside.is_symlink():
                    writer.copy(beside)
            if not writer.publish():
                self._skip("", "it is here already")
        self._name_left()

    def _read(self, file: Path, writer: Writer) -> None:
        what = f": {shown(file.name)}"
        before = self.damaged
        for record in framing.log(file, lambda why: self._skip(what, why), self._progress):
            try:
                for number, value in protobuf.fields(record):
                    self._record(number, value, writer)
            except Malformed:
                self.damaged += 1
        if self.damaged > before:
            self._skip(what, f"{self.damaged - before:,} of its records are none of W&B's")

    def _record(self, number: int, value: Value, writer: Writer) -> None:
        if number == HISTORY:
            self._row(protobuf.data(value), writer)
        elif number == SUMMARY:
            for part, item in protobuf.fields(protobuf.data(value)):
                if part in (1, 2):
                    _change(self.summary, part == 1, *_item(protobuf.data(item)))
        elif number == CONFIG:
            self._configure(protobuf.data(value))
        elif number == RUN:
            known = Known()
            self._configure(_learn(protobuf.data(value), known))
            self.begun = known.started or self.begun
        elif number == EXIT:
            self.exit = 0
            for part, said in protobuf.fields(protobuf.data(value)):
                if part == 1:
                    self.exit = protobuf.whole(said)
                elif part == 2:
                    self.runtime = float(protobuf.whole(said))
        elif number in LEFT:
            self._leave(LEFT[number], _named(value) if number == 8 else "")

    def _row(self, message: bytes, writer: Writer) -> None:
        """A line of the history: the values of one step."""
        row: dict[str, Any] = {}
        step: int | None = None
        for number, value in protobuf.fields(message):
            if number == 1:
                _change(row, True, *_item(protobuf.data(value)))
            elif number == 2:
                step = protobuf.whole(dict(protobuf.fields(protobuf.data(value))).get(1, 0))
        if step is None:
            step = said if isinstance(said := row.get("_step"), int) else 0
        time = row.get("_timestamp")
        seconds = float(time) if isinstance(time, int | float) else self.begun
        for name, held in row.items():
            if name not in OWN:
                for full, one, kind in _numbers(name, held):
                    if kind:
                        self._leave(kind, full)
                    else:
                        writer.log(full, one, step, seconds)

    def _configure(self, message: bytes) -> None:
        for part, item in protobuf.fields(message):
            if part in (1, 2):
                _change(self.config, part == 1, *_item(protobuf.data(item)))

    def _describe(self, run: Run, writer: Writer) -> None:
        known = self.known
        run.environment = {
            "imported": {"from": "W&B"}
            | {name: values.text(one) for name in ("id", "project", "entity", "host") if (one := getattr(known, name))}
        }
        for name, value in self.config.items():
            if name != "_wandb":
                try:
                    run.params[values.check_name(name, "parameter")] = values.plain(value)
                except BadName as error:
                    self._skip(f": parameter {shown(name)}", str(error))
        run.tags = self._tags()
        run.notes += [values.text(known.notes)] if known.notes.strip() else []
        run.code = Code(commit=shown(known.commit) or None)
        for name, held in self.summary.items():
            if name not in OWN:
                found = {full: one for full, one, kind in _numbers(name, held) if not kind and _is_name(full)}
                run.metrics |= {full: one for full, one in found.items() if one - one == 0}
        ended = max(writer.last / 1e9, self.begun + self.runtime)
        run.started, run.ended = writing.moment(known.started or writer.first / 1e9), writing.moment(ended)
        run.submitted = run.started or run.submitted
        if self.exit is None:
            run.status, run.secondary_status = "Failed", "Interrupted"
            run.reason = "its log does not say how it ended: it was killed, or was still under way when it was imported"
        elif self.exit:
            run.status, run.reason = "Failed", f"its script ended with exit status {self.exit}"

    def _tags(self) -> list[str]:
        known, found = self.known, []
        told = [(None, tag) for tag in known.tags]
        for key, value in [*told, ("group", known.group), ("job_type", known.job), ("sweep", known.sweep)]:
            if value:
                try:
                    found.append(notes.check_tag(f"{key}={value}" if key else value))
                except BadOption as error:
                    self._skip(f": tag {shown(value)}", str(error))
        return found

    def _leave(self, kind: str, key: str) -> None:
        keys = self.left.setdefault(kind, Counter())
        keys[key if key in keys or len(keys) < KEYS else ""] += 1

    def _name_left(self) -> None:
        for kind, keys in self.left.items():
            some = ", ".join(shown(key) for key in keys if key)
            what = f": {kind}" + (f" ({some}{', ...' if '' in keys else ''})" if some else "")
            self._skip(what, f"only values, configuration, summary and files come over; {keys.total():,} left out")

    def _progress(self, count: int) -> None:
        self.work.tell(count, self.name)

    def _skip(self, what: str, why: str) -> None:
        self.work.done.skip(f"run {self.name}{what}", why)


def _learn(message: bytes, known: Known) -> bytes:
    """Reads what the record of a run says into `known`; gives the configuration in it."""
    config = b""
    texts = {1: "id", 2: "entity", 3: "project", 6: "group", 7: "job", 8: "name", 9: "notes", 12: "sweep", 13: "host"}
    tags = []
    for number, value in protobuf.fields(message):
        if number in texts:
            setattr(known, texts[number], protobuf.text(value))
        elif number == 4:
            config = protobuf.data(value)
        elif number == 10:
            tags.append(protobuf.text(value))
        elif number == 17:
            parts = {part: protobuf.whole(one) for part, one in protobuf.fields(protobuf.data(value))}
            known.started = parts.get(1, 0) + parts.get(2, 0) / 1e9
        elif number == 21:
            known.commit = protobuf.text(dict(protobuf.fields(protobuf.data(value))).get(2, b""))
    known.tags = tags
    return config


def _item(message: bytes) -> tuple[list[str], Any]:
    """The key of an item, which may have parts, and its value; one that is written as JSON may be anything."""
    key, parts = "", []
    held: Any = None
    for number, value in protobuf.fields(message):
        if number == 1:
            key = protobuf.text(value)
        elif number == 2:
            parts.append(protobuf.text(value))
        elif number == 4:
            held = bool(value)
        elif number == 5:
            held = protobuf.zigzag(value)
        elif number == 6:
            held = protobuf.real(value)
        elif number == 7:
            held = protobuf.text(value)
        elif number in (8, 16):
            try:
                held = json.loads(protobuf.data(value))
            except (ValueError, RecursionError):
                raise Malformed("a value that is no JSON") from None
            if _is_deep(held):
                raise Malformed("a value of too many within one another")
    return parts or [key], held


def _is_deep(value: Any, left: int = DEEPEST) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return not left or any(_is_deep(one, left - 1) for one in inner if isinstance(one, dict | list))


def _numbers(name: str, value: Any) -> Iterator[tuple[str, float, str]]:
    """The numbers in a value by their names; of what is none, its kind."""
    if isinstance(value, dict) and "_type" not in value:
        for key, one in value.items():
            yield from _numbers(f"{name}.{key}", one)
    elif isinstance(value, dict):
        yield name, 0.0, shown(str(value["_type"]))
    elif isinstance(value, bool | int | float):
        try:
            yield name, float(value), ""
        except OverflowError:
            yield name, 0.0, "numbers too large for one"
    elif value is not None:
        yield name, 0.0, "texts" if isinstance(value, str) else "lists"


def _change(state: dict[str, Any], sets: bool, path: list[str], value: Any) -> None:
    """Sets or takes away what lies at a path."""
    for part in path[:-1]:
        below = state.get(part)
        if not isinstance(below, dict):
            below = state[part] = {}
        state = below
    if sets:
        state[path[-1]] = value
    else:
        state.pop(path[-1], None)


def _named(value: Value) -> str:
    """The name and type of an artifact."""
    said = {number: one for number, one in protobuf.fields(protobuf.data(value)) if number in (4, 5)}
    return f"{protobuf.text(said.get(5, b''))}, a {protobuf.text(said.get(4, b'')) or 'file'}"


def _is_name(name: str) -> bool:
    try:
        return bool(values.check_name(name, "metric"))
    except BadName:
        return False
