"""How a comparison of runs is printed for people: few of them a column each, of many the order in the first metric."""

from typing import Any

from cupola_tui.commands.cells import bold, cell, table
from cupola_tui.plain import clean

Row = dict[str, Any]
BESIDE = 6  # runs that stand side by side
SIGNS = {"best": "best", "worse": "≠", "not different": "≈", "unknown": "?", "": ""}
BY = {"folds": "the same folds (corrected resampled t-test)", "rows": "the same rows (paired bootstrap)"}
BY |= {"errors": "their own errors alone"}


def comparison(found: Row) -> str:
    """Runs side by side: what differs, then the metrics with their verdicts against the best."""
    names = _names(found["runs"])
    facts = [_row("experiment", names, [one.experiment for one in found["runs"]])]
    facts += [_row("status", names, [one.status for one in found["runs"]])]
    facts += [_row(one.name, names, one.values) for one in found["params"] if one.differs]
    if len(names) > BESIDE:
        return "\n".join([table(_turned(facts, names)), "", *_ranking(found, names)])
    facts += [_row(one.name, names, one.values) for one in (*found["code"], *found["environment"]) if one.differs]
    metrics = [
        _row(one.name, names, [_measured(one, place) for place in range(len(names))]) for one in found["metrics"]
    ]
    return "\n".join([table(facts), "", table(metrics) or "no metrics yet", "", *_legend(found)])


def difference(found: Row) -> str:
    """How the code and packages of two runs differ, as `diff -u` writes it."""
    commits = [clean(one or "no commit")[:12] for one in found["commits"]]
    lines = [bold(f"commit {commits[0]}") if commits[0] == commits[1] else bold(f"commits {commits[0]} {commits[1]}")]
    for one in found["code"]:
        lines += ["", bold(f"{clean(one.path)} ({clean(one.where)})"), *map(clean, one.diff.splitlines())]
    if found["environment"]:
        packages = [_row(one.name, _plain(found["runs"]), one.values) for one in found["environment"]]
        lines += ["", table(packages)]
    return "\n".join(lines if len(lines) > 1 else [*lines, "nothing that is known of their code and packages differs"])


def _names(runs: list[Any]) -> list[str]:
    """What heads each run's column: its name, with its id where several are called so."""
    called = [one.name or one.id for one in runs]
    return [name if called.count(name) == 1 else f"{name} {one.id}" for name, one in zip(called, runs, strict=True)]


def _plain(ids: list[str]) -> list[str]:
    return ids if ids[0] != ids[1] else [ids[0], f"{ids[1]} again"]


def _row(name: str, heads: list[str], values: list[Any]) -> Row:
    return {"": name} | dict(zip(heads, map(cell, values), strict=True))


def _turned(facts: list[Row], names: list[str]) -> list[Row]:
    return [{"run": name} | {row[""]: row[name] for row in facts} for name in names]


def _measured(metric: Any, place: int) -> str:
    from cupola_tui.figures import measured

    value = metric.values[place]
    sign = SIGNS[metric.verdicts[place]]
    return "-" if value is None else f"{measured(value, metric.errors[place]).replace(' ± ', '±')} {sign}".rstrip()


def _ranking(found: Row, names: list[str]) -> list[str]:
    """The runs from the best on in the first metric."""
    if not found["metrics"]:
        return ["no metrics yet"]
    metric = found["metrics"][0]
    best = metric.values[metric.best] or 0.0
    order = sorted(
        range(len(names)), key=lambda one: (metric.values[one] is None, abs((metric.values[one] or 0) - best))
    )
    rows = [
        {"run": names[place], metric.name: _measured(metric, place), "p": metric.p[place], "by": metric.by[place]}
        for place in order
    ]
    return [table(rows), "", *_legend(found), "--json has every metric"]


def _legend(found: Row) -> list[str]:
    used = {by for metric in found["metrics"] for by in metric.by if by}
    pairs = len(found["runs"]) * (len(found["runs"]) - 1) // 2
    among = f", corrected for {pairs} comparisons (Holm)" if pairs > 1 else ""
    said = [f"≈ not different from the best, ≠ worse (p < 0.05{among}), ? cannot be told"] if used else []
    said += [f"judged by {' or '.join(BY[by] for by in BY if by in used)}"] if used else []
    return said + ([] if found["same_data"] else ["they learnt from different data or targets"])
