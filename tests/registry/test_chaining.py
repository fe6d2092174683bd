"""A chain is a version that hangs on nothing: it holds its members, was tried, and says what it is made of."""

import hashlib
import json
import shutil
import zipfile
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from tests.registry.conftest import Finish

from cupola.errors import BadInput, BadOption, CupolaError, Refused
from cupola.lineage.actions import lineage
from cupola.mlflow import pyfunc
from cupola.registry import records
from cupola.registry.models import Model
from cupola.registry.records import ModelState
from cupola.runtimes import choosing
from cupola.workspace import Workspace

SCALED = """
def load(directory):
    return 100

def predict(model, frame):
    return frame.assign(distance=frame["distance"] / model)
"""
WORDS = """
def load(directory):
    return {"yes": "late", "no": "on time"}

def predict(model, frame):
    if (frame["probability_yes"] > 2).any():
        raise KeyError("more than all")
    return [model[one] for one in frame["prediction"]]
"""
FRAME = pd.DataFrame({"distance": [100.0, 1900.0]})


def classifier(column: str, high: float) -> dict[str, bytes]:
    """The files of a real one, which says yes above the middle."""
    frame = pd.DataFrame({column: np.linspace(0, high, 40)})
    fitted = make_pipeline(LogisticRegression()).fit(frame, np.where(frame[column] > high / 2, "yes", "no"))
    signed = {
        "columns": [{"name": column, "type": "number", "dtype": "float64"}],
        "source": [column, "late"],
        "others": ["late"],
        "target": "late",
        "task": "classification",
        "classes": ["no", "yes"],
    }
    return {
        "model.skops": skops.io.dumps(fitted),
        "signature.json": json.dumps(signed).encode(),
        "sample.json": frame[:3].to_json(orient="records").encode(),
    }


@pytest.fixture
def members(ws: Workspace, finish: Finish, tmp_path: Path) -> list[str]:
    """scaled@1 and words@1 of own Python, and late@1, a classifier of distances in hundreds."""
    ws.action("model register", run=finish(extra=classifier("distance", 20)).id, name="late")
    (tmp_path / "flights.csv").write_text("distance,late\n" + "".join(f"{n}.5,{n % 2}\n" for n in range(20)))
    (tmp_path / "said.csv").write_text("prediction,probability_yes\n" + "yes,0.9\nno,0.25\n" * 10)
    ws.action("dataset import", source=str(tmp_path / "flights.csv"), name="flights", target="late")
    ws.action("dataset import", source=str(tmp_path / "said.csv"), name="said")
    for name, code, data in (("scaled", SCALED, "flights"), ("words", WORDS, "said")):
        (ws.root / "src").mkdir(exist_ok=True)
        (ws.root / "src" / f"{name}.py").write_text(code)
        ws.action("model add", module=name, name=name, dataset=data)
    return ["scaled@1", "late@1", "words@1"]


def loaded(ws: Workspace, ref: str) -> Model:
    return choosing.load(ws.store, records.find(ws.store, ref))


def chain(ws: Workspace, members: list[str], name: str = "whole") -> ModelState:
    made: ModelState = ws.action("model chain", models=members, name=name, description="all of it")
    return made


def test_a_chain_holds_its_members_and_outlives_them(ws: Workspace, members: list[str], tmp_path: Path) -> None:
    made = chain(ws, members)
    refs = [records.find(ws.store, one).ref for one in members]
    assert (made.ref.partition("-")[0], made.description, made.status) == ("whole@1", "all of it", records.PENDING)
    assert [(one.model, one.given) for one in made.members] == [
        (refs[0], []), (refs[1], ["distance"]), (refs[2], ["prediction", "probability_yes"]),
    ]  # fmt: skip
    assert made.estimator == "scaled + LogisticRegression + words"
    assert (made.storage, made.run, made.dataset) == ("python", "", made.members[0].dataset)
    assert {"members/1/src/scaled.py", "members/2/model.skops", "members/3/python.json", "chain.json"} <= {*made.files}
    assert ws.action("model verify", model="whole").ok
    for one in members:
        ws.action("model rm", model=one)
    shutil.rmtree(ws.root / "src")
    model = loaded(ws, "whole")
    assert model.predict(FRAME).values.tolist() == ["on time", "late"]
    assert model.answers is not None and len(model.answers.values) == len(model.sample) == 3
    assert [node.ref for node in lineage(ws, "whole").nodes if node.status == "Missing"] == sorted(refs)
    ws.action("model export", model="whole", path=str(tmp_path / "whole.zip"))
    other = Workspace.init(tmp_path / "other")
    there = other.action("model import", path=str(tmp_path / "whole.zip"))
    assert (there.origin, there.sha256, there.members) == (made.ref, made.sha256, made.members)
    assert loaded(other, "whole").predict(FRAME).values.tolist() == ["on time", "late"]


