"""`cupola demo` as a newcomer runs it: a real process, the whole path, killed anywhere and run again."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import cupola

PATIENCE = 180.0


def start(root: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-P", "-m", "cupola_tui", "demo", "--dir", str(root)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)


def finish(child: "subprocess.Popen[str]") -> dict[str, Any]:
    out, err = child.communicate(timeout=PATIENCE)
    assert child.returncode == 0, err
    assert len(out.splitlines()) == 1
    found: dict[str, Any] = json.loads(out)
    assert found.keys() == {"run", "model", "endpoint", "prediction"}
    assert "endpoint rm late-flights" in err and "agent stop" in err
    return found


def test_the_demo_goes_from_data_to_a_prediction_and_does_nothing_twice(host: Path) -> None:
    root = host / "demo"
    first = finish(start(root))
    assert isinstance(first["prediction"], bool)
    ws = cupola.open(root)
    runs = ws.run.ls()
    assert {run.estimator for run in runs} == {"LogisticRegression", "HistGradientBoostingClassifier"}
    best = max(runs, key=lambda run: run.metrics["validation_roc_auc"])
    assert (first["run"], first["model"], first["endpoint"]) == (best.id, "flights@1", "late-flights")
    assert ws.model.show("flights").status == "Approved"
    [served] = ws.endpoint.show("late-flights").variants
    assert (served.runtime, ws.model.runtime("flights").runtime) == ("compiled", "compiled")
    assert served.why.startswith("as the native model on 405 rows")
    assert finish(start(root)) == first
    assert (len(ws.run.ls()), len(ws.model.ls()), len(ws.dataset.ls())) == (2, 1, 1)


# What the demo says just before it is killed.
@pytest.mark.parametrize("after", ["making the workspace", "importing", "training", "registering", "deploying"])
def test_a_demo_that_was_killed_goes_on_where_it_was(host: Path, after: str) -> None:
    root = host / f"killed-{after.split()[0]}"
    child = start(root)
    assert child.stderr
    while f" {after}" not in (line := child.stderr.readline()):
        assert line, "it ended before it could be killed"
    child.send_signal(signal.SIGKILL)
    child.wait(PATIENCE)
    finish(start(root))
    ws = cupola.open(root)
    assert (len(ws.model.ls()), len(ws.dataset.ls())) == (1, 1)
    assert len(ws.run.ls()) == 2
    assert [name for name in os.listdir(host) if name.endswith(".copying")] == []  # noqa: PTH208


def test_the_demo_does_not_touch_what_is_not_its_own(host: Path) -> None:
    (host / "mine").mkdir()
    (host / "mine" / "thesis.txt").write_text("all my work")
    child = start(host / "mine")
    out, err = child.communicate(timeout=PATIENCE)
    assert (child.returncode, out) == (1, "")
    assert "--dir" in err
    assert [path.name for path in (host / "mine").iterdir()] == ["thesis.txt"]


def test_what_it_deployed_outlives_its_terminal_and_the_agent(host: Path) -> None:
    finish(start(host / "outlives"))
    ws = cupola.open(host / "outlives")
    agent = ws.agent.status()
    os.kill(agent.pid, signal.SIGKILL)
    row = json.loads((ws.root / "data" / "rows.json").read_text())["dataframe_records"][1]
    answer = ws.endpoint.invoke("late-flights", data=json.dumps(row)).answer
    assert len(answer["predictions"]) == 1
    ws.agent.start()
    deadline = time.monotonic() + PATIENCE
    while (state := ws.endpoint.show("late-flights")).status != "InService":
        assert time.monotonic() < deadline, state
        time.sleep(0.05)
    assert ws.endpoint.show("late-flights").pids == state.pids
