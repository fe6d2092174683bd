"""A flow as a job: it makes a version that says where it came from, once, and leaves nothing when it is killed."""

import contextlib
import json
from pathlib import Path

import duckdb
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.flows.conftest import step
from tests.waiting import until

import cupola
from cupola import api
from cupola.datasets import records as datasets
from cupola.errors import BadInput, BadOption, WorkFailed
from cupola.flows import executing, records, running
from cupola.flows.records import Flow
from cupola.workspace import Workspace

PATIENCE = 180.0


@pytest.fixture(scope="module")
def ws(workspace: Workspace) -> api.Workspace:
    return cupola.open(workspace.root)


def test_a_run_makes_a_version_with_its_lineage_and_the_same_again_is_that_version(ws: api.Workspace) -> None:
    ws.flow.new("clean", source=["people"], add=["fill-missing columns=age", "one-hot-encode columns=port"])
    first = ws.flow.run("clean").wait(PATIENCE)
    assert (first.dataset, first.version, first.rows) == ("clean", 1, 200)
    again = ws.flow.run("clean").wait(PATIENCE)
    assert (again.ref, again.version) == (first.ref, 1)
    version = ws.dataset.show("clean")
    assert version.target == "late" and version.made.flow == "clean" and version.source == "flow clean"
    assert version.made.inputs == [ws.dataset.show("people").ref]
    roles = {one.name: one.role for one in version.columns}
    assert roles["split"] == "ignore" and roles["late"] == "target"
    assert any("no step splits before fill-missing" in note for note in version.notes)
    store = Workspace.open(ws.root).store
    fitted = json.loads((store.root / datasets.find(store, "clean").directory / records.FITTED).read_bytes())
    assert fitted["steps"][1]["state"]["values"].keys() == {"age"}


def test_what_is_made_changes_with_the_steps_the_seed_and_the_data(ws: api.Workspace) -> None:
    ws.flow.new("varied", source=["people"], add=["sample rows=20"], seed=1)
    refs = [ws.flow.run("varied").wait(PATIENCE).ref]
    ws.flow.edit("varied", seed=2)
    refs.append(ws.flow.run("varied").wait(PATIENCE).ref)
    ws.flow.edit("varied", description="only words")
    refs.append(ws.flow.run("varied").wait(PATIENCE).ref)
    ws.flow.undo("varied")
    ws.flow.undo("varied")
    refs.append(ws.flow.run("varied").wait(PATIENCE).ref)
    assert refs[0] == refs[3] and refs[1] == refs[2] and refs[0] != refs[1]


def test_the_version_stands_in_the_lineage_between_its_data_and_what_is_trained_on_it(ws: api.Workspace) -> None:
    ws.flow.new("lined", source=["people"], add=["keep-columns columns=late,id"])
    made = ws.flow.run("lined").wait(PATIENCE)
    up = ws.lineage(f"dataset:{made.ref}")
    people = f"dataset:{ws.dataset.show('people').ref}"
    assert people in {one.id for one in up.nodes}
    assert any(one.kind == "flow" and one.name == "lined" for one in up.nodes)
    down = ws.lineage(people)
    assert f"dataset:{made.ref}" in {one.id for one in down.nodes}


def test_a_flow_that_ends_in_vectors_says_which_step_and_what_to_do(ws: api.Workspace) -> None:
    ws.flow.new("vectors", source=["people"], add=["assemble-vector id=point columns=age,fare name=where"])
    with pytest.raises(WorkFailed, match=r"step point: where holds vectors.*expand-vector"):
        ws.flow.run("vectors").wait(PATIENCE)


def test_a_run_that_is_killed_leaves_nothing_and_the_next_one_is_whole(ws: api.Workspace) -> None:
    ws.flow.new("slow", source=["people"], add=["""python code="import time; time.sleep(600)" """])
    job = ws.flow.run("slow").job

    def begun() -> list[Path]:
        return [*ws.root.glob(f"jobs/*/{job}/attempts/1/progress.json")]

    until(lambda: begun() and "step python" in begun()[0].read_text(), "its first step")
    (started,) = ws.root.glob(f"jobs/*/{job}/attempts/1/started.json")
    keeper = json.loads(started.read_bytes())["keeper"]["pid"]
    for process in psutil.Process(keeper).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended with the one before it
            process.kill()
    until(lambda: ws.job.show(job).status == "Failed", "its end")
    assert "slow" not in {one.name for one in ws.dataset.ls()} and not (ws.root / "datasets" / "slow").exists()
    ws.flow.edit("slow", set=['python code="df = df.head(3)"'])
    assert ws.flow.run("slow").wait(PATIENCE).rows == 3
    assert not list((ws.root / ".cupola").rglob("steps.duckdb*"))


