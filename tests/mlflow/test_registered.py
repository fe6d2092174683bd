"""Models over MLflow's API are versions of the registry, hashed and checked; those of scikit-learn can be served."""

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from cupola.errors import Refused
from cupola.registry import models
from cupola.workspace import Workspace

from .conftest import FILES, Client

MLMODEL = """flavors:
  sklearn:
    pickled_model: model.pkl
signature:
  inputs: '[{"type": "double", "name": "a", "required": true}, {"type": "long", "name":
    "b", "required": true}]'
"""


async def upload(client: Client) -> tuple[str, str, LogisticRegression]:
    """A run with a model as MLflow logs one: its id, the source of the model, the model."""
    rows = pd.DataFrame({"a": np.linspace(0, 1, 40), "b": np.arange(40)})
    fitted = LogisticRegression().fit(rows, rows.b > 20)
    id = await client.run()
    files = {"MLmodel": MLMODEL.encode(), "model.pkl": pickle.dumps(fitted), "code/extra.py": b"x = 1\n"}
    for name, content in files.items():
        answer = await client.http.put(f"{FILES}/0/{id}/artifacts/model/{name}", content=content)
        assert answer.status_code == 200
    return id, f"mlflow-artifacts:/0/{id}/artifacts/model", fitted


async def test_a_version_is_copied_hashed_and_loads_where_it_is_trusted(client: Client, workspace: Workspace) -> None:
    id, source, fitted = await upload(client)
    await client.post("registered-models/create", name="iris")
    made = (await client.post("model-versions/create", name="iris", source=source, run_id=id))["model_version"]
    assert (made["version"], made["run_id"], made["status"]) == ("1", id, "READY")
    [version] = workspace.action("model ls")
    assert (version.name, version.run, version.storage) == ("iris", id, "mlflow")
    assert version.files.keys() == {"MLmodel", "model.pkl", "code/extra.py", "signature.json"}
    assert workspace.action("model verify", model="iris@1").ok
    directory = workspace.root / version.directory
    with pytest.raises(Refused, match="nobody whom you trust has signed it"):
        models.load(directory, version.files)
    loaded = models.load(directory, version.files, pickle_trusted=True)
    row = pd.DataFrame({"a": [0.25], "b": [7]})
    assert [(one.name, one.dtype) for one in loaded.signature.columns] == [("a", "float64"), ("b", "int64")]
    assert loaded.predict(row).probabilities.tolist() == fitted.predict_proba(row).tolist()  # type: ignore[union-attr]
    await client.http.put(f"{FILES}/0/{id}/artifacts/model/model.pkl", content=b"something else")
    assert workspace.action("model verify", model="iris@1").ok
    (directory / "code" / "extra.py").write_text("x = 2\n")
    assert not workspace.action("model verify", model="iris@1").ok


async def test_aliases_and_the_trash_are_those_of_cupola(client: Client, workspace: Workspace) -> None:
    id, source, _ = await upload(client)
    await client.post("registered-models/create", name="my model")  # which no directory is called
    for _ in range(2):
        await client.post("model-versions/create", name="my model", source=source, run_id=id)
    await client.post("registered-models/alias", name="my model", alias="champion", version="2")
    [directory] = {one.name for one in workspace.action("model ls")}
    assert workspace.action("model show", model=f"{directory}@champion").version == 2
    workspace.action("model alias", model=f"{directory}@1", alias="champion")
    found = await client.get("registered-models/alias", name="my model", alias="champion")
    assert found["model_version"]["version"] == "1"
    gone = await client.http.request(
        "DELETE", "/api/2.0/mlflow/model-versions/delete", json={"name": "my model", "version": "1"}
    )
    assert gone.status_code == 200
    assert [one.version for one in workspace.action("model ls")] == [2]
    shown = (await client.get("registered-models/get", name="my model"))["registered_model"]
    assert [one["version"] for one in shown["latest_versions"]] == ["2"] and "aliases" not in shown
    made = await client.post("model-versions/create", name="my model", source=source)
    assert made["model_version"]["version"] == "3"


async def test_a_model_of_cupola_can_be_had(client: Client, workspace: Workspace, tmp_path: Path) -> None:
    id, source, _ = await upload(client)
    await client.post("registered-models/create", name="m")
    await client.post("model-versions/create", name="m", source=source, run_id=id)
    uri = (await client.get("model-versions/get-download-uri", name="m", version="1"))["artifact_uri"]
    path = uri.partition(":/")[2]
    listed = (await client.http.get(FILES, params={"path": path})).json()["files"]
    assert {"path": "code", "is_dir": True} in listed
    assert (await client.http.get(f"{FILES}/{path}/MLmodel")).text == MLMODEL
    assert (await client.http.put(f"{FILES}/{path}/MLmodel", content=b"x")).status_code == 400


async def test_stages_are_those_of_the_registry(client: Client, workspace: Workspace) -> None:
    id, source, _ = await upload(client)
    await client.post("registered-models/create", name="iris")
    for _ in range(2):
        await client.post("model-versions/create", name="iris", source=source, run_id=id)

    async def stages() -> list[str]:
        answers = [await client.get("model-versions/get", name="iris", version=str(one)) for one in (1, 2)]
        return [one["model_version"]["current_stage"] for one in answers]

    async def move(version: int, stage: str, **more: bool) -> None:
        said = {"name": "iris", "version": str(version), "stage": stage, **more}
        await client.post("model-versions/transition-stage", **said)

    assert await stages() == ["None", "None"]
    await move(1, "Production", archive_existing_versions=False)
    assert workspace.action("model show", model="iris@1").stage == "Production"
    await move(2, "Production", archive_existing_versions=True)
    assert await stages() == ["Archived", "Production"]
    workspace.action("model stage", model="iris@2", stage="Staging")
    workspace.action("model stage", model="iris@1", stage="Development")
    assert await stages() == ["None", "Staging"]
    await move(2, "None", archive_existing_versions=False)
    assert [one.stage for one in workspace.action("model ls")] == ["Development", "Development"]
