"""What comes over is what the tools' own readers find: TensorBoard's accumulator, W&B's reader of its logs.

For it an interpreter is needed that has tensorboard and a wandb that reads its logs in Python (up to 0.19), which
$CUPOLA_PEERS_PYTHON names. Optuna's own reader is installed with Cupola: see test_optuna.py.
"""

import json
import os
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cupola.experiments import histories
from cupola.importing import tensorboard, wandb
from cupola.workspace import Workspace

from .conftest import bring, history, runs

PYTHON = os.environ.get("CUPOLA_PEERS_PYTHON", "")
COUNT = Path(__file__).with_name("count.py")

pytestmark = pytest.mark.skipif(not PYTHON, reason="no interpreter has W&B and TensorBoard")


@pytest.fixture
def theirs(kept: Path) -> Any:
    done = subprocess.run([PYTHON, COUNT, kept], capture_output=True, text=True, timeout=300, check=True)
    return json.loads(done.stdout)


def test_values_of_wandb_are_those_that_its_reader_finds(workspace: Workspace, kept: Path, theirs: Any) -> None:
    done = bring(workspace, wandb, kept / "wandb")
    found = {run.environment["imported"]["id"]: run for run in runs(workspace).values()}
    assert found.keys() == theirs["wandb"].keys() and len(found) == 4
    values = 0
    for id, there in theirs["wandb"].items():
        wanted = {name: there["values"][name] for name in there["values"] if not name.startswith("table.")}
        assert {name: list(map(list, one)) for name, one in history(workspace, found[id]).items()} == wanted
        assert found[id].params == {name: one for name, one in there["config"].items() if name != "_wandb"}
        assert [tag for tag in found[id].tags if "=" not in tag] == there["tags"]
        values += sum(map(len, wanted.values()))
    assert values == done.metrics


def test_values_of_tensorboard_are_those_that_its_reader_finds(workspace: Workspace, kept: Path, theirs: Any) -> None:
    done = bring(workspace, tensorboard, kept / "logs")
    found = runs(workspace)
    assert found.keys() == theirs["tensorboard"].keys() and len(found) == 3
    for name, there in theirs["tensorboard"].items():
        here: dict[str, Any] = {}
        for one in histories.of_run(workspace.store, found[name]).logged:
            moment = datetime.fromisoformat(one.time).timestamp()
            here.setdefault(one.name, []).append([one.step, pytest.approx(moment, abs=1e-6), str(one.number)])
        assert there == here
    assert done.metrics == sum(len(one) for run in theirs["tensorboard"].values() for one in run.values())