def test_what_cannot_be_run_is_said_before_a_job_is_filed_or_by_the_job(ws: api.Workspace) -> None:
    ws.flow.new("people", source=["people"], add=["scale columns=age"])
    with pytest.raises(BadOption, match="people is what the flow is made of"):
        ws.flow.run("people")
    ws.flow.new("wrong", source=["people"], add=["one-hot-encode columns=port", "scale columns=aeg"])
    with pytest.raises(WorkFailed, match=r"there is no column 'aeg' here") as raised:
        ws.flow.run("wrong").wait(PATIENCE)
    assert "did you mean age" in str(raised.value)
    assert ", flow wrong, step scale: " in str(raised.value)
    ws.flow.new("none", source=["people"], add=["filter where='id < 0'"])
    with pytest.raises(WorkFailed, match="no row is left at the end"):
        ws.flow.run("none").wait(PATIENCE)


def test_rows_that_do_not_fit_into_memory_go_to_the_disk(workspace: Workspace, tmp_path: Path) -> None:
    """The order of rows that were sorted with less memory than they take is that of a sort in memory."""
    file = tmp_path / "long.parquet"
    with duckdb.connect() as connection:
        query = "SELECT repeat(md5(i::VARCHAR), 4) AS token, (hash(i) % 50)::BIGINT AS n, i FROM range(500000) t(i)"
        connection.execute(f"COPY ({query}) TO '{file}'")
    steps = [step("sort", columns=["n", "token"]), step("lag", columns=["i"], by=["n"])]
    flow = Flow(name="long", sources={"long": "long"}, steps=steps)
    (tmp_path / "spill").mkdir()
    with executing.connect(
        [file], memory="60MB", database=tmp_path / "steps.duckdb", spill=tmp_path / "spill"
    ) as connection:
        execution = executing.Execution(connection, target=None, seed=0, where="flow long")
        execution.source("long", f"read_parquet('{file}', file_row_number = true)", "file_row_number")
        fitted = executing.fitted_steps(execution, records.ordered(flow), split=True)
        assert running.write(execution, fitted[-1].id, tmp_path / "made.parquet", lambda rows: None) == 500_000
    found = pq.read_table(tmp_path / "made.parquet", columns=["token", "i", "i_lag1"])
    first = pq.read_table(file, filters=[("n", "==", 0)]).sort_by("token")
    assert found.column("i").slice(0, first.num_rows).to_pylist() == first.column("i").to_pylist()
    assert isinstance(found, pa.Table) and found.column("i_lag1").to_pylist()[0] is None


def test_duckdb_gets_of_a_limit_what_python_and_its_libraries_leave() -> None:
    limit, taken = 512 << 20, 60 << 20
    assert running.left(limit, taken) + taken + running.BESIDE < limit
    assert running.left(limit, taken) - running.left(limit, 2 * taken) > 0.8 * taken
    with pytest.raises(BadInput, match=r"200 MB of memory are too few.*take 60 MB.*--memory 224M"):
        running.left(200 << 20, taken)
    assert running.left(224 << 20, taken) >= running.FEWEST


def test_a_limit_that_is_too_small_for_a_flow_is_said_before_a_job_is_filed(ws: api.Workspace) -> None:
    ws.flow.new("small", source=["people"], add=["keep-columns columns=age"])
    before = len(ws.job.ls())
    with pytest.raises(BadOption, match="100M of memory are too few for a flow"):
        ws.flow.run("small", memory="100M")
    assert len(ws.job.ls()) == before
    assert ws.flow.run("small", memory="256M").wait(PATIENCE).rows == 200


def test_the_same_flow_of_the_same_data_is_known_without_running_it(workspace: Workspace) -> None:
    flow = Flow(name="f", sources={"a": "people"}, steps=[step("scale", columns=["age"])])
    one = records.flow_hash(flow, {"a": "people@1-abcd"})
    flow.description, flow.steps[0].inputs = "words", ["a"]
    assert records.flow_hash(flow, {"a": "people@1-abcd"}) == one
    assert records.flow_hash(flow, {"a": "people@2-abcd"}) != one
