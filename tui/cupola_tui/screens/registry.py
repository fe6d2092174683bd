"""The pane of the registry: model versions with approvals, aliases, signature and lineage."""

from cupola_tui import figures
from cupola_tui.keymap import REGISTRY
from cupola_tui.paint import Line, fit, fold
from cupola_tui.plain import clean
from cupola_tui.screens.experiments import common_metrics, rank
from cupola_tui.screens.experiments import metrics as run_metrics
from cupola_tui.screens.pane import Pane, Scene, Tab, age, badge, facts, heading, text
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
        Column(
            "status", "status", lambda one: _status(one), lambda one: one.get("status"), width=10, grow=12, priority=8
        ),
        text("aliases", "aliases", width=8, grow=20, priority=6),
        *[_metric(name, 5 - place) for place, name in enumerate(common_metrics(records)[:2])],
        text("estimator", "estimator", width=10, grow=30, priority=3),
        text("user", "who", width=5, grow=10, priority=2),
        age("registered", priority=4),
    ]


def _status(record: Record) -> tuple[str, str]:
    shown, style = badge(record.get("status"))
    return shown.replace("PendingManualApproval", "Pending"), style


def _metric(name: str, priority: int) -> Column:
    title = name.split("_", 1)[-1] if name.startswith(("validation_", "test_")) else name
    return Column(
        name,
        clean(title),
        lambda one: (figures.number((one.get("metrics") or {}).get(name)), ""),
        lambda one: (one.get("metrics") or {}).get(name),
        width=8,
        grow=14,
        right=True,
        priority=priority,
    )


def overview(scene: Scene) -> list[Line]:
    one = scene.record
    metrics, errors = one.get("metrics") or {}, one.get("metric_errors") or {}
    lines: list[Line] = [[(" ", ""), badge(one.get("status"))], []]
    lines += facts(
        [
            ("aliases", one.get("aliases")),
            ("description", one.get("description")),
            ("task", one.get("task")),
            ("estimator", one.get("estimator")),
            ("target", one.get("target")),
            ("run", one.get("run")),
            ("dataset", one.get("dataset")),
            ("registered", one.get("registered")),
            ("by", f"{one.get('user')} on {one.get('host')}"),
            ("sha256", str(one.get("sha256") or "")[:16]),
            ("id", one.get("id")),
        ],
        scene.width,
    )
    found = [name for name in metrics if name.startswith(("validation_", "test_"))]
    shown = sorted(found, key=lambda name: (not name.startswith("validation_"), rank(name)))[:8]
    lines += [
        [],
        heading("Metrics"),
        *facts([(clean(name), figures.measured(metrics[name], errors.get(name))) for name in shown], scene.width),
    ]
    return [*lines, [], heading("Approvals"), *approvals(scene)]


def approvals(scene: Scene) -> list[Line]:
    found = scene.record.get("approvals") or []
    lines: list[Line] = []
    for one in found:
        who, why = (
            one.get("user") or one.get("who") or one.get("writer"),
            one.get("reason") or one.get("why") or one.get("comment"),
        )
        lines.append(
            [(" ", ""), badge(one.get("status")), (f"  {clean(who or '')}  {clean(one.get('time') or '')}", "dim")]
        )
        lines += [[("   " + part, "")] for part in fold(clean(why), scene.width - 4)] if why else []
    return lines or [[(" nobody has decided yet: a approves", "dim")]]


def signature(scene: Scene) -> list[Line]:
    """What the model takes, what it ignores, what it gives."""
    shape = scene.record.get("signature") or {}
    taken = shape.get("columns") or []
    width = min(28, max((len(clean(one.get("name"))) for one in taken), default=6) + 2)
    lines: list[Line] = [heading("Takes")]
    for one in taken:
        known = one.get("categories")
        lines.append(
            [
                (f" {fit(clean(one.get('name')), width)}", ""),
                (f"{clean(one.get('type')):<10}", "accent"),
                (figures.short(known) if known else "", "dim"),
            ]
        )
    lines += [[], heading("Gives")]
    lines += facts(
        [("target", shape.get("target")), ("task", shape.get("task")), ("classes", shape.get("classes"))], scene.width
    )
    ignored = [one.get("name") if isinstance(one, dict) else one for one in shape.get("others") or []]
    if ignored:
        lines += [
            [],
            heading("Ignores"),
            *[[(" " + part, "dim")] for part in fold(", ".join(clean(one) for one in ignored), scene.width - 2)],
        ]
    return lines


def lineage(scene: Scene) -> list[Line]:
    one = scene.record
    names = {ref(one), f"{ref(one)}-{one.get('id')}"}
    served = [
        e for e in scene.lists.get("endpoints", []) if any(v.get("model") in names for v in e.get("variants") or [])
    ]
    pairs = [("dataset", one.get("dataset")), ("run", one.get("run"))]
    lines: list[Line] = [
        heading("Came from"),
        *[[("  → ", "dim"), (f"{name:<9} ", "dim"), (clean(value), "accent")] for name, value in pairs if value],
    ]
    lines += [[], heading("Is served by")]
    return lines + (
        [[("  → ", "dim"), (clean(e.get("name")), "accent"), ("  ", ""), badge(e.get("status"))] for e in served]
        or [[("  no endpoint: d deploys it", "dim")]]
    )


PANE = Pane(
    name=REGISTRY,
    title="Registry",
    kind="models",
    about="model",
    noun="model",
    feeds=frozenset({"model"}),
    ident=lambda one: f"{ref(one)}-{one.get('id')}",
    ref=ref,
    columns=columns,
    tabs=(Tab("Overview", overview), Tab("Metrics", run_metrics), Tab("Signature", signature), Tab("Lineage", lineage)),
    empty=(
        "Registry: immutable, hash-checked model versions.",
        "Go to Experiments (2), choose a finished run, and r registers it.",
    ),
    label=ref,
    files=lambda one: f"models/{one.get('name')}/{one.get('version')}-{one.get('id')}",
)
