"""Taking executions away: to the trash on request, for good where workspace.toml says how many are kept.

What others rely on stays: an execution whose results a newer one has taken holds the files and the logs of both.
"""

import contextlib
import os
from datetime import datetime

import msgspec

from cupola.errors import Conflict, CupolaError, NotFound, NotReady
from cupola.pipelines import records, results, standing
from cupola.pipelines.records import DIRECTORY, Execution, ExecutionState
from cupola.schedules import records as schedules
from cupola.settings import Settings
from cupola.store import Store, feed, files
from cupola.store.paths import place
from cupola.store.records import read_toml
from cupola.store.root import MARK
from cupola.store.trouble import disk

FILES = (".toml", ".py")


class Removed(msgspec.Struct, kw_only=True):
    """What was (or with --dry-run would be) moved to the trash; `trash` is the token that brings it back, where it is
    one thing. kept: executions that would go too, but that others have taken results from."""

    removed: list[str]
    kept: list[str] = []
    trash: str | None = None
    dry_run: bool = False


class Surplus(msgspec.Struct, kw_only=True):
    """Executions that may go, the newest first, and those that may not although they are as old."""

    going: list[Execution]
    kept: list[Execution]


def surplus(store: Store, pipeline: str, keep: int, seconds: float | None = None) -> Surplus:
    """Of the executions of a pipeline that are over those beyond the newest `keep`, or those of them that are older."""
    every = records.executions(store, pipeline)
    states = {one.id: standing.of(store, one) for one in every}
    old = [one for one in every if states[one.id].over][keep:]
    if seconds is not None:
        old = [one for one in old if results.age(states[one.id].ended or one.submitted) > seconds]
    staying = {one.id for one in every} - {one.id for one in old}
    needed: set[str] = set()
    while more := {one for ident in staying | needed for one in _sources(states, ident)} - staying - needed:
        needed |= more
    return Surplus(going=[one for one in old if one.id not in needed], kept=[one for one in old if one.id in needed])


def check_unused(store: Store, execution: Execution) -> None:
    """Raises NotReady where it is under way, Conflict where others have taken results from it."""
    state = standing.of(store, execution)
    if not state.over:
        hint = f"`cupola pipeline stop {execution.id}` stops it"
        raise NotReady(f"the execution {execution.id} is {state.status}", where=execution.pipeline, hint=hint)
    states = {one.id: standing.of(store, one) for one in records.executions(store, execution.pipeline)}
    users = [one for one in states if execution.id in _sources(states, one)]
    if users:
        step = next(one.name for one in states[users[0]].steps if one.cached and one.origin == execution.id)
        more = f", and so have {len(users) - 1} more" if len(users) > 1 else ""
        hint = (
            f"remove that one first, or `cupola pipeline rm {execution.pipeline} --keep N`, which keeps what is needed"
        )
        raise Conflict(f"{users[0]} has taken the result of its step {step}{more}", where=execution.id, hint=hint)


def remove(store: Store, execution: Execution) -> str:
    """Moves an execution to the trash; gives the token."""
    token = files.trash(store, execution.directory)
    feed.announce(store, "execution", execution.id, 0)
    return token


def check_idle(store: Store, pipeline: str) -> None:
    """Raises NotReady, Conflict for a pipeline that is under way, or that a schedule runs."""
    for one in records.executions(store, pipeline):
        if not standing.of(store, one).over:
            hint = f"`cupola pipeline stop {one.id}` stops it"
            raise NotReady(f"its execution {one.id} is under way", where=pipeline, hint=hint)
    for name in files.listing(store, schedules.DIRECTORY):
        with contextlib.suppress(CupolaError):
            if schedules.wish(store, name).pipeline == pipeline:
                break
    else:
        return
    raise Conflict(f"the schedule {name} runs it", where=pipeline, hint=f"`cupola schedule rm {name}` first")


def remove_pipeline(store: Store, pipeline: str) -> str:
    """Moves a pipeline with all of its executions to the trash; gives the token of its file, else of these."""
    there = files.listing(store, DIRECTORY)
    paths = [f"{DIRECTORY}/{one}" for one in (pipeline, *(pipeline + end for end in FILES)) if one in there]
    if not paths:
        raise NotFound(f"there is no pipeline {pipeline!r} here")
    token = [files.trash(store, one) for one in paths][-1]
    feed.announce(store, "pipeline", pipeline, 0)
    return token


def restore(store: Store, given: str) -> str:
    """Brings back an execution, or a pipeline with all that was removed with it, by its token or its name (of several
    of one name the last); gives its name. Raises NotFound, Conflict."""
    held = {token: one for token, one in files.discarded(store).items() if one.path.startswith(f"{DIRECTORY}/")}
    found = [token for token, one in held.items() if given in (token, _name(one.path))]
    if not found:
        shown = ", ".join(dict.fromkeys(_name(one.path) for one in [*held.values()][-5:]))
        raise NotFound(f"no pipeline or execution {given!r} is in the trash", hint=f"it holds: {shown}" * bool(shown))
    first = held[found[-1]]
    name = _name(first.path)
    with_it = [token for token, one in held.items() if _name(one.path) == name and one.path != first.path]
    near = min(with_it, key=lambda token: abs(_moment(held[token].time) - _moment(first.time)), default=None)
    for token in sorted({found[-1], *([near] if near else [])}, key=lambda one: len(held[one].path)):
        files.untrash(store, token)
    feed.announce(store, "execution" if "/executions/" in first.path else "pipeline", name, 0)
    return name


def prune(store: Store, pipeline: str) -> int:
    """Removes for good what is more than workspace.toml says, and results of executions that are gone; how many.

    What others have made so that it cannot be removed stays.
    """
    keep = read_toml(store, MARK, Settings).pipelines.keep
    gone = 0
    for one in surplus(store, pipeline, keep).going if keep else []:
        with contextlib.suppress(OSError, CupolaError):
            _remove_for_good(store, one.directory)
            feed.announce(store, "execution", one.id, 0)
            gone += 1
    if gone:
        results.forget(store, pipeline, files.listing(store, f"{DIRECTORY}/{pipeline}/executions"))
    return gone


def _sources(states: dict[str, ExecutionState], ident: str) -> set[str]:
    """The other executions that one has taken results from."""
    steps = states[ident].steps if ident in states else []
    return {step.origin for step in steps if step.cached} - {"", ident}


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _name(path: str) -> str:
    """The name of what lay there: an execution's id, or a pipeline."""
    last = path.rpartition("/")[2]
    return last if "/executions/" in path else last.removesuffix(".toml").removesuffix(".py")


def _remove_for_good(store: Store, path: str) -> None:
    """In one step as others see it: what is removed half would be half an execution."""
    staged = files.staging(store)
    try:
        with disk(path), place(store, path) as at:
            os.rename(at.name, staged / "content", src_dir_fd=at.directory)
    finally:
        files.discard(staged)
