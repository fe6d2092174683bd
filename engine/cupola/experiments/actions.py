"""What a user can do with runs: find them, compare them, say something about them, take them away."""

from pathlib import Path
from typing import Annotated

import msgspec

from cupola import place
from cupola.actions import Arg, action
from cupola.datasets.records import Rows
from cupola.errors import BadOption, NotFound, NotReady
from cupola.experiments import comparing, histories, records, repeats, sources
from cupola.experiments.comparing import ComparedValue, Comparison
from cupola.experiments.histories import Logged
from cupola.experiments.records import Run
from cupola.experiments.sources import CodeChange
from cupola.jobs import amounts
from cupola.jobs import records as jobs
from cupola.jobs.records import JobState
from cupola.plots.records import Plot
from cupola.search import evaluating
from cupola.store import feed, files
from cupola.team import notes
from cupola.workspace import Workspace

Filter = Annotated[
    str | None, Arg(help="only those: 'metrics.validation_roc_auc > 0.8 and user = \"ana\"'", completes="run filter")
]
Sort = Annotated[str | None, Arg(help="by this field: validation_roc_auc:desc", completes="run sort")]
Limit = Annotated[int | None, Arg(help="at most so many")]
LARGEST_LIMIT = 100_000
MOST_PARTS = 50
RunName = Annotated[str, Arg(help="a run: its id, the beginning of it, or its name", completes="run")]


class Exported(msgspec.Struct, kw_only=True):
    """Where a run was copied to."""

    run: str
    path: str


class Artifact(msgspec.Struct, kw_only=True):
    """A file that a run has left: its name (with the directories that it lies in) and its size."""

    name: str
    bytes: int


class Plotted(msgspec.Struct, kw_only=True):
    """The plots of a run as data, and the files that they were written to."""

    run: str
    plots: list[Plot]
    saved: list[str] = []


class Reported(msgspec.Struct, kw_only=True):
    """Where the report of a run was written to."""

    run: str
    path: str
    bytes: int


class RunDiff(msgspec.Struct, kw_only=True):
    """How the code and the packages of two runs differ; of what is the same there is no word."""

    runs: list[str]
    commits: list[str | None]
    code: list[CodeChange]
    environment: list[ComparedValue]


class Removed(msgspec.Struct, kw_only=True):
    """What was (or with --dry-run would be) moved to the trash; `trash` is the token that brings it back."""

    removed: list[str]
    trash: str | None = None
    dry_run: bool = False


@action("run ls", writes=False)
def ls(
    ws: Workspace,
    *,
    filter: Filter = None,
    sort: Sort = None,
    limit: Limit = None,
) -> list[Run]:
    """List the runs, the newest first.

    The filter knows = != > >= < <= contains exists in, joined by and, or, not. A field may be shortened as long as it
    is unambiguous; a word alone is looked for in names, tags, estimator, dataset, status and user.
    """
    return evaluating.chosen(records.ls(ws.store), filter, sort, limit)


@action("run show", writes=False, about="run")
def show(ws: Workspace, run: RunName) -> Run:
    """Show a run: what went in, how it stands, what came out, and what people said of it."""
    return records.find(ws.store, run)


@action("run compare", writes=False, about="run", key="c")
def compare(
    ws: Workspace, runs: Annotated[list[str], Arg(help="two runs or more, 50 at most", completes="run")]
) -> Comparison:
    """Put runs side by side: what went in that differs first, then metrics with their errors, code and packages.

    A run is "not different" from the best in a metric where chance makes such a difference more often than once in
    twenty. `by` says how that was found: over the same folds (the corrected resampled t-test of Nadeau and Bengio), by
    a bootstrap of the same rows, or by the runs' own standard errors where they share neither; always corrected for the
    number of comparisons (Holm).
    """
    if not 2 <= len(runs) <= comparing.MOST:
        raise BadOption(f"run compare takes 2 to {comparing.MOST} runs, not {len(runs)}")
    found = [records.find(ws.store, one) for one in runs]
    return comparing.compare(
        found,
        [repeats.of_run(ws.store, one) for one in found],
        [sources.of_run(ws.store, one) for one in found],
    )


@action("run diff", writes=False, about="run")
def diff(ws: Workspace, run: RunName, other: Annotated[str, Arg(help="another run", completes="run")]) -> RunDiff:
    """Show how the code and the packages of one run differ from those of another.

    That is between their commits, where the repository is at hand; in what was changed and not committed; and in the
    files that their jobs have copied.
    """
    both = [records.find(ws.store, one) for one in (run, other)]
    one, two = (sources.of_run(ws.store, each) for each in both)
    compared = comparing.compare(both, sources=[one, two])
    return RunDiff(
        runs=[each.id for each in both],
        commits=[one.commit, two.commit],
        code=sources.changes(ws.store, one, two, (ws.root, place.here())),
        environment=[each for each in compared.environment if each.differs],
    )


