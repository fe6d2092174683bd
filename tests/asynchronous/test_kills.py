"""Killed at any call, before it or in the midst of a write: nothing is lost, and nothing is answered twice."""

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.faults.kill_at_call import Killer, every_call

from cupola.asynchronous import records
from cupola.asynchronous.accepting import accept
from cupola.store import Store
from cupola.workspace import Workspace

from . import operations
from .conftest import ROW, Served, headers

GOOD, BAD = headers(inference_id="one"), headers(inference_id="one", content_type="text/csv")


def copies(ws: Workspace, tmp_path: Path) -> Callable[[], Path]:
    fresh = (tmp_path / f"copy{number}" for number in itertools.count())
    return lambda: Path(shutil.copytree(ws.root, next(fresh)))


def test_accepting(ws: Workspace, endpoint: str, tmp_path: Path) -> None:
    fresh = copies(ws, tmp_path)

    def check(root: Path, killed: bool) -> None:
        store = Store.open(root)
        there = records.keys_in(store, records.queue("e"))
        assert there == ["one"] or (killed and there == [])
        again = accept(store, "e", GOOD, ROW.encode())
        assert records.waiting(store, "e", "one") == again and again.body == ROW.encode()
        shutil.rmtree(root)

    with Killer(tmp_path, "tests.asynchronous.operations:accept") as killer:
        assert every_call(killer, lambda: (fresh(), [GOOD, ROW]), check, half=True) > 5


@pytest.mark.parametrize(("told", "body"), [(GOOD, ROW), (BAD, "1,2\n")], ids=["a result", "a failure"])
def test_answering(
    ws: Workspace, serve: Callable[[Store], Served], tmp_path: Path, told: dict[str, str], body: str
) -> None:
    accepted = accept(ws.store, "e", told, body.encode())
    fresh = copies(ws, tmp_path)
    expected = set()

    def prepare() -> tuple[Path, list[Any]]:
        root = fresh()
        serve(Store.open(root))
        return root, []

    def check(root: Path, killed: bool) -> None:
        store = Store.open(root)
        queued = records.keys_in(store, records.queue("e"))
        decided = records.keys_in(store, records.answered("e"))
        assert queued == ["one"] or (decided == ["one"] and queued == [])
        before = records.outcome(store, "e", "one")
        operations.answer(str(root))
        after = records.outcome(store, "e", "one")
        assert after is not None and before in (None, after)
        answers = [path.read_bytes() for path in ((root / accepted.output), (root / accepted.failure)) if path.exists()]
        assert len(answers) == 1
        expected.add(answers[0])
        assert len(expected) == 1
        assert (root / accepted.output).exists() == (after.status == "Completed")
        assert records.keys_in(store, records.queue("e")) == []
        assert list((root / records.drafts("e")).iterdir()) == []
        assert records.keys_in(store, records.notices("e")) == ["one"]
        accept(store, "e", told, body.encode())
        assert records.keys_in(store, records.queue("e")) == []
        shutil.rmtree(root)

    with Killer(tmp_path, "tests.asynchronous.operations:answer") as killer:
        assert every_call(killer, prepare, check, half=True) > 20
    said = msgspec.json.decode(expected.pop())
    assert "predictions" in said if told is GOOD else "2 values where the model takes 4" in said["Message"]


def test_removing_what_is_old(ws: Workspace, served: Served, tmp_path: Path) -> None:
    accepted = accept(ws.store, "e", GOOD, ROW.encode())
    operations.answer(str(ws.root))
    fresh = copies(ws, tmp_path)

    def check(root: Path, killed: bool) -> None:
        store = Store.open(root)
        known = records.outcome(store, "e", "one") is not None
        assert known or not (root / accepted.output).exists()
        operations.remove(str(root))
        assert records.outcome(store, "e", "one") is None
        assert not (root / accepted.output).exists()
        shutil.rmtree(root)

    with Killer(tmp_path, "tests.asynchronous.operations:remove") as killer:
        assert every_call(killer, lambda: (fresh(), []), check) > 3
