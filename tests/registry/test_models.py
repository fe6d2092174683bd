"""Loading: only the bytes that were hashed, and nothing that a file names runs unasked."""

import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from cupola.errors import Corrupt, Refused
from cupola.registry import models
from cupola.registry.contents import PICKLE, SKOPS

random = np.random.default_rng(0)
X = pd.DataFrame({"a": random.normal(size=60), "b": random.normal(size=60)})
Y = np.where(X.a > 0, "yes", "no")


def saved(directory: Path, fitted: Any, name: str = SKOPS) -> dict[str, str]:
    dump = skops.io.dumps if name == SKOPS else pickle.dumps
    (directory / name).write_bytes(dump(fitted))
    signature = {"columns": [{"name": "a", "type": "number"}, {"name": "b", "type": "number"}]}
    (directory / "signature.json").write_text(json.dumps(signature))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in directory.iterdir()}


def pipeline(final: Any, first: Any = None) -> Pipeline:
    return Pipeline([("prepare", first or StandardScaler()), ("estimator", final)]).fit(X, Y)


@pytest.mark.parametrize(
    "final", [LogisticRegression(), RandomForestClassifier(n_estimators=5, random_state=0), SVC()], ids=repr
)
def test_it_predicts_what_the_pipeline_predicts(tmp_path: Path, final: Any) -> None:
    fitted = pipeline(final)
    found = models.load(tmp_path, saved(tmp_path, fitted)).predict(X)
    assert np.array_equal(found.values, fitted.predict(X))
    if hasattr(fitted, "predict_proba"):
        assert np.array_equal(found.probabilities, fitted.predict_proba(X))
    else:
        assert found.probabilities is None


@pytest.mark.parametrize("name", [SKOPS, "signature.json"])
def test_a_changed_byte_is_refused(tmp_path: Path, name: str) -> None:
    expected = saved(tmp_path, pipeline(LogisticRegression()))
    data = bytearray((tmp_path / name).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / name).write_bytes(data)
    with pytest.raises(Corrupt, match="checksum") as wrong:
        models.load(tmp_path, expected)
    assert str(wrong.value.where).endswith(name)


def test_a_file_that_is_gone_or_a_symlink_is_refused(tmp_path: Path) -> None:
    expected = saved(tmp_path, pipeline(LogisticRegression()))
    (tmp_path / SKOPS).rename(tmp_path / "elsewhere")
    with pytest.raises(Corrupt, match="No such file"):
        models.load(tmp_path, expected)
    (tmp_path / SKOPS).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Corrupt, match="cannot be read"):
        models.load(tmp_path, expected)


def test_what_is_no_model_file_is_one_sentence(tmp_path: Path) -> None:
    expected = saved(tmp_path, pipeline(LogisticRegression()))
    (tmp_path / SKOPS).write_bytes(b"PK\x03\x04 nonsense")
    expected[SKOPS] = hashlib.sha256(b"PK\x03\x04 nonsense").hexdigest()
    with pytest.raises(Corrupt, match="cannot be loaded"):
        models.load(tmp_path, expected)


@pytest.mark.parametrize(
    "function", [eval, pd.read_pickle, np.load, pickle.loads], ids=["eval", "pandas", "numpy", "pickle"]
)
def test_functions_that_could_do_harm_are_not_loaded(tmp_path: Path, function: Any) -> None:
    fitted = Pipeline([("prepare", FunctionTransformer()), ("estimator", LogisticRegression())]).fit(X, Y)
    fitted.steps[0][1].func = function
    with pytest.raises(Refused, match=function.__name__):
        models.load(tmp_path, saved(tmp_path, fitted))


def test_a_pickle_needs_trust(tmp_path: Path) -> None:
    fitted = pipeline(LogisticRegression())
    expected = saved(tmp_path, fitted, PICKLE)
    with pytest.raises(Refused, match="can run any code"):
        models.load(tmp_path, expected)
    assert (models.load(tmp_path, expected, pickle_trusted=True).predict(X).values == fitted.predict(X)).all()