@action("run metrics", writes=False, about="run")
def metrics(
    ws: Workspace,
    run: RunName,
    *,
    name: Annotated[str | None, Arg(help="only this metric", completes="metric")] = None,
    points: Annotated[int | None, Arg(help="at most about so many of each metric, the extremes among them")] = None,
) -> list[Logged]:
    """List the metrics of a run as they were logged, step by step.

    What is no finite number is written as "NaN", "Infinity" or "-Infinity".
    """
    if points is not None and points < 2:
        raise BadOption(f"--points is 2 or more, not {points}")
    logged = histories.of_run(ws.store, records.find(ws.store, run)).logged
    chosen = [one for one in logged if name in (None, one.name)]
    return chosen if points is None else histories.thin(chosen, points)


@action("run artifacts", writes=False, about="run")
def artifacts(ws: Workspace, run: RunName) -> list[Artifact]:
    """List the files that a run has left, with their sizes in bytes."""
    found = records.artifact_sizes(ws.store, records.find(ws.store, run))
    return [Artifact(name=name, bytes=size) for name, size in found.items()]


@action("run plot", writes=False, about="run")
def plot(
    ws: Workspace,
    run: RunName,
    name: Annotated[str | None, Arg(help="only this plot: roc, importance, a metric", completes="plot")] = None,
    *,
    threshold: Annotated[
        float | None, Arg(help="the confusion matrix if rows that score above this were called positive")
    ] = None,
    save: Annotated[
        Path | None,
        Arg(help="a new file that ends in .svg, .png or .csv; of several plots a new directory", completes="file"),
    ] = None,
) -> Plotted:
    """Draw the plots of a run: its metrics by step, confusion matrix, ROC, precision and recall, calibration,
    residuals, permutation importance, learning curve.
    """
    from cupola.experiments import plots, saving

    chosen = records.find(ws.store, run)
    if threshold is not None:
        if name not in (None, "confusion"):
            raise BadOption(f"--threshold is for the plot confusion, not for {name}", where="--threshold")
        found: list[Plot] = [plots.thresholded(ws.store, chosen, threshold)]
    else:
        found = plots.chosen(ws.store, chosen, name)
    one = name is not None or threshold is not None
    saved = saving.save(ws.store, found, Path(save), one=one) if save else []
    return Plotted(run=chosen.id, plots=found, saved=[str(path) for path in saved])


@action("run predictions", writes=False, about="run")
def predictions(
    ws: Workspace,
    run: RunName,
    *,
    sort: Annotated[str | None, Arg(help="by this column: error:desc, truth, a column of the data")] = None,
    filter: Annotated[str | None, Arg(help="only rows for which this SQL holds: truth <> prediction")] = None,
    limit: Annotated[int, Arg(help="at most so many")] = 20,
) -> Rows:
    """Show what a run predicted for the rows held out, with the rows' own columns, the largest errors first.

    error: for numbers, how far the prediction is off; for classes, one less the probability of the true one.
    """
    if not 1 <= limit <= LARGEST_LIMIT:
        raise BadOption(f"--limit is from 1 to {LARGEST_LIMIT:,}, not {limit}", where="--limit")
    from cupola.datasets import asking

    chosen = records.find(ws.store, run)
    asked = {"run": chosen.id, "sort": sort, "filter": filter, "limit": limit}
    return msgspec.convert(asking.ask(ws.store, "predictions", **asked), Rows)


@action("run report", writes=False, about="run")
def report(
    ws: Workspace,
    run: RunName,
    path: Annotated[Path, Arg(help="a new file that ends in .html", completes="file")],
) -> Reported:
    """Write all there is of a run to one HTML file that needs nothing else: what went in, what came out, how it ended.

    Its plots are in it, the rows with the largest errors, code, packages, lineage, resources and comments.
    """
    from cupola.experiments import reporting, saving

    chosen = records.find(ws.store, run)
    target = saving.outside(ws.store, Path(path))
    if target.suffix.lower() not in (".html", ".htm"):
        raise BadOption(f"a report is HTML, and {target.name} does not end in .html", where="PATH")
    content = reporting.html(ws.store, chosen).encode()
    saving.write(target, content)
    return Reported(run=chosen.id, path=str(target), bytes=len(content))


