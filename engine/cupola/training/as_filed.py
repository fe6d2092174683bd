"""The flow of a training, kept as it is when the training is filed."""

from cupola.datasets import records as datasets
from cupola.datasets.records import DatasetVersion
from cupola.errors import BadInput, BadOption
from cupola.flows import records as flows
from cupola.flows.transforms import catalogue
from cupola.store import Store, files
from cupola.training.records import FiledFlow


def flow(store: Store, name: str, version: DatasetVersion) -> FiledFlow:
    """The flow of that name over the rows of a dataset, which stand for those of the source of the same name.

    Where no source is a version of that dataset they stand for the first one's. Raises NotFound, Corrupt, BadInput, and
    BadOption for a flow without steps.
    """
    found = flows.find(store, name)
    steps = flows.ordered(found)
    if not steps:
        raise BadOption(f"the flow {name} has no steps", where="--flow", hint=f"`cupola flow edit {name}` adds some")
    for step in steps:
        catalogue.params_of(step)
    catalogue.check_servable(steps)
    known = {one.name.casefold(): one.name for one in version.columns}
    for one in version.columns:
        if known[one.name.casefold()] != one.name:
            both = f"{one.name} and {known[one.name.casefold()]}"
            said = f"the columns {both} differ in capital letters only, which flows do not tell apart"
            raise BadInput(said, where=version.ref)
    source = _source(found, version)
    exact = {id: datasets.find(store, ref).ref for id, ref in found.sources.items() if id != source}
    return FiledFlow(
        name=name,
        text=files.read_bytes(store, flows.path(name)).decode(),
        sha256=flows.flow_hash(found, exact | {source: version.ref}),
        source=source,
        sources=exact,
        columns=[(one.name, one.type) for one in version.columns],
    )


def _source(found: flows.Flow, version: DatasetVersion) -> str:
    name = version.ref.partition("@")[0]
    named = [id for id, ref in found.sources.items() if ref.partition("@")[0] == name]
    return (named or [*found.sources])[0]
