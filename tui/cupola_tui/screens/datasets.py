"""The pane of datasets: columns with their profile, histograms in cells, the first rows."""

from typing import Any

from rich.cells import cell_len

from cupola_tui import figures
from cupola_tui.keymap import DATASETS
from cupola_tui.paint import Line, fit
from cupola_tui.plain import clean
from cupola_tui.screens import comments, flowlist, lineage, reports
from cupola_tui.screens.pane import (
    Ask,
    Pane,
    Scene,
    Tab,
    age,
    by,
    facts,
    figure,
    heading,
    notes,
    pending,
    text,
    who,
)
from cupola_tui.widgets.rows import Column, Record

BARS = 10


def ref(record: Record) -> str:
    return f"{record.get('dataset') or record.get('name')}@{record.get('version')}"


def ident(record: Record) -> str:
    return f"{record.get('dataset')}@{record.get('version')}-{record.get('id')}"


def columns(records: list[Record]) -> list[Column]:
    return [
        text("name", "name", width=10, grow=30, priority=9),
        Column(
            "version",
            "ver",
            lambda one: (f"@{one.get('version', '')}", ""),
            lambda one: one.get("version"),
            width=4,
            grow=6,
            priority=8,
        ),
        figure("rows", "rows", figures.count, width=9, grow=13, priority=7),
        figure("columns", "cols", str, _width, width=4, grow=5, priority=5),
        text("target", "target", width=8, grow=18, priority=6),
        figure("bytes", "size", figures.size, width=7, priority=3),
        who(),
        age("imported", priority=4),
    ]


def _width(record: Record) -> int:
    found = record.get("columns")
    return len(found) if isinstance(found, list) else int(found or 0)


def overview(scene: Scene) -> list[Line]:
    one = scene.record
    pairs = [
        ("rows", figures.count(one.get("rows"))),
        ("columns", _width(one)),
        ("target", one.get("target")),
        ("description", one.get("description")),
        ("tags", one.get("tags")),
        ("source", one.get("source")),
        ("format", one.get("source_format")),
        ("size", figures.size(one.get("bytes"))),
        ("options", one.get("options")),
        ("imported", figures.when(one.get("imported"))),
        by(one),
        ("sha256", str(one.get("sha256") or "")[:16]),
    ]
    return [*facts(pairs, scene.width), *notes(one, scene.width), [], *profile(scene)]


def profile(scene: Scene) -> list[Line]:
    """A line for each column: type, role, missing, distinct, a histogram and what it ranges over."""
    known = scene.record.get("columns")
    shapes = {one.get("name"): one for one in (scene.answer("profile") or {}).get("columns", [])}
    if not isinstance(known, list):
        return pending(scene, "profile", "reading the columns")
    name_width = min(
        26 if scene.width > 80 else 15, max((cell_len(clean(one.get("name"))) for one in known), default=4)
    )
    head = f" {'column':<{name_width}} {'type':<5}{'missing':>8}{'distinct':>9}  {'values':<{BARS}} role"
    lines: list[Line] = [[(fit(head, scene.width).rstrip(), "dim")]]
    rows = scene.record.get("rows") or 0
    for one in known:
        shape, role = shapes.get(one.get("name"), {}), one.get("role") or ""
        missing = one.get("missing") or 0
        share = f"{missing / rows:.1%}" if rows and missing else "0"
        lines.append(
            [
                (f" {fit(clean(one.get('name')), name_width)} ", "bold" if role == "target" else ""),
                (f"{figures.TYPES.get(one.get('type'), clean(one.get('type'))):<5}", "accent"),
                (f"{share:>8}", "warn" if missing else "dim"),
                (f"{figures.count(one.get('distinct')):>9}  ", ""),
                (f"{bars(shape):<{BARS}} ", "good"),
                (f"{clean(role)} " if role != "feature" else "", "warn"),
                (spread(shape), "dim"),
            ]
        )
    if not shapes:
        lines += [[], *pending(scene, "profile", "reading the profile")]
    return lines


def bars(shape: Record) -> str:
    """The histogram of a column, or its top values, in a few cells."""
    histogram = shape.get("histogram") or {}
    counts = histogram.get("counts") or [one.get("count", 0) for one in shape.get("top") or []]
    return figures.sparkline(figures.gathered(counts, BARS)) if counts else ""


