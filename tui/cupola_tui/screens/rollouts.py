"""How a change of an endpoint is drawn: how far it has moved, what watches it, what a shadow would have answered."""

from typing import Any

from rich.cells import cell_len

from cupola_tui import figures
from cupola_tui.paint import Line, fit
from cupola_tui.plain import clean
from cupola_tui.screens.pane import Scene, badge, facts, heading, said
from cupola_tui.widgets.rows import Record

UNDER_WAY = ("ActivatingTraffic", "Baking", "RollingBack")
MOVING = ("Creating", *UNDER_WAY)
BACK = ("RollingBack", "RolledBack", "UpdateRollbackFailed")
TOO_LITTLE = "INSUFFICIENT_DATA"
MOST_EXAMPLES = 10


def of(record: Record) -> Record:
    """The change that moves, or moved last; {} before the first one."""
    return record.get("rollout") or {}


def moves(record: Record) -> bool:
    """Whether what the endpoint serves is changing now."""
    return of(record).get("status") in MOVING


def words(record: Record) -> tuple[str, str]:
    """The change in a few words, for a column."""
    rollout = of(record)
    if not moves(record):
        return "", ""
    glyph, style = badge(rollout.get("status"))
    return f"{glyph.partition(' ')[0]} {_percent(rollout.get('share'))} {clean(rollout.get('strategy'))}", style


def loss(record: Record) -> str:
    """What a rollback does."""
    rollout = of(record)
    return f"{_variants(rollout.get('before'))} gets all requests again, {_variants(rollout.get('after'))} none."


def moved(record: Record, width: int) -> list[Line]:
    """The change as it stands: which share the new variants have, step by step, and for how long it was watched."""
    rollout = of(record)
    if not rollout:
        return []
    since = figures.age(rollout.get("ended") or rollout.get("started"))
    head: Line = [(f" {clean(rollout.get('strategy'))}  ", "title"), badge(rollout.get("status"))]
    head.append((f"  {_percent(rollout.get('share'))} new  {since} ago" if moves(record) else f"  {since} ago", "dim"))
    lines: list[Line] = [head]
    if rollout.get("reason"):
        lines += said(rollout["reason"], width, "warn")
    lines += facts([("before", _variants(rollout.get("before"))), ("after", _variants(rollout.get("after")))], width)
    lines += [_scale(rollout, width), _shares(rollout, width)]
    if moves(record) and rollout.get("bake"):
        lines.append(_watched(rollout, width))
    return lines


def alarms(record: Record, width: int) -> list[Line]:
    """What would bring back what was served before, and what it sees."""
    lines: list[Line] = []
    for one in record.get("alarms") or []:
        seen = "too little yet" if one.get("status") == TOO_LITTLE else clean(one.get("status"))
        glyph, style = badge(one.get("status"))
        value = figures.number(one.get("value"), 3)
        room = max(12, min(34, width - 29))
        lines.append(
            [
                (f" {glyph.partition(' ')[0]} ", style),
                (fit(clean(one.get("alarm")), room), ""),
                (f" {value:>9} ", "bold" if style == "bad" else ""),
                (seen, style),
            ]
        )
    return lines


def tab(scene: Scene) -> list[Line]:
    """The change with its alarms, and the shadows."""
    one, width = scene.record, scene.width
    if not of(one) and not one.get("shadows"):
        return [
            *said("Nothing has changed since it was deployed.", width),
            [],
            *said(
                "e changes the model, the variants or how they take over; d on a version in Registry does too.",
                width,
                "dim",
            ),
        ]
    lines = moved(one, width)
    if moves(one):
        lines += [[], *said("P promotes what is new, R rolls back", width, "dim")]
    if found := alarms(one, width):
        lines += [[], heading("Alarms"), *found]
    for report in one.get("shadows") or []:
        lines += [[], *_shadow(report, width)]
    if one.get("shadows"):
        lines += [[], *said("P has it answer in the place of what does now, remove (.) takes it away", width, "dim")]
    return lines


