"""Models that find anomalies and make clusters, behind an endpoint."""

import hashlib
import json
from pathlib import Path

import pytest
from tests.environments.built import built, known
from tests.training.conftest import training
from tests.training.test_clusters import FEATURES, blobs, strange

from cupola.registry import models
from cupola.serving import answers
from cupola.serving.scoring import Variant
from cupola.training import fitting, saving

__all__ = ["built", "known"]


@pytest.fixture(autouse=True)
def _known(known: Path) -> None:
    pass


def served(directory: Path, name: str, frame: object, params: dict[str, str]) -> Variant:
    asked = training(name, None, params, features=FEATURES)
    fitted = fitting.fit(frame, asked)  # type: ignore[arg-type]
    assert saving.save(directory, fitted, asked, ["a", "b"]) == []
    hashes = {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in directory.iterdir()}
    made = Variant("v", f"{name}@1", 1.0, models.load(directory, hashes))
    made.rehearse()
    return made


def test_an_anomaly_is_answered_with_how_strange_it_is(tmp_path: Path) -> None:
    odd = served(tmp_path, "IsolationForest", strange(), {"contamination": "0.05"})
    body = b'{"instances": [[0, 0], [14, -14]]}'
    said = json.loads(odd.answer(body, "application/json", answers.JSON))
    assert said["predictions"] == [1, -1]
    assert said["scores"][0] < 0 < said["scores"][1]
    lines = odd.answer(body, "application/json", answers.LINES).decode().splitlines()
    assert json.loads(lines[1]) == {"prediction": -1, "score": said["scores"][1]}
    assert odd.answer(body, "application/json", answers.CSV).decode().splitlines()[1] == f"-1,{said['scores'][1]!r}"


def test_a_cluster_is_answered_by_its_number(tmp_path: Path) -> None:
    near = served(tmp_path, "DBSCAN", blobs(spread=0.5), {"eps": "0.4"})
    said = json.loads(near.answer(b'{"instances": [[0, 0], [6, 0], [6.1, 0]]}', "application/json", answers.JSON))
    first, second, third = said["predictions"]
    assert first != second == third and set(said) == {"predictions"}
