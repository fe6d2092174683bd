"""Imports of what MLflow has kept: as many runs, values, parameters, tags, files and models as it has."""

import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.mlflow import old
from tests.mlflow.conftest import Client

from cupola.errors import BadInput
from cupola.workspace import Workspace

COUNTS = {
    "experiments": 1, "runs": 3, "tunings": 0, "metrics": 9, "params": 6, "tags": 3, "artifacts": 4,
    "logged_models": 1, "models": 1, "versions": 1, "unnamed": 0,
}  # fmt: skip


def bring(workspace: Workspace, kind: str, root: Path) -> Any:
    if kind == "mlruns":
        return workspace.action("import mlruns", path=old.mlruns(root / "mlruns"))
    return workspace.action("import mlflow-db", path=old.database(root / "mlflow.db", root / "mlartifacts"))


@pytest.mark.parametrize("kind", ["mlruns", "mlflow-db"])
async def test_all_of_it_comes_over_and_once(workspace: Workspace, tmp_path: Path, kind: str) -> None:
    done = msgspec.to_builtins(bring(workspace, kind, tmp_path))
    assert (done.pop("skipped"), done) == ([], COUNTS)
    again = bring_again(workspace, kind, tmp_path)
    assert not any(count for name, count in again.items() if name != "skipped")
    assert {one["why"] for one in again["skipped"]} == {"it is here already", "a model of that name is here already"}
    assert workspace.action("check").ok

    client = Client(workspace)
    first, under_way, deleted = old.RUNS
    run = (await client.get("runs/get", run_id=first))["run"]
    assert run["info"]["status"] == "FINISHED" and run["info"]["user_id"] == "ana"
    assert {one["key"]: one["value"] for one in run["data"]["params"]} == {"rate": "0.1", "nested/name": "ä"}
    assert {"key": "mlflow.note.content", "value": "line\nline"} in run["data"]["tags"]
    history = (await client.get("metrics/get-history", run_id=first, metric_key="loss"))["metrics"]
    assert [(one["value"], one["timestamp"], one["step"]) for one in history] == [
        (value, moment, step) for name, value, moment, step in old.VALUES if name == "loss"
    ]
    odd = (await client.get("metrics/get-history", run_id=first, metric_key="sub/f1"))["metrics"]
    assert [(one["value"], one["step"]) for one in odd] == [("NaN", -1)]
    assert (await client.get("runs/get", run_id=under_way))["run"]["info"]["status"] == "RUNNING"
    assert (await client.get("runs/get", run_id=deleted))["run"]["info"]["lifecycle_stage"] == "deleted"
    [experiment] = (await client.post("experiments/search", filter="name = 'Fares / 2026'"))["experiments"]
    assert experiment["tags"] == [{"key": "team", "value": "blue"}]
    logged = (await client.get(f"logged-models/{old.MODEL}"))["model"]
    assert (logged["info"]["status"], logged["data"]["params"]) == (
        "LOGGED_MODEL_READY",
        [{"key": "C", "value": "1.0"}],
    )
    model = (await client.get("registered-models/alias", name="iris", alias="champion"))["model_version"]
    assert (model["version"], model["current_stage"], model["description"]) == ("3", "Production", "good")
    [version] = workspace.action("model ls")
    assert (version.ref[:7], version.run, version.aliases) == ("iris@3-", first, ["champion"])
    assert [(one.name, one.type) for one in version.signature.columns] == [
        ("sepal length (cm)", "number"), ("it's", "integer"),
    ]  # fmt: skip
    assert workspace.action("model verify", model="iris@champion").ok


def bring_again(workspace: Workspace, kind: str, root: Path) -> dict[str, Any]:
    path = root / ("mlruns" if kind == "mlruns" else "mlflow.db")
    found: dict[str, Any] = msgspec.to_builtins(workspace.action(f"import {kind}", path=path))
    return found


