"""What a user can ask of the quality of data: the report of a dataset's version, and mending what it warns of."""

import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec

from cupola import place
from cupola.actions import Arg, action
from cupola.datasets import records as datasets
from cupola.datasets.actions import Dataset
from cupola.datasets.records import DatasetVersion
from cupola.errors import BadInput, BadOption, CupolaError, ReadOnly, meant
from cupola.flows import editing
from cupola.flows import records as flows
from cupola.flows.records import Flow, FlowStep
from cupola.insights import records
from cupola.insights.records import Report
from cupola.store.names import as_name
from cupola.workspace import Workspace

KIND = "report"
ORDER = (  # of steps that are about the same columns
    "drop-duplicates", "blank-values", "parse-type", "clip-outliers", "missing-indicator", "fill-missing",
    "target-encode",
)  # fmt: skip
Target = Annotated[
    str | None, Arg(help="the column to predict (default: the dataset's target; '' for none)", completes="column")
]


class Fixed(msgspec.Struct, kw_only=True):
    """What `dataset fix` has added to a flow, and what that does. made: whether the flow is new."""

    flow: str
    ref: str
    made: bool
    steps: list[FlowStep]
    words: list[str]


@action("dataset report", writes=False, about="dataset", waits="itself")
def report(
    ws: Workspace,
    dataset: Dataset,
    *,
    target: Target = None,
    html: Annotated[str | None, Arg(help="write it as an HTML file too", completes="file")] = None,
    markdown: Annotated[str | None, Arg(help="write it as a Markdown file too", completes="file")] = None,
    overwrite: Annotated[bool, Arg(help="replace a file that is there")] = False,
) -> Report:
    """Report on the quality of a version: what is amiss, what tells the target, and what tells it too well.

    A job makes it, once for each target and choice of roles; it is kept with the version. Each warning has the rows in
    question as a filter of `dataset preview`, and what mends it: `dataset fix` adds that to a flow.
    """
    written = [place.path(one) for one in (html, markdown) if one]
    for one in written:
        _check_file(one, overwrite)
    version = datasets.find(ws.store, dataset)
    found = made(ws, version, target_of(version, target))
    if html or markdown:
        from cupola.insights import writing

        for path, text in ((html, writing.html), (markdown, writing.markdown)):
            if path:
                place.path(path).write_text(text(found), encoding="utf-8")
    return found


@action("flow report", about="flow", waits="itself")
def report_of_flow(
    ws: Workspace,
    flow: Annotated[str, Arg(help="a flow", completes="flow")],
    *,
    dataset: Annotated[
        str | None, Arg(help="the dataset that it makes a version of (default: as the flow)", completes="dataset")
    ] = None,
    target: Target = None,
    html: Annotated[str | None, Arg(help="write it as an HTML file too", completes="file")] = None,
    markdown: Annotated[str | None, Arg(help="write it as a Markdown file too", completes="file")] = None,
    overwrite: Annotated[bool, Arg(help="replace a file that is there")] = False,
) -> Report:
    """Run a flow, where its result is not there yet, and report on the quality of what it makes."""
    from cupola.flows.actions import run
    from cupola.jobs import errands

    made_of = errands.output(ws.store, run(ws, flow, dataset=dataset).job)
    return report(ws, made_of["ref"], target=target, html=html, markdown=markdown, overwrite=overwrite)


@action("dataset fix", about="dataset")
def fix(
    ws: Workspace,
    dataset: Dataset,
    warnings: Annotated[list[int], Arg(help="numbers of warnings in its report")],
    *,
    target: Target = None,
    flow: Annotated[
        str | None, Arg(help="the flow to add to (default: the dataset's; a new one)", completes="flow")
    ] = None,
) -> Fixed:
    """Add what mends warnings of a dataset's report to a flow of that dataset.

    Where there is no such flow one is made, as flights-prepared. A step that the flow has already is not added
    again, and a column that it drops is mended no further. The dataset itself stays as it is: `flow run` makes a
    version that is mended.
    """
    version = datasets.find(ws.store, dataset)
    found = made(ws, version, target_of(version, target))
    mending = [_fix_of(found, number) for number in dict.fromkeys(warnings)]
    name, new = _flow_for(ws, version, flow)
    if new:
        flows.create(ws.store, Flow(name=name, sources={version.dataset: version.dataset}))
    added: list[FlowStep] = []
    words: list[str] = []

    def change(one: Flow) -> None:
        added.clear()
        words.clear()
        for each in mending:
            params = _of_columns_left(one, each.params)
            if params is not None and (each.transform, params) not in [(step.type, step.params) for step in one.steps]:
                added.append(editing.add(one, f"{each.transform} {msgspec.json.encode(params).decode()}"))
                words.append(each.words)
                _in_order(one, added[-1])

    flows.change(ws.store, name, change)
    return Fixed(flow=name, ref=version.ref, made=new, steps=added, words=words)


