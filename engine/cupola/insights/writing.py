"""A report as Markdown and as HTML; whatever the data holds is text in both, and no markup."""

import re
from typing import Any

from cupola.insights.records import SEVERITIES, DataWarning, Report
from cupola.plots import pages
from cupola.plots.svg import words

COLUMNS = 30  # whose score is written, or that a warning is about
LONGEST = 300  # characters of a filter that is shown at once
BARS = 30
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~!&$])")


def markdown(report: Report) -> str:
    """The report as Markdown, which is also what a terminal shows."""
    parts = [f"# Report of {_plain(report.ref)}", _facts(report)]
    for severity in SEVERITIES:
        some = [one for one in report.warnings if one.severity == severity]
        if some:
            parts.append(f"## {severity.capitalize()} ({len(some)})")
            parts.append("\n".join(_warning(number, one) for number, one in _numbered(report) if one in some))
    if not report.warnings:
        parts.append("Nothing is amiss.")
    for title, heads, rows, note in _tables(report):
        if rows:
            parts += [f"## {title}", _table(heads, rows), *([_plain(note)] if note else [])]
    if report.notes:
        parts.append("\n".join(f"* {_plain(one)}" for one in report.notes))
    return "\n\n".join(parts) + "\n"


def html(report: Report) -> str:
    """The report as one HTML file, which fetches nothing."""
    parts = [f"<h1>Report of {words(report.ref)}</h1>\n<p>{words(_clean(_facts(report)))}</p>\n"]
    for severity in SEVERITIES:
        some = [(number, one) for number, one in _numbered(report) if one.severity == severity]
        parts.append(pages.section(f"{severity.capitalize()} ({len(some)})", _list(some)) if some else "")
    if not report.warnings:
        parts.append("<p>Nothing is amiss.</p>\n")
    for title, heads, rows, note in _tables(report):
        table = pages.table(heads, [[_clean(cell) for cell in row] for row in rows])
        parts.append(pages.section(title, table + (f'<p class="dim">{words(_clean(note))}</p>' if note else "")))
    notes = "".join(f"<li>{words(_clean(one))}</li>" for one in report.notes)
    parts.append(f"<ul>{notes}</ul>\n" if notes else "")
    return pages.page(f"report of {report.ref}", "".join(parts))


def _numbered(report: Report) -> list[tuple[int, DataWarning]]:
    """The warnings by the numbers that `dataset fix` knows them by."""
    return list(enumerate(report.warnings, 1))


def _facts(report: Report) -> str:
    said = f"{report.rows:,} rows, {report.columns:,} columns"
    if report.target:
        said += f"; {report.target.task} of {_plain(report.target.column)}"
    counts = ((sum(one.severity == severity for one in report.warnings), severity) for severity in SEVERITIES)
    return f"{said}; warnings: {', '.join(f'{count} {severity}' for count, severity in counts)}"


def _warning(number: int, one: DataWarning) -> str:
    lines = [f"{number}. **{one.kind}** {_plain(one.message)}"]
    if one.by_column:
        lines.append(f"    columns: {_plain(_each(one, COLUMNS))}")
    if one.filter and len(one.filter) <= LONGEST:
        lines.append(f"    rows: {_code(one.filter)}")
    if one.fix:
        lines.append(f"    fix: {_plain(one.fix.words)} ({one.fix.transform})")
    return "\n".join(lines)


def _list(some: list[tuple[int, DataWarning]]) -> str:
    items = []
    for number, one in some:
        more = ""
        if one.by_column:
            more += _folded(f"{len(one.by_column):,} columns", f"<p>{words(_clean(_each(one)))}</p>")
        if one.filter:
            rows = f"<pre>{words(_clean(one.filter))}</pre>"
            more += rows if len(one.filter) <= LONGEST else _folded("filter", rows)
        fix = f'<p class="dim">fix: {words(_clean(one.fix.words))} ({words(one.fix.transform)})</p>' if one.fix else ""
        items.append(f'<li value="{number}"><b>{words(one.kind)}</b> {words(_clean(one.message))}{more}{fix}</li>')
    return f"<ol>{''.join(items)}</ol>"


