"""The pane of the registry: model versions with approvals, aliases, signature and lineage."""

from rich.cells import cell_len

from cupola_tui import figures
from cupola_tui.keymap import REGISTRY
from cupola_tui.paint import Line, fit
from cupola_tui.plain import clean
from cupola_tui.screens import comments, lineage, loadtests
from cupola_tui.screens.experiments import common_metrics, foremost
from cupola_tui.screens.experiments import metrics as run_metrics
from cupola_tui.screens.pane import (
    Ask,
    Pane,
    Scene,
    Tab,
    age,
    badge,
    by,
    facts,
    heading,
    metric,
    said,
    status,
    text,
    who,
)
from cupola_tui.widgets.rows import Column, Record


def ref(record: Record) -> str:
    return f"{record.get('name')}@{record.get('version')}"


def columns(records: list[Record]) -> list[Column]:
    return [
        Column(
            "name",
            "model",
            lambda one: (ref(one), ""),
            lambda one: (str(one.get("name")), one.get("version")),
            width=12,
            grow=30,
            priority=9,
        ),
        status(_status, width=10, grow=12),
        *([text("stage", "stage", width=11, priority=7)] if any(one.get("stage") for one in records) else []),
        text("aliases", "aliases", width=8, grow=20, priority=6),
        *[metric(name, 5 - place) for place, name in enumerate(common_metrics(records)[:2])],
        text("estimator", "estimator", width=10, grow=30, priority=3),
        who(),
        age("registered", priority=4),
    ]


def _status(record: Record) -> tuple[str, str]:
    shown, style = badge(record.get("status"))
    return shown.replace("PendingManualApproval", "Pending"), style


def overview(scene: Scene) -> list[Line]:
    one = scene.record
    lines: list[Line] = [[(" ", ""), badge(one.get("status"))], []]
    lines += facts(
        [
            ("stage", one.get("stage")),
            ("aliases", one.get("aliases")),
            ("tags", one.get("tags")),
            ("description", one.get("description")),
            ("task", one.get("task")),
            ("estimator", one.get("estimator")),
            ("members", [each["model"].rpartition("-")[0] for each in one.get("members") or []]),
            ("target", one.get("target")),
            ("origin", one.get("origin")),
            ("run", one.get("run")),
            ("dataset", one.get("dataset")),
            ("flow", one.get("flow")),
            ("load test", loadtests.words(one)),
            ("registered", figures.when(one.get("registered"))),
            by(one),
            ("sha256", str(one.get("sha256") or "")[:16]),
            ("id", one.get("id")),
        ],
        scene.width,
    )
    lines += [[], heading("Metrics"), *facts(foremost(one, 8), scene.width)]
    return [*lines, [], heading("Approvals"), *approvals(scene)]


def approvals(scene: Scene) -> list[Line]:
    found = scene.record.get("approvals") or []
    lines: list[Line] = []
    for one in found:
        who = f"  {clean(one.get('user') or '')}  {clean(one.get('time') or '')}"
        lines.append([(" ", ""), badge(one.get("status")), (who, "dim")])
        lines += said(one["note"], scene.width, indent=3) if one.get("note") else []
    return lines or [[(" nobody has decided yet: a approves", "dim")]]


def shown(record: Record) -> dict[str, Ask]:
    return {"shown": ("action", {"name": "model show", "arguments": {"model": _exact(record)}})}


def _exact(record: Record) -> str:
    return f"{ref(record)}-{record.get('id')}"


def signature(scene: Scene) -> list[Line]:
    """What the model takes, what it ignores, what it gives; and what was usual of that in training."""
    shape = scene.record.get("signature") or {}
    taken = shape.get("columns") or []
    usual = {one["column"]: one for one in (scene.answer("shown") or {}).get("baseline") or []}
    named = [clean(one.get("name")) for one in taken] + [clean(one) for one in usual]
    width = min(28, max(map(cell_len, named), default=6) + 2)
    lines: list[Line] = [heading("Takes")]
    for one in taken:
        categories = one.get("categories")
        known = _usual(usual.pop(one.get("name"), None)) or (figures.short(categories) if categories else "")
        lines.append(
            [
                (f" {fit(clean(one.get('name')), width)}", ""),
                (f"{clean(one.get('type')):<10}", "accent"),
                (fit(clean(known), max(1, scene.width - width - 12)).rstrip(), "dim"),
            ]
        )
    lines += [[], heading("Gives")]
    lines += facts(
        [("target", shape.get("target")), ("task", shape.get("task")), ("classes", shape.get("classes"))], scene.width
    )
    for name, one in usual.items():  # what is left are its predictions
        lines.append(
            [(f" {fit(clean(name), width)}", ""), (fit(clean(_usual(one)), scene.width - width - 2).rstrip(), "dim")]
        )
    ignored = [one.get("name") if isinstance(one, dict) else one for one in shape.get("others") or []]
    if ignored:
        lines += [[], heading("Ignores"), *said(", ".join(map(clean, ignored)), scene.width, "dim")]
    return lines


def _usual(one: Record | None) -> str:
    """What was usual of a column in training, in a line."""
    if one is None:
        return ""
    missing = one.get("missing") or 0.0
    return str(one.get("usual") or "") + (f", {missing:.0%} missing" if missing >= 0.005 else "")


PANE = Pane(
    name=REGISTRY,
    kind="models",
    about="model",
    columns=columns,
    tabs=(
        Tab("Overview", overview),
        Tab("Metrics", run_metrics),
        Tab("Signature", signature, shown),
        lineage.tab("model", ref),
        comments.tab("model", ref),
    ),
    empty=(
        "Registry: immutable, hash-checked model versions.",
        "Go to Experiments (2), choose a finished run, and r registers it.",
    ),
    files=lambda one: f"models/{one.get('name')}/{one.get('version')}-{one.get('id')}",
    ident=_exact,
    ref=ref,
    label=ref,
)
