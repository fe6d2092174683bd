"""The flow of a training, kept as it is when the training is filed."""

from functools import lru_cache
from typing import Any

import msgspec

from cupola.datasets import asking
from cupola.datasets import records as datasets
from cupola.datasets.records import DatasetVersion
from cupola.errors import BadInput, BadOption
from cupola.flows import records as flows
from cupola.flows.records import FlowStep
from cupola.flows.transforms import catalogue
from cupola.store import Store, files
from cupola.training.records import Aim, FiledFlow


def flow(store: Store, name: str, version: DatasetVersion, target: str | None) -> FiledFlow:
    """The flow of that name over the rows of a dataset, which stand for those of the source of the same name.

    Where no source is a version of that dataset they stand for the first one's. target: it may be what a formula of the
    flow makes. Raises NotFound, Corrupt, BadInput, and BadOption for a flow without steps.
    """
    found = flows.find(store, name)
    steps = flows.ordered(found)
    if not steps:
        raise BadOption(f"the flow {name} has no steps", where="--flow", hint=f"`cupola flow edit {name}` adds some")
    for step in steps:
        catalogue.params_of(step)
    source = _source(found, steps, version)
    aside = flows.aside(steps, source)
    catalogue.check_servable(steps, aside)
    known = {one.name.casefold(): one.name for one in version.columns}
    for one in version.columns:
        if known[one.name.casefold()] != one.name:
            both = f"{one.name} and {known[one.name.casefold()]}"
            said = f"the columns {both} differ in capital letters only, which flows do not tell apart"
            raise BadInput(said, where=version.ref)
    exact = {id: datasets.find(store, ref).ref for id, ref in found.sources.items() if id != source}
    return FiledFlow(
        name=name,
        text=files.read_bytes(store, flows.path(name)).decode(),
        sha256=flows.flow_hash(found, exact | {source: version.ref}),
        source=source,
        sources=exact,
        columns=[(one.name, one.type) for one in version.columns],
        lookups=_looked_up(store, found, steps, source, exact),
        aim=_aim(store, name, [one for one in steps if one.id not in aside], version, target),
    )


def aimed(version: DatasetVersion, flow: FiledFlow | None) -> DatasetVersion:
    """The version as a training sees it: with the target that its flow makes, if it makes one."""
    if flow is None or flow.aim is None:
        return version
    return msgspec.structs.replace(version, columns=[*version.columns, flow.aim.column])


def _aim(store: Store, flow: str, steps: list[FlowStep], version: DatasetVersion, target: str | None) -> Aim | None:
    """The target that the first formula of that name makes, if it is no column of the version.

    Raises BadOption where that formula takes what is no column of the version, or what a step before it changes.
    """
    makes = [place for place, one in enumerate(steps) if one.type == "formula" and one.params["name"] == target]
    if not makes or target in {one.name for one in version.columns}:
        return None
    made, before = steps[makes[0]], steps[: makes[0]]
    expression = str(made.params["expression"])
    try:
        aim = _looked_at(store, version.ref, str(target), expression)
    except BadOption as error:
        why = f"the target {target} can only be made of columns of {version.ref}: {error.message}"
        raise BadOption(why, where=f"flow {flow}, step {made.id}", hint=error.hint) from None
    for step in before:
        touched = catalogue.columns_named(catalogue.find(step.type), catalogue.params_of(step))
        name = next((one for one in aim.of if one in (*touched, step.params.get("name"))), None)
        if name or step.type == "python":
            raise BadOption(
                f"the target {target} is made of {name or ', '.join(aim.of)}, which step {step.id} may change before",
                where=f"flow {flow}, step {made.id}",
                hint=f"`cupola flow edit {flow} --move '{made.id} before={step.id}'` makes it of the raw rows",
            )
    return aim


@lru_cache(maxsize=64)
def _looked_at(store: Store, ref: str, target: str, expression: str) -> Aim:
    """What a formula makes of a version, which never changes."""
    found = asking.ask(store, "target", dataset=ref, name=target, expression=expression)
    return msgspec.convert(found | {"expression": expression}, Aim)


def _source(found: flows.Flow, steps: list[FlowStep], version: DatasetVersion) -> str:
    """The source whose rows the flow prepares. Raises BadOption for a dataset in which its joins only look rows up."""
    source = flows.main_source(steps, [*found.sources])
    named = [id for id, ref in found.sources.items() if ref.partition("@")[0] == version.dataset]
    if named and source not in named:
        prepared = found.sources[source]
        what = f"the flow {found.name} prepares the rows of {prepared}, and takes {version.dataset} beside them"
        raise BadOption(what, where="--flow", hint=f"--dataset {prepared}")
    return source


def _looked_up(
    store: Store, found: flows.Flow, steps: list[FlowStep], source: str, exact: dict[str, str]
) -> dict[str, dict[str, Any]]:
    """The rows that its joins look up, by their steps."""
    aside = flows.aside(steps, source)
    if not any(flows.looks_up(one, aside) for one in steps):
        return {}
    flow = msgspec.json.encode(msgspec.structs.replace(found, revision=0)).decode()
    return _rows_beside(store, flow, source, tuple(exact.items()))


@lru_cache(maxsize=8)
def _rows_beside(store: Store, flow: str, source: str, exact: tuple[tuple[str, str], ...]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = asking.ask(
        store, "lookups", flow=msgspec.json.decode(flow), source=source, refs=dict(exact)
    )
    return found
