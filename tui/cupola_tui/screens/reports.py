"""How the report of a dataset is drawn: its warnings, what tells the target, the quick model."""

from typing import Any

from rich.cells import cell_len

from cupola_tui import figures
from cupola_tui.paint import Line, fit
from cupola_tui.plain import clean
from cupola_tui.screens.pane import Ask, Scene, Tab, heading, pending, said
from cupola_tui.widgets.rows import Record

TITLE = "Report"
STYLES = {"high": ("✗", "bad"), "medium": ("⚠", "warn"), "low": ("·", "dim")}
MOST = 12  # columns whose score is drawn, classes and bars of the target
BAR = 24
EACH = 30  # columns with the same trouble that are named, with the rows of each
LONGEST = 400  # characters of a filter that are shown


def tab(ref: Any) -> Tab:
    """The tab of a dataset's version; ref: its exact name, of a record."""
    return Tab(TITLE, _draw, lambda record: _asks(str(ref(record))))


def _asks(ref: str) -> dict[str, Ask]:
    return {"report": ("report", {"dataset": ref})}


def _draw(scene: Scene) -> list[Line]:
    if "report" not in scene.answers or isinstance(scene.answers["report"], Exception):
        return pending(scene, "report", "reading ...")
    report = scene.answer("report")
    if report is None:
        words = "What is amiss with this data, what tells the target, and what tells it too well? Nobody has asked yet."
        return [*said(words, scene.width), [], *said("r has it looked over.", scene.width, "dim")]
    hint = "r opens it: the rows of a warning, and f adds what mends it to a flow"
    return [facts(report), *said(hint, scene.width, "dim"), [], *whole(report, None, scene.width)[0]]


def facts(report: Record) -> Line:
    """How many warnings there are, the gravest first."""
    line: Line = [(" ", "")]
    for severity, (glyph, style) in STYLES.items():
        count = sum(one.get("severity") == severity for one in report["warnings"])
        line.append((f"{glyph} {count} {severity}   ", style if count else "dim"))
    target = report.get("target")
    return [*line, (f"{target['task']} of {clean(target['column'])}" if target else "", "dim")]


def whole(report: Record, cursor: int | None, width: int) -> tuple[list[Line], list[int]]:
    """All of a report, and in which line each warning begins; cursor: which warning is shown with its rows and fix."""
    lines: list[Line] = []
    places: list[int] = []
    for number, one in enumerate(report["warnings"]):
        places.append(len(lines))
        lines += _warning(number, one, width, number == cursor)
    if not report["warnings"]:
        lines.append([(" ✓ nothing is amiss", "good")])
    for part in (_target(report, width), _power(report, width), _model(report, width), _anomalies(report, width)):
        lines += [[], *part] if part else []
    for note in report.get("notes") or []:
        lines += [[], *said(note, width, "dim")]
    return lines, places


def _warning(number: int, one: Record, width: int, chosen: bool) -> list[Line]:
    glyph, style = STYLES.get(str(one.get("severity")), ("·", "dim"))
    kind = clean(str(one.get("kind")).replace("_", " "))
    first, *rest = said(f"{kind}: {one.get('message')}", width, "bold" if chosen else "", 8)
    marker, words = "▸" if chosen else " ", first[1][0]
    head: Line = [(f"{marker}{number + 1:>3} ", "accent" if chosen else "dim"), (f"{glyph}  ", style)]
    lines: list[Line] = [[*head, (words[: len(kind) + 1], style), (words[len(kind) + 1 :], first[1][1])], *rest]
    if not chosen:
        return lines
    rows = "" if one.get("rows") is None else f"{one['rows']:,} rows  "
    if one.get("filter"):
        shown = clean(one["filter"])
        lines += said(f"{rows}{shown if len(shown) <= LONGEST else shown[:LONGEST] + '…'}", width, "dim", 8)
    fix = one.get("fix")
    words = f"f: {clean(fix['words'])}  ({clean(fix['transform'])})" if fix else "no transform mends it"
    return [*lines, *said(words, width, "good" if fix else "dim", 8), *_each(one.get("by_column") or {}, width)]


