"""What executions of pipelines have made, by what became of their steps: runs, tunings, models, data, endpoints."""

from typing import Any

from cupola.datasets import records as datasets
from cupola.errors import CupolaError
from cupola.pipelines import records as pipelines
from cupola.pipelines import standing
from cupola.pipelines.records import Execution, Step, StepState
from cupola.store import Store

Makers = dict[str, Execution]


def makers(store: Store) -> Makers:
    """By the id of each node in the graph, the execution that has made it.

    A version that an import or a query found to be there already is of the first execution that came to it; an endpoint
    of the first of those that let it serve what the last of them did.
    """
    found: Makers = {}
    served: dict[str, list[str]] = {}
    for execution in reversed(pipelines.every(store)):
        for state in _steps(store, execution):
            node = _made(execution, state)
            if node.startswith("endpoint:"):
                models = [str(one.get("model")) for one in state.outputs.get("variants") or []]
                if served.get(node) != models:
                    served[node], found[node] = models, execution
            elif node and not (node.startswith("dataset:") and _older(store, node, execution)):
                found.setdefault(node, execution)
    return found


def _steps(store: Store, execution: Execution) -> list[StepState]:
    """The steps that this execution has done itself."""
    lines = standing.lines(store, execution, pipelines.asked(store, execution).jobs)
    known = standing.fold(execution.definition, lines)
    return [one for one in known.values() if one.status == "Succeeded" and not one.cached]


def _made(execution: Execution, state: StepState) -> str:
    """The id of the node that a step has made; "" for none."""
    outputs = state.outputs
    if state.type == "Processing" and not _is_action(execution, state.name):
        return ""
    if state.type in ("Training", "Processing") and "experiment" in outputs and outputs.get("run"):
        return f"run:{outputs['run']}"
    if state.type in ("Tuning", "Processing") and outputs.get("tuning"):
        return f"tuning:{outputs['tuning']}"
    if state.type in ("AutoML", "Processing") and outputs.get("autopilot"):
        return f"run:{outputs['autopilot']}"
    if state.type == "Transform":
        return f"job:{outputs.get('id') or outputs.get('job')}"
    if state.type == "Endpoint":
        return f"endpoint:{outputs.get('name')}"
    if state.type in ("RegisterModel", "SQL", "Processing") and (ref := str(outputs.get("ref") or "")):
        return _version(ref, outputs)
    return ""


def _version(ref: str, outputs: dict[str, Any]) -> str:
    """The node of a version of a dataset, or of a model (which names its dataset with the version); "" for neither."""
    name = ref.partition("@")[0]
    kinds = {"dataset": "dataset", "name": "model"}
    return next((f"{kind}:{ref}" for field, kind in kinds.items() if outputs.get(field) == name), "")


def _is_action(execution: Execution, name: str) -> bool:
    """Whether a Processing step had an action done, or a flow, whose outputs are a record."""
    steps: dict[str, Step] = {one.name: one for one in execution.definition.steps}
    whole = steps[name.partition("[")[0]].arguments
    arguments = whole.get("step", whole)
    return bool(arguments.get("action") or arguments.get("flow"))


def _older(store: Store, node: str, execution: Execution) -> bool:
    """Whether a version of a dataset was there before the execution."""
    try:
        return datasets.find(store, node.partition(":")[2]).imported < execution.submitted
    except CupolaError:
        return False
