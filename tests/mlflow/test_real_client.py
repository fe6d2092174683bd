"""MLflow's own client: the same script against `mlflow server` and against a gateway leaves the same facts.

For it an interpreter is needed that has MLflow 3: this one, or the one that $CUPOLA_MLFLOW_PYTHON names.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.waiting import until

from cupola.workspace import Workspace

from .conftest import Client, Gateway, has_python

PYTHON = os.environ.get("CUPOLA_MLFLOW_PYTHON", sys.executable)
SCRIPT = Path(__file__).with_name("script.py")

pytestmark = [pytest.mark.skipif(not has_python(PYTHON), reason="MLflow is not installed"), pytest.mark.timeout(900)]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The URL of a real `mlflow server`, whose database and artifacts lie in the test's directory."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        PYTHON, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{tmp_path}/mlflow.db", "--artifacts-destination", f"{tmp_path}/mlartifacts",
    ]  # fmt: skip
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (tmp_path / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=tmp_path, stdout=log, stderr=log, env=environment, start_new_session=True
        )
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return httpx.get(f"{url}/version", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    try:
        until(answers, "MLflow answers", 300)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def facts(url: str, directory: Path, name: str) -> dict[str, object]:
    """What the script has found out, run where there is no git repository."""
    script = Path(shutil.copy(SCRIPT, directory / "script.py"))
    command = [PYTHON, script.name, url, str(directory / name)]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, object] = json.loads((directory / name).read_text())
    return found


async def test_the_same_script_leaves_the_same_facts(
    server: str, gateway: Gateway, workspace: Workspace, tmp_path: Path
) -> None:
    theirs = facts(server, tmp_path, "theirs.json")
    ours = facts(gateway.start(), tmp_path, "ours.json")
    differing = {what: (theirs.get(what), ours.get(what)) for what in theirs if theirs.get(what) != ours.get(what)}
    assert differing == {}
    assert ours.keys() == theirs.keys() and len(ours) > 100
    gateway.kill()
    assert workspace.action("check").ok

    done = Workspace.init(tmp_path / "imported")
    brought = done.action("import mlflow-db", path=tmp_path / "mlflow.db")
    counted = subprocess.run(
        [PYTHON, "-c", COUNT, server], capture_output=True, text=True, timeout=120, check=True
    ).stdout
    assert json.loads(counted) == {
        "runs": brought.runs, "metrics": brought.metrics, "params": brought.params, "tags": brought.tags,
        "artifacts": brought.artifacts, "models": brought.models, "versions": brought.versions,
    }  # fmt: skip
    assert brought.skipped == []
    found = await Client(done).post("runs/search", experiment_ids=["0"], run_view_type="ALL")
    assert found == {}


COUNT = """
import json, sys
from mlflow import MlflowClient
from mlflow.entities import ViewType
client = MlflowClient(sys.argv[1])
count = dict.fromkeys(["runs", "metrics", "params", "tags", "artifacts", "models", "versions"], 0)
def files(run, path=None):
    return sum(files(run, one.path) if one.is_dir else 1 for one in client.list_artifacts(run, path))
for experiment in client.search_experiments(view_type=ViewType.ALL):
    for run in client.search_runs([experiment.experiment_id], run_view_type=ViewType.ALL):
        count["runs"] += 1
        count["params"] += len(run.data.params)
        count["tags"] += len(run.data.tags)
        count["metrics"] += sum(len(client.get_metric_history(run.info.run_id, name)) for name in run.data.metrics)
        count["artifacts"] += files(run.info.run_id)
    for model in client.search_logged_models([experiment.experiment_id]):
        import mlflow
        mlflow.set_tracking_uri(sys.argv[1])
        count["artifacts"] += len(mlflow.artifacts.list_artifacts(artifact_uri=model.artifact_location))
for model in client.search_registered_models():
    count["models"] += 1
    count["versions"] += len(client.search_model_versions(f"name='{model.name}'"))
print(json.dumps(count))
"""