def test_what_cannot_come_is_named_and_the_rest_comes(workspace: Workspace, tmp_path: Path) -> None:
    root = old.mlruns(tmp_path / "mlruns")
    first, second, third = (root / "7" / id for id in old.RUNS)
    (first / "metrics" / "loss").write_text("1 0.5 0\nnonsense\n2 0.25 x\n3 1.5 2\n")
    (second / "meta.yaml").write_text("run_id: [1, 2\n")
    (third / "artifacts" / "link").symlink_to("/etc/passwd")
    (third / "artifacts" / "pipe").mkdir()
    evil = root / "7" / ("e" * 32)
    old.put(evil / "meta.yaml", "run_id: ../../escape\nstatus: 3\nstart_time: 5\nartifact_uri: file:///etc\n")
    done = workspace.action("import mlruns", path=root)
    said = {one.what: one.why for one in done.skipped}
    assert f"7/{old.RUNS[1]}/meta.yaml" in said
    assert said[f"run {old.RUNS[0]}: line 2 of metric loss"] == "it is not `TIME VALUE STEP`"
    assert said[f"run {old.RUNS[2]}: link"] == "it is no plain file"
    assert "run ../../escape" in said
    assert done.runs == 2
    assert not (tmp_path / "escape").exists()


def test_artifacts_that_lie_outside_are_not_taken(workspace: Workspace, tmp_path: Path) -> None:
    path = old.database(tmp_path / "mlflow.db", tmp_path / "mlartifacts")
    old.put(tmp_path / "secret" / "key", "mine alone")
    with sqlite3.connect(path) as lines:
        for id, uri in zip(
            old.RUNS, (f"file://{tmp_path}/secret", "s3://bucket/x", "mlflow-artifacts:/../secret"), strict=True
        ):
            lines.execute("update runs set artifact_uri = ? where run_uuid = ?", (uri, id))
    lines.close()
    done = workspace.action("import mlflow-db", path=path)
    whys = {one.what.removeprefix("artifacts of run "): one.why for one in done.skipped}
    assert "outside of what is imported" in whys[old.RUNS[0]]
    assert "not on this disk" in whys[old.RUNS[1]]
    assert "outside of what is imported" in whys[old.RUNS[2]]
    assert not list(workspace.root.glob("experiments/*/*/attempts/1/artifacts/key"))


def test_odd_facts_in_a_database_end_no_import(workspace: Workspace, tmp_path: Path) -> None:
    path = old.database(tmp_path / "mlflow.db", tmp_path / "mlartifacts")
    with sqlite3.connect(path) as lines:
        lines.execute("update metrics set timestamp = 'x' where step = 1")
        lines.execute("update metrics set step = ? where key = 'sub/f1'", (b"\xff",))
        lines.execute("update runs set start_time = 5.5, end_time = 'never', status = -1")
        lines.execute("update model_versions set version = ?", (2**62,))
        lines.execute("update registered_model_aliases set version = 'x'")
    lines.close()
    done = workspace.action("import mlflow-db", path=path)
    assert (done.runs, done.metrics, done.models, done.versions) == (3, 3, 1, 0)
    assert [one.why for one in done.skipped].count("it is not a number with a time") == 6
    assert done.skipped[-1].why == "that is no number of a version"
    assert workspace.action("check").ok


@pytest.mark.parametrize("content", [b"", b"nothing of SQLite's", b"SQLite format 3\0" + b"\0" * 100])
def test_what_is_none_of_mlflows_is_refused(workspace: Workspace, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file.db").write_bytes(content)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput):
        workspace.action("import mlflow-db", path=tmp_path / "file.db")
    with pytest.raises(BadInput, match="no directory of MLflow's"):
        workspace.action("import mlruns", path=tmp_path / "empty")
    with pytest.raises(BadInput, match="no such directory"):
        workspace.action("import mlruns", path=tmp_path / "nowhere")
