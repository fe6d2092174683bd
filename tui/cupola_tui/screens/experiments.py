"""The pane of experiments: runs with their curves, metrics and their errors, parameters, artifacts, lineage and log."""

from collections import Counter
from functools import partial
from typing import Any

from cupola_tui import figures
from cupola_tui.keymap import EXPERIMENTS
from cupola_tui.paint import Line, fit, fold
from cupola_tui.plain import clean
from cupola_tui.screens.pane import Ask, Pane, Scene, Tab, age, badge_of, facts, heading, pending, stands, text
from cupola_tui.widgets.rows import Column, Record

SHOWN_METRICS = 3
TOP_FEATURES = 15


def path(record: Record) -> str:
    return f"{record.get('experiment')}/{record.get('id')}"


def columns(records: list[Record]) -> list[Column]:
    return [
        Column(
            "name",
            "name",
            lambda one: (_name(one), badge_of(one)[1]),
            lambda one: one.get("name"),
            width=14,
            grow=26,
            priority=9,
        ),
        Column(
            "status",
            "status",
            badge_of,
            lambda one: one.get("status"),
            width=12,
            grow=14,
            priority=7,
        ),
        *[_metric(name, 6 - place) for place, name in enumerate(common_metrics(records))],
        text("estimator", "estimator", width=10, grow=30, priority=3),
        Column(
            "fit",
            "time",
            lambda one: (figures.span(one.get("started"), one.get("ended")), ""),
            _took,
            width=6,
            grow=8,
            right=True,
            priority=3,
        ),
        text("experiment", "experiment", width=8, grow=18, priority=2),
        text("user", "who", width=5, grow=10, priority=2),
        age("submitted", priority=4),
    ]


def _name(record: Record) -> str:
    return f"{badge_of(record)[0].partition(' ')[0]} {clean(record.get('name') or record.get('id'))}"


def _took(record: Record) -> float | None:
    first, last = figures.moment(record.get("started")), figures.moment(record.get("ended"))
    return None if first is None else (last or figures.now()) - first


def common_metrics(records: list[Record]) -> list[str]:
    """The metrics worth a column: those of the validation (else the test) that most runs have."""
    seen = Counter(name for record in records[:500] for name in record.get("metrics") or {})
    for split in ("validation_", "test_", ""):
        found = [name for name, _ in seen.most_common() if name.startswith(split)]
        if found:
            return sorted(found, key=lambda name: (-seen[name], rank(name)))[:SHOWN_METRICS]
    return []


def rank(name: str) -> int:
    """How soon a metric is to be shown: the ones that runs are compared by come first."""
    known = ("roc_auc", "rmse", "log_loss", "mae", "accuracy", "r2", "f1", "f1_macro")
    short = name.split("_", 1)[-1]
    return known.index(short) if short in known else len(known)


def _metric(name: str, priority: int) -> Column:
    title = name.split("_", 1)[-1] if name.startswith(("validation_", "test_")) else name

    def value(record: Record) -> Any:
        return (record.get("metrics") or {}).get(name)

    return Column(
        name,
        clean(title),
        lambda one: (figures.number(value(one)), ""),
        value,
        width=8,
        grow=14,
        right=True,
        priority=priority,
    )


