"""A run as one HTML file: nothing in it is fetched from anywhere, and no text of the run's is markup."""

import base64
import os
from pathlib import PurePath

from cupola.datasets import asking
from cupola.errors import CupolaError
from cupola.experiments import plots, records
from cupola.experiments.records import Run
from cupola.plots import pages
from cupola.plots.svg import svg, words
from cupola.store import Store, files
from cupola.store.trouble import disk

SPLITS = ("train", "validation", "test")
WORST = 20  # rows with the largest errors
IMAGES = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp", ".svg": "svg+xml"}
LARGEST_IMAGE, ALL_IMAGES = 2 << 20, 16 << 20
LONGEST = 200_000  # bytes of a patch, or of a log's end
LOG_LINES = 60


def html(store: Store, run: Run) -> str:
    """The report: what went in, what came out, and how it ended. What cannot be read is left out, and that is said."""
    parts = [
        _head(run),
        pages.section("Metrics", _metrics(run)),
        pages.section("Parameters", pages.facts(run.params)),
        pages.section("Plots", "\n".join(svg(one) for one in plots.of_run(store, run))),
        pages.section(f"Rows with the largest errors (of those held out, at most {WORST})", _worst(store, run)),
        pages.section("Data", _data(run)),
        pages.section("Code", _code(store, run)),
        pages.section("Environment", _environment(run)),
        pages.section("Resources", _resources(store, run)),
        pages.section("Lineage", _lineage(store, run)),
        pages.section("Artifacts", _artifacts(store, run)),
        pages.section("Notes", _list(run.notes)),
        pages.section("Comments", _comments(run)),
        pages.section("The end of the log", _log(store, run) if run.status == "Failed" else ""),
    ]
    return pages.page(f"run {run.name}", "".join(parts))


def _head(run: Run) -> str:
    status = f'<strong class="{words(run.status)}">{words(run.status)}</strong>'
    said = f'{status} {words(run.secondary_status)} <span class="dim">{words(run.id)}</span>'
    facts = {
        "experiment": run.experiment, "by": f"{run.user} on {run.host}", "submitted": run.submitted,
        "started": run.started, "ended": run.ended, "estimator": run.estimator,
        "tags": run.tags, "model": run.model, "job": run.job,
    }  # fmt: skip
    reason = f"<pre>{words(run.reason)}</pre>" if run.reason else ""
    bad = f'<p class="Failed">{words(run.bad)}</p>' if run.bad else ""
    return f"<h1>{words(run.name)}</h1>\n<p>{said}</p>\n{bad}{reason}{pages.facts(facts)}\n"


def _metrics(run: Run) -> str:
    """A row for each metric, a column for each split; ± is one standard error."""
    found: dict[str, dict[str, str]] = {}
    for name, value in run.metrics.items():
        split, _, stem = name.partition("_")
        known = split in SPLITS and stem
        said = _measured(value, run.metric_errors.get(name))
        found.setdefault(stem if known else name, {})[split if known else "value"] = said
    heads = [one for one in (*SPLITS, "value") if any(one in each for each in found.values())]
    table = pages.table(
        ["metric", *heads], [[name, *(each.get(one, "") for one in heads)] for name, each in found.items()]
    )
    return table + ('<p class="dim">± is one standard error</p>' if run.metric_errors else "")


def _measured(value: float, error: float | None) -> str:
    return f"{value:.6g}" if not error else f"{value:.6g} ± {error:.2g}"


def _worst(store: Store, run: Run) -> str:
    if "predictions.parquet" not in records.artifacts(store, run):
        return ""
    try:
        found = asking.ask(store, "predictions", run=run.id, sort=None, filter=None, limit=WORST)
    except CupolaError as error:
        return f"<p>{words(str(error))}</p>"
    return pages.table(found["columns"], [[pages.text(value) for value in row] for row in found["rows"]])


def _data(run: Run) -> str:
    return pages.facts(
        {
            "dataset": run.dataset, "flow": run.flow, "looked up": run.looked_up,
            "target": run.target, "task": run.task, "classes": run.classes, "split": run.split,
            "rows": run.rows, "seed": run.seed, "features": run.features,
        }
    )  # fmt: skip


def _code(store: Store, run: Run) -> str:
    facts = pages.facts({"commit": run.code.commit, "uncommitted changes": "yes" if run.code.dirty else None})
    if not run.code.patch:
        return facts
    try:
        patch = files.read_bytes(store, f"{run.directory}/{run.code.patch}")[:LONGEST].decode(errors="replace")
    except CupolaError as error:
        patch = str(error)
    return f"{facts}<details><summary>the changes</summary><pre>{words(patch)}</pre></details>"


def _environment(run: Run) -> str:
    packages = run.environment.get("packages")
    return pages.facts({name: one for name, one in run.environment.items() if name != "packages"}) + (
        pages.facts(packages) if isinstance(packages, dict) else ""
    )


def _resources(store: Store, run: Run) -> str:
    from cupola.jobs import records as jobs

    job = jobs.some(store, {run.job}).get(run.job) if run.job else None
    asked = {"CPUs": job.cpus, "GPUs": job.gpus or None, "memory limit": job.memory} if job else {}
    return pages.facts(asked | run.usage | ({f"job: {name}": one for name, one in job.usage.items()} if job else {}))


def _lineage(store: Store, run: Run) -> str:
    from cupola.lineage import graph

    try:
        return f"<pre>{words(graph.of(store, graph.run(run)).text)}</pre>"
    except CupolaError as error:
        return f"<p>{words(str(error))}</p>"


def _artifacts(store: Store, run: Run) -> str:
    sizes = records.artifact_sizes(store, run)
    table = pages.table(["file", "bytes"], [[name, f"{size:,}"] for name, size in sizes.items()])
    left, images = ALL_IMAGES, []
    for name, size in sizes.items():
        kind = IMAGES.get(PurePath(name).suffix.lower())
        if kind and size <= min(left, LARGEST_IMAGE):
            left -= size
            data = files.read_bytes(store, f"{records.attempt_directory(store, run)}/artifacts/{name}")
            source = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
            images.append(f'<figure><figcaption>{words(name)}</figcaption><img alt="" src="{source}"></figure>')
    return table + "\n".join(images)


def _list(texts: list[str]) -> str:
    return f"<ul>{''.join(f'<li>{words(one)}</li>' for one in texts)}</ul>" if texts else ""


def _comments(run: Run) -> str:
    said = [f"<dt>{words(f'{one.user}, {one.time}')}</dt><dd><pre>{words(one.text)}</pre></dd>" for one in run.comments]
    return f"<dl>{''.join(said)}</dl>" if said else ""


def _log(store: Store, run: Run) -> str:
    """The last lines of the log of its job."""
    from cupola.jobs import records as jobs

    if not run.job:
        return ""
    try:
        path = jobs.log_path(store, run.job)
        with disk(path), files.absolute(store, path).open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - LONGEST))
            text = log.read(LONGEST).decode(errors="replace")
    except CupolaError:  # there is none, or it cannot be read
        return ""
    lines = "\n".join(text.splitlines()[-LOG_LINES:])
    return f"<pre>{words(lines)}</pre>" if lines else ""
