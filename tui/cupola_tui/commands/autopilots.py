"""An autopilot as people read it: what it was seen to be, the leaderboard, and what the data is missing."""

from typing import Any

from cupola_tui.commands.cells import bold, cell, record, table
from cupola_tui.figures import measured, number

LONG = ("metrics", "metric_errors", "leaderboard", "advice", "importance", "groups", "notes")
SHOWN = 8  # columns that matter most


def leading(fields: dict[str, Any]) -> str:
    """What has reached most by now, with its standard error."""
    found = _value(fields["leaderboard"][0], f"validation_{fields['metric']}") if fields["leaderboard"] else "-"
    return found.replace(" ± ", "±")


def autopilot(fields: dict[str, Any]) -> str:
    """All of it, one part below the other."""
    metric = fields["metric"]
    parts = [record({name: value for name, value in fields.items() if name not in LONG and value not in ("", None)})]
    if fields["leaderboard"]:
        tied = any(one.verdict == "tied" for one in fields["leaderboard"])
        said = bold("leaderboard") + ("  (= is not told apart from the best candidate)" if tied else "")
        parts.append(f"{said}\n{table([_line(one, metric) for one in fields['leaderboard']])}")
    if fields["importance"]:
        rows = [
            {"column": cell(one["feature"]), f"{metric} lost without it": measured(one["importance"], one["error"])}
            for one in fields["importance"][:SHOWN]
        ]
        parts.append(f"{bold('importance')}\n{table(rows)}")
    if fields["groups"]:
        rows = [
            {
                "column": cell(one["column"]), "value": cell(one["value"]), "rows": one["rows"],
                metric: number(one["metric"]), "of all": number(one["of_all"]),
            }
            for one in fields["groups"]
        ]  # fmt: skip
        parts.append(f"{bold('where the errors are larger')}\n{table(rows)}")
    for title in ("advice", "notes"):
        if fields[title]:
            parts.append("\n".join([bold(title), *(f"- {cell(one)}" for one in fields[title])]))
    return "\n\n".join(parts)


def _line(one: Any, metric: str) -> dict[str, Any]:
    return {
        "": "=" if one.verdict == "tied" else "",
        "candidate": cell(one.name),
        "run": one.run or "-",
        f"validation {metric}": _value(one, f"validation_{metric}"),
        f"test {metric}": _value(one, f"test_{metric}"),
        "weight": f"{one.weight:.0%}" if one.weight else "-",
        "fits": one.folds,
        "state": one.state,
        "why": one.why,
    }


def _value(one: Any, name: str) -> str:
    value = one.metrics.get(name)
    return "-" if value is None else measured(value, one.errors.get(name))
