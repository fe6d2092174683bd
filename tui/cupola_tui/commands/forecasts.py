"""A forecast as people read it: its candidates, its metrics, and the steps ahead."""

from typing import Any

from cupola_tui.commands.cells import bold, cell, record, table
from cupola_tui.figures import measured

APART = ("metrics", "metric_errors", "leaderboard", "columns", "rows", "truncated", "metric")


def forecast(fields: dict[str, Any], metrics: str) -> str:
    """All of it, one part below the other; `metrics` is the table of these."""
    parts = [record({name: value for name, value in fields.items() if name not in APART})]
    if fields["leaderboard"]:
        tied = any(one.tied for one in fields["leaderboard"])
        said = bold("candidates") + ("  (= is not told apart from the best by the back-test)" if tied else "")
        parts.append(f"{said}\n{table([_line(one, fields['metric']) for one in fields['leaderboard']])}")
    if metrics:
        parts.append(f"{bold('metrics')}\n{metrics}")
    if fields["rows"]:
        steps = [dict(zip(fields["columns"], row, strict=True)) for row in fields["rows"]]
        more = "\n... (--limit shows more)" if fields["truncated"] else ""
        parts.append(f"{bold('steps ahead')}\n{table(steps)}{more}")
    return "\n\n".join(parts)


def _line(one: Any, metric: str) -> dict[str, Any]:
    name = metric.removeprefix("validation_")
    shown: dict[str, Any] = {"": "=" if one.tied else "", "candidate": cell(one.name), "run": one.run or "-"}
    for split in ("validation", "test"):
        value = one.metrics.get(f"{split}_{name}")
        shown[f"{split} {name}"] = "-" if value is None else measured(value, one.errors.get(f"{split}_{name}"))
    return shown | {"weight": f"{one.weight:.0%}" if one.weight else "-", "seconds": one.seconds, "why": one.why}
