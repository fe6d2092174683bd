"""What an autopilot has found out: its candidates as they stand, and what there is to say beside them."""

from typing import Any

from rich.cells import cell_len

from cupola_tui import figures
from cupola_tui.keymap import EXPERIMENTS
from cupola_tui.paint import Line, fit
from cupola_tui.plain import clean
from cupola_tui.screens.pane import Ask, Listing, Scene, badge, figure, heading, said, text
from cupola_tui.verbs import AUTOPILOT
from cupola_tui.widgets.rows import Column, Record

STATES = {"waiting": "Queued", "trying": "InProgress", "dropped": "Stopped", "failed": "Failed", "kept": "Completed"}
AHEAD = 8  # candidates that the overview shows
MATTERS = 15  # columns that are drawn


def is_one(record: Record) -> bool:
    return record.get("estimator") == AUTOPILOT


def asks(record: Record) -> dict[str, Ask]:
    """How the autopilot stands; nothing of another run."""
    asked = {"name": "autopilot show", "arguments": {"autopilot": record.get("id")}}
    return {"autopilot": ("action", asked)} if is_one(record) else {}


def table(scene: Scene) -> Listing | None:
    """The candidates as rows, the best first; enter leads to the run of one."""
    found = scene.answer("autopilot")
    if not found or not found.get("leaderboard"):
        return None
    board = [{**one, "place": place} for place, one in enumerate(found["leaderboard"], 1)]
    return Listing(
        board, columns(str(found["metric"])), lambda one: str(one["name"]), lambda one: (EXPERIMENTS, str(one["run"]))
    )


def columns(metric: str) -> list[Column]:
    return [
        figure("place", "", lambda value: str(value), width=2, grow=3, priority=7),
        Column("name", "candidate", _named, lambda one: one.get("name"), width=12, grow=22, priority=9),
        _measured("validation", metric, 8),
        _measured("test", metric, 4),
        figure("weight", "weight", lambda value: f"{value:.0%}" if value else "", width=6, grow=7, priority=6),
        figure("folds", "fits", lambda value: str(value or ""), width=4, grow=5, priority=5),
        text("estimator", "estimator", width=10, grow=30, priority=3),
        text("why", "why", width=6, grow=60, priority=2),
    ]


def _named(one: Record) -> tuple[str, str]:
    """The candidate with the glyph of its state; = before one that is not told apart from the best."""
    glyph, style = badge(STATES.get(str(one.get("state")), "Queued"))
    mark = {"best": "◆", "tied": "="}.get(str(one.get("verdict")), glyph.partition(" ")[0])
    return f"{mark} {clean(one.get('name'))}", "mark" if one.get("verdict") in ("best", "tied") else style


def _measured(split: str, metric: str, priority: int) -> Column:
    name = f"{split}_{metric}"

    def value(one: Record) -> Any:
        return (one.get("metrics") or {}).get(name)

    def show(one: Record) -> tuple[str, str]:
        found = value(one)
        return ("" if found is None else figures.measured(found, (one.get("errors") or {}).get(name)), "")

    title = metric if split == "validation" else f"{split} {metric}"
    return Column(name, clean(title), show, value, width=15, grow=18, right=True, priority=priority)


def ahead(scene: Scene) -> list[Line]:
    """How far an autopilot is, and its best candidates by now; nothing of another run."""
    one = scene.answer("autopilot")
    if not one:
        return []
    metric, width = str(one["metric"]), scene.width
    lines: list[Line] = [[]]
    lines += said(f"{clean(one['task'])}: {clean(one['why'])}", width)
    if one.get("stop_reason"):
        lines += said(f"ended by {clean(one['stop_reason'])}, after {one['seconds']:.1f} of {one['budget']:g} s", width)
    board = [each for each in one["leaderboard"] if f"validation_{metric}" in each["metrics"]]
    rest = len(one["leaderboard"]) - len(board[:AHEAD])
    if board:
        lines += [[], heading(f"Leaderboard by {clean(metric)}")]
        longest = max(cell_len(_named(each)[0]) for each in board[:AHEAD])
        for each in board[:AHEAD]:
            name = f"validation_{metric}"
            figure_of = figures.measured(each["metrics"][name], each["errors"].get(name))
            shown, style = _named(each)
            share = f"  {each['weight']:.0%} of the ensemble" if 0 < each["weight"] < 1 else ""
            lines.append([(f" {fit(shown, min(longest, 24))}", style), (f"  {figure_of}", ""), (share, "dim")])
    if rest > 0:
        lines += said(f"and {rest} more: the tab Metrics has all", width, "dim")
    return lines


def findings(scene: Scene) -> list[Line]:
    """What the data is missing, which columns matter, and where the errors are larger; nothing of another run."""
    one = scene.answer("autopilot")
    if not one:
        return []
    width, metric, lines = scene.width, clean(one["metric"]), list[Line]()
    if one.get("advice"):
        lines += [[], heading("What the data is missing")]
        lines += [line for each in one["advice"] for line in said(clean(each), width)]
    if one.get("importance"):
        lines += [[], heading(f"{metric} lost when a column is shuffled"), *_bars(one["importance"][:MATTERS], width)]
    if one.get("groups"):
        lines += [[], heading("Where the errors are larger")]
        lines += [line for each in one["groups"] for line in _group(each, metric, width)]
    return lines


def _bars(found: list[Record], width: int) -> list[Line]:
    longest = min(28, max(cell_len(clean(one["feature"])) for one in found))
    most = max(max(one["importance"] for one in found), 1e-300)
    shown = [figures.measured(one["importance"], one.get("error")) for one in found]
    room = max(4, width - longest - max(map(cell_len, shown)) - 4)
    return [
        [
            (f" {fit(clean(one['feature']), longest)} ", ""),
            ("█" * round(max(0.0, one["importance"]) / most * room) or "▏", "good"),
            (f" {value}", "dim"),
        ]
        for one, value in zip(found, shown, strict=True)
    ]


def _group(one: Record, metric: str, width: int) -> list[Line]:
    figure_of = figures.number
    told = f"{clean(one['column'])} = {clean(one['value'])}: {metric} {figure_of(one['metric'])}"
    return said(f"{told}, of all {figure_of(one['of_all'])} ({one['rows']} rows)", width)
