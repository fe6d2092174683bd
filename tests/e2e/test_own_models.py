"""Models that are not trained here, and chains, are versions as any other: from the commands to HTTP."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
import yaml

import cupola
from cupola import api

MODULE = """
import json
import pathlib

import arithmetic

def load(directory):
    return json.loads((pathlib.Path(directory) / "factor.json").read_text())

def predict(model, frame):
    return [{"twice": value} for value in arithmetic.times(frame["distance"], model)]

def predict_stream(model, frame):
    for value in arithmetic.times(frame["distance"], model):
        yield {"twice": value}
"""
ROWS = {"dataframe_records": [{"distance": 100, "carrier": "UA"}, {"distance": 250, "carrier": "DL"}]}


@pytest.fixture(scope="module")
def ws(host: Path) -> Iterator[api.Workspace]:
    """A workspace with a dataset, a module and what its load is given."""
    made = cupola.init(host / "ws")
    lines = [f"{n * 37 % 900},{'UA' if n % 3 else 'DL'},{n * 37 % 900 > 400}" for n in range(100)]
    (host / "rows.csv").write_text("\n".join(["distance,carrier,late", *lines]) + "\n")
    made.dataset.import_(host / "rows.csv", name="flights", target="late")
    (made.root / "src").mkdir(exist_ok=True)
    (made.root / "src" / "own.py").write_text(MODULE)
    (made.root / "src" / "arithmetic.py").write_text("def times(values, factor):\n    return values * factor\n")
    (host / "given").mkdir()
    (host / "given" / "factor.json").write_text("2")
    yield made


def run(ws: api.Workspace, *words: str) -> Any:
    """What a command answers, as JSON."""
    command = [sys.executable, "-P", "-m", "cupola_tui", "-C", str(ws.root), *words, "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def post(url: str, path: str, content: Any) -> bytes:
    request = urllib.request.Request(f"{url}{path}", json.dumps(content).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=180) as answer:
        return bytes(answer.read())


def test_own_python_is_added_deployed_streamed_replaced_and_transforms(ws: api.Workspace, host: Path) -> None:
    add = ["model", "add", "own", "--name", "own", "--dataset", "flights", "--files", str(host / "given")]
    assert run(ws, *add)["version"] == 1
    (ws.root / "src" / "arithmetic.py").write_text("def times(values, factor):\n    return values * factor + 1\n")
    assert run(ws, *add)["version"] == 2
    url = run(ws, "endpoint", "deploy", "own@1", "--name", "own", "--wait")["url"]
    assert json.loads(post(url, "/invocations", ROWS))["predictions"] == [{"twice": 200}, {"twice": 500}]
    streamed = post(url, "/invocations-response-stream", ROWS)
    assert streamed.count(b"PayloadPart") == 2 and b'{"twice":200}\n' in streamed
    both = ["--variant", "first=own@1:1", "--variant", "second=own@2:1"]
    run(ws, "endpoint", "update", "own", *both, "--wait")
    answers: set[int] = set()
    deadline = time.monotonic() + 180
    while answers != {200, 201}:  # each by its own code, in one server
        assert time.monotonic() < deadline and answers <= {200, 201}, answers
        answers.add(json.loads(post(url, "/invocations", ROWS))["predictions"][0]["twice"])
    (host / "many.csv").write_text("distance,carrier\n" + "7,UA\n" * 50)
    run(ws, "transform", "own@2", str(host / "many.csv"), str(host / "out.jsonl"), "--wait")
    lines = [json.loads(line) for line in (host / "out.jsonl").read_text().splitlines()]
    assert [one["prediction"] for one in lines] == [{"twice": 15}] * 50
    below = {one["id"].partition(":")[0] for one in run(ws, "lineage", "own@2")["nodes"]}
    assert {"model", "endpoint", "job"} <= below


def test_an_mlflow_model_is_imported_deployed_and_answers_as_its_library(ws: api.Workspace, host: Path) -> None:
    frame = pd.DataFrame({"a": np.linspace(-1, 1, 60), "b": np.arange(60) % 7})
    trees = lightgbm.train({"objective": "regression", "verbose": -1}, lightgbm.Dataset(frame, frame.a), 5)
    source = host / "mlflow-model"
    source.mkdir()
    inputs = [{"name": "a", "type": "double", "required": True}, {"name": "b", "type": "long", "required": True}]
    said = {
        "flavors": {"lightgbm": {"data": "model.lgb"}, "python_function": {"loader_module": "mlflow.lightgbm"}},
        "signature": {"inputs": json.dumps(inputs), "outputs": None},
    }
    (source / "MLmodel").write_text(yaml.safe_dump(said))
    (source / "model.lgb").write_text(trees.model_to_string())
    made = run(ws, "model", "import", str(source), "--name", "trees")
    assert (made["storage"], made["estimator"]) == ("booster", "lightgbm")
    url = run(ws, "endpoint", "deploy", "trees", "--name", "trees", "--wait")["url"]
    body = {"dataframe_split": {"columns": ["a", "b"], "data": frame.to_numpy().tolist()}}
    assert json.loads(post(url, "/invocations", body))["predictions"] == trees.predict(frame).tolist()


SCALED = """
def load(directory):
    return None

