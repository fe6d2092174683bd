"""The report of an autopilot as HTML and as Markdown: one file that needs nothing else, and no text of it is markup."""

import re
from typing import Any

from cupola.autopilot.records import AutopilotState, Entry
from cupola.plots import pages
from cupola.plots.svg import words

VERDICTS = {"best": "best", "tied": "= best", "worse": "", "": ""}
ROWS = "a paired bootstrap of the same rows, Bonferroni"  # what tells candidates apart
WINDOWS = "in pairs, over the windows and series of the back-test"
MARKUP = re.compile(r"([\\`*_{}\[\]()#+!|<>~&$-])")


def html(state: AutopilotState) -> str:
    """The report as a page."""
    status = f'<strong class="{words(state.status)}">{words(state.status)}</strong>'
    parts = [f"<h1>{words(state.name)}</h1>\n<p>{status} {words(state.reason)}</p>\n{pages.facts(_head(state))}\n"]
    for title, told, (heads, rows), after in _sections(state):
        body = "".join(f"<p>{words(one)}</p>" for one in told)
        body += pages.table(heads, rows) if rows else ""
        body += f'<p class="dim">{words(after)}</p>' if after and rows else ""
        parts.append(pages.section(title, body))
    return pages.page(f"autopilot {state.name}", "".join(parts))


def markdown(state: AutopilotState) -> str:
    """The report as Markdown."""
    lines = [f"# {_plain(state.name)}", "", f"**{_plain(state.status)}** {_plain(state.reason)}".rstrip(), ""]
    lines += [
        f"- {_plain(name)}: {_plain(pages.text(one))}" for name, one in _head(state).items() if one not in ("", None)
    ]
    for title, told, (heads, rows), after in _sections(state):
        if not (told or rows):
            continue
        lines += ["", f"## {_plain(title)}", "", *(f"- {_plain(one)}" for one in told)]
        if rows:
            lines += ["", _row(heads), _row(["---"] * len(heads), plain=False), *(_row(one) for one in rows)]
            lines += ["", _plain(after)] if after else []
    return "\n".join(lines) + "\n"


def measured(entry: Entry, name: str) -> str:
    """A metric with its standard error; "" where there is none."""
    value, error = entry.metrics.get(name), entry.errors.get(name)
    if value is None:
        return ""
    return f"{value:.5g} ± {error:.2g}" if error else f"{value:.5g}"


def _head(state: AutopilotState) -> dict[str, Any]:
    return {
        "task": f"{state.task}: {state.why}", "dataset": state.dataset, "flow": state.flow, "target": state.target,
        "metric": state.metric,
        "budget": f"{state.budget:g} s", "took": f"{state.seconds:g} s", "ended by": state.stop_reason,
        "model": state.model, "run": state.autopilot, "by": f"{state.user} on {state.host}",
        "submitted": state.submitted,
    }  # fmt: skip


def _sections(state: AutopilotState) -> list[tuple[str, list[str], tuple[list[str], list[list[str]]], str]]:
    """Each part of the report: its title, sentences, a table, and what is said below that."""
    name = state.metric
    none: tuple[list[str], list[list[str]]] = ([], [])
    known = [one for one in state.leaderboard if f"validation_{name}" in one.metrics]
    board = [
        [
            one.name, VERDICTS.get(one.verdict, ""), measured(one, f"validation_{name}"), measured(one, f"test_{name}"),
            f"{one.weight:.0%}" if one.weight else "", str(one.folds), f"{one.share:.0%}", one.estimator,
            pages.text(one.params), one.run,
        ]
        for one in known
    ]  # fmt: skip
    heads = [
        "candidate", "", f"validation {name}", f"test {name}", "weight", "fits", "rows", "estimator", "parameters",
        "run",
    ]  # fmt: skip
    dropped = [[one.name, one.state, one.why] for one in state.leaderboard if one.why]
    matters = [
        [one["feature"], f"{one['importance']:.4g} ± {one['error']:.2g}"] for one in state.importance
    ]  # fmt: skip
    parts = [
        [str(one["column"]), str(one["value"]), str(one["rows"]), _figure(one["metric"]), _figure(one["of_all"])]
        for one in state.groups
    ]
    return [
        ("What the data is missing", state.advice, none, ""),
        (
            "Leaderboard", [], (heads, board),
            "± is one standard error; '= best': no worse than the best candidate by more than chance may do "
            f"({WINDOWS if state.task == 'timeseries' else ROWS}).",
        ),
        (
            "Importance", [], (["column", f"{name} lost when it is shuffled"], matters),
            "On test rows (at most 500), three times each.",
        ),
        (
            "Where the errors are larger", [], (["column", "value", "rows", name, "of all rows"], parts),
            "Groups of validation rows whose loss is above that of the others by more than three standard errors.",
        ),
        ("Dropped, and why", [], (["candidate", "", "why"], dropped), ""),
        ("Notes", [one for one in state.notes if one != f"{state.task}: {state.why}"], none, ""),
    ]  # fmt: skip


def _figure(value: Any) -> str:
    return "" if value is None else f"{value:.5g}"


def _row(cells: list[str], *, plain: bool = True) -> str:
    return f"| {' | '.join(_plain(one) if plain else one for one in cells)} |"


def _plain(text: str) -> str:
    """A text on one line, with nothing in it that Markdown would read."""
    return MARKUP.sub(r"\\\1", " ".join(str(text).split()))
