"""What a user can do with runs: find them, compare them, say something about them, take them away."""

from pathlib import Path
from typing import Annotated

import msgspec

from cupola.actions import Arg, action
from cupola.errors import BadOption, NotFound, NotReady
from cupola.experiments import comparing, records
from cupola.experiments.comparing import Comparison
from cupola.experiments.records import Run
from cupola.store import feed, files
from cupola.team import notes
from cupola.workspace import Workspace

RunName = Annotated[str, Arg(help="a run: its id, the beginning of it, or its name", completes="run")]


class Logged(msgspec.Struct, kw_only=True):
    """One value of a metric as it was logged; `step` is None for a final one."""

    name: str
    value: float
    step: int | None = None
    time: str = ""
    seq: int = 0


class Exported(msgspec.Struct, kw_only=True):
    """Where a run was copied to."""

    run: str
    path: str


class Removed(msgspec.Struct, kw_only=True):
    """What was (or with --dry-run would be) moved to the trash; `trash` is the token that brings it back."""

    removed: list[str]
    trash: str | None = None
    dry_run: bool = False


@action("run ls", writes=False)
def ls(
    ws: Workspace,
    *,
    filter: Annotated[str | None, Arg(help="only those: 'metrics.validation_roc_auc > 0.8 and user = \"ana\"'")] = None,
    sort: Annotated[str | None, Arg(help="by this field: validation_roc_auc:desc", completes="metric")] = None,
    limit: Annotated[int | None, Arg(help="at most so many")] = None,
) -> list[Run]:
    """List the runs, the newest first.

    The filter knows = != > >= < <= contains exists in, joined by and, or, not. A field may be shortened as long as it
    is unambiguous; a word alone is looked for in names, tags, estimator, dataset, status and user.
    """
    if limit is not None and limit < 0:
        raise BadOption(f"--limit is 0 or more, not {limit}")
    found = records.ls(ws.store, filter)
    if sort:
        from cupola.experiments import search

        found = search.order(sort, found, search.fields(found))
    return found[:limit]


@action("run show", writes=False, about="run")
def show(ws: Workspace, run: RunName) -> Run:
    """Show a run: what went in, how it stands, what came out, and what people said of it."""
    return records.find(ws.store, run)


@action("run compare", writes=False, about="run", key="c")
def compare(ws: Workspace, runs: Annotated[list[str], Arg(help="two runs or more", completes="run")]) -> Comparison:
    """Put runs side by side: the parameters that differ first, then metrics with their errors.

    A metric is "not different" from the best when the two lie within 1.96 times their joint standard error.
    """
    if len(runs) < 2:
        raise BadOption("run compare takes two runs or more")
    return comparing.compare([records.find(ws.store, one) for one in runs])


@action("run metrics", writes=False, about="run")
def metrics(
    ws: Workspace,
    run: RunName,
    *,
    name: Annotated[str | None, Arg(help="only this metric", completes="metric")] = None,
) -> list[Logged]:
    """List the metrics of a run as they were logged, step by step."""
    found = records.metrics(ws.store, records.find(ws.store, run))
    logged = [msgspec.convert(one, Logged, strict=False) for one in found if isinstance(one.get("value"), int | float)]
    return [one for one in logged if name in (None, one.name)]


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
    wanted = [notes.check_tag(one) for one in tags]
    missing = [one for one in wanted if one not in chosen.tags]
    if remove and missing:
        raise BadOption(f"run {chosen.name} has no tag {missing[0]!r}", hint=f"it has: {', '.join(chosen.tags)}")
    changed = wanted if remove else missing
    if changed:
        notes.say(ws.store, "run", chosen.id, "untag" if remove else "tag", changed)
    return records.find(ws.store, chosen.id)


@action("run export", writes=False, about="run")
def export(
    ws: Workspace,
    run: RunName,
    path: Annotated[Path, Arg(help="a new directory, or a new file that ends in .zip", completes="file")],
) -> Exported:
    """Copy a run with its metrics, artifacts and model out of the workspace."""
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
