"""Whatever two sides did, whatever the times of files say: merged both ways they are equal, and have all of both."""

import shutil
import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.merging import records
from tests.merging.conftest import Merging
from tests.merging.records import carried, comments, describes, everything, goes_on, imports

from cupola.store import Store
from cupola.workspace import Workspace

SIDE = st.lists(st.sampled_from(["comment", "describe", "import", "run", "file", "merge"]), max_size=6)
Does = Callable[[str], None]


class Side:
    """One who works in a copy, and what they did there."""

    def __init__(self, store: Store, name: str, run: str) -> None:
        self.store, self.name, self.run = store, name, run
        self.numbers = count()
        self.done: dict[str, list[str]] = {kind: [] for kind in ("comment", "describe", "import", "run", "file")}

    def do(self, kind: str) -> None:
        text = f"{self.name}{next(self.numbers)}"
        self.done[kind].append(text)
        if kind == "comment":
            comments(self.store, text)
        elif kind == "describe":
            describes(self.store, text)
        elif kind == "import":
            imports(self.store, f"{len(self.done[kind]) + 1}-{self.name * 4}", text)
        elif kind == "run":
            goes_on(self.store, self.run, text)
        else:
            (self.store.root / f"{text}.py").write_text(text)


@pytest.mark.usefixtures("home")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=SIDE, ana=SIDE, raj=SIDE, seed=st.integers(0, 10**6))
def test_both_ways_both_copies_are_equal_and_have_all_of_both(
    before: list[str], ana: list[str], raj: list[str], seed: int, merges: Merging
) -> None:
    with tempfile.TemporaryDirectory(prefix="cu-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as base:
        here = Workspace.init(Path(base) / "here")
        first = Side(here.store, "a", "a" * 10)
        imports(here.store, "1-zzzz", "first")
        for kind in (*("comment", "describe", "run"), *before):
            if kind != "merge":
                first.do(kind)
        shutil.copytree(here.root, Path(base) / "there")
        there = Workspace.open(Path(base) / "there")
        second = Side(there.store, "b", "b" * 10)
        for one, other, side, work in ((here, there, first, ana), (there, here, second, raj)):
            for kind in work:
                if kind == "merge":
                    merges(one, other)
                else:
                    side.do(kind)
        for number, one in enumerate((here, there)):
            records.scramble(one.root, seed + number)
        before_merge = [set(carried(one.root)) for one in (here, there)]
        assert merges(here, there).ok and merges(there, here).ok
        assert carried(here.root) == carried(there.root)
        _has_all(here.store, first, second)
        assert set(carried(here.root)) >= before_merge[0] | before_merge[1]
        then = everything(here.root)
        for one, other in ((here, there), (there, here)):
            again = merges(one, other)
            assert (again.taken, again.differs, again.left) == ({}, [], [])
        assert everything(here.root) == then


def _has_all(store: Store, first: Side, second: Side) -> None:
    for side in (first, second):
        assert [one for one in records.said(store) if one in side.done["comment"]] == side.done["comment"]
        assert set(side.done["describe"]) <= set(records.settings(store))
        if side.done["run"]:
            last = side.done["run"][-1]
            assert records.decoded(store, f"experiments/e/{side.run}/run.json")["said"] == last
            assert (store.root / f"experiments/e/{side.run}/attempts/1/artifacts/last.txt").read_text() == last
            metrics = (store.root / f"experiments/e/{side.run}/attempts/1/metrics.jsonl").read_text()
            assert metrics.count("\n") == len(side.done["run"])