def predict(model, frame):
    return frame.assign(distance=frame["distance"].clip(upper=899), carrier=frame["carrier"].str.upper())
"""
WORDS = """
def load(directory):
    return {True: "late", False: "on time"}

def predict(model, frame):
    if frame["prediction"].any() and len(frame) == 3:
        raise KeyError("three")
    return [model[one] for one in frame["prediction"]]

def predict_stream(model, frame):
    for one in frame["prediction"]:
        yield model[one] + "; "
"""


def test_a_chain_of_a_trained_model_and_code_around_it_is_made_deployed_streamed_and_transforms(
    ws: api.Workspace, host: Path
) -> None:
    (ws.root / "src" / "scaled.py").write_text(SCALED)
    (ws.root / "src" / "words.py").write_text(WORDS)
    (host / "said.csv").write_text("prediction,probability_True\n" + "true,0.75\nfalse,0.25\n" * 10)
    run(ws, "dataset", "import", str(host / "said.csv"), "--name", "said")
    run(ws, "train", "--dataset", "flights", "--estimator", "DecisionTreeClassifier", "--name", "tree", "--wait")
    run(ws, "model", "register", "tree", "--name", "late")
    run(ws, "model", "add", "scaled", "--name", "scaled", "--dataset", "flights")
    run(ws, "model", "add", "words", "--name", "words", "--dataset", "said")
    made = run(ws, "model", "chain", "scaled@1", "late@1", "words@1", "--name", "whole")
    assert [one["given"] for one in made["members"]] == [
        [], ["distance", "carrier"], ["prediction", "probability_True"],
    ]  # fmt: skip
    url = run(ws, "endpoint", "deploy", "whole@1", "--name", "whole", "--wait")["url"]
    rows = [{"distance": 100, "carrier": "ua"}, {"distance": 5000, "carrier": "DL"}]
    assert json.loads(post(url, "/invocations", {"dataframe_records": rows})) == {"predictions": ["on time", "late"]}
    streamed = post(url, "/invocations-response-stream", {"dataframe_records": rows})
    assert streamed.count(b"PayloadPart") == 2 and b"on time; " in streamed
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(url, "/invocations", {"dataframe_records": [*rows, rows[1]]})
    assert refused.value.code == 500
    why = json.loads(refused.value.read())["message"]
    assert why == "member 3, words@1: it failed on these rows; the log says how"
    (host / "more.csv").write_text("distance,carrier\n" + "7,UA\n" * 50)
    run(ws, "transform", "whole", str(host / "more.csv"), str(host / "words.jsonl"), "--wait")
    lines = [json.loads(line) for line in (host / "words.jsonl").read_text().splitlines()]
    assert [one["prediction"] for one in lines] == ["on time"] * 50
