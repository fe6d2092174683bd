"""What a user can ask of how a model treats people."""

from typing import Annotated

import msgspec

from cupola.actions import Arg, action
from cupola.errors import BadOption, NotFound, NotReady
from cupola.experiments import records as runs
from cupola.experiments.records import Run
from cupola.explain.records import FILE, Bias, Measured
from cupola.registry import records as registry
from cupola.store import Store, feed, files
from cupola.workspace import Workspace


class Answer(msgspec.Struct, kw_only=True):
    """metrics: by facet and name. rows: how many held-out rows each facet has."""

    run: str
    label: str
    rows: dict[str, int]
    metrics: dict[str, dict[str, Measured]]
    notes: list[str] = []


@action("bias", about="run")
def bias(
    ws: Workspace,
    reference: Annotated[str, Arg(help="a run, or a version of a model", completes="run")],
    *,
    facet: Annotated[list[str], Arg(help="a column (each of its values), COL=VALUE, or COL>NUMBER")],
    label: Annotated[str | None, Arg(help="the answer that is good to get; of numbers: '>30'")] = None,
    group: Annotated[str | None, Arg(help="a column within whose values CDDL and CDDPL are taken")] = None,
) -> Answer:
    """Measure whether parts of the rows held out are treated differently, by the metrics of SageMaker Clarify.

    Each with its 95 % interval. They are kept with the run, and stand in the cards of the models made from it.
    """
    run = _run(ws.store, reference)
    if not facet:
        raise BadOption("bias is measured of a --facet", where="--facet")
    wanted = label or ("" if run.positive is None else str(run.positive))
    if not wanted:
        hint = f"its classes: {', '.join(run.classes[:10])}" if run.classes else "of numbers it is '>30' or '<=5'"
        raise BadOption(f"run {run.name} has no one answer that is good to get: --label names it", hint=hint)
    from cupola.datasets import asking

    asked = {"run": run.id, "wanted": facet, "label": wanted, "group": group}
    found = msgspec.convert(asking.ask(ws.store, "bias", **asked), Bias)
    directory = runs.attempt_directory(ws.store, run) or run.directory
    files.write_bytes(ws.store, f"{directory}/artifacts/{FILE}", msgspec.json.encode(found))
    feed.announce(ws.store, "run", run.id, 0)
    return Answer(
        run=found.run,
        label=found.label,
        rows={one.name: one.rows for one in found.facets},
        metrics={one.name: one.metrics for one in found.facets},
        notes=found.notes,
    )


def _run(store: Store, reference: str) -> Run:
    """The run of that name, or the one that a version of a model was made from."""
    try:
        return runs.find(store, reference)
    except NotFound as missing:
        try:
            version = registry.find(store, reference)
        except NotFound:
            raise missing from None
    if not version.run:
        raise NotReady(f"{version.ref} was made from no run, and has no rows held out")
    return runs.find(store, version.run)
