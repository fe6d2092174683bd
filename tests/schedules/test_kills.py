"""Killed at any call between the claim and the end: the firing is neither lost nor started twice."""

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults.kill_at_call import Killer
from tests.schedules.conftest import START

from cupola.jobs import wish
from cupola.pipelines import records as pipelines
from cupola.schedules import firing, records
from cupola.store import Store, files
from cupola.workspace import Workspace

from .conftest import Clock

STEP = 8  # calls from one kill to the next: with 1 it takes minutes, and held too


def test_a_firing_that_was_killed_is_gone_on_with_by_the_next_who_looks(
    ws: Workspace, add: Callable[..., None], clock: Clock, tmp_path: Path
) -> None:
    add(every="1m")
    fresh = (tmp_path / f"copy{number}" for number in itertools.count())
    moment = START + 60.5

    def prepare() -> tuple[Path, list[Any]]:
        return Path(shutil.copytree(ws.root, next(fresh))), ["s", moment]

    def check(root: Path) -> None:
        clock.now = moment + 1
        firing.fire_due(Workspace.open(root), "s")
        store = Store.open(root)
        [found] = records.firings(store, "s")
        assert (found.status, found.key, found.kind) == ("Started", "20260101T000100Z", "job")
        assert files.listing(store, wish.QUEUE) == list(wish.directories(store)) == [found.started]
        assert wish.verified(wish.find(store, found.started))
        shutil.rmtree(root)

    every_so_often(tmp_path, prepare, check)


def test_an_execution_of_a_pipeline_is_started_once_too(ws: Workspace, clock: Clock, tmp_path: Path) -> None:
    (ws.root / "pipelines").mkdir()
    (ws.root / "pipelines" / "p.toml").write_text('[steps.ask]\ntype = "Callback"\n')
    ws.action("pipeline schedule", pipeline="p", name="s", every="1m")
    fresh = (tmp_path / f"copy{number}" for number in itertools.count())
    moment = START + 60.5

    def prepare() -> tuple[Path, list[Any]]:
        return Path(shutil.copytree(ws.root, next(fresh))), ["s", moment]

    def check(root: Path) -> None:
        clock.now = moment + 1
        firing.fire_due(Workspace.open(root), "s")
        store = Store.open(root)
        [found] = records.firings(store, "s")
        assert (found.status, found.kind) == ("Started", "execution"), found.reason
        [execution] = pipelines.every(store)
        assert execution.id == found.started
        assert list(wish.directories(store)) == [execution.job]
        shutil.rmtree(root)

    every_so_often(tmp_path, prepare, check)


def every_so_often(
    tmp_path: Path, prepare: Callable[[], tuple[Path, list[Any]]], check: Callable[[Path], None]
) -> None:
    """Kills the firing at every so manieth call that changes something, till it comes to its end."""
    with Killer(tmp_path, "tests.schedules.operations:fire") as killer:
        for at in itertools.count(1, STEP):
            root, arguments = prepare()
            outcome = killer.call(root, *arguments, at=at, half=at % 2 == 0)
            assert not outcome.error, outcome.error
            check(root)
            if not outcome.killed:
                assert outcome.calls > 50
                return