def test_only_a_chain_with_code_in_it_needs_trust(
    ws: Workspace, finish: Finish, members: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ws.action("model register", run=finish(extra=classifier("probability_yes", 1)).id, name="again")
    safe, own = chain(ws, ["late@1", "again@1"], "safe"), chain(ws, ["late@1", "words@1"], "own")
    assert (safe.storage, own.storage) == ("chain", "python")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "somebody"))  # with another key
    assert loaded(ws, "safe").predict(pd.DataFrame({"distance": [1.0, 19.0]})).values.tolist() == ["no", "yes"]
    with pytest.raises(Refused, match="brings its own code"):
        ws.action("endpoint deploy", model="own", name="e", dry_run=True)
    with pytest.raises(Refused, match=r"member 2, words@1: own Python code can run any code"):
        choosing.load(ws.store, msgspec.structs.replace(records.find(ws.store, "own"), storage="chain"))
    with pytest.raises(Refused, match=r"words@1-\w+ can run any code"):
        chain(ws, ["late@1", "words@1"])


def test_a_chain_goes_to_mlflow(ws: Workspace, members: list[str], tmp_path: Path) -> None:
    chain(ws, members[:2], "half")
    ws.action("model export", model="half", path=str(tmp_path / "half"), format="mlflow")
    served = pyfunc._load_pyfunc(str(tmp_path / "half" / "model"))
    found = served.predict(FRAME, {"probabilities": True})
    assert list(found) == ["prediction", "probability_no", "probability_yes"]
    assert found.prediction.tolist() == ["no", "yes"]


def test_what_cannot_be_a_chain_leaves_nothing_behind(ws: Workspace, members: list[str]) -> None:
    scaled, late, words = members
    wrong: list[tuple[list[str], type[CupolaError], str]] = [
        ([late], BadOption, "2 to 15 members, not 1"),
        ([late] * 16, BadOption, "2 to 15 members, not 16"),
        ([late, late], BadInput, "member 1, late@1: no member after it takes any of what it gives: 'prediction'"),
        ([words, late], BadInput, "member 1, words@1: no member after it takes any of what it gives: 'prediction'"),
    ]
    (ws.root / "src" / "words.py").write_text(WORDS.replace("> 2", "> 0.5"))
    (ws.root / "said.csv").write_text("prediction,probability_yes\n" + "no,0.25\n" * 10)
    ws.action("dataset import", source=str(ws.root / "said.csv"), name="no")
    ws.action("model add", module="words", name="broken", dataset="no")
    certain = (
        "def load(directory):\n    return 1\n\ndef predict(model, frame):\n    return frame.assign(distance=90.0)\n"
    )
    (ws.root / "src" / "far.py").write_text(certain)
    ws.action("model add", module="far", name="far", dataset="flights")
    wrong.append((["far", late, "broken"], BadInput, "member 3, broken@1: .*KeyError: 'more than all'"))
    before = len(records.ls(ws.store))
    for given, kind, why in wrong:
        with pytest.raises(kind, match=why):
            chain(ws, given)
    model = ws.root / records.find(ws.store, late).directory / "model.skops"
    model.chmod(0o600)
    model.write_bytes(model.read_bytes() + b"x")
    with pytest.raises(CupolaError, match=r"model.skops is not what was registered"):
        chain(ws, [scaled, late])
    assert len(records.ls(ws.store)) == before
    assert list((ws.root / ".cupola" / "staging").iterdir()) == []


def test_lineage_card_and_differences_know_the_members(ws: Workspace, members: list[str]) -> None:
    made, half = chain(ws, members), chain(ws, members[:2], "half")
    above = {node.ref for node in lineage(ws, "whole", up=True).nodes}
    assert {one.model for one in made.members} < above and {one.dataset for one in made.members} < above
    assert made.ref in {node.ref for node in lineage(ws, "said", down=True).nodes}
    assert {made.ref, half.ref} <= {node.ref for node in lineage(ws, "late", down=True).nodes}
    card = ws.action("model card", model="whole").text
    assert all(one.model in card for one in made.members)
    found = {one.what: one for one in ws.action("model diff", model="half", other="whole").differences}
    assert found["members"].second == [one.model for one in made.members]
    ws.action("dataset mark", dataset="said", verdict="bad", note="made up")
    assert "made up" in ws.action("model show", model="whole").bad
    assert not ws.action("model show", model="half").bad


def test_code_is_not_run_because_a_packed_record_calls_it_harmless(
    ws: Workspace, members: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed, forged = tmp_path / "words.zip", tmp_path / "forged.zip"
    ws.action("model export", model="words", path=str(packed))
    with zipfile.ZipFile(packed) as source, zipfile.ZipFile(forged, "x") as target:
        for entry in source.infolist():
            data = source.read(entry)
            if entry.filename == "version.json":
                data = msgspec.json.encode(json.loads(data) | {"storage": "booster"})
                target.comment = hashlib.sha256(data).hexdigest().encode()
            target.writestr(entry, data)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "somebody"))  # with another key
    other = Workspace.init(tmp_path / "other")
    taken = other.action("model import", path=str(forged))
    assert taken.storage == "booster"
    with pytest.raises(Refused, match="own Python code can run any code"):
        choosing.load(other.store, taken)