@action("run learn", about="run", waits="job")
def learn(
    ws: Workspace,
    run: RunName,
    *,
    parts: Annotated[int, Arg(help="how many sizes to train on, from a tenth of the training rows to all")] = 6,
    cpus: Annotated[int, Arg(help="how many CPUs it gets")] = 1,
    memory: Annotated[str | None, Arg(help="the most memory that it may use: 512M, 2G")] = None,
) -> JobState:
    """Find out whether more rows would help: train again on growing parts of the training rows, in the background.

    The learning curve is then among the plots of the run. It must be a run of `train` or of a tuning's trial.
    """
    from cupola.experiments import learning

    if not 2 <= parts <= MOST_PARTS:
        raise BadOption(f"--parts is from 2 to {MOST_PARTS}, not {parts}", where="--parts")
    chosen = records.find(ws.store, run)
    job = learning.file(ws.store, chosen, parts, cpus=cpus, memory=amounts.size(memory))
    return jobs.state_of(ws.store, job)


@action("run note", about="run")
def note(ws: Workspace, run: RunName, text: Annotated[str, Arg(help="what there is to say")]) -> Run:
    """Write a comment on a run, with your name and the time."""
    said = notes.check_comment(text.strip())
    chosen = records.find(ws.store, run)
    notes.say(ws.store, "run", chosen.id, "comment", [said])
    return records.find(ws.store, chosen.id)


@action("run tag", about="run")
def tag(
    ws: Workspace,
    run: RunName,
    tags: Annotated[list[str], Arg(help="one or more tags")],
    *,
    remove: Annotated[bool, Arg(help="take the tags away")] = False,
) -> Run:
    """Give a run tags, or take them away."""
    if not tags:
        raise BadOption("run tag takes a tag")
    chosen = records.find(ws.store, run)
    said = [notes.check_tag(one) for one in tags]
    wanted, gone = ([], said) if remove else (said, [])
    given = records.read(ws.store, f"{chosen.experiment}/{chosen.id}").tags
    notes.retag(ws.store, f"run {chosen.name}", "run", chosen.id, given, wanted, gone)
    return records.find(ws.store, chosen.id)


@action("run export", writes=False, about="run")
def export(
    ws: Workspace,
    run: RunName,
    path: Annotated[Path, Arg(help="a new directory, or a new file that ends in .zip", completes="file")],
) -> Exported:
    """Copy a run with its metrics, artifacts and model out of the workspace.

    The metrics are there as they were logged, and once more as metrics.csv for other tools.
    """
    from cupola.experiments.exporting import export as copy

    chosen = records.find(ws.store, run)
    return Exported(run=chosen.id, path=str(copy(ws.store, chosen, path)))


@action("run rm", about="run", key="D", dry_run=True, confirm="y")
def rm(
    ws: Workspace,
    run: RunName,
    *,
    dry_run: Annotated[bool, Arg(help="only say what would be removed")] = False,
) -> Removed:
    """Move a run to the trash; `run restore` brings it back. Models registered from it stay. It must be over."""
    chosen = records.find(ws.store, run)
    if not chosen.over:
        hint = f"`cupola job stop {chosen.job}` stops it"
        raise NotReady(f"run {chosen.name} is not over, it is {chosen.status}", where=chosen.id, hint=hint)
    if dry_run:
        return Removed(removed=[chosen.id], dry_run=True)
    token = files.trash(ws.store, chosen.directory)
    feed.announce(ws.store, "run", chosen.id, 0)
    return Removed(removed=[chosen.id], trash=token)


@action("run restore")
def restore(ws: Workspace, trash: Annotated[str, Arg(help="the token that `run rm` gave, or the run's id")]) -> Run:
    """Bring a run back from the trash."""
    identity = files.untrash(ws.store, _token(ws, trash)).rpartition("/")[2]
    feed.announce(ws.store, "run", identity, 0)
    return records.find(ws.store, identity)


def _token(ws: Workspace, given: str) -> str:
    """The token of a run in the trash, by the token itself or by the run's id (of several of one id the last)."""
    held = {token: what.path for token, what in files.discarded(ws.store).items()}
    runs = {token: path for token, path in held.items() if path.startswith(f"{records.DIRECTORY}/")}
    found = [token for token, path in runs.items() if given in (token, path.rpartition("/")[2])]
    if not found:
        shown = ", ".join(path.rpartition("/")[2] for path in list(runs.values())[-5:])
        raise NotFound(f"no run {given!r} is in the trash", hint=f"it holds: {shown}" if shown else None)
    return found[-1]
