"""TensorBoard's event files: each directory that holds some is a run, of which scalars and hyperparameters come over.

Sources: tensorflow/core/util/event.proto, framework/summary.proto, framework/tensor.proto;
tensorboard/plugins/hparams/plugin_data.proto.
"""

import os
import struct
from collections import Counter
from collections.abc import Container, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from cupola.errors import BadInput, BadName
from cupola.experiments import records as experiments
from cupola.experiments.records import Run
from cupola.importing import framing, protobuf, writing
from cupola.importing.protobuf import Malformed
from cupola.importing.records import Imported, id_of, shown
from cupola.importing.work import Work, size
from cupola.importing.writing import Writer
from cupola.store import names
from cupola.tracking import values

MARK = "tfevents"  # in the name of an event file
SCALARS, HPARAMS = "scalars", "hparams"
KINDS = {3: "histograms", 4: "images", 5: "histograms", 6: "audio"}  # of a value, by the field that holds it
OF_EVENTS = {4: "graphs", 8: "profiles of a graph", 9: "graphs"}
STATUS = {1: "Completed", 2: "Failed"}
DATA = {
    1: "<f", 2: "<d", 3: "<i", 4: "<B", 5: "<h", 6: "<b", 9: "<q", 10: "<?", 17: "<H", 19: "<e", 22: "<I", 23: "<Q",
}  # fmt: skip
BFLOAT16, HALF = 14, 19  # types of a tensor
VALUES = {1: 5, 2: 6, 9: 10, 10: 11, 22: 16, 23: 17}  # the field that holds the values of a type; of others, 7
TAGS = 3  # of what did not come over are named


def bring(work: Work, path: Path) -> Imported:
    """Imports the runs below a directory, or of one event file. Raises BadInput where there are none, DiskTrouble."""
    found = dict(_runs(path, work.done))
    if not found:
        raise BadInput("there are no event files of TensorBoard's", where=str(path), hint=f"their names hold {MARK!r}")
    top = path if path.is_dir() else path.parent
    work.total = sum(size(one) for files in found.values() for one in files)
    there = experiments.directories(work.store)
    experiment = names.as_name(top.resolve().name or "root")
    for directory, files in found.items():
        name = shown(top.name if directory == top else str(directory.relative_to(top)))
        work.room(partial(_bring, work, name, experiment, files, there))
    return work.done


def _bring(work: Work, name: str, experiment: str, files: list[Path], there: Container[str]) -> None:
    _Run(work, name, experiment, files).bring(there)


def _runs(root: Path, done: Imported) -> Iterator[tuple[Path, list[Path]]]:
    """The directories with event files, and these by name, which begins with the time at which they were begun."""
    if root.is_file():
        yield root.parent, [root]
        return
    for at, directories, found in os.walk(root):
        directories.sort()
        for name in [*directories, *found]:
            if (path := Path(at) / name).is_symlink():
                done.skip(shown(str(path.relative_to(root))), "it is a symlink, and none is followed")
        files = [path for name in sorted(found) if MARK in name and not (path := Path(at) / name).is_symlink()]
        if files:
            yield Path(at), files


