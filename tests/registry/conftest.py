"""A workspace with finished runs, as training leaves them: just enough of a model to be registered."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cupola.experiments.records import Run, path
from cupola.store import Store, files, names, records
from cupola.workspace import Workspace

Finish = Callable[..., Run]


@pytest.fixture
def ws(home: Path, tmp_path: Path) -> Workspace:
    return Workspace.init(tmp_path / "ws")


@pytest.fixture
def store(ws: Workspace) -> Store:
    return ws.store


@pytest.fixture
def finish(store: Store) -> Finish:
    """Writes a finished run with a model directory; the contents can be given."""
    return partial(finished, store)


def finished(
    store: Store,
    *,
    status: str = "Completed",
    dataset: str = "flights@1-abcd",
    extra: dict[str, bytes] | None = None,
    **fields: Any,
) -> Run:
    user, host = names.who()
    one = names.new_id()
    run = Run(
        id=one,
        name=names.word_name(),
        experiment="flights",
        status=status,
        user=user,
        host=host,
        submitted=names.now(),
        dataset=dataset,
        target="late",
        task="classification",
        estimator="LogisticRegression",
        model_directory=f"experiments/flights/{one}/attempts/1/model",
        **{"metrics": {"test_roc_auc": 0.8}, "metric_errors": {"test_roc_auc": 0.01}, **fields},
    )
    signature = {"columns": [{"name": "hour", "type": "integer"}], "source": ["hour", "late"], "others": ["late"]}
    content = {"signature.json": json.dumps(signature).encode(), "sample.json": b'[{"hour": 1}]', "model.json": b"{}"}
    for name, data in (content | (extra or {"model.skops": b"a model" * 1000})).items():
        files.write_bytes(store, f"{run.model_directory}/{name}", data)
    records.create(store, path(run), run, kind="run", ref=run.id)
    return run