def _each(one: DataWarning, most: int | None = None) -> str:
    """The columns that have the same trouble, each with how many rows it is in, as far as there is room."""
    shown = ", ".join(f"{name} ({rows:,})" for name, rows in [*one.by_column.items()][:most])
    more = len(one.by_column) - (most or len(one.by_column))
    return f"{shown} and {more:,} more" if more > 0 else shown


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{words(title)}</summary>{content}</details>"


def _tables(report: Report) -> list[tuple[str, list[str], list[list[str]], str]]:
    """Titles, headings, rows and notes of what a report says in tables."""
    bars = report.target.bars[:BARS] if report.target else []
    total = sum(one.count for one in report.target.bars) if report.target else 0
    model, found = report.model, report.power
    measured = model.metrics.items() if model else []
    note = f"on {model.held_out:,} rows held out of {model.trained + model.held_out:,}" if model else ""
    more = f"and {len(found) - COLUMNS:,} columns more" if len(found) > COLUMNS else ""
    return [
        (
            "Target", ["value", "rows", "share"],
            [[one.name, f"{one.count:,}", f"{one.count / total:.1%}"] for one in bars], "of the rows looked at",
        ),
        (
            "How much each column tells by itself", ["column", "score", "±"],
            [[one.column, f"{one.score:.3f}", f"{one.error:.3f}"] for one in found[:COLUMNS]],
            " ".join(filter(None, ["0: nothing, 1: all; cross-validated, ± is one standard error", more])),
        ),
        (
            f"Quick model ({model.estimator})" if model else "", ["metric", "value", "±"],
            [[name, f"{value:.4g}", f"{model.errors.get(name, 0):.2g}" if model else ""] for name, value in measured],
            "; ".join(filter(None, [note, model.note])) if model else "",
        ),
        (
            "Quick model, by class", ["class", "rows", "precision", "recall", "f1"],
            [
                [
                    one.name, f"{one.rows:,}", f"{one.precision:.3f} ± {one.precision_error:.3f}",
                    f"{one.recall:.3f} ± {one.recall_error:.3f}", f"{one.f1:.3f} ± {one.f1_error:.3f}",
                ]
                for one in (model.classes if model else [])
            ], "",
        ),
        (
            "Anomalous rows", ["row", "score", "why"],
            [
                [f"{one.row + 1:,}", f"{one.score:.2f}", pages.text(one.why)] for one in report.anomalies
            ], "",
        ),
    ]  # fmt: skip


def _table(heads: list[str], rows: list[list[str]]) -> str:
    """A Markdown table, its columns aligned for those who read it as it is."""
    cells = [heads, *[[_plain(one) for one in row] for row in rows]]
    widths = [max(3, *(len(row[place]) for row in cells)) for place in range(len(heads))]
    lines = [
        "| " + " | ".join(one.ljust(width) for one, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def _plain(text: Any) -> str:
    """A text in Markdown: what would be markup, escaped."""
    return _MARKUP.sub(r"\\\1", _clean(text)) if _MARKED.search(str(text)) else _clean(text)


_MARKED = re.compile(r"[\\`*{}\[\]<>|~&\x00-\x1f]|\b_|_\b")


def _clean(text: Any) -> str:
    """A text in one line, without what a terminal would act upon."""
    return _CONTROLS.sub("�", str(text))


def _code(text: str) -> str:
    """A text as code: between more backticks than there are together in it."""
    text = _clean(text)
    fence = "`" * (max((len(one) for one in re.findall("`+", text)), default=0) + 1)
    space = " " if "`" in text else ""
    return f"{fence}{space}{text}{space}{fence}"
