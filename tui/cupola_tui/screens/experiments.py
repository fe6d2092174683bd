"""The pane of experiments: runs with their metrics and errors, plots, predictions, files, lineage and log."""

from collections import Counter
from typing import Any

from rich.cells import cell_len

from cupola_tui import figures
from cupola_tui.keymap import EXPERIMENTS
from cupola_tui.paint import Line, fit
from cupola_tui.plain import clean
from cupola_tui.screens import comments, leaderboard, lineage, predictions
from cupola_tui.screens.pane import (
    Ask,
    Pane,
    Scene,
    Tab,
    age,
    badge_of,
    by,
    facts,
    heading,
    metric,
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

SHOWN_METRICS = 3


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
        status(priority=7),
        *[metric(name, 6 - place) for place, name in enumerate(common_metrics(records))],
        text("estimator", "estimator", width=10, grow=30, priority=3),
        took(priority=3),
        text("experiment", "experiment", width=8, grow=18, priority=2),
        who(),
        age("submitted", priority=5),
    ]


def _name(record: Record) -> str:
    return f"{badge_of(record)[0].partition(' ')[0]} {clean(record.get('name') or record.get('id'))}"


def common_metrics(records: list[Record]) -> list[str]:
    """The metrics worth a column: those that runs are compared by, then those of the validation (else the test) that
    most runs have."""
    seen = Counter(name for record in records[:500] for name in record.get("metrics") or {})
    compared = Counter(str(record.get("metric")) for record in records[:500])
    for split in ("validation_", "test_", ""):
        found = [name for name, _ in seen.most_common() if name.startswith(split)]
        if found:
            return sorted(found, key=lambda name: (-compared[name], -seen[name], rank(name)))[:SHOWN_METRICS]
    return []


def rank(name: str) -> int:
    """How soon a metric is to be shown: the ones that runs are compared by come first."""
    known = ("roc_auc", "mase", "rmse", "log_loss", "mae", "accuracy", "r2", "f1", "f1_macro")
    short = name.split("_", 1)[-1]
    return known.index(short) if short in known else len(known)


def foremost(record: Record, most: int) -> list[tuple[str, str]]:
    """The metrics of the validation and the test with their errors, those first that runs are chosen by."""
    values, errors = record.get("metrics") or {}, record.get("metric_errors") or {}
    found = [name for name in values if name.startswith(("validation_", "test_"))]
    found.sort(key=lambda name: (not name.startswith("validation_"), rank(name)))
    return [(clean(name), figures.measured(values[name], errors.get(name))) for name in found[:most]]