def spread(shape: Record) -> str:
    """From where to where, or the most frequent values."""
    if shape.get("type") in ("integer", "number", "date", "datetime") and shape.get("min") is not None:
        middle = f" (mean {figures.number(shape['mean'], 2)})" if shape.get("mean") is not None else ""
        return f"{figures.given(shape['min'])} to {figures.given(shape.get('max'))}{middle}"
    return ", ".join(figures.given(one.get("value")) for one in (shape.get("top") or [])[:4])


def preview(scene: Scene) -> list[Line]:
    """The first rows, as many columns as there is room for."""
    answer = scene.answer("preview")
    if answer is None:
        return pending(scene, "preview", "reading the first rows")
    names, rows = _table(answer)
    cells = [[figures.given(value) for value in row] for row in rows]
    widths = [
        min(20, max(cell_len(clean(name)), *(cell_len(row[place]) for row in cells), 1))
        for place, name in enumerate(names)
    ]
    numbers = [all(isinstance(row[place], int | float | None) for row in rows) for place in range(len(names))]
    lines: list[Line] = []
    for row, style in (([clean(name) for name in names], "dim bold"), *((row, "") for row in cells)):
        placed = (fit(*cell) for cell in zip(row, widths, numbers, strict=True))
        lines.append([(" " + " ".join(placed), style)])
    return lines


def _table(answer: Any) -> tuple[list[str], list[list[Any]]]:
    if isinstance(answer, dict):
        return list(answer.get("columns") or []), list(answer.get("rows") or [])
    names = list(answer[0]) if answer else []
    return names, [[row.get(name) for name in names] for row in answer]


def shapes(scene: Scene) -> list[Line]:
    """Each column as a small drawing: its histogram by name and number."""
    answer = scene.answer("profile")
    if answer is None:
        return pending(scene, "profile", "reading the profile")
    lines: list[Line] = []
    for shape in answer.get("columns", []):
        lines += [heading(clean(shape.get("name"))), *_drawn(shape, scene.width), []]
    return lines


def _drawn(shape: Record, width: int) -> list[Line]:
    histogram = shape.get("histogram") or {}
    counts, edges = histogram.get("counts") or [], histogram.get("edges") or []
    if counts:
        ends = _ends(edges)
        bins = [(f"{low} to {high}", count) for low, high, count in zip(ends, ends[1:], counts, strict=False)]
    else:
        bins = [(figures.given(one.get("value")), one.get("count", 0)) for one in shape.get("top") or []]
    if not bins:
        return [[(" no values", "dim")]]
    names = min(36, max(8, width - 20), max(cell_len(name) for name, _ in bins))
    most = max(1, *(count for _, count in bins))
    room = max(4, width - names - 14)
    return [
        [(f" {fit(name, names)} ", "dim"), ("█" * round(count / most * room) or "▏", "good"), (f" {count:,}", "")]
        for name, count in bins
    ]


def _ends(edges: list[Any]) -> list[str]:
    """The ends of bins: of times as much as tells one from another, a day or the minute."""
    if all(isinstance(one, str) for one in edges):
        cut = ([one[:most].replace("T", " ") for one in edges] for most in (10, 16, 19))
        return next((ends for ends in cut if len(set(ends)) == len(ends)), edges)
    return [figures.given(one) for one in edges]


def _profile(record: Record) -> dict[str, Ask]:
    return {"profile": ("profile", {"ref": ref(record)})}


def _preview(record: Record) -> dict[str, Ask]:
    return {"preview": ("action", {"name": "dataset preview", "arguments": {"dataset": ref(record)}})}


PANE = Pane(
    name=DATASETS,
    kind="datasets",
    about="dataset",
    columns=columns,
    tabs=(
        Tab("Overview", overview, _profile),
        Tab("Shapes", shapes, _profile),
        Tab("Preview", preview, _preview),
        flowlist.tab(),
        reports.tab(ident),
        lineage.tab("dataset", ref),
        comments.tab("dataset", ref),
    ),
    empty=(
        "Datasets: immutable versions of tables, with their schema and profile.",
        "i imports a CSV, Parquet or JSON Lines file.",
    ),
    files=lambda one: f"datasets/{one.get('dataset')}/{one.get('version')}-{one.get('id')}",
    ident=ident,
    ref=ref,
    label=ref,
)
