"""The pane of tunings: searches for good parameters, how they stand, and what their trials have shown."""

from collections import Counter
from typing import Any

from cupola_tui import figures
from cupola_tui.keymap import TUNINGS
from cupola_tui.paint import Line
from cupola_tui.plain import clean
from cupola_tui.screens import comments, lineage, trials
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
    name_of,
    notes,
    pending,
    said,
    stands,
    status,
    text,
    took,
    who,
)
from cupola_tui.widgets.rows import Column, Record


def columns(records: list[Record]) -> list[Column]:
    return [
        Column("name", "name", lambda one: (clean(name_of(one)), ""), name_of, width=14, grow=26, priority=9),
        status(priority=8),
        figure("trials", "trials", figures.number, _made, width=7, grow=9, priority=7),
        figure("best", "best", figures.number, best_value, width=8, grow=10, priority=7),
        Column("objectives", "of", lambda one: (objective(one), "dim"), objective, width=8, grow=20, priority=4),
        text("estimator", "estimator", width=10, grow=30, priority=3),
        text("strategy", "strategy", width=8, grow=17, priority=2),
        text("stop_reason", "ended by", width=8, grow=27, priority=3),
        took(priority=3),
        who(),
        age("submitted", priority=5),
    ]


def _made(record: Record) -> Any:
    return record.get("trials")


def best_value(record: Record) -> Any:
    """The first objective of the best trial so far."""
    return next(iter((record.get("metrics") or {}).values()), None)


def objective(record: Record) -> str:
    """What the trials are to be good in."""
    return clean(", ".join(record.get("objectives") or []) or "value")


def overview(scene: Scene) -> list[Line]:
    one = scene.record
    lines: list[Line] = [stands(one)]
    if one.get("reason"):
        lines += said(one["reason"], scene.width, "bad")
    if one.get("stop_reason"):
        lines += said(f"ended by {one['stop_reason']}", scene.width)
    lines += _bar(one, scene.width)
    best = [(clean(name), figures.number(value)) for name, value in (one.get("metrics") or {}).items()]
    if best:
        lines += [[], heading(_best_of(one)), *facts([*best, ("run", one.get("best_run"))], scene.width)]
        lines += facts([(clean(name), value) for name, value in (one.get("best_params") or {}).items()], scene.width)
    lines += trials.best_so_far(scene, max(6, min(12, scene.height // 3)))
    return [*lines, [], *facts(_told(one), scene.width), *_failures(scene), *notes(one, scene.width)]


def _failures(scene: Scene) -> list[Line]:
    """What the trials that failed have failed of, as often as each."""
    whys = Counter(clean(one["why"]) for one in scene.answer("trials") or [] if one.get("why"))
    return [line for why, many in whys.most_common(3) for line in said(f"{many} failed: {why}", scene.width, "warn")]


def _best_of(record: Record) -> str:
    several = len(record.get("front") or [])
    if several < 2:
        return "Best so far"
    return f"Best in {clean(record['objectives'][0])}, of {several} that no other is better than in all"


def _bar(record: Record, width: int) -> list[Line]:
    """How far it is, while it is under way."""
    share = record.get("progress")
    if not isinstance(share, int | float) or record.get("status") not in ("InProgress", "Queued"):
        return []
    room = max(10, width - 12)
    filled = round(max(0.0, min(1.0, share)) * room)
    return [[(" " + "█" * filled, "accent"), ("░" * (room - filled), "dim"), (f" {share:.0%}", "")]]


def _told(one: Record) -> list[tuple[str, Any]]:
    counted = [f"{one.get(name) or 0} {name}" for name in ("completed", "pruned", "failed", "running")]
    wanted = f" of {one['wanted']}" if one.get("wanted") is not None else ""
    goals = zip(one.get("objectives") or ["value"], one.get("directions") or [], strict=False)
    return [
        ("trials", f"{one.get('trials')}{wanted}: {', '.join(counted)}"),
        ("objective", ", ".join(f"{way} {clean(name)}" for name, way in goals)),
        ("strategy", one.get("strategy")),
        ("searched", ", ".join(clean(each) for each in one.get("space") or [])),
        ("estimator", one.get("estimator")),
        ("dataset", one.get("dataset")),
        ("target", one.get("target")),
        ("jobs", ", ".join(map(clean, one.get("jobs") or []))),
        ("submitted", figures.when(one.get("submitted"))),
        ("took", figures.span(one.get("started"), one.get("ended"))),
        by(one),
        ("model", one.get("model")),
        ("experiment", one.get("experiment")),
        ("id", one.get("tuning")),
    ]


def _id(record: Record) -> str:
    return str(record.get("tuning"))


def _no_trials(scene: Scene) -> list[Line]:
    return pending(scene, "trials", "reading ..." if scene.answer("trials") is None else "no trial has begun yet")


def _log(record: Record) -> Ask | None:
    """What the newest worker has said."""
    return ("log", {"kind": "job", "ref": record["jobs"][-1]}) if record.get("jobs") else None


PANE = Pane(
    name=TUNINGS,
    kind="tunings",
    about="tuning",
    columns=columns,
    tabs=(
        Tab("Overview", overview, trials.asks),
        Tab("Trials", _no_trials, trials.asks, listing=trials.table),
        Tab("Importance", trials.importance, trials.asks_what_matters),
        Tab("Parallel", trials.parallel, trials.asks_what_matters),
        Tab("Slice", trials.slices, trials.asks_what_matters),
        Tab("Contour", trials.contours, trials.asks_what_matters),
        Tab("Front", trials.front, trials.asks),
        lineage.tab("tuning", _id),
        comments.tab("tuning", _id),
        Tab("Log", lambda scene: [[(" it has no workers, and so no log", "dim")]], log=_log),
    ),
    empty=(
        "Tunings: searches for good parameters of an estimator; each trial is a run.",
        "T looks for good parameters on a dataset, in the background.",
    ),
    files=lambda one: f"tunings/{one.get('tuning')}",
    ident=_id,
    ref=_id,
)