def _in_order(flow: Flow, added: FlowStep) -> None:
    """Moves a step before those of the same columns that would leave it nothing to do, or something else."""
    mine = {*added.params.get("columns", [])}
    after = ORDER[ORDER.index(added.type) + 1 :] if added.type in ORDER else ()
    later = (one for one in flow.steps if one.type in after and (not mine or mine & {*one.params["columns"]}))
    if first := next(later, None):
        editing.move(flow, f"{added.id} before={first.id}")


def _of_columns_left(flow: Flow, params: dict[str, Any]) -> dict[str, Any] | None:
    """The parameters without the columns that steps of the flow have dropped; None where none of them is left."""
    dropped = {name for step in flow.steps if step.type == "drop-columns" for name in step.params["columns"]}
    if params.get("name") in dropped:
        return None
    if not params.get("columns"):
        return params
    left = [name for name in params["columns"] if name not in dropped]
    return params | {"columns": left} if left else None


def _fix_of(found: Report, number: int) -> records.Fix:
    if not 1 <= number <= len(found.warnings):
        hint = f"its report has {len(found.warnings)}: `cupola dataset report {found.dataset}`"
        raise BadOption(f"there is no warning {number} about {found.ref}", hint=hint)
    warning = found.warnings[number - 1]
    if warning.fix is None:
        raise BadOption(f"no transform mends warning {number} ({warning.kind})", where=found.ref, hint=warning.message)
    return warning.fix


def _flow_for(ws: Workspace, version: DatasetVersion, given: str | None) -> tuple[str, bool]:
    """The flow that takes this dataset, and whether it is still to be made. Raises BadOption where several do."""
    known = flows.ls(ws.store)
    if given:
        return given, given not in known
    mine = flows_of(ws, version.dataset)
    if len(mine) > 1:
        raise BadOption(f"{len(mine)} flows take {version.dataset}", where="--flow", hint=f"one of {', '.join(mine)}")
    if mine:
        return mine[0], False
    wanted = as_name(f"{version.dataset}-prepared")
    numbered = (f"{wanted}-{number}" for number in range(2, len(known) + 3))
    return next(one for one in (wanted, *numbered) if one not in known), True


def flows_of(ws: Workspace, dataset: str) -> list[str]:
    """The flows that take a dataset, whichever version of it."""
    found = []
    for name in flows.ls(ws.store):
        try:
            sources = flows.find(ws.store, name).sources.values()
        except CupolaError:
            continue  # one that cannot be read takes nothing
        if any(ref.partition("@")[0] == dataset for ref in sources):
            found.append(name)
    return found


def made(ws: Workspace, version: DatasetVersion, target: str | None) -> Report:
    """The report of a version, made by a job where there is none. Raises ReadOnly where it may not be made."""
    if found := records.kept(ws.store, version, target):
        return found
    if ws.readonly:
        what = f"no report has been made of {version.ref} yet, and this workspace was opened read-only"
        raise ReadOnly(what, where=str(ws.root), hint=ws.why_readonly)
    from cupola.jobs import errands

    command = [sys.executable, "-m", "cupola.insights"]
    spec = {"dataset": version.ref, "target": target}
    errands.done(ws.store, kind=KIND, command=command, spec=spec, name=f"report-{version.dataset}")
    found = records.kept(ws.store, version, target)
    if found is None:  # its roles were changed meanwhile
        raise BadInput("the dataset was changed while its report was made", where=version.ref, hint="ask for it again")
    return found


def target_of(version: DatasetVersion, given: str | None) -> str | None:
    """The column that a report is about: that which is given, or the dataset's. Raises BadOption."""
    target = version.target if given is None else given
    if target and target not in [one.name for one in version.columns]:
        known = [one.name for one in version.columns]
        hint = meant(target, known, f"it has: {', '.join(known[:20])}")
        raise BadOption(f"{version.ref} has no column {target!r}", where="--target", hint=hint)
    return target or None


def _check_file(path: Path, overwrite: bool) -> None:
    if path.is_dir() or (path.exists() and not overwrite):
        raise BadInput("a file or directory stands there", where=str(path), hint="--overwrite replaces a file")
    if not path.parent.is_dir():
        raise BadInput("there is no such directory", where=str(path.parent))