def _shadow(report: Record, width: int) -> list[Line]:
    rows, different = report.get("rows") or 0, report.get("different") or 0
    name = "Shadow" if report.get("variant") == "shadow" else f"Shadow {clean(report.get('variant'))}"
    lines: list[Line] = [
        [(f" {name}", "title"), (f"  {clean(report.get('model'))}", "accent")],
        [(f" {figures.count(rows)} rows compared, ", ""), _differing(different, rows)],
    ]
    lines += facts(
        [
            ("difference", _difference(report)),
            ("p50", _beside(report, "p50_ms")),
            ("p99", _beside(report, "p99_ms")),
            ("requests", figures.count(report.get("requests"))),
            ("errors", (figures.count(report.get("errors")), "bad" if report.get("errors") else "")),
            ("skipped", f"{report['skipped']:,}: it was behind" if report.get("skipped") else None),
            ("last error", report.get("last_error")),
        ],
        width,
    )
    examples = (report.get("examples") or [])[:MOST_EXAMPLES]
    if examples:
        lines += [[], heading("Rows that it answers otherwise")]
    for one in examples:
        lines += said(one.get("row"), width, "dim")
        lines.append(
            [
                ("   served ", "dim"),
                (clean(one.get("served")), ""),
                ("  shadow ", "dim"),
                (clean(one.get("shadow")), "warn"),
            ]
        )
    return lines


def _differing(different: int, rows: int) -> tuple[str, str]:
    if not rows:
        return "none yet", "dim"
    return f"{different:,} answered otherwise ({different / rows:.1%})", "warn" if different else "good"


def _difference(report: Record) -> str | None:
    mean, most = report.get("mean_difference"), report.get("largest_difference")
    return None if mean is None else f"{figures.number(mean)} on average, {figures.number(most)} at most"


def _beside(report: Record, name: str) -> str | None:
    mine, served = report.get(name), report.get(f"served_{name}")
    if mine is None:
        return None
    return f"{mine:,.2f} ms" + (f"   served {served:,.2f} ms" if served is not None else "")


def _scale(rollout: Record, width: int) -> Line:
    """The steps on a line from 0 to 100 %, each a mark where its share is."""
    room = max(10, width - 14)
    cells, styles = ["─"] * room, ["dim"] * room
    for place in range(round((rollout.get("share") or 0.0) * (room - 1))):
        cells[place], styles[place] = "━", _style(rollout)
    steps, at = rollout.get("steps") or [], rollout.get("step", -1)
    for number, step in enumerate(steps):
        place = round(max(0.0, min(1.0, step.get("share") or 0.0)) * (room - 1))
        done = number < at or rollout.get("status") == "Completed"
        cells[place] = "✓" if done else "●" if number == at else "○"
        styles[place] = "good" if done else _style(rollout) if number == at else "dim"
    line: Line = [("    0% ", "dim")]
    for cell, style in zip(cells, styles, strict=True):
        if line[-1][1] == style:
            line[-1] = line[-1][0] + cell, style
        else:
            line.append((cell, style))
    return [*line, (" 100%", "dim")]


def _shares(rollout: Record, width: int) -> Line:
    """The shares of the steps in words, that which it is at among them."""
    at, line = rollout.get("step", -1), list[tuple[str, str]]([(" steps ", "dim")])
    for number, step in enumerate(rollout.get("steps") or []):
        text = f"{_percent(step.get('share'))} "
        if sum(cell_len(one) for one, _ in line) + len(text) > width - 4:
            return [*line, ("…", "dim")]
        line.append((text, "bold" if number == at else "good" if number < at else "dim"))
    return line


def _watched(rollout: Record, width: int) -> Line:
    """For how long this step has been watched, of how long."""
    baked, bake = rollout.get("baked") or 0.0, rollout["bake"]
    said = f" {figures.duration(baked)} of {figures.duration(bake)} watched"
    room = max(6, width - 8 - cell_len(said))
    full = round(min(1.0, baked / bake) * room)
    return [("       ", ""), ("█" * full, _style(rollout)), ("░" * (room - full), "dim"), (said, "")]


def _style(rollout: Record) -> str:
    return "warn" if rollout.get("status") in BACK else "good" if rollout.get("status") == "Completed" else "accent"


def _variants(named: Any) -> str:
    """churn@4 of AllTraffic=churn@4-7f3a; of several with their names."""
    found = [str(one).partition("=") for one in named or []]
    if len(found) == 1:
        return version(found[0][2])
    return ", ".join(f"{clean(name)} {version(model)}" for name, _, model in found)


def version(model: str) -> str:
    """churn@3 of churn@3-7f3a."""
    name, at, number = model.partition("@")
    return clean(name + at + number.partition("-")[0])


def _percent(share: Any) -> str:
    share = share if isinstance(share, int | float) else 0.0
    return f"{share:.0%}" if share in (0, 1) or share >= 0.01 else f"{share:.1%}"
