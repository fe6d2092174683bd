"""A workspace with two models, and transforms done in this process as their jobs would."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from tests.serving.conftest import publish, save, source

from cupola.jobs import checkpoints, wish
from cupola.jobs.attempt import Attempt
from cupola.transform import chunks, job
from cupola.workspace import Workspace

Transform = Callable[..., Any]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The files of a classifier and of a regressor."""
    root = tmp_path_factory.mktemp("models")
    return [
        save(root / "classifier", HistGradientBoostingClassifier(max_iter=5, random_state=0), ["no", "yes"]),
        save(root / "regressor", HistGradientBoostingRegressor(max_iter=5, random_state=0), None),
    ]


@pytest.fixture
def ws(home: Path, tmp_path: Path, models: list[Path], monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Its late@1 says yes or no, its late@2 a number. No agent is started; chunks are of some rows only."""
    monkeypatch.setattr("cupola.jobs.agents.ensure", lambda: None)
    monkeypatch.setattr("cupola.jobs.agents.tell", lambda *_: None)  # it would start one
    monkeypatch.setattr(chunks, "SIZE", {"MultiRecord": 1000, "SingleRecord": 1000})
    made = Workspace.init(tmp_path / "ws")
    for number, directory in enumerate(models, start=1):
        publish(made.store, directory, "late", number)
    return made


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """200 rows as CSV, with their header."""
    path = tmp_path / "rows.csv"
    source().to_csv(path, index=False)
    return path


@pytest.fixture
def transform(ws: Workspace, tmp_path: Path) -> Transform:
    """Files a transform and does its work; gives the text of the output."""

    def do(input: Path, output: str = "out.csv", model: str = "late@1", **options: Any) -> str:
        target = tmp_path / output
        filed = ws.action("transform", model=model, input=str(input), output=str(target), **options)
        done = job.work(attempt(ws, filed.job, 1))
        text = target.read_text()
        assert done == {"rows": done["rows"], "output": str(target), "model": ws.action("model show", model=model).ref}
        assert not list(tmp_path.glob(".*.part"))
        return text

    return do


def attempt(ws: Workspace, name: str, number: int) -> Attempt:
    """An attempt of a filed job, with what the one before it has left among its checkpoints."""
    filed = wish.find(ws.store, name)
    before = ws.root / checkpoints.path(filed, number - 1)
    if before.is_dir():
        shutil.copytree(before, ws.root / checkpoints.path(filed, number))
    return Attempt(ws.store, filed, number)
