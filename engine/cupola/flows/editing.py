"""Changes of a flow as people write them on a command line, in a prompt or a script.

A step: `fill-missing columns=age,fare method=median`; with id=, inputs= (of a join) and after= or before= (a step).
A setting: `fill method=mean columns=age`; an empty value takes the default again, `{"columns": ["a, b"]}` sets all.
"""

import re
from typing import Any

import msgspec

from cupola.arguments import split
from cupola.errors import BadOption, meant
from cupola.flows import records
from cupola.flows.records import Flow, FlowStep
from cupola.flows.transforms import catalogue
from cupola.store import names

PLACES = ("after", "before")
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
MOST_STEPS = 300


def add(flow: Flow, text: str) -> FlowStep:
    """Adds the step that the text says: at the end, or where after= or before= say. Raises BadOption."""
    type, said = _read(text, "fill-missing columns=age method=median")
    transform = catalogue.find(type)
    place, own = _apart(said, ("id", "inputs", *PLACES))
    if len(flow.steps) >= MOST_STEPS:
        raise BadOption(f"a flow has {MOST_STEPS} steps at most")
    id = place.get("id") or _free(flow, type)
    _check_id(flow, id)
    step = FlowStep(id=id, type=type, inputs=_ids(place.get("inputs", "")), params=_params(transform, own, {}))
    catalogue.params_of(step)
    if {*place} & {*PLACES}:
        _put(flow, step, place)
    else:
        flow.steps.append(step)
    return step


def set_(flow: Flow, text: str) -> FlowStep:
    """Changes the parameters, the inputs or the id of a step. Raises BadOption."""
    id, said = _read(text, "fill method=mean")
    step = find(flow, id)
    special, own = _apart(said, ("id", "inputs", "type"))
    if "type" in special and special["type"] != step.type:
        step.type, step.params = catalogue.find(special["type"]).name, {}
    step.params = _params(catalogue.find(step.type), own, step.params)
    if "inputs" in special:
        step.inputs = _ids(special["inputs"])
    if (name := special.get("id")) and name != step.id:
        _check_id(flow, name)
        for other in flow.steps:
            other.inputs = [name if one == step.id else one for one in other.inputs]
        step.id = name
    catalogue.params_of(step)
    return step


def remove(flow: Flow, id: str) -> None:
    """Takes a step out; those that took what it gave take what it took."""
    step = find(flow, id)
    at = flow.steps.index(step)
    above = step.inputs or [flow.steps[at - 1].id if at else next(iter(flow.sources))]
    flow.steps.remove(step)
    for other in flow.steps:
        other.inputs = [replaced for one in other.inputs for replaced in (above[:1] if one == id else [one])]


def move(flow: Flow, text: str) -> None:
    """Moves a step: `scale before=fill`, `scale after=fill`. Within a chain those that took what it gave take what it
    took, and it stands between the steps at its new place; elsewhere all take what they took."""
    id, said = _read(text, "scale before=fill")
    place, rest = _apart(said, PLACES)
    if rest or len(place) != 1:
        raise BadOption(f"{text!r} says no place", hint="scale before=fill, or after=fill")
    step, (other,) = find(flow, id), place.values()
    if id == other:
        raise BadOption(f"{id} cannot stand before or after itself")
    taken = records.inputs(flow)
    if find(flow, other).id not in _above(taken, id) and id not in _above(taken, other):
        flow.steps.remove(step)
        flow.steps.insert(_index(flow, place), step)
        for one in flow.steps:
            if records.inputs(flow)[one.id] != taken[one.id]:
                one.inputs = taken[one.id]
        return
    at = flow.steps.index(step)
    if step.inputs and at + 1 < len(flow.steps):
        follower = flow.steps[at + 1]
        follower.inputs = follower.inputs or [id]
    remove(flow, id)
    others = step.inputs[1:]
    first = other if "after" in place else records.inputs(flow)[other][0]
    step.inputs = [first, *others] if others else []
    _put(flow, step, place)


