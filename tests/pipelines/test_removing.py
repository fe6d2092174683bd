"""Executions are removed: what others rely on stays, and what went to the trash comes back."""

from pathlib import Path

import pytest
from tests.pipelines.test_executing import STEPS, by_name, until, write

import cupola
from cupola import api
from cupola.errors import BadOption, Conflict, NotFound, NotReady
from cupola.pipelines import records
from cupola.store import Store, files
from cupola.workspace import Workspace

ROWS = """\
[parameters]
value = 1

[steps.rows]
type = "Lambda"
function = "steps:noted"
parameters = { name = "rows", value = "${parameters.value}" }

[steps.always]
type = "Lambda"
function = "steps:noted"
parameters = { name = "always" }
cache = false
"""
ASKS = '[steps.ask]\ntype = "Callback"\n'


@pytest.fixture(scope="module")
def ws(host: Path, tmp_path_factory: pytest.TempPathFactory) -> api.Workspace:
    root = tmp_path_factory.mktemp("removing") / "ws"
    opened = cupola.init(root)
    (root / "src").mkdir()
    (root / "pipelines").mkdir()
    (root / "src" / "steps.py").write_text(STEPS)
    return opened


@pytest.fixture(scope="module")
def store(ws: api.Workspace) -> Store:
    return Workspace.open(ws.root).store


def ran(ws: api.Workspace, name: str, **param: int) -> str:
    return str(ws.pipeline.run(name, param=param).wait(timeout=180).execution)


def listed(store: Store, name: str) -> list[str]:
    return [one.id for one in records.executions(store, name)]


def test_an_execution_goes_to_the_trash_and_comes_back_unless_another_has_taken_results_from_it(
    ws: api.Workspace, store: Store
) -> None:
    name = write(ws, "rows.toml", ROWS)
    first, second = ran(ws, name), ran(ws, name)
    assert by_name(ws.pipeline.show(second))["rows"].origin == first
    with pytest.raises(Conflict, match=f"{second} has taken the result of its step rows"):
        ws.pipeline.rm(first)
    assert ws.pipeline.rm(second, dry_run=True).removed == [second] == ws.pipeline.rm(second).removed
    token = ws.pipeline.rm(first).trash
    assert listed(store, name) == []
    assert not (ws.root / f"pipelines/{name}/executions/{first}").exists()
    with pytest.raises(NotFound, match="there is no execution"):
        ws.pipeline.show(first)
    assert ws.pipeline.restore(second).execution == second
    with pytest.raises(NotFound, match=f"was done by the execution {first}, which is gone"):
        ws.pipeline.log(second, "rows")
    assert ws.pipeline.restore(token).execution == first
    assert listed(store, name) == [second, first]
    assert by_name(ws.pipeline.show(ran(ws, name)))["rows"].cached


def test_older_executions_go_and_those_that_the_others_need_stay(ws: api.Workspace, store: Store) -> None:
    name = write(ws, "older.toml", ROWS)
    made = [ran(ws, name, value=value) for value in (1, 2, 1)]
    found = ws.pipeline.rm(name, keep=1)
    assert (found.removed, found.kept) == ([made[1]], [made[0]])
    assert ws.pipeline.rm(name, older_than="1h").removed == []
    assert listed(store, name) == [made[2], made[0]]
    with pytest.raises(BadOption, match="is no pipeline"):
        ws.pipeline.rm(made[0], keep=1)


def test_what_is_more_than_the_workspace_keeps_is_removed_for_good_when_an_execution_ends(
    ws: api.Workspace, store: Store
) -> None:
    name = write(ws, "kept.toml", ROWS)
    results = f"pipelines/{name}/results"
    settings = (ws.root / "workspace.toml").read_text()
    first, other, again = (ran(ws, name, value=value) for value in (1, 2, 1))
    (ws.root / "workspace.toml").write_text(settings.replace("# keep = 100", "keep = 1"))
    try:
        last = ran(ws, name, value=1)
        until(ws, last, lambda _: again not in listed(store, name) and len(files.listing(store, results)) == 1)
    finally:
        (ws.root / "workspace.toml").write_text(settings)
    assert listed(store, name) == [last, first]
    left = [files.read_bytes(store, f"{results}/{one}").decode() for one in files.listing(store, results)]
    assert all(other not in one for one in left)
    with pytest.raises(NotFound, match="in the trash"):
        ws.pipeline.restore(other)


def test_what_runs_stays_and_what_a_schedule_runs(ws: api.Workspace) -> None:
    name = write(ws, "asks.toml", ASKS)
    execution = str(ws.pipeline.run(name).execution)
    for one in (execution, name):
        with pytest.raises(NotReady, match="pipeline stop"):
            ws.pipeline.rm(one)
    assert ws.pipeline.rm(name, keep=0).removed == []
    ws.pipeline.stop(execution)
    until(ws, execution, lambda one: one.over)
    ws.pipeline.schedule(name, at="2099-12-01T03:00")
    with pytest.raises(Conflict, match="the schedule asks runs it"):
        ws.pipeline.rm(name)
    ws.schedule.rm("asks")
    assert ws.pipeline.rm(name).removed == [name]
    assert name not in [one.name for one in ws.pipeline.ls()]
    assert ws.pipeline.restore(name).execution == execution
