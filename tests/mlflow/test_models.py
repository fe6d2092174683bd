"""MLflow models both ways: what its library writes is taken and served, and what we write it loads and answers with.

With an interpreter that has MLflow (this one, or the one that $CUPOLA_MLFLOW_PYTHON names) against the real library.
"""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
import skops.io
import xgboost
import yaml
from sklearn.linear_model import LogisticRegression

import cupola
from cupola import api
from cupola.errors import BadInput, BadOption, Corrupt, CupolaError, NotReady, Refused
from cupola.mlflow import flavours
from cupola.registry import models, records
from cupola.registry.models import Model
from cupola.store import Store
from cupola.workspace import Workspace

from .conftest import has_python

PYTHON = os.environ.get("CUPOLA_MLFLOW_PYTHON", sys.executable)
REAL = Path(__file__).with_name("real_models.py")
FRAME = pd.DataFrame({"a": np.linspace(-1, 1, 60), "b": np.arange(60) % 7})
WORDS = np.where(FRAME.a + FRAME.b > 3, "yes", "no")
CODES = (FRAME.a + FRAME.b > 3).astype(int)
INPUTS = [{"name": "a", "type": "double", "required": True}, {"name": "b", "type": "long", "required": True}]


def write(root: Path, flavors: dict[str, Any], files: dict[str, bytes], *, signature: bool = True) -> Path:
    """A model directory as MLflow 3 writes it."""
    root.mkdir()
    said: dict[str, Any] = {"flavors": flavors | {"python_function": {"loader_module": "mlflow.pyfunc"}}}
    if signature:
        said["signature"] = {"inputs": json.dumps(INPUTS), "outputs": None}
        said["saved_input_example_info"] = {
            "artifact_path": "input_example.json", "pandas_orient": "split", "type": "dataframe",
        }  # fmt: skip
        example = FRAME.head(3).to_dict("split", index=False)
        files = files | {"input_example.json": json.dumps(example).encode()}
    for name, content in (files | {"MLmodel": yaml.safe_dump(said).encode()}).items():
        (root / name).write_bytes(content)
    return root


def loaded(ws: Workspace, ref: str, trusted: bool = False) -> Model:
    version = records.find(ws.store, ref)
    return models.load(ws.root / version.directory, version.files, pickle_trusted=trusted)


def boosters() -> dict[str, tuple[dict[str, Any], bytes, Any]]:
    """By name: the flavour, the file's bytes, and what the library itself predicts."""
    trees = lightgbm.train({"objective": "binary", "verbose": -1}, lightgbm.Dataset(FRAME, CODES), 5)
    rounds = xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(FRAME, CODES), 5)
    estimator = xgboost.XGBClassifier(n_estimators=5).fit(FRAME, CODES)
    return {
        "model.lgb": (
            {"lightgbm": {"data": "model.lgb", "model_class": "lightgbm.basic.Booster"}},
            trees.model_to_string().encode(),
            trees.predict(FRAME),
        ),
        "model.ubj": (
            {"xgboost": {"data": "model.ubj", "model_class": "xgboost.core.Booster"}},
            bytes(rounds.save_raw("ubj")),
            rounds.predict(xgboost.DMatrix(FRAME)),
        ),
        "model.json": (
            {"xgboost": {"data": "model.json", "model_class": "xgboost.sklearn.XGBClassifier"}},
            bytes(estimator.get_booster().save_raw("json")),
            estimator.predict(FRAME),
        ),
    }


def test_boosters_are_loaded_by_their_libraries_and_need_no_trust(workspace: Workspace, tmp_path: Path) -> None:
    for name, (flavour, data, expected) in boosters().items():
        made = workspace.action("model import", path=str(write(tmp_path / name, flavour, {name: data})), name="boosted")
        assert (made.storage, made.estimator) == ("booster", next(iter(flavour)))
        model = loaded(workspace, made.ref)
        assert np.array_equal(model.predict(FRAME).values, expected)
        assert model.by_row and len(model.sample) == 3
    assert "mlflow" not in sys.modules


def test_scikit_learn_is_loaded_from_skops_and_from_a_trusted_pickle(workspace: Workspace, tmp_path: Path) -> None:
    fitted = LogisticRegression().fit(FRAME, WORDS)
    for name, data, storage in (
        ("model.skops", skops.io.dumps(fitted), "skops"),
        ("model.pkl", pickle.dumps(fitted), "mlflow"),
    ):
        source = write(tmp_path / storage, {"sklearn": {"pickled_model": name}}, {name: data})
        made = workspace.action("model import", path=str(source), name="fitted")
        assert made.storage == storage
        if storage == "mlflow":
            with pytest.raises(Refused, match="nobody whom you trust"):
                loaded(workspace, made.ref)
            with pytest.raises(Refused, match="brings its own code"):
                workspace.action("endpoint deploy", model=made.ref, name="e", dry_run=True)
            assert workspace.action("model verify", model=made.ref, trust=True).trusted
        model = loaded(workspace, made.ref, trusted=storage == "mlflow")
        assert model.predict(FRAME).values.tolist() == fitted.predict(FRAME).tolist()
        assert model.classes == ["no", "yes"]
        workspace.action("endpoint deploy", model=made.ref, name="e", dry_run=True)