def overview(scene: Scene) -> list[Line]:
    from cupola_tui.widgets.plot import curve

    one = scene.record
    lines: list[Line] = [stands(one)]
    if one.get("reason"):
        lines += [[(" ", ""), (part, "bad")] for part in fold(clean(one["reason"]), scene.width - 2)]
    entries = (scene.answer("metrics") or {}).get("entries") or []
    chosen = _curve_of(entries)
    if chosen:
        pairs = {
            name: [
                (float(e["step"]), float(e["value"]))
                for e in entries
                if e.get("name") == name and e.get("step") is not None
            ]
            for name in chosen
        }
        lines += [[], *curve(pairs, scene.width - 2, max(6, min(14, scene.height // 3)))]
    metrics = {
        name: value for name, value in (one.get("metrics") or {}).items() if name.startswith(("validation_", "test_"))
    }
    errors = one.get("metric_errors") or {}
    if metrics:
        lines += [[], heading("Metrics")]
        foremost = sorted(metrics, key=lambda name: (not name.startswith("validation_"), rank(name)))[:6]
        lines += facts(
            [(clean(name), figures.measured(metrics[name], errors.get(name))) for name in foremost], scene.width
        )
    lines += [[], heading("Parameters"), *_params(one, scene.width), []]
    pairs2 = [
        ("estimator", one.get("estimator")),
        ("dataset", one.get("dataset")),
        ("target", one.get("target")),
        ("task", one.get("task")),
        ("seed", one.get("seed")),
        ("submitted", one.get("submitted")),
        ("took", figures.span(one.get("started"), one.get("ended"))),
        ("by", f"{one.get('user')} on {one.get('host')}"),
        ("tags", one.get("tags")),
        ("job", one.get("job")),
        ("id", one.get("id")),
    ]
    lines += facts(pairs2, scene.width)
    for note in one.get("notes") or []:
        lines += [
            [(" ⚠ " if place == 0 else "   ", "warn"), (part, "")]
            for place, part in enumerate(fold(clean(note), scene.width - 4))
        ]
    return lines


def _curve_of(entries: list[Record]) -> list[str]:
    """Which metrics to draw: the validation's with most steps, and the same of the training beside it."""
    steps = Counter(clean(one.get("name")) for one in entries if one.get("step") is not None)
    named = [name for name, count in steps.most_common() if count > 1]
    best = next((name for name in named if name.startswith(("validation_", "test_"))), named[0] if named else None)
    if best is None:
        return []
    twin = "train_" + best.split("_", 1)[-1]
    return [best, twin] if twin in named and twin != best else [best]


def _params(record: Record, width: int) -> list[Line]:
    params = record.get("params") or {}
    return facts([(clean(name), value) for name, value in sorted(params.items())], width) or [
        [(" the estimator's own defaults", "dim")]
    ]


def metrics(scene: Scene) -> list[Line]:
    """Every metric with its standard error, a column a split."""
    values, errors = scene.record.get("metrics") or {}, scene.record.get("metric_errors") or {}
    if not values:
        return [[(" no metrics yet", "dim")]]
    splits = [one for one in ("train", "validation", "test") if any(name.startswith(one + "_") for name in values)]
    names = list(dict.fromkeys(_stem(name, splits) for name in values))
    first = max(len(clean(name)) for name in names) + 2
    cell = max(10, min(24, (scene.width - first - 2) // max(1, len(splits))))
    lines: list[Line] = [[(f" {'':<{first}}" + "".join(f"{split:>{cell}}" for split in splits), "dim")]]
    for name in names:
        if splits and any(f"{split}_{name}" in values for split in splits):
            cells = [_cell(values, errors, f"{split}_{name}") for split in splits]
        else:
            cells = [_cell(values, errors, name)]
        lines.append([(f" {clean(name):<{first}}", ""), ("".join(f"{one:>{cell}}" for one in cells), "")])
    lines += [
        [],
        *[
            [(" " + part, "dim")]
            for part in fold("± is one standard error: of the folds, or of a bootstrap of the rows.", scene.width - 2)
        ],
    ]
    return lines


def _stem(name: str, splits: list[str]) -> str:
    head, _, tail = name.partition("_")
    return tail if head in splits and tail else name


def _cell(values: dict[str, Any], errors: dict[str, Any], name: str) -> str:
    return figures.measured(values[name], errors.get(name)) if name in values else figures.ABSENT


def params(scene: Scene) -> list[Line]:
    one = scene.record
    environment = one.get("environment") or {}
    code = one.get("code") or {}
    lines = [heading("Parameters"), *_params(one, scene.width), [], heading("Features")]
    lines += [
        [(" " + part, "")]
        for part in fold(
            ", ".join(clean(name) for name in one.get("features") or []) or figures.ABSENT, scene.width - 2
        )
    ]
    lines += [[], heading("Code"), *facts([("commit", code.get("commit")), ("dirty", code.get("dirty"))], scene.width)]
    packages = environment.get("packages") or {}
    shown = (
        [("python", environment.get("python")), *sorted(packages.items())]
        if isinstance(packages, dict)
        else list(environment.items())
    )
    return [*lines, [], heading("Environment"), *facts([(clean(name), value) for name, value in shown], scene.width)]


def artifacts(scene: Scene) -> list[Line]:
    """The confusion matrix of a classifier, the residuals of a regressor; which features matter."""
    answer = scene.answer("artifact")
    if answer is None:
        done = scene.record.get("status") == "Completed"
        return pending(scene, "artifact", "reading ..." if done else "nothing yet: it comes at the end of the run")
    shown = confusion(answer) if "matrix" in answer else residuals(answer, scene)
    return [*shown, [], *importance(scene)]


def importance(scene: Scene) -> list[Line]:
    """By how much the metric falls when a feature's values are shuffled."""
    answer = scene.answer("importance") or {}
    found = sorted(answer.get("features") or [], key=lambda one: -(one.get("importance") or 0))[:TOP_FEATURES]
    if not found:
        return []
    most = max(0.0, *(one.get("importance") or 0 for one in found)) or 1.0
    names = min(24, max(len(clean(one.get("feature"))) for one in found))
    room = max(4, scene.width - names - 14)
    lines: list[Line] = [heading(f"Importance ({clean(answer.get('metric') or '')} lost when shuffled)")]
    for one in found:
        value = one.get("importance") or 0
        bar = "█" * round(max(0.0, value) / most * room)
        lines.append(
            [(f" {fit(clean(one.get('feature')), names)} ", ""), (bar or "▏", "good"), (f" {value:.4f}", "dim")]
        )
    return lines


def confusion(answer: Record) -> list[Line]:
    matrix = answer.get("matrix") or answer.get("counts") or []
    classes = [figures.short(one) for one in answer.get("classes") or answer.get("labels") or range(len(matrix))]
    cell = max(
        7, *(min(12, len(name) + 1) for name in classes), *(len(f"{value:,}") + 1 for row in matrix for value in row)
    )
    lines: list[Line] = [
        heading(f"Confusion matrix ({clean(answer.get('split') or 'test')})"),
        [],
        [(" " * (cell + 3) + "predicted", "dim")],
    ]
    lines.append([(f" {'true':<{cell}} ", "dim"), *[(fit(name, cell, True), "dim") for name in classes]])
    for name, row in zip(classes, matrix, strict=False):
        total = sum(row) or 1
        line: Line = [(f" {fit(name, cell)} ", "")]
        for place, value in enumerate(row):
            right = classes[place] == name
            line.append(
                (
                    f"{value:,}".rjust(cell),
                    ("good bold" if right else "bad") if value / total > 0.2 else "dim" if not right else "good",
                )
            )
        line.append((f"   {row[classes.index(name)] / total:6.1%} right", "dim"))
        lines.append(line)
    return lines


def residuals(answer: Record, scene: Scene) -> list[Line]:
    """What was predicted less what is true, over what was predicted; and how it spreads."""
    from cupola_tui.widgets.plot import scatter

    pairs = [(float(predicted), float(predicted) - float(true)) for true, predicted in answer.get("pairs") or []]
    lines: list[Line] = [heading(f"Residuals: predicted less true ({clean(answer.get('split') or 'test')})")]
    lines += scatter(pairs, scene.width - 2, max(8, min(16, scene.height // 2)))
    spread = [
        (f"{float(share):.0%} are below", figures.number(value))
        for share, value in (answer.get("quantiles") or {}).items()
    ]
    counts = (answer.get("histogram") or {}).get("counts") or []
    return [
        *lines,
        [],
        *facts([("mean", answer.get("mean")), ("histogram", figures.sparkline(counts)), *spread], scene.width),
    ]


def lineage(scene: Scene, kind: str = "run") -> list[Line]:
    """What it came from, and what came of it."""
    one = scene.record
    models = [m for m in scene.lists.get("models", []) if one.get("id") and str(one.get("id")) in str(m.get("run"))]
    names = {f"{m.get('name')}@{m.get('version')}" for m in models}
    exact = {f"{m.get('name')}@{m.get('version')}-{m.get('id')}" for m in models}
    served = [
        e
        for e in scene.lists.get("endpoints", [])
        if any(v.get("model") in names | exact for v in e.get("variants") or [])
    ]
    lines: list[Line] = [
        heading("Came from"),
        *_tree(
            [("dataset", one.get("dataset")), ("code", (one.get("code") or {}).get("commit")), ("job", one.get("job"))]
        ),
    ]
    lines += [
        [],
        heading("Became"),
        *_tree([("model", ", ".join(sorted(names))), *[("endpoint", e.get("name")) for e in served]]),
    ]
    return lines


def _tree(pairs: list[tuple[str, Any]]) -> list[Line]:
    shown = [(name, value) for name, value in pairs if value]
    return [[("  → ", "dim"), (f"{name:<9} ", "dim"), (clean(value), "accent")] for name, value in shown] or [
        [("  nothing yet", "dim")]
    ]


def _metrics(record: Record) -> dict[str, Ask]:
    return {"metrics": ("metrics", {"run": record.get("id"), "after": 0})}


def _artifact(record: Record) -> dict[str, Ask]:
    if record.get("status") != "Completed":
        return {}
    name = "residuals" if record.get("task") == "regression" else "confusion"
    run = record.get("id")
    return {
        "artifact": ("artifact", {"run": run, "name": name}),
        "importance": ("artifact", {"run": run, "name": "importance"}),
    }


def _log(record: Record) -> Ask | None:
    return ("log", {"kind": "job", "ref": record["job"]}) if record.get("job") else None


PANE = Pane(
    name=EXPERIMENTS,
    title="Experiments",
    kind="runs",
    about="run",
    noun="run",
    feeds=frozenset({"run", "job"}),
    ident=lambda one: str(one.get("id")),
    ref=lambda one: str(one.get("id")),
    columns=columns,
    tabs=(
        Tab("Overview", overview, _metrics),
        Tab("Metrics", metrics),
        Tab("Params", params),
        Tab("Artifacts", artifacts, _artifact),
        Tab("Lineage", partial(lineage, kind="run")),
        Tab("Log", lambda scene: [[(" it has no job, and so no log", "dim")]], log=_log),
    ),
    empty=("Experiments: training runs with their parameters, metrics and models.", "t trains a model on a dataset."),
    label=lambda one: str(one.get("name") or one.get("id")),
    files=lambda one: f"experiments/{path(one)}",
)
