"""A look at pipelines and what was executed of them, at flows, and at what starts them: schedules."""

import msgspec

from cupola.checking import tree
from cupola.checking.inspection import Finding, Inspection, Look, aside
from cupola.checking.lines import journals
from cupola.errors import CupolaError
from cupola.flows import records as flows
from cupola.jobs import wish as wishes
from cupola.pipelines import definition, starting
from cupola.pipelines.callbacks import Answer
from cupola.pipelines.records import Compiled, Execution
from cupola.pipelines.results import Result
from cupola.schedules.records import Firing, Progress, Schedule, Signatures


def pipeline(of: Inspection, path: str) -> Look:
    """A file in pipelines/ that people write: what is wrong with it is theirs to mend."""
    try:
        definition.read(of.store, path.rpartition("/")[2].rpartition(".")[0])
    except CupolaError as error:
        yield Finding("torn", path, error.message, note=True)


def flow(of: Inspection, path: str) -> Look:
    yield from of.toml(path, flows.Flow)


def results(of: Inspection, directory: str) -> Look:
    """What steps have come to: what cannot be read is made again."""
    yield from tree.look(of, directory, deep=True)
    for name in of.names(directory):
        path = f"{directory}/{name}"
        data = yield from of.read(path, needed=False)
        try:
            msgspec.json.decode(data or b"{}", type=Result) if data is not None else None
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            yield Finding("torn", path, f"this result cannot be read: {error}", aside(path))


def execution(of: Inspection, directory: str) -> Look:
    """An execution: what was asked for, as its job was filed with it, and the journals of those who drive it."""
    yield from tree.look(of, directory, deep=False)
    path = f"{directory}/execution.json"
    if (yield from tree.lacks(of, directory, "execution.json", "an execution")):
        return
    for name in ("steps", "asked"):
        yield from tree.look(of, f"{directory}/{name}", deep=True)
        yield from journals(of, f"{directory}/{name}")
    for name in of.names(f"{directory}/answers"):
        yield from of.record(f"{directory}/answers/{name}", Answer)
    record = yield from of.record(path, Execution)
    yield from of.record(f"{directory}/definition.json", Compiled, needed=False)
    if record is None:
        return
    if record.directory != directory:
        yield Finding("mismatch", path, f"it says that it is {record.directory}")
    elif record.job not in of.jobs:
        yield Finding("dangling", path, f"the job {record.job} that drove it is not here any more", note=True)
    elif _seal(of, record) not in (None, starting.seal(record)):
        yield Finding("unsigned", path, "it is not what was filed with its job, and is not run; start another one")


def _seal(of: Inspection, record: Execution) -> str | None:
    """What the job that drives an execution was filed with; None where that cannot be read, which is said elsewhere."""
    try:
        return str(wishes.read(of.store, of.jobs[record.job]).spec.get("seal"))
    except CupolaError:
        return None


def schedule(of: Inspection, directory: str) -> Look:
    yield from tree.look(of, directory, deep=True)
    path = f"{directory}/schedule.toml"
    if (yield from tree.lacks(of, directory, "schedule.toml", "a schedule")):
        return
    record = yield from of.toml(path, Schedule)
    signatures = yield from of.record(f"{directory}/schedule.sig", Signatures)
    progress = f"{directory}/progress.json"
    yield from of.record(progress, Progress, needed=False, mend=aside(progress))
    for name in of.names(f"{directory}/firings"):
        yield from of.record(f"{directory}/firings/{name}", Firing)
    if record is None:
        return
    if f"schedules/{record.name}" != directory:
        yield Finding("mismatch", path, f"it says that it is {record.name}")
    elif record.user == of.user and signatures and not of.verifies(record.payload(), signatures.macs):
        why = f"it is not what its user signed, and is not fired; `cupola schedule confirm {record.name}` signs it"
        yield Finding("unsigned", path, why)
