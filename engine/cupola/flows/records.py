"""What is known of a flow: `flows/NAME.toml`, which people edit too; and what is learned when it is fitted.

A step names its transform by `type` (the catalogue has them) and takes what its `inputs` give: other steps or sources,
by their ids; without any, what the step before it in the file gives (the first step: the first source). The flow's
result is that of its last step.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import msgspec

from cupola.errors import BadInput, BadOption, NotFound, meant
from cupola.store import Store, files, names, records, undoing
from cupola.store.records import Record

DIRECTORY = "flows"
SUFFIX = ".toml"
JOIN = "join"  # the transform that may look rows up
FITTED = "flow.json"  # beside the rows of a version that a flow has made: what it had learned


class FlowStep(msgspec.Struct, kw_only=True):
    """One transform. type: its name in the catalogue. inputs: ids of steps or sources; none: the step before."""

    id: str
    type: str
    inputs: list[str] = msgspec.field(default_factory=list)
    params: dict[str, Any] = msgspec.field(default_factory=dict)


class Flow(Record, kw_only=True):
    """`flows/NAME.toml`. sources: datasets by an id of their own. seed: of all chance in it."""

    name: str = ""
    description: str = ""
    seed: int = 0
    sources: dict[str, str] = msgspec.field(default_factory=dict)
    steps: list[FlowStep] = msgspec.field(default_factory=list)


class FittedStep(msgspec.Struct, kw_only=True):
    """A step with what it has learned: `state` is plain JSON, as its transform reads it. inputs: always said."""

    id: str
    type: str
    inputs: list[str]
    params: dict[str, Any]
    state: dict[str, Any] = msgspec.field(default_factory=dict)


class Fitted(Record, kw_only=True):
    """A flow that has learned from the training part: all that is needed to apply it again, as plain data.

    flow, sha256: its name, and what its steps, seed and sources say (`flow_hash`). source: the id of the source whose
    rows it takes; columns, result: what it takes and gives, {NAME: SQL type}. target: the column that models learn;
    made_of: where a step makes it, the columns that it is made of.
    """

    flow: str
    sha256: str
    seed: int
    source: str
    target: str | None = None
    made_of: list[str] = msgspec.field(default_factory=list)
    columns: dict[str, str]
    result: dict[str, str]
    steps: list[FittedStep]
    notes: list[str] = msgspec.field(default_factory=list)


def path(name: str) -> str:
    """Where a flow lies."""
    return f"{DIRECTORY}/{names.check_name(name, 'name of a flow')}{SUFFIX}"


def ls(store: Store) -> list[str]:
    """The names of all flows."""
    found = (one for one in files.listing(store, DIRECTORY) if one.endswith(SUFFIX))
    return sorted(one.removesuffix(SUFFIX) for one in found)


def find(store: Store, name: str) -> Flow:
    """The flow of that name. Raises NotFound, which says what was probably meant, Corrupt with the line."""
    try:
        flow = records.read_toml(store, path(name), Flow)
    except NotFound:
        known = ls(store)
        listed = f"there are {', '.join(known[:10])}" if known else "`cupola flow new` makes one"
        hint = meant(name, known, listed)
        raise NotFound(f"there is no flow called {name!r}", hint=hint) from None
    flow.name = name  # a file that was copied by hand has the name of the other one in it
    return flow


def create(store: Store, flow: Flow) -> None:
    """Makes the file of a new flow. Raises BadOption where there is one of that name."""
    if flow.name in ls(store):
        raise BadOption(f"there is a flow called {flow.name!r} already", hint="`cupola flow edit` changes it")
    records.write_toml(store, path(flow.name), flow, kind="flow", ref=flow.name)


def change(store: Store, name: str, edit: Callable[[Flow], None]) -> Flow:
    """Has `edit` change the flow in place, and writes it; comments and unknown fields of the file stay.

    Raises Conflict where somebody else writes it at the same moment.
    """
    flow, before = find(store, name), records.read_toml(store, path(name), Flow)
    edit(flow)
    records.write_toml(store, path(name), flow, kind="flow", ref=name, expected=before)
    return flow


def inputs(flow: Flow) -> dict[str, list[str]]:
    """What each step takes, by its id. Raises BadInput for ids that are there twice or not at all."""
    found: dict[str, list[str]] = {}
    before = next(iter(flow.sources), None)
    for step in flow.steps:
        if step.id in found or step.id in flow.sources:
            raise BadInput(f"two steps or sources are called {step.id!r}", where=path(flow.name))
        if not step.inputs and before is None:
            raise BadInput(
                "it has no source", where=path(flow.name), hint="`cupola flow edit --source flights` adds one"
            )
        found[step.id] = step.inputs or [str(before)]
        before = step.id
    known = [*flow.sources, *found]
    for id, taken in found.items():
        for one in taken:
            if one not in known:
                hint = meant(one, known, f"there are {', '.join(known)}")
                raise BadInput(
                    f"step {id} takes {one!r}, which is no step and no source", where=path(flow.name), hint=hint
                )
    return found


def ordered(flow: Flow, last: str | None = None) -> list[FlowStep]:
    """The steps that lead to the step `last` (by default the file's last), each after those that it takes.

    Each has its inputs said. Raises BadInput for a circle, BadOption where there is no such step.
    """
    taken, steps = inputs(flow), {one.id: one for one in flow.steps}
    if not steps:
        return []
    last = last or flow.steps[-1].id
    if last not in steps:
        hint = meant(last, steps, f"it has {', '.join(steps)}")
        raise BadOption(f"{flow.name} has no step {last!r}", hint=hint)
    found: dict[str, FlowStep] = {}
    under_way: dict[str, None] = {}
    waiting = [last]
    while waiting:
        id = waiting[-1]
        under_way[id] = None
        missing = [one for one in taken[id] if one in steps and one not in found]
        if circle := [one for one in missing if one in under_way]:
            round = [*under_way][[*under_way].index(circle[0]) :]
            said = " -> ".join([*round, circle[0]][::-1])
            raise BadInput(f"its steps go round in a circle: {said}", where=path(flow.name), hint="mend their inputs")
        if missing:
            waiting.append(missing[0])
            continue
        waiting.pop()
        del under_way[id]
        found[id] = msgspec.structs.replace(steps[id], inputs=taken[id])
    return list(found.values())


def main_source(steps: Sequence[FlowStep | FittedStep], sources: list[str]) -> str:
    """The source that the steps begin with: where two come together, that of the first input."""
    above = {one.id: one.inputs[0] for one in steps}
    here = steps[-1].id if steps else sources[0]
    while here in above:
        here = above[here]
    return here


def aside(steps: Sequence[FlowStep], source: str) -> set[str]:
    """The ids of the steps and sources that take nothing of this source. steps: as `ordered` gives them."""
    mine = {source}
    for step in steps:
        if mine.intersection(step.inputs):
            mine.add(step.id)
    return {id for step in steps for id in (step.id, *step.inputs)} - mine


def looks_up(step: FlowStep | FittedStep, aside: Collection[str]) -> bool:
    """Whether a step joins rows with such as are known before these come."""
    return step.type == JOIN and step.id not in aside and len(step.inputs) == 2 and step.inputs[1] in aside


def looked_up(fitted: Fitted) -> set[str]:
    """The ids of what its joins look up, which goes with it."""
    return {one.inputs[1] for one in fitted.steps if one.type == JOIN and one.state}


def flow_hash(flow: Flow, inputs: dict[str, str], last: str | None = None) -> str:
    """What identifies what the flow makes: its steps, its seed, and the exact versions of its sources."""
    import hashlib

    said = {"seed": flow.seed, "inputs": inputs, "steps": msgspec.to_builtins(ordered(flow, last))}
    return hashlib.sha256(msgspec.json.encode(said, order="sorted")).hexdigest()


def changes(store: Store, name: str) -> tuple[list[bytes], list[bytes]]:
    """What the file has been and is; and what was undone and can be done again, as `undoing.changes` gives it."""
    here = path(name)
    return undoing.changes(store, here, lambda data: msgspec.structs.replace(_decoded(data, here), revision=0))


def put_back(store: Store, name: str, data: bytes) -> Flow:
    """Makes an earlier version of the file the present one."""
    raw = _decoded(data, path(name))
    return change(store, name, lambda flow: _become(flow, raw))


def _become(flow: Flow, other: Flow) -> None:
    for field in ("description", "seed", "sources", "steps"):
        setattr(flow, field, getattr(other, field))


def _decoded(data: bytes, where: str) -> Flow:
    from cupola.store import toml

    return toml.convert(toml.parse(data, where), Flow, data, where)
