"""A version as an MLflow model directory, which `mlflow.pyfunc.load_model` and `mlflow models serve` take.

It carries the code that it needs (`code/cupola`), since the model is ours and not MLflow's; packages of others are in
its requirements. https://mlflow.org/docs/latest/ml/model/ (storage format), and what MLflow 3.17 writes.
"""

import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec
import yaml

from cupola.errors import Corrupt
from cupola.experiments import saving
from cupola.mlflow.flavours import OURS, OURS_AT, PROBABILITIES
from cupola.registry import contents
from cupola.registry.contents import DESCRIPTION, FLOW, MLMODEL, SAMPLE
from cupola.registry.records import ModelVersion
from cupola.registry.signature import Signature, SignatureColumn
from cupola.store import Store, files, names
from cupola.store.trouble import disk

WRITTEN_AS = "3.17.2"  # the version of MLflow's format
EXAMPLE, SERVING_EXAMPLE = "input_example.json", "serving_input_example.json"
NEEDED = (
    "scikit-learn",
    "numpy",
    "scipy",
    "pandas",
    "skops",
    "joblib",
    "msgspec",
    "pyyaml",
    "threadpoolctl",
)
BOOSTED = {"LGBM": ("lightgbm",), "XGB": ("xgboost", "xgboost-cpu"), "lightgbm": ("lightgbm",), "xgboost": ("xgboost",)}
TYPES = {"integer": "long", "number": "double", "boolean": "boolean", "date": "datetime", "datetime": "datetime"}


def export(store: Store, version: ModelVersion, target: Path) -> Path:
    """Writes a version to a new directory outside of the workspace, whole or not at all; one of MLflow's as it came.

    Raises Conflict when something is there already, Corrupt when a file is not what was registered, DiskTrouble.
    """
    target = saving.outside(store, target)
    draft = target.with_name(f".{target.name}.{names.new_id()}.part")
    with disk(str(target)):
        try:
            draft.mkdir(parents=True)
            if MLMODEL in version.files:
                _copy(store, version, draft)
            else:
                _write(store, version, draft)
            draft.rename(target)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return target


def _write(store: Store, of: ModelVersion, draft: Path) -> None:
    _copy(store, of, draft / OURS_AT)
    (draft / OURS_AT / "version.json").write_bytes(files.read_bytes(store, f"{of.directory}/version.json"))
    package = Path(__file__).parents[1]
    for source in package.rglob("*.py"):
        copied = draft / "code" / "cupola" / source.relative_to(package)
        copied.parent.mkdir(parents=True, exist_ok=True)
        copied.write_bytes(source.read_bytes())
    needed = requirements(draft / OURS_AT, of)
    (draft / "requirements.txt").write_text("".join(f"{one}\n" for one in needed))
    python = platform.python_version()
    environment = {"python": python, "build_dependencies": ["pip"], "dependencies": ["-r requirements.txt"]}
    (draft / "python_env.yaml").write_text(yaml.safe_dump(environment))
    conda = {
        "channels": ["conda-forge"],
        "dependencies": [f"python={python}", "pip", {"pip": needed}],
        "name": "mlflow-env",
    }
    (draft / "conda.yaml").write_text(yaml.safe_dump(conda))
    said: dict[str, Any] = {
        "flavors": {
            OURS: {"version": _installed("cupola"), "model": of.ref, "sha256": of.sha256},
            "python_function": {
                "loader_module": "cupola.mlflow.pyfunc",
                "data": OURS_AT,
                "code": "code",
                "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
                "python_version": python,
            },
        },
        "mlflow_version": WRITTEN_AS,
        "model_uuid": of.sha256[:32],
        "utc_time_created": of.registered.replace("T", " ").removesuffix("Z"),
        "signature": signature(of.signature),
    }
    if SAMPLE in of.files:
        said["saved_input_example_info"] = _example(draft, of)
    (draft / MLMODEL).write_text(yaml.safe_dump(said, sort_keys=True))


def signature(of: Signature) -> dict[str, str]:
    """What the model takes and gives, as MLflow says it."""
    inputs = [{"name": one.name, "type": _type(one), "required": True} for one in of.columns]
    outputs = [{"type": "tensor", "tensor-spec": {"dtype": _output(of), "shape": [-1]}}]
    params = [{"name": PROBABILITIES, "type": "boolean", "default": False, "shape": None}]
    return {
        name: msgspec.json.encode(one).decode()
        for name, one in (("inputs", inputs), ("outputs", outputs), ("params", params))
    }


def requirements(directory: Path, of: ModelVersion) -> list[str]:
    """The packages that the model needs, in the versions that it was made with; pyarrow comes with MLflow, which takes
    some versions only."""
    known: dict[str, str] = {}
    if (directory / DESCRIPTION).is_file():
        known = msgspec.json.decode((directory / DESCRIPTION).read_bytes()).get("packages", {})
    made_of = of.estimator.split(" + ")  # of a chain those of its members
    boosted = [
        one for start, found in BOOSTED.items() if any(each.startswith(start) for each in made_of) for one in found
    ]
    flow = ["duckdb"] if FLOW in of.files else []
    pinned = ((name, known.get(name) or _installed(name)) for name in (*NEEDED, *flow, *boosted))
    return ["mlflow>=2.22", *(f"{name}=={found}" for name, found in pinned if found)]


def _copy(store: Store, of: ModelVersion, into: Path) -> None:
    for name, sha256 in of.files.items():
        target = into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if contents.copy(files.absolute(store, f"{of.directory}/{name}"), target)[0] != sha256:
            hint = "`cupola model verify` says more"
            raise Corrupt(f"{name} is not what was registered: its checksum differs", where=of.directory, hint=hint)


def _example(draft: Path, of: ModelVersion) -> dict[str, str]:
    """Leaves the sample as MLflow's input example."""
    rows = msgspec.json.decode((draft / OURS_AT / SAMPLE).read_bytes(), type=list[dict[str, Any]])
    columns = [one.name for one in of.signature.columns]
    table = {"columns": columns, "data": [[row.get(name) for name in columns] for row in rows]}
    (draft / EXAMPLE).write_bytes(msgspec.json.encode(table))
    (draft / SERVING_EXAMPLE).write_bytes(msgspec.json.encode({"dataframe_split": table}))
    return {
        "artifact_path": EXAMPLE,
        "serving_input_path": SERVING_EXAMPLE,
        "type": "dataframe",
        "pandas_orient": "split",
    }


def _type(column: SignatureColumn) -> str:
    if column.type == "integer" and column.dtype.startswith("float"):  # some were missing in training
        return "double"
    return TYPES.get(column.type, "string")


def _output(of: Signature) -> str:
    kind = type((of.classes or [0.0])[0])
    return {bool: "bool", int: "int64", float: "float64"}.get(kind, "str")


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
