"""A ForEach: one step for each of several items, and what they have come to together."""

from typing import Any

import msgspec

from cupola.errors import BadInput, ErrorInfo
from cupola.pipelines import references, types
from cupola.pipelines.records import Step, StepState
from cupola.pipelines.workers import Outcome


def steps(step: Step, items: Any, known: dict[str, Any]) -> list[Step]:
    """The steps NAME[0], NAME[1], ... that a ForEach becomes, "${item}" being the item. Raises BadInput."""
    if not isinstance(items, list):
        raise BadInput(f"step {step.name}: items is a list, and not {items!r}")
    inner = {name: one for name, one in step.arguments["step"].items() if name != "type"}
    return [
        msgspec.structs.replace(
            step,
            name=f"{step.name}[{place}]",
            type=str(step.arguments["step"]["type"]),
            arguments=references.resolved(inner, known | {"item": item}),
            depends_on=[],
            cache=step.cache and not types.find(str(step.arguments["step"]["type"])).again,
        )
        for place, item in enumerate(items)
    ]


def parallel(step: Step) -> int:
    """How many of its steps are run at once at most."""
    return int(step.arguments.get("parallel", 8))


def gathered(each: list[StepState]) -> Outcome:
    """What the steps have come to: of each field a list, in the order of the items; or why one has failed."""
    if failed := next((one for one in each if one.status != "Succeeded"), None):
        return Outcome(error=ErrorInfo(kind="WorkFailed", message=f"{failed.name}: {failed.reason or failed.status}"))
    return Outcome(
        outputs=_lists([one.outputs for one in each]),
        metrics=_lists([one.metrics for one in each]),
        properties=_lists([one.properties for one in each]),
    )


def _lists(each: list[dict[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for one in each for name in one)
    return {name: [one.get(name) for one in each] for name in names}
