"""What is wrong with a flow as far as its file and the columns of its sources say, before a job is filed for it."""

from cupola.datasets import records as datasets
from cupola.datasets.sql import sql_names
from cupola.errors import BadInput, BadOption, CupolaError, from_info
from cupola.flows import records
from cupola.flows.records import Flow, FlowStep
from cupola.flows.sql import Table, known
from cupola.flows.transforms import catalogue
from cupola.store import Store

SPLIT = "split"
EXPRESSIONS = {"formula": "expression", "filter": "where"}  # the parameters that are of the columns of a row
SAME = (  # what they give has the columns of what they take
    "fill-missing", "blank-values", "fill-forward", "impute", "model-impute", "drop-missing", "clip-outliers",
    "remove-outliers",
    "replace-rare", "scale", "bin", "ordinal-encode", "format-string", "find-replace", "move-column", "parse-type",
    "filter", "sort", "drop-duplicates", "sample", "balance", "smote", "interpolate",
)  # fmt: skip


def parameters(flow: Flow, steps: list[FlowStep]) -> None:
    """Raises BadOption, naming the step, for what is wrong with the parameters of a step; BadInput where the flow takes
    nothing."""
    if not flow.sources:
        hint = "`cupola flow edit --source flights` adds one"
        raise BadInput("it has no source", where=records.path(flow.name), hint=hint)
    for step in steps:
        try:
            catalogue.params_of(step)
        except BadOption as error:
            raise _named(error, flow, step) from None


def columns(store: Store, flow: Flow, steps: list[FlowStep]) -> dict[str, list[str] | None]:
    """The columns of each source, and of each step as far as they show without the rows.

    Those of a step that learns which it makes, of SQL and of Python do not. Raises BadOption, naming the step, for a
    column that its input has not, NotFound for a source that is not there.
    """
    there: dict[str, list[str] | None] = {}
    for id, ref in flow.sources.items():
        there[id] = sql_names([one.name for one in datasets.find(store, ref).columns])
    for step in steps:
        before = there[step.inputs[0]]
        there[step.id] = None if before is None else _after(flow, step, before)
    return there


def expressions(store: Store, flow: Flow, step: str) -> None:
    """Raises BadOption, naming the step, for a formula or a condition up to that step which is no expression of the
    columns that are there, as far as these show without the rows."""
    from cupola.flows import expressions as written

    steps = records.ordered(flow, step)
    there = columns(store, flow, steps)
    for one in steps:
        before = there[one.inputs[0]]
        if before is None or one.type not in EXPRESSIONS:
            continue
        text = getattr(catalogue.params_of(one), EXPRESSIONS[one.type])
        try:
            written.checked(text, Table(name=one.id, columns=dict.fromkeys(before, "")))
        except BadOption as error:
            raise _named(error, flow, one) from None


def _after(flow: Flow, step: FlowStep, before: list[str]) -> list[str] | None:
    transform, params = catalogue.find(step.type), catalogue.params_of(step)
    try:
        known(Table(name=step.id, columns=dict.fromkeys(before, "")), catalogue.columns_named(transform, params))
    except BadOption as error:
        raise _named(error, flow, step) from None
    if catalogue.learns(step) and SPLIT not in before:
        before = [*before, SPLIT]  # a step that splits by chance comes before the first one that learns
    match step.type:
        case "drop-columns":
            return [one for one in before if one not in params.columns]
        case "keep-columns":
            return list(params.columns)
        case "rename-column":
            return [params.name if one == params.column else one for one in before]
        case "assemble-vector":
            return [*(one for one in before if one not in params.columns), params.name]
        case "duplicate-column" | "concatenate-columns" | "formula" | "split":
            return [*before, *([] if params.name in before else [params.name])]
    return before if step.type in SAME else None


def _named(error: BadOption, flow: Flow, step: FlowStep) -> CupolaError:
    info = error.info()
    info.where = f"flow {flow.name}, step {step.id}"
    return from_info(info)