def overview(scene: Scene) -> list[Line]:
    from cupola_tui.widgets.plot import curve

    one = scene.record
    lines: list[Line] = [stands(one)]
    if one.get("reason"):
        lines += said(one["reason"], scene.width, "bad")
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
        lines += [[], *curve(pairs, scene.width - 1, max(6, min(14, scene.height // 3)))]
    lines += leaderboard.ahead(scene)
    metrics = foremost(one, 6)
    if metrics:
        lines += [[], heading("Metrics"), *facts(metrics, scene.width)]
    lines += leaderboard.findings(scene)
    lines += [[], heading("Parameters"), *_params(one, scene.width), []]
    told = [
        ("estimator", one.get("estimator")),
        ("dataset", one.get("dataset")),
        ("flow", one.get("flow")),
        ("target", one.get("target")),
        ("task", one.get("task")),
        ("split", (one.get("split") or {}).get("kind")),
        ("rows", one.get("rows")),
        ("seed", one.get("seed")),
        ("submitted", figures.when(one.get("submitted"))),
        ("took", figures.span(one.get("started"), one.get("ended"))),
        by(one),
        ("tags", one.get("tags")),
        ("job", one.get("job")),
        ("id", one.get("id")),
    ]
    lines += [*facts(told, scene.width), *notes(one, scene.width)]
    for title, found in (
        ("Resources", facts(_resources(scene), scene.width)),
        ("Features", said(", ".join(map(clean, one.get("features") or [])), scene.width)),
        ("Code", facts(_code(one), scene.width)),
        ("Environment", facts(_environment(one), scene.width)),
    ):
        lines += [[], heading(title), *found] if any(text.strip() for line in found for text, _ in line) else []
    return lines


def _resources(scene: Scene) -> list[tuple[str, Any]]:
    """What it was given, and what it took: of the run itself, and of all of its job."""
    usage, job = scene.record.get("usage") or {}, scene.answer("job") or {}
    whole = job.get("usage") or {}
    return [
        ("CPUs", job.get("cpus")),
        ("GPUs", job.get("gpus") or None),
        ("memory limit", figures.size(job.get("memory"))),
        ("CPU time", figures.duration(usage.get("cpu_seconds", whole.get("cpu_seconds")))),
        ("most memory", figures.size(usage.get("peak_memory", whole.get("max_rss_bytes")))),
        ("job took", figures.duration(whole.get("wall_seconds"))),
    ]


def _code(record: Record) -> list[tuple[str, Any]]:
    code = record.get("code") or {}
    changed = f"yes: {code['patch']}" if code.get("patch") else "yes" if code.get("dirty") else None
    return [("commit", code.get("commit")), ("uncommitted", changed)]


def _environment(record: Record) -> list[tuple[str, Any]]:
    environment = record.get("environment") or {}
    packages = environment.get("packages")
    if not isinstance(packages, dict):
        return [(clean(name), value) for name, value in environment.items()]
    return [("python", environment.get("python")), *((clean(name), packages[name]) for name in sorted(packages))]


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
    wide = max(10, 2 + max(cell_len(_cell(values, errors, name)) for name in values))
    first = min(max(cell_len(clean(name)) for name in names) + 2, max(10, scene.width - 1 - wide))
    cell = max(wide, min(24, (scene.width - first - 2) // max(1, len(splits))))
    whole = [name for name in names if name in values]
    lines: list[Line] = []
    if splits and 1 + first + cell * len(splits) > scene.width:
        for split in splits:
            lines += [*_table(scene, [one for one in names if f"{split}_{one}" in values], [split], first, cell), []]
        lines += [*_table(scene, whole, [], first, cell), []] if whole else []
    else:
        lines += [*_table(scene, names, splits, first, cell), []]
    return [*lines, *said("± is one standard error: of the folds, or of a bootstrap of the rows.", scene.width, "dim")]


def _table(scene: Scene, names: list[str], splits: list[str], first: int, cell: int) -> list[Line]:
    """Metrics in a column a split; what is of no split stands in the first."""
    values, errors = scene.record.get("metrics") or {}, scene.record.get("metric_errors") or {}
    lines: list[Line] = [[(f" {'':<{first}}" + "".join(f"{split:>{cell}}" for split in splits), "dim")]]
    for name in names:
        if any(f"{split}_{name}" in values for split in splits):
            cells = [_cell(values, errors, f"{split}_{name}") for split in splits]
        else:
            cells = [_cell(values, errors, name)]
        lines.append([(f" {fit(clean(name), first)}", ""), ("".join(f"{one:>{cell}}" for one in cells), "")])
    return lines


def _stem(name: str, splits: list[str]) -> str:
    head, _, tail = name.partition("_")
    return tail if head in splits and tail else name


def _cell(values: dict[str, Any], errors: dict[str, Any], name: str) -> str:
    return figures.measured(values[name], errors.get(name)) if name in values else figures.ABSENT


def plots(scene: Scene) -> list[Line]:
    from cupola_tui.screens import plots

    return plots.draw(scene)


def turn(scene: Scene, thing: str, by: int) -> None:
    from cupola_tui.screens import plots

    plots.turn(scene, thing, by)


def files(scene: Scene) -> list[Line]:
    """What the run has left, where that is, and how large."""
    answer = scene.answer("files")
    if answer is None:
        return pending(scene, "files", "reading ...")
    if not answer:
        return [[(" it has left no files", "dim")]]
    sizes = [figures.size(one.get("bytes")) for one in answer]
    wide = max(map(len, sizes))
    place = f"{place_of(scene.record)}/attempts/{scene.record.get('attempt') or 1}/artifacts"
    lines: list[Line] = [
        [(f" {size:>{wide}}  ", "dim"), (clean(one.get("name")), "")] for one, size in zip(answer, sizes, strict=True)
    ]
    return [*lines, [], *said(f"they lie in {place}", scene.width, "dim")]


def place_of(record: Record) -> str:
    """Where the run lies in the workspace."""
    return f"experiments/{record.get('experiment')}/{record.get('id')}"


def _overview(record: Record) -> dict[str, Ask]:
    asked: dict[str, Ask] = {"metrics": ("metrics", {"run": record.get("id")})} | leaderboard.asks(record)
    if record.get("job"):
        asked["job"] = ("record", {"kind": "jobs", "ref": record["job"]})
    return asked


def _plots(record: Record) -> dict[str, Ask]:
    run = {"run": record.get("id")}
    return {"metrics": ("metrics", run), "plots": ("plots", run)}


def _files(record: Record) -> dict[str, Ask]:
    return {"files": ("action", {"name": "run artifacts", "arguments": {"run": record.get("id")}})}


def _log(record: Record) -> Ask | None:
    return ("log", {"kind": "job", "ref": record["job"]}) if record.get("job") else None


PANE = Pane(
    name=EXPERIMENTS,
    kind="runs",
    about="run",
    columns=columns,
    tabs=(
        Tab("Overview", overview, _overview),
        Tab("Metrics", metrics, leaderboard.asks, listing=leaderboard.table),
        Tab("Plots", plots, _plots, turn=turn),
        Tab(predictions.TITLE, predictions.draw, predictions.asks, listing=predictions.table),
        Tab("Files", files, _files),
        lineage.tab("run"),
        comments.tab("run"),
        Tab("Log", lambda scene: [[(" it has no job, and so no log", "dim")]], log=_log),
    ),
    empty=("Experiments: training runs with their parameters, metrics and models.", "t trains a model on a dataset."),
    files=place_of,
)
