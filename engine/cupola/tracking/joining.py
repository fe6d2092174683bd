"""Which run a process logs to: its own, its job's, or one that another process of the same training has begun."""

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from cupola.errors import BadOption, NotFound, ReadOnly
from cupola.experiments import records as experiments
from cupola.experiments.records import Run
from cupola.jobs import attempt as jobs
from cupola.store import Store, names, runtime
from cupola.team import roles
from cupola.workspace import Workspace

RUN, WORKSPACE = "CUPOLA_RUN", jobs.WORKSPACE
METRICS = "metrics.jsonl"
BEGUN = "begun"


class Seat(NamedTuple):
    """Where a process logs to. before: the record as it lies there, None for a new run; owner: whether the process is
    the one that writes the record. job, attempt: those of the job that it is part of."""

    experiment: str
    id: str
    owner: bool
    before: Run | None = None
    job: jobs.Attempt | None = None

    @property
    def attempt(self) -> int:
        return self.job.number if self.job else 1

    @property
    def directory(self) -> str:
        return jobs.run_directory(f"{self.experiment}/{self.id}", self.attempt)


def workspace(given: Any) -> Workspace:
    """The workspace: the one given, else $CUPOLA_WORKSPACE, else the one that the working directory lies in.

    Raises NotFound; ReadOnly; Refused where its user is a viewer there.
    """
    path = given if given is None or isinstance(given, str | Path) else given.root
    named = path or os.environ.get(WORKSPACE)
    return _opened(str(named) if named else None, str(Path.cwd()))


@lru_cache(maxsize=8)
def _opened(named: str | None, here: str) -> Workspace:
    """Opened once a process: a script that makes a thousand runs does not look for their workspace a thousand times."""
    found = Workspace.open(named) if named else _around(here)
    roles.require(found.settings, "cupola.run", roles.MEMBER, names.who()[0])
    found.store.check_writable()
    if not os.access(found.root, os.W_OK):
        raise ReadOnly("you may not write here", where=str(found.root), hint="look at its owner, group and mode")
    return found


def _around(here: str) -> Workspace:
    try:
        return Workspace.find(here)
    except NotFound as error:
        hint = f"`cupola init` makes one; {WORKSPACE} or workspace= name another"
        raise NotFound("this is not in a workspace", where=here, hint=hint) from error


def seat(store: Store, experiment: str, begun: list[str]) -> Seat:
    """The place of this process in `store`. begun: the ids of the runs that it has begun itself before."""
    where, one, is_begun = _joined()
    job = _job(store)
    if one and one not in begun:
        there = None if is_begun else _read(store, where, one)
        return Seat(where, one, not is_begun and there is None and not _follows(), there, job)
    if job and job.job.run and not begun:
        where, _, one = job.job.run.rpartition("/")
        return Seat(where, one, not _follows(), _read(store, where, one), job)
    training = [job.job.id] if job else _launcher()
    if not training:
        return Seat(experiment, names.new_id(), True, None, None)
    return _of_training(store, experiment, [*training, _script()], begun, job)


def _of_training(store: Store, experiment: str, training: list[str], begun: list[str], job: Any) -> Seat:
    """The next run of a training of several processes or attempts: each of them finds the same ids in the same order.

    One that an earlier attempt or a process that died has left is gone on with; one that another has begun is not ours.
    """
    number = len(begun)
    while True:
        one = _derived(*training, str(number))
        there = _read(store, experiment, one)
        if _follows():
            return Seat(experiment, one, False, there, job)
        if there is None or (job and there.attempt < job.number) or interrupted(there):
            return Seat(experiment, one, True, there, job)
        number += 1


def shared() -> bool:
    """Whether other processes may begin the same run as this one."""
    return bool(os.environ.get(RUN) or os.environ.get(jobs.JOB_DIR) or os.environ.get("WORLD_SIZE"))


@contextlib.contextmanager
def turn(store: Store) -> Iterator[None]:
    """Lets the processes of this host that may begin the same run do so one after the other."""
    if not shared():
        yield
        return
    held = runtime.lock(runtime.runtime_dir() / f"runs-{store.copy}.lock")
    assert held is not None
    with held:
        yield


def metrics_file(owner: bool) -> str:
    """The file of metrics of this process alone; all but the owner's bear a rank, or a host and a pid, and an id."""
    if owner:
        return METRICS
    rank = os.environ.get("RANK") if _follows() else None
    who = f"rank{int(rank)}" if rank else f"{names.who()[1]}-{os.getpid()}"
    return f"metrics.{who}.{names.new_id(6)}.jsonl"


def interrupted(run: Run) -> bool:
    """Whether the process that wrote a run is known to be gone without having ended it."""
    return experiments.is_dead(run)


def variable(seat: Seat) -> str:
    """What tells the processes that this one starts which run it has begun."""
    return f"{seat.experiment}/{seat.id}/{BEGUN}"


def _joined() -> tuple[str, str, bool]:
    """Experiment and id of the run in $CUPOLA_RUN, and whether a process that started this one has begun it."""
    where, _, rest = os.environ.get(RUN, "").partition("/")
    one, _, begun = rest.partition("/")
    if not where:
        return "", "", False
    names.check_name(where, f"experiment in {RUN}")
    return where, names.check_name(one, f"run in {RUN}"), begun == BEGUN


def _job(store: Store) -> jobs.Attempt | None:
    """The attempt of a job of this workspace that this process is part of."""
    if not os.environ.get(jobs.JOB_DIR) or os.environ.get(WORKSPACE) != str(store.root):
        return None
    return jobs.current()


def _follows() -> bool:
    """Whether this is a process of a distributed training that another one speaks for."""
    return (os.environ.get("RANK") or "0").strip() not in ("", "0")


def _launcher() -> list[str]:
    """What tells the launcher (torchrun) of a training of several processes on this host from any other."""
    size, rank = os.environ.get("WORLD_SIZE", ""), os.environ.get("RANK", "")
    if not (size.isdigit() and rank.isdigit() and int(size) > 1):
        return []
    if os.environ.get("LOCAL_WORLD_SIZE", size) != size:
        hint = f"start it with {RUN}=EXPERIMENT/ID, the same on every host, and an ID of your own"
        raise BadOption("this training is on several hosts, which cannot know its run", where=RUN, hint=hint)
    parent = runtime.of(os.getppid())
    return [str(parent)]


def _script() -> str:
    return os.path.basename(sys.argv[0]) if sys.argv else ""  # noqa: PTH119


def _derived(*parts: str) -> str:
    """An id as `names.new_id` gives, the same for the same parts."""
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).digest()
    return "".join(names.ALPHABET[byte & 31] for byte in digest[:10])


def _read(store: Store, experiment: str, one: str) -> Run | None:
    try:
        return experiments.read(store, f"{experiment}/{one}")
    except NotFound:
        return None