def _each(rows: dict[str, int], width: int) -> list[Line]:
    """The columns with the same trouble, each with how many rows it is in."""
    if not rows:
        return []
    named = [f"{clean(name)} ({count:,})" for name, count in [*rows.items()][:EACH]]
    more = f" and {len(rows) - EACH:,} more" if len(rows) > EACH else ""
    return said(", ".join(named) + more, width, "", 8)


def _target(report: Record, width: int) -> list[Line]:
    target = report.get("target")
    if not target:
        return []
    bars = target["bars"][: MOST if target["task"] == "classification" else None]
    total, most = sum(one["count"] for one in target["bars"]) or 1, max((one["count"] for one in bars), default=1) or 1
    if target["task"] == "regression":
        drawn = figures.sparkline([float(one["count"]) for one in bars])
        ends = f"{clean(bars[0]['name']).partition(' to ')[0]} to {clean(bars[-1]['name']).rpartition(' to ')[2]}"
        skew = f"  skewness {figures.number(target.get('skew'), 2)}"
        return [heading(f"Target {clean(target['column'])}"), [(f" {drawn} ", "good"), (ends + skew, "dim")]]
    names = min(24, max((cell_len(clean(one["name"])) for one in bars), default=1))
    lines = [
        _bar(clean(one["name"]), names, one["count"] / most, f"{one['count'] / total:6.1%}", width) for one in bars
    ]
    return [heading(f"Target {clean(target['column'])}"), *lines]


def _bar(name: str, names: int, share: float, words: str, width: int) -> Line:
    room = max(4, min(BAR, width - names - 20))
    return [(f" {fit(name, names)} ", "dim"), ("█" * round(share * room) or "▏", "good"), (f" {words}", "")]


def _power(report: Record, width: int) -> list[Line]:
    found = report.get("power") or []
    if not found:
        return []
    names = min(24, max(cell_len(clean(one["column"])) for one in found[:MOST]))
    lines: list[Line] = [
        _bar(clean(one["column"]), names, one["score"], f"{one['score']:.3f} ± {one['error']:.3f}", width)
        for one in found[:MOST]
    ]
    more = len(found) - MOST
    if more > 0:
        lines.append([(f" and {more:,} more, none of which tells more", "dim")])
    return [heading("What each column tells by itself (0 nothing, 1 all)"), *lines]


def _model(report: Record, width: int) -> list[Line]:
    model = report.get("model")
    if not model:
        return []
    lines: list[Line] = [heading(f"Quick model: {clean(model['estimator'])}")]
    held = f"on {model['held_out']:,} rows held out of {model['trained'] + model['held_out']:,}"
    lines += said("; ".join(filter(None, [held, model.get("note")])), width, "dim")
    for name, value in model["metrics"].items():
        lines.append([(f" {fit(clean(name), 22)} ", "dim"), (figures.measured(value, model["errors"].get(name)), "")])
    classes = model.get("classes") or []
    if classes:
        names = max(6, min(20, max(cell_len(clean(one["name"])) for one in classes[:MOST])))
        lines += [[], [(f" {fit('class', names)} {'rows':>7}  {'precision':<14} {'recall':<14} f1", "dim")]]
    for one in classes[:MOST]:
        rates = (f"{one[name]:.3f} ± {one[f'{name}_error']:.3f}" for name in ("precision", "recall", "f1"))
        lines.append(
            [
                (f" {fit(clean(one['name']), names)} {one['rows']:>7,}  ", ""),
                (" ".join(map("{:<14}".format, rates)), ""),
            ]
        )
    if len(classes) > MOST:
        lines.append([(f" and {len(classes) - MOST} more classes", "dim")])
    return lines


def _anomalies(report: Record, width: int) -> list[Line]:
    found = report.get("anomalies") or []
    lines: list[Line] = [heading("Rows unlike all others")] if found else []
    for one in found:
        why = ", ".join(f"{clean(name)} {figures.short(value)}" for name, value in one["why"].items())
        lines.append(
            [
                (f" row {one['row'] + 1:>9,}  ", "dim"),
                (f"{one['score']:.2f}  ", "warn"),
                (fit(why, max(8, width - 24)).rstrip(), ""),
            ]
        )
    return lines