class _Run:
    """One run on its way. hparams: its hyperparameters; plugins: whose each tag is; left: what did not come, by tag."""

    def __init__(self, work: Work, name: str, experiment: str, files: list[Path]) -> None:
        self.work, self.name, self.experiment, self.files = work, name, experiment, files
        self.params: dict[str, Any] = {}
        self.plugins: dict[str, str] = {}
        self.left: dict[str, Counter[str]] = {}
        self.status = "Completed"
        self.started = self.ended = 0.0
        self.damaged = 0

    def bring(self, there: Container[str]) -> None:
        """Writes it, if it is not `there`."""
        identity = self._identity()
        if identity is None:
            self._skip("", "none of its event files holds a record")
            return
        run = writing.mine(self.work.store, id_of("tensorboard", *identity), self.name, self.experiment)
        if run.id in there:
            self._skip("", "it is here already")
            return
        run.environment = {"imported": {"from": "TensorBoard", "name": self.name}}
        with Writer(self.work.store, run, self.work.done) as writer:
            for file in self.files:
                self._read(file, writer)
            self._end(run, writer)
        self._name_left()

    def _end(self, run: Run, writer: Writer) -> None:
        if not writer.count and not self.params:
            self._skip("", "it has neither scalars nor hyperparameters")
            return
        run.params = self.params
        run.status = self.status
        begun = min((one for one in (self.started, writer.first / 1e9) if one > 0), default=0.0)
        run.started, run.ended = writing.moment(begun), writing.moment(max(self.ended, writer.last / 1e9))
        run.submitted = run.started or run.submitted
        if not writer.publish():
            self._skip("", "it is here already")

    def _identity(self) -> tuple[str, str, bytes] | None:
        """What tells the run from all others, wherever it lies: its directory's and its first file's name, and how that
        begins, which is with the moment."""
        for file in self.files:
            try:
                first = next(framing.events(file, lambda _: None, lambda _: None), None)
            except BadInput:
                continue
            if first is not None:
                return file.resolve().parent.name, file.name, first
        return None

    def _read(self, file: Path, writer: Writer) -> None:
        before = self.damaged
        try:
            for record in framing.events(file, lambda why: self._skip(f": {shown(file.name)}", why), self._progress):
                try:
                    self._event(record, writer)
                except Malformed:
                    self.damaged += 1
        except BadInput as error:
            self._skip(f": {shown(file.name)}", error.message)
        if self.damaged > before:
            self._skip(f": {shown(file.name)}", f"{self.damaged - before:,} of its records are no events")

    def _event(self, record: bytes, writer: Writer) -> None:
        time, step, summaries = 0.0, 0, []
        for number, value in protobuf.fields(record):
            if number == 1:
                time = protobuf.real(value)
            elif number == 2:
                step = protobuf.whole(value)
            elif number == 5:
                summaries.append(protobuf.data(value))
            elif number in OF_EVENTS:
                self._leave(OF_EVENTS[number], "")
        for summary in summaries:
            for number, value in protobuf.fields(summary):
                if number == 1:
                    self._value(protobuf.data(value), step, time, writer)

    def _value(self, message: bytes, step: int, time: float, writer: Writer) -> None:
        tag, plugin, content, simple, tensor, other = "", None, b"", None, None, ""
        for number, value in protobuf.fields(message):
            if number == 1:
                tag = protobuf.text(value)
            elif number == 2:
                simple = protobuf.real(value)
            elif number == 8:
                tensor = protobuf.data(value)
            elif number == 9:
                plugin, content = _plugin(protobuf.data(value))
            elif number in KINDS:
                other = KINDS[number]
        if plugin is None:
            plugin = self.plugins.get(tag, "")
        elif len(self.plugins) < writing.METRICS:
            self.plugins[tag] = plugin  # only the first value of a tag says it
        if plugin == HPARAMS:
            self._hparams(content)
        elif simple is not None:
            writer.log(tag, simple, step, time)
        elif tensor is not None and plugin == SCALARS:
            writer.log(tag, _scalar(tensor), step, time)
        else:
            self._leave(other or shown(plugin) or "tensors", tag)

    def _hparams(self, content: bytes) -> None:
        for number, session in protobuf.fields(content):
            if number == 3:
                self._begun(protobuf.data(session))
            elif number == 4:
                for part, value in protobuf.fields(protobuf.data(session)):
                    if part == 1:
                        self.status = STATUS.get(protobuf.whole(value), self.status)
                    elif part == 2:
                        self.ended = protobuf.real(value)

    def _begun(self, session: bytes) -> None:
        for number, value in protobuf.fields(session):
            if number == 1:
                entry = dict(protobuf.fields(protobuf.data(value)))
                name = protobuf.text(entry.get(1, b""))
                self._param(name, _plain(protobuf.data(entry.get(2, b""))))
            elif number == 5:
                self.started = protobuf.real(value)

    def _param(self, name: str, value: Any) -> None:
        try:
            self.params[values.check_name(name, "parameter")] = value
        except BadName as error:
            self._skip(f": hyperparameter {shown(name)}", str(error))

    def _leave(self, kind: str, tag: str) -> None:
        tags = self.left.setdefault(kind, Counter())
        tags[tag if tag in tags or len(tags) < TAGS else ""] += 1

    def _name_left(self) -> None:
        for kind, tags in self.left.items():
            some = ", ".join(shown(tag) for tag in tags if tag)
            what = f": {kind}" + (f" ({some}{', ...' if '' in tags else ''})" if some else "")
            self._skip(what, f"only scalars and hyperparameters come over; {tags.total():,} left out")

    def _progress(self, count: int) -> None:
        self.work.tell(count, self.name)

    def _skip(self, what: str, why: str) -> None:
        self.work.done.skip(f"run {self.name}{what}", why)


def _plugin(metadata: bytes) -> tuple[str, bytes]:
    """Whose a value is, and what is said to them."""
    name, content = "", b""
    for number, value in protobuf.fields(metadata):
        if number == 1:
            for part, said in protobuf.fields(protobuf.data(value)):
                if part == 1:
                    name = protobuf.text(said)
                elif part == 2:
                    content = protobuf.data(said)
    return name, content


def _scalar(tensor: bytes) -> float:
    """The number that a tensor of one element holds. Raises Malformed for any other."""
    found = dict(protobuf.fields(tensor))
    kind = protobuf.whole(found.get(1, 0))
    how = DATA.get(kind, "")
    content = protobuf.data(found.get(4, b""))
    if kind == BFLOAT16 and len(content) == 2:
        return protobuf.real(b"\0\0" + content)
    if not how or (content and len(content) != struct.calcsize(how)):
        raise Malformed("no tensor of one number")
    if content:
        return float(struct.unpack(how, content)[0])
    held = found.get(13 if kind == HALF else VALUES.get(kind, 7), 0)
    if kind in (1, 2):
        return protobuf.real(held) if held else 0.0
    number = next(protobuf.packed(held), 0)
    if kind == HALF:
        return float(struct.unpack("<e", struct.pack("<H", number & 0xFFFF))[0])
    return float(number if how in ("<Q", "<I") else protobuf.whole(number))


def _plain(value: bytes) -> Any:
    """What a value of a hyperparameter is; numbers are all written as floats there."""
    for number, held in protobuf.fields(value):
        if number == 2:
            found = protobuf.real(held)
            return int(found) if found.is_integer() and abs(found) < 2**53 else values.plain(found)
        if number == 3:
            return values.text(protobuf.text(held))
        if number == 4:
            return bool(held)
        if number in (5, 6):
            return "(a list)" if number == 6 else "(a struct)"
    return None
