"""How a pipeline, and an execution of it, are printed for people: the steps in a table, with what Conditions saw."""

from typing import Any

import msgspec

from cupola_tui.commands.cells import bold, record, table

Row = dict[str, Any]
NAMES = ("ref", "run", "best_run", "endpoint", "autopilot", "violations")  # what people look for among the outputs
LONGEST = 120  # characters of a text that a step has given
FIRST = ("test_roc_auc", "test_rmse", "roc_auc", "rmse")


def execution(found: Row) -> str:
    """An execution: how it stands, then a row for each step."""
    shown = "execution", "pipeline", "status", "version", "parameters", "user", "host", "started", "ended", "reason"
    rows = [
        {
            "step": one.name,
            "type": one.type,
            "status": _status(one),
            "seconds": _seconds(one.started, one.ended),
            "outcome": _outcome(one, found["edges"]),
        }
        for one in found["steps"]
    ]
    return f"{record({name: found[name] for name in shown if found[name]})}\n\n{bold('steps')}\n{table(rows)}"


def pipeline(found: Row) -> str:
    """A pipeline: what its file says, its parameters, and its steps with what each comes after."""
    about = {
        name: found[name]
        for name in ("name", "path", "version", "description", "executions", "execution", "status", "error")
        if found[name] not in (None, "")
    }
    steps = [
        {
            "step": one.name,
            "type": one.type,
            "after": ", ".join(
                f"{edge.source} ({edge.branch})" if edge.branch else edge.source
                for edge in found["edges"]
                if edge.target == one.name
            ),
            "line": one.line,
        }
        for one in found["steps"]
    ]
    parts = [record(about)]
    if found["parameters"]:
        parts.append(f"{bold('parameters')}\n{table([msgspec.structs.asdict(one) for one in found['parameters']])}")
    if steps:
        parts.append(f"{bold('steps')}\n{table(steps)}")
    return "\n\n".join(parts)


def _short(value: Any) -> Any:
    return f"{value[:LONGEST]}..." if isinstance(value, str) and len(value) > LONGEST else value


def _status(step: Any) -> str:
    more = "cached" if step.cached else "" if step.secondary_status == "Running" else step.secondary_status
    return f"{step.status} ({more})" if more else str(step.status)


def _seconds(started: str | None, ended: str | None) -> float | None:
    if not started or not ended:
        return None
    from datetime import datetime

    return round((datetime.fromisoformat(ended) - datetime.fromisoformat(started)).total_seconds(), 2)


def _outcome(step: Any, edges: list[Any]) -> Any:
    """What a step has come to, in a few words."""
    if step.result is not None:
        text = next((edge.text for edge in edges if edge.source == step.name and edge.text), "")
        return f"{'yes' if step.result else 'no'}: {text}"
    if step.reason or step.message:
        return step.reason or step.message
    named = {name: step.outputs[name] for name in NAMES if step.outputs.get(name)}
    plain = {name: _short(one) for name, one in step.outputs.items() if isinstance(one, str | int | float | bool)}
    scores = {name: one for name, one in step.metrics.items() if name.startswith(FIRST)} or step.metrics
    return dict(list((named or plain).items())[:2] + list(scores.items())[:2]) or None