def test_the_same_directory_twice_is_one_version(workspace: Workspace, tmp_path: Path) -> None:
    data = skops.io.dumps(LogisticRegression().fit(FRAME, WORDS))
    source = write(tmp_path / "m", {"sklearn": {"pickled_model": "model.skops"}}, {"model.skops": data})
    refs = {workspace.action("model import", path=str(source), name="fitted").ref for _ in range(2)}
    assert len(refs) == 1
    (source.parent / "logged").mkdir()
    source.rename(source.parent / "logged" / "artifacts")  # as a logged model has it
    assert workspace.action("model import", path=str(tmp_path / "logged"), name="fitted").ref in refs


def test_any_other_model_needs_mlflow_and_that_is_said(workspace: Workspace, tmp_path: Path) -> None:
    made = workspace.action("model import", path=str(write(tmp_path / "m", {}, {"x.bin": b"x"})), name="other")
    with pytest.raises(Refused, match="nobody whom you trust"):
        loaded(workspace, made.ref)
    if not has_python(sys.executable):
        with pytest.raises(NotReady, match="loaded by MLflow, which is not installed"):
            loaded(workspace, made.ref, trusted=True)


def test_what_cannot_be_taken_is_a_sentence(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    bad = write(tmp_path / "bad", {}, {})
    (bad / "MLmodel").write_bytes(b"flavors: [\xff")
    nothing = write(tmp_path / "nothing", {}, {})
    (nothing / "MLmodel").write_text("flavors: {pytorch: {}}\n")
    silent = write(tmp_path / "silent", {}, {}, signature=False)
    fine = write(tmp_path / "fine", {}, {})
    for source, name, kind, why in (
        (tmp_path / "empty", "m", BadInput, "no MLflow model"),
        (bad, "m", BadInput, "MLmodel cannot be read"),
        (nothing, "m", BadInput, "cannot be called with rows: pytorch"),
        (silent, "m", BadInput, "does not say which columns"),
        (fine, None, BadOption, "has no name"),
    ):
        with pytest.raises(kind, match=why):
            workspace.action("model import", path=str(source), name=name)
    assert workspace.action("model ls") == []


def test_a_link_and_a_path_that_leads_elsewhere_are_not_followed(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    source = write(tmp_path / "m", {"sklearn": {"pickled_model": "../../secret.pkl"}}, {})
    made = workspace.action("model import", path=str(source), name="m")
    with pytest.raises(Corrupt, match="missing"):
        loaded(workspace, made.ref, trusted=True)
    (source / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(CupolaError, match="link"):
        workspace.action("model import", path=str(source), name="other")
    assert flavours.of(b"flavors: {sklearn: {pickled_model: model.pkl}}").storage == "mlflow"


@pytest.fixture(scope="module")
def trained(host: Path) -> api.Workspace:
    """A workspace with two trained models over columns of every type, and one of own Python."""
    ws = cupola.init(host / "ws")
    lines = []
    for n in range(300):
        distance, day = n * 37 % 900 if n % 9 else "", f"2024-01-{n % 28 + 1:02}"
        lines.append(f"{n},{distance},{'UA' if n % 3 else 'DL'},{day},{n % 2 == 0},{n * 37 % 900 > 400}")
    (host / "rows.csv").write_text("\n".join(["hour,distance,carrier,day,wet,late", *lines]) + "\n")
    ws.dataset.import_(host / "rows.csv", name="flights", target="late")
    ws.train(dataset="flights", estimator="HistGradientBoostingClassifier", register="late").wait(180)
    ws.train(dataset="flights", target="hour", estimator="Ridge", exclude=["late"], register="hours").wait(180)
    (ws.root / "src").mkdir(exist_ok=True)
    (ws.root / "src" / "own.py").write_text(
        "def load(directory):\n    return 3\n\ndef predict(model, frame):\n    return frame['hour'] * model\n"
    )
    ws.model.add("own", name="own", dataset="flights")
    return ws


def test_an_export_has_what_mlflow_wants_and_comes_back_as_it_was(trained: api.Workspace, tmp_path: Path) -> None:
    target = tmp_path / "out" / "late"
    exported = trained.model.export("late", target, format="mlflow")
    said = yaml.safe_load((target / "MLmodel").read_text())
    flavour = said["flavors"]["python_function"]
    assert (target / flavour["data"] / "version.json").is_file()
    assert (target / flavour["code"] / "cupola" / "mlflow" / "pyfunc.py").is_file()
    inputs = {one["name"]: one["type"] for one in json.loads(said["signature"]["inputs"])}
    assert inputs == {"hour": "long", "distance": "double", "carrier": "string", "day": "datetime", "wet": "boolean"}
    needed = (target / "requirements.txt").read_text()
    assert "skops==" in needed and "pyarrow" not in needed, "MLflow installs the one that it takes"
    assert not [one for one in target.rglob("*") if one.is_file() and str(trained.root) in one.read_text("latin-1")]
    other = cupola.init(tmp_path / "other")
    back = other.model.import_(target)
    assert (back.name, back.sha256, back.origin) == ("late", exported.sha256, exported.model)
    (target / "model" / "model.skops").write_bytes(b"another")
    with pytest.raises(CupolaError, match="checksum"):
        other.model.import_(target, name="again")


def test_an_export_is_loaded_where_there_is_no_other_cupola(trained: api.Workspace, tmp_path: Path) -> None:
    """By the code that it carries, as MLflow calls it: its answers are those of the model here."""
    program = (
        "import sys, json, pandas; sys.path.insert(0, sys.argv[1] + '/code'); import cupola.mlflow.pyfunc as p;"
        "assert p.__file__.startswith(sys.argv[1]); m = p._load_pyfunc(sys.argv[1] + '/model');"
        "f = pandas.read_json(sys.argv[2], orient='records', convert_dates=['day']);"
        "print(json.dumps([m.predict(f).tolist(), m.predict(f, {'probabilities': True}).to_dict('list')]))"
    )
    for name in ("late", "hours", "own"):
        target = tmp_path / name
        trained.model.export(name, target, format="mlflow")
        version = records.find(Store(trained.root), name)
        model = models.load(trained.root / version.directory, version.files, pickle_trusted=True)
        assert model.answers is not None
        (tmp_path / "rows.json").write_text(json.dumps(model.sample))
        command = [sys.executable, "-P", "-S", "-c", SITE + program, str(target), str(tmp_path / "rows.json")]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert ended.returncode == 0, ended.stderr
        values, beside = json.loads(ended.stdout)
        assert values == pytest.approx(model.answers.values)
        assert beside["prediction"] == values
        if model.answers.probabilities is not None:
            both = list(zip(beside["probability_False"], beside["probability_True"], strict=True))
            assert np.allclose(both, model.answers.probabilities)


# The packages of this interpreter without what its .pth files add, such as the tree that is being tested.
SITE = f"import sys; sys.path += {[one for one in sys.path if one.endswith('site-packages')]!r};"


BY_MLFLOW = """
import json, pathlib, sys, msgspec, pandas
from cupola.registry import models
from cupola.registry.records import ModelVersion
directory = pathlib.Path(sys.argv[1])
version = msgspec.json.decode((directory / "version.json").read_bytes(), type=ModelVersion)
model = models.load(directory, version.files, pickle_trusted=True)
assert not model.by_row
print(json.dumps(model.predict(pandas.read_json(sys.argv[2])).values.tolist()))
"""


@pytest.mark.skipif(not has_python(PYTHON), reason="MLflow is not installed")
@pytest.mark.timeout(900)
def test_the_real_library_loads_what_we_export_and_we_serve_what_it_saves(
    trained: api.Workspace, tmp_path: Path
) -> None:
    rows = {}
    for name in ("late", "hours", "own"):
        trained.model.export(name, tmp_path / "ours" / name, format="mlflow")
        version = records.find(Store(trained.root), name)
        model = models.load(trained.root / version.directory, version.files, pickle_trusted=True)
        assert model.answers is not None
        rows[name] = {"sample": model.sample, "answers": model.answers.values}
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    command = [PYTHON, "-P", str(REAL), str(tmp_path / "ours"), str(tmp_path / "rows.json"), str(tmp_path / "theirs")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert ended.returncode == 0, ended.stderr[-3000:]
    theirs = json.loads(ended.stdout.splitlines()[-1])
    assert {"classifier", "regressor", "function"} <= theirs["answers"].keys()
    function = trained.model.import_(tmp_path / "theirs" / "function", name="theirs-function")
    assert function.storage == "mlflow"
    words = [PYTHON, "-P", "-c", BY_MLFLOW, str(trained.root / function.directory), str(tmp_path / "theirs.json")]
    (tmp_path / "theirs.json").write_text(json.dumps(theirs["rows"]))
    environment["PYTHONPATH"] = str(Path(cupola.__file__).parents[1])  # as if Cupola were installed beside MLflow
    ended = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert json.loads(ended.stdout.splitlines()[-1]) == pytest.approx(theirs["answers"].pop("function"))
    frame = pd.DataFrame(theirs["rows"])
    for name, expected in theirs["answers"].items():
        made = trained.model.import_(tmp_path / "theirs" / name, name=f"theirs-{name}")
        assert made.storage in ("skops", "booster"), name
        model = models.load(trained.root / made.directory, made.files)
        assert np.asarray(model.predict(frame).values).tolist() == pytest.approx(expected), name