def find(flow: Flow, id: str) -> FlowStep:
    """The step of that id. Raises BadOption."""
    for step in flow.steps:
        if step.id == id:
            return step
    known = [one.id for one in flow.steps]
    hint = meant(id, known, f"it has {', '.join(known)}" if known else "it has no steps yet")
    raise BadOption(f"{flow.name} has no step {id!r}", hint=hint)


def source(flow: Flow, text: str) -> None:
    """Adds or changes a source: `weather=weather@2`, or `weather` for both; `weather=` takes it away."""
    id, equals, ref = text.partition("=")
    ref = ref if equals else id
    id = id if equals else id.partition("@")[0]
    if equals and not ref:
        flow.sources.pop(id, None)
        return
    if id not in flow.sources:
        _check_id(flow, id)
    flow.sources[id] = ref


def _read(text: str, example: str) -> tuple[str, list[tuple[str, str]]]:
    """The first word, and the (name, value) pairs after it, or those of a JSON object."""
    first, _, rest = text.strip().partition(" ")
    if not first:
        raise BadOption("nothing is said", hint=f"such as {example!r}")
    if rest.lstrip().startswith("{"):
        return first, [("", rest.strip())]
    pairs = []
    for word in split(rest):
        name, equals, value = word.partition("=")
        if not (name and equals):
            raise BadOption(f"{word!r} is not NAME=VALUE", hint=f"such as {example!r}")
        pairs.append((name, value))
    return first, pairs


def _apart(said: list[tuple[str, str]], special: tuple[str, ...]) -> tuple[dict[str, str], list[tuple[str, str]]]:
    return {name: value for name, value in said if name in special}, [one for one in said if one[0] not in special]


def _params(transform: Any, said: list[tuple[str, str]], before: dict[str, Any]) -> dict[str, Any]:
    if [name for name, _ in said] == [""]:
        try:
            return msgspec.json.decode(said[0][1], type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise BadOption(f"this is no JSON object: {error}") from None
    changed = before | catalogue.typed(transform, said)
    return {name: value for name, value in changed.items() if value is not None}


def _ids(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _index(flow: Flow, place: dict[str, str]) -> int:
    if "before" in place:
        return flow.steps.index(find(flow, place["before"]))
    return flow.steps.index(find(flow, place["after"])) + 1


def _put(flow: Flow, step: FlowStep, place: dict[str, str]) -> None:
    """Puts a step where after= or before= say, between those that stand there: who has said that it takes what comes
    before the step takes the step. One that takes something else is put there and nothing more."""
    at = _index(flow, place)
    flow.steps.insert(at, step)
    if "before" in place:
        following = find(flow, place["before"])
        if following.inputs and following.inputs[0] in (step.inputs or following.inputs):
            step.inputs = step.inputs or following.inputs[:1]
            following.inputs = [step.id, *following.inputs[1:]]
        return
    after = place["after"]
    below = flow.steps[at + 1 :]
    if step.inputs[:1] not in ([], [after]) or (below and not below[0].inputs):
        return
    taker = next((one for one in below if after in one.inputs), None)
    if taker:
        taker.inputs = [step.id if one == after else one for one in taker.inputs]


def _above(taken: dict[str, list[str]], id: str) -> list[str]:
    """What a step's rows come through, from it upwards. taken: what each step takes, the one whose rows go on first."""
    found: list[str] = []
    while id in taken and taken[id][0] not in found:
        id = taken[id][0]
        found.append(id)
    return found


def _free(flow: Flow, type: str) -> str:
    taken = {one.casefold() for one in (*flow.sources, *(step.id for step in flow.steps))}
    return next(
        name
        for number in range(1, len(taken) + 2)
        if (name := f"{type}{'' if number == 1 else f'-{number}'}") not in taken
    )


def _check_id(flow: Flow, id: str) -> None:
    names.check_name(id, "name of a step")
    if not ID.fullmatch(id):
        raise BadOption(f"{id!r} is no name of a step", hint="1 to 40 letters, digits, - and _")
    if id.casefold() in {one.casefold() for one in (*flow.sources, *(step.id for step in flow.steps))} or id == "df":
        raise BadOption(f"a step or source is called {id!r} already" if id != "df" else "df means the input of SQL")
