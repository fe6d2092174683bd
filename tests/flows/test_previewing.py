"""A preview shows what a step does to some rows of a sample: before, after, and which cells are others."""

import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.flows.cases import CASES
from tests.flows.conftest import people, step

from cupola import companions
from cupola.datasets import importing
from cupola.datasets import records as datasets
from cupola.datasets.records import ImportOptions
from cupola.errors import BadOption, CupolaError
from cupola.flows import actions, showing
from cupola.flows.asked import FlowPreview
from cupola.flows.previewing import Previews, sample
from cupola.flows.records import Flow, FlowStep
from cupola.store import Store
from cupola.workspace import Workspace


@pytest.fixture(scope="module")
def previews(store: Store) -> Previews:
    return Previews(store)


def flow(*steps: FlowStep, **more: Any) -> Flow:
    return Flow(name="seen", sources={"people": "people", "ports": "ports"}, steps=list(steps), **more)


def seen(previews: Previews, *steps: FlowStep, rows: int = 20) -> FlowPreview:
    return previews.preview(flow(*steps), None, rows, python=True)


def test_what_takes_too_long_is_given_up_and_the_next_answer_comes(
    previews: Previews, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(showing, "LONGEST", 0.0)
    endless = step("sql", "people", query="select count(*) as n from range(1000000000000)")
    request = {"flow": msgspec.to_builtins(flow(endless)), "step": None, "rows": 1, "python": False}
    said = showing.answer(previews, request)["error"]
    assert said.message == "it takes too long to be shown on a sample" and said.where == "flow seen, step sql"
    monkeypatch.undo()
    assert len(seen(previews, step("sort", "people", columns=["age"])).after) == 20


@pytest.mark.parametrize("name", CASES)
def test_each_transform_is_previewed_and_its_mask_says_which_cells_differ(previews: Previews, name: str) -> None:
    found = seen(previews, *CASES[name])
    assert 0 < len(found.after) <= 20 and len(found.changed) == len(found.came_from) == len(found.after)
    types = dict(zip(found.columns, found.types, strict=True))
    for row, marks, origin in zip(found.after, found.changed, found.came_from, strict=True):
        assert len(row) == len(marks) == len(found.columns)
        before = dict(zip(found.columns_before, found.before[origin], strict=True)) if origin is not None else {}
        kinds = dict(zip(found.columns_before, found.types_before, strict=True))
        for column, value, mark in zip(found.columns, row, marks, strict=True):
            if column in before and types[column] == kinds[column]:
                assert mark == (value != before[column]), column
            elif column not in before or (value is None) != (before[column] is None):
                assert mark


def test_changed_rows_are_among_those_that_are_shown(previews: Previews) -> None:
    found = seen(previews, step("fill-missing", columns=["age"], method="constant", value="99"), rows=10)
    ages = [row[found.columns.index("age")] for row in found.after]
    assert ages.count(99) == 5 and found.cells == {
        "age": sum(one is None for one in people().column("age").to_pylist())
    }
    assert (found.sample, found.left) == (200, 200)


def test_rows_that_go_are_marked_before(previews: Previews) -> None:
    found = seen(previews, step("filter", where="id >= 3"), rows=5)
    assert [row[0] for row in found.before][:3] == [0, 1, 2] and found.removed[:4] == [True, True, True, False]
    assert (found.sample, found.left) == (200, 197)


def test_columns_that_come_and_go_are_named(previews: Previews) -> None:
    found = seen(previews, step("one-hot-encode", columns=["port"]))
    assert found.dropped == ["port"] and {"port_Oslo", "port_Rio"} <= {*found.added}
    assert found.notes == ["learned from 200 rows"]


def test_only_what_is_changed_is_done_again(previews: Previews) -> None:
    steps = [step("scale", columns=["age"]), step("scale", columns=["fare"], id="last")]
    seen(previews, *steps)
    made = {*previews.made}
    steps[1] = step("scale", columns=["fare"], id="last", method="robust")
    seen(previews, *steps)
    assert len({*previews.made} - made) == 1


def test_many_previews_leave_few_tables(previews: Previews, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cupola.flows.previewing.KEPT", 5)
    for limit in range(1, 12):
        seen(previews, step("filter", where=f"id < {limit * 10}", id="few"), step("scale", columns=["id"]))
    assert len(previews.made) == 5
    tables = previews.connection.execute("SELECT count(*) FROM duckdb_tables()").fetchall()[0][0]
    assert tables <= 5


def test_previews_of_many_columns_leave_no_more_than_their_memory(
    previews: Previews, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cupola.flows.previewing.FULL", 0)
    for limit in (10, 20, 30):
        seen(previews, step("filter", where=f"id < {limit}", id="few"), step("scale", columns=["id"]))
        assert [one.partition(" ")[0] for one in previews.made] == ["people", "few", "scale"]
    with pytest.raises(CupolaError, match="no column 'aeg'"):
        seen(previews, step("filter", where="id < 40", id="few"), step("scale", columns=["aeg"]))
    assert [one.partition(" ")[0] for one in previews.made] == ["people", "few"]


def test_a_sample_of_many_columns_has_fewer_rows(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cupola.flows.previewing.FEWEST", 3)
    version = datasets.find(store, "people")
    monkeypatch.setattr("cupola.flows.previewing.CELLS", 50 * len(version.columns))
    assert sample(store, version, 100, 0).num_rows == 50
    monkeypatch.setattr("cupola.flows.previewing.CELLS", 0)
    assert sample(store, version, 100, 0).num_rows == 3


def test_a_step_that_fails_is_said_and_the_next_preview_works(previews: Previews) -> None:
    with pytest.raises(CupolaError, match=r"flow seen, step formula: there is no column 'aeg'"):
        seen(previews, step("formula", name="x", expression="aeg + 1"))
    assert seen(previews, step("formula", name="x", expression="age + 1")).added == ["x"]


def test_python_runs_only_where_the_user_says_so(workspace: Workspace, previews: Previews) -> None:
    python = flow(step("python", code="df['n'] = 1"))
    with pytest.raises(BadOption, match="step python: a step of Python runs only where you say so"):
        previews.preview(python, None, 5, python=False)
    found = actions.previewed(workspace, python, None, 5, python=True)
    assert found.added == ["n"]


def test_a_sample_is_spread_over_the_data_and_small(store: Store, tmp_path: Any) -> None:
    table = pa.table({"n": list(range(60_000))})
    pq.write_table(table, tmp_path / "long.parquet", row_group_size=5000)
    version = importing.run(store, "long", tmp_path / "long.parquet", ImportOptions(), lambda share, message: None)
    found = sample(store, version, 1000, 0).column("n").to_pylist()
    assert len(found) == 1000 and found == sorted(found) and min(found) < 1000 and max(found) > 50_000
    assert found == sample(store, version, 1000, 0).column("n").to_pylist()
    assert found != sample(store, version, 1000, 1).column("n").to_pylist()


@pytest.fixture
def companion(workspace: Workspace) -> Iterator[str]:
    name = f"flow {workspace.root}"
    yield name
    companions.close(name)


def test_the_companion_goes_on_after_an_error_and_ends_with_whoever_asked(workspace: Workspace, companion: str) -> None:
    with pytest.raises(CupolaError, match="no column 'nothing'"):
        actions.previewed(workspace, flow(step("scale", columns=["nothing"])), None, 5, python=False)
    first = companions._companions[companion]
    found = actions.previewed(workspace, flow(step("scale", columns=["age"])), None, 5, python=False)
    assert companions._companions[companion] is first and len(found.after) == 5
    process = first._process
    assert process.stdin
    process.stdin.close()
    deadline = time.monotonic() + 180
    while process.poll() is None:
        assert time.monotonic() < deadline, "it does not end"
        time.sleep(0.02)
