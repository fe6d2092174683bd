"""Small stores as MLflow makes them: an mlruns directory and a database, with the same in both."""

import json
import sqlite3
from pathlib import Path

MLMODEL = """flavors:
  python_function:
    loader_module: mlflow.sklearn
signature:
  inputs: '[{"type": "double", "name": "sepal length (cm)", "required": true}, {"type":
    "long", "name": "it''s", "required": true}]'
  outputs: null
"""
RUNS = ("a" * 32, "b" * 32, "c" * 32)
MODEL = "m-" + "d" * 32
VALUES = [("loss", 0.5, 1_700_000_000_000, 0), ("loss", 0.25, 1_700_000_000_001, 1), ("sub/f1", float("nan"), 5, -1)]


def mlruns(root: Path) -> Path:
    """Two experiments, three runs (one deleted, one under way), a logged model, a registered one."""
    for number, name in (("0", "Default"), ("7", "Fares / 2026")):
        put(
            root / number / "meta.yaml",
            f"experiment_id: '{number}'\nlifecycle_stage: active\nname: {name}\ncreation_time: 5\n",
        )
    put(root / "7" / "tags" / "team", "blue")
    for place, id in enumerate(RUNS):
        run = root / "7" / id
        state = "deleted" if place == 2 else "active"
        put(
            run / "meta.yaml",
            f"run_id: {id}\nrun_name: run {place}\nstatus: {(3, 1, 4)[place]}\nstart_time: 1700000000000\n"
            f"end_time: {1700000001000 if place != 1 else 'null'}\nlifecycle_stage: {state}\nuser_id: ana\n"
            f"artifact_uri: file:///nowhere/{id}/artifacts\n",
        )
        put(run / "params" / "rate", "0.1")
        put(run / "params" / "nested" / "name", "ä")
        put(run / "tags" / "mlflow.note.content", "line\nline")
        for key, value, moment, step in VALUES:
            with (at := run / "metrics" / key).parent.mkdir(parents=True, exist_ok=True) or at.open("a") as file:
                file.write(f"{moment} {value} {step}\n")
        put(run / "artifacts" / "notes" / "a.txt", "hello")
    model = root / "7" / "models" / MODEL
    put(
        model / "meta.yaml",
        f"model_id: {MODEL}\nname: model\ncreation_timestamp: 5\nlast_updated_timestamp: 6\nstatus: 2\n"
        f"source_run_id: {RUNS[0]}\nlifecycle_stage: active\n",
    )
    put(model / "params" / "C", "1.0")
    put(model / "artifacts" / "MLmodel", MLMODEL)
    put(root / "models" / "iris" / "meta.yaml", "name: iris\ncreation_timestamp: 5\nlast_updated_timestamp: 9\n")
    put(root / "models" / "iris" / "tags" / "t", "1")
    put(root / "models" / "iris" / "aliases" / "champion", "3")
    put(
        root / "models" / "iris" / "version-3" / "meta.yaml",
        f"name: iris\nversion: 3\ncreation_timestamp: 7\nlast_updated_timestamp: 8\nsource: models:/{MODEL}\n"
        f"run_id: {RUNS[0]}\ncurrent_stage: Production\ndescription: good\n",
    )
    put(
        root / "models" / "iris" / "version-4" / "meta.yaml",
        "name: iris\nversion: 4\ncurrent_stage: Deleted_Internal\n",
    )
    return root


def database(path: Path, artifacts: Path) -> Path:
    """The same in tables of MLflow's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tables = {
        "experiments": "experiment_id, name, artifact_location, lifecycle_stage, creation_time",
        "experiment_tags": "key, value, experiment_id",
        "runs": "run_uuid, name, user_id, status, start_time, end_time, lifecycle_stage, artifact_uri, experiment_id",
        "params": "key, value, run_uuid",
        "tags": "key, value, run_uuid",
        "metrics": "key, value, timestamp, run_uuid, step, is_nan",
        "logged_models": "model_id, experiment_id, name, artifact_location, creation_timestamp_ms, "
        "last_updated_timestamp_ms, status, lifecycle_stage, model_type, source_run_id",
        "logged_model_params": "model_id, param_key, param_value",
        "registered_models": "name, creation_time, last_updated_time, description",
        "registered_model_tags": "name, key, value",
        "registered_model_aliases": "name, alias, version",
        "model_versions": "name, version, creation_time, last_updated_time, description, current_stage, source, run_id",
    }
    at = "mlflow-artifacts:/7"
    rows = [
        ("experiments", (0, "Default", "mlflow-artifacts:/0", "active", 5)),
        ("experiments", (7, "Fares / 2026", at, "active", 5)),
        ("experiment_tags", ("team", "blue", 7)),
        ("logged_models", (MODEL, 7, "model", f"{at}/models/{MODEL}/artifacts", 5, 6, 2, "active", "", RUNS[0])),
        ("logged_model_params", (MODEL, "C", "1.0")),
        ("registered_models", ("iris", 5, 9, "")),
        ("registered_model_tags", ("iris", "t", "1")),
        ("registered_model_aliases", ("iris", "champion", 3)),
        ("model_versions", ("iris", 3, 7, 8, "good", "Production", f"models:/{MODEL}", RUNS[0])),
    ]
    for place, id in enumerate(RUNS):
        state, end = "deleted" if place == 2 else "active", 1700000001000 if place != 1 else None
        status = ("FINISHED", "RUNNING", "FAILED")[place]
        uri = f"{at}/{id}/artifacts"
        rows.append(("runs", (id, f"run {place}", "ana", status, 1700000000000, end, state, uri, 7)))
        rows += [("params", ("rate", "0.1", id)), ("params", ("nested/name", "ä", id))]
        rows.append(("tags", ("mlflow.note.content", "line\nline", id)))
        for key, value, moment, step in VALUES:
            odd = value != value
            rows.append(("metrics", (key, 0.0 if odd else value, moment, id, step, odd)))
        put(artifacts / "7" / id / "artifacts" / "notes" / "a.txt", "hello")
    put(artifacts / "7" / "models" / MODEL / "artifacts" / "MLmodel", MLMODEL)
    with sqlite3.connect(path) as lines:
        for table, columns in tables.items():
            lines.execute(f"create table {table} ({columns})")
        for table, row in rows:
            lines.execute(f"insert into {table} values ({', '.join('?' * len(row))})", row)
    lines.close()
    return path


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def columns() -> list[str]:
    """Those that the MLmodel says."""
    return [one["name"] for one in json.loads('[{"name": "sepal length (cm)"}, {"name": "it\'s"}]')]
