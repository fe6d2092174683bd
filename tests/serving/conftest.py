"""Small real models, made once: a classifier over columns of every type, saved as training saves one."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from cupola.registry import models
from cupola.registry.models import Model
from cupola.registry.signature import Signature

ROWS = 200


def source() -> pd.DataFrame:
    """The rows as they stand in the source: features, an unused column in their midst, the target last."""
    random = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "distance": random.normal(1000, 300, ROWS),
            "hour": random.integers(0, 24, ROWS),
            "tail": [f"N{number}" for number in range(ROWS)],
            "carrier": random.choice(["AA", "B6", "UA"], ROWS),
            "wet": random.random(ROWS) < 0.3,
        }
    )
    frame.loc[::17, "distance"] = np.nan
    frame["late"] = np.where(frame.hour + 8 * frame.wet + random.normal(0, 4, ROWS) > 14, "yes", "no")
    return frame


def signature(classes: list[str] | None) -> dict[str, Any]:
    columns = [
        {"name": "distance", "type": "number", "dtype": "float64"},
        {"name": "hour", "type": "integer", "dtype": "int64"},
        {"name": "carrier", "type": "category", "dtype": "str"},
        {"name": "wet", "type": "boolean", "dtype": "bool"},
    ]
    names = ["distance", "hour", "tail", "carrier", "wet", "late"]
    task = "classification" if classes else "regression"
    return {
        "columns": columns,
        "others": ["tail", "late"],
        "source": names,
        "target": "late",
        "task": task,
        "classes": classes,
    }


def save(directory: Path, final: Any, classes: list[str] | None) -> Path:
    """A model directory such as a training run leaves."""
    frame = source()
    prepare = ColumnTransformer(
        [
            ("numbers", SimpleImputer(), ["distance", "hour"]),
            ("categories", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["carrier"]),
            ("booleans", "passthrough", ["wet"]),
        ]
    )
    target = frame["late"] if classes else frame["hour"] * 1.5
    pipeline = Pipeline([("prepare", prepare), ("estimator", final)]).fit(
        frame[["distance", "hour", "carrier", "wet"]], target
    )
    directory.mkdir(parents=True)
    (directory / "model.skops").write_bytes(skops.io.dumps(pipeline))
    (directory / "signature.json").write_text(json.dumps(signature(classes)))
    (directory / "sample.json").write_text(frame.head(5).to_json(orient="records"))
    (directory / "model.json").write_text(json.dumps({"task": "classification", "estimator": type(final).__name__}))
    return directory


def hashes(directory: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(directory.iterdir())}


@pytest.fixture(scope="session")
def flights() -> pd.DataFrame:
    return source()


@pytest.fixture(scope="session")
def classifier_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(
        tmp_path_factory.mktemp("models") / "classifier", HistGradientBoostingClassifier(max_iter=5), ["no", "yes"]
    )


@pytest.fixture(scope="session")
def regressor_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("models") / "regressor", LinearRegression(), None)


@pytest.fixture(scope="session")
def classifier(classifier_directory: Path) -> Model:
    return models.load(classifier_directory, hashes(classifier_directory))


@pytest.fixture(scope="session")
def regressor(regressor_directory: Path) -> Model:
    return models.load(regressor_directory, hashes(regressor_directory))


@pytest.fixture(scope="session")
def classifier_signature() -> Signature:
    import msgspec

    return msgspec.convert(signature(["no", "yes"]), Signature)
