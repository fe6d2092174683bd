"""The seam to the workspace, with real processes on its other side."""

import gc
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.waiting import until

from cupola import errors
from cupola_tui import live
from cupola_tui.live import Bridge

SCRIPT = Path(__file__).parent / "double.py"
DEAF = 'import sys, time; print(\'{"ready": {"workspace": null, "error": null}}\', flush=True); time.sleep(600)'

# Writes down what it is asked; answers only where it is told to, and knows or does not know of what was done.
WRITES_DOWN = """
import json, sys
print(json.dumps({{"ready": {{"workspace": {{"name": "x"}} if {answers} else None, "error": None}}}}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    with open({asked!r}, "a") as file:
        file.write(line)
    if {answers}:
        result = {{"job": "abc"}} if {done} and request["call"] == "outcome" else None
        print(json.dumps({{"id": request["id"], "result": result}}), flush=True)
"""


def tended(bridge: Bridge, holds: Callable[[], object]) -> None:
    """Looks after the bridge, as the screen does, until something holds."""
    until(lambda: holds() or (bridge.tend(), False)[1])


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mount is given up sooner than on a real screen."""
    monkeypatch.setattr(live, "SILENT", 0.1)
    monkeypatch.setattr(live, "GIVE_UP", 0.3)
    monkeypatch.setattr(live, "GRACE", 1.0)


@pytest.fixture
def real() -> Any:
    bridge = Bridge("/srv/team/flights", command=[sys.executable, str(SCRIPT)])
    yield bridge
    bridge.close()


def test_questions_are_answered_and_errors_raised(real: Bridge) -> None:
    real.start()
    assert real.ready.result(180)["workspace"]["name"] == "flights"
    assert len(real.ask("records", kind="runs").result(180)) == 12
    assert real.silence() == 0.0


def test_a_long_answer_is_not_looked_through_for_garbage(real: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LONG", 1000)
    real.start()
    real.ready.result(180)
    before = gc.get_freeze_count()
    real.ask("pulse").result(180)
    assert gc.get_freeze_count() == before
    real.ask("records", kind="runs").result(180)
    assert gc.get_freeze_count() > before


def test_what_a_reader_says_before_it_has_its_place_is_heard(real: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    spawn = real._spawn

    def slowly() -> "subprocess.Popen[bytes]":
        child = spawn()
        assert child.stdout and child.stdout.peek(1)  # type: ignore[attr-defined]
        time.sleep(0.2)
        return child

    monkeypatch.setattr(real, "_spawn", slowly)
    real.start()
    assert real.ready.result(180)["workspace"]["name"] == "flights"


def test_what_cannot_be_said_is_refused_and_the_next_question_answered(real: Bridge) -> None:
    real.start()
    with pytest.raises(errors.BadInput, match="half characters"):
        real.ask("records", kind="run\ud800").result(180)
    assert real.ask("records", kind="runs").result(180)


def test_an_error_comes_back_as_its_own_type(tmp_path: Path) -> None:
    script = tmp_path / "refusing.py"
    script.write_text(
        "import json, sys\n"
        "error = {'kind': 'NotFound', 'message': 'no such run'}\n"
        "for line in sys.stdin:\n"
        "    print(json.dumps({'id': json.loads(line)['id'], 'error': error}), flush=True)\n"
    )
    bridge = Bridge("/x", command=[sys.executable, str(script)])
    bridge.start()
    try:
        with pytest.raises(errors.NotFound, match="no such run"):
            bridge.ask("record", kind="runs", ref="x").result(180)
    finally:
        bridge.close()


def test_a_reader_that_does_not_answer_is_told_given_up_and_replaced() -> None:
    bridge = Bridge("/x", command=[sys.executable, "-c", DEAF])
    bridge.start()
    bridge.ready.result(180)
    waiting = bridge.ask("records", kind="runs")
    bridge.tend()
    until(lambda: bridge.silence() > 0.05)
    bridge._command = [sys.executable, str(SCRIPT)]
    bridge.start()
    with pytest.raises(errors.DiskTrouble, match="given up"):
        waiting.result(180)
    assert bridge.silence() == 0.0
    assert bridge.ask("records", kind="jobs").result(180)
    bridge.close()


def test_what_takes_long_is_no_sign_of_a_hanging_mount() -> None:
    bridge = Bridge("/x", command=[sys.executable, "-c", DEAF])
    bridge.start()
    bridge.act("dataset import", {})
    bridge.ask("records", kind="runs")
    assert bridge.silence() == 0.0
    assert bridge.under_way() == ["dataset import"]
    bridge.close()


def test_another_reader_takes_over_when_the_mount_answers_it_alone(patience: None) -> None:
    said: list[Any] = []
    bridge = Bridge("/x", command=[sys.executable, "-c", DEAF])
    bridge.listen = said.append
    bridge.start()
    first = bridge._child
    bridge._command = [sys.executable, str(SCRIPT)]
    tended(bridge, lambda: any("replaced" in event for event in said))
    assert bridge.ask("records", kind="runs").result(180)
    assert first and first.wait(180) != 0
    assert bridge.ready.result(0)["workspace"]["name"] == "flights"
    bridge.close()


def test_the_first_reader_stays_when_the_mount_answers_it_again(
    patience: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both hang till the file is there, as on one mount."""
    monkeypatch.setattr(live, "GRACE", 120.0)  # on a busy machine the other may answer long before the first
    gate = tmp_path / "gate"
    script = (
        f"import os, runpy, sys, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.02)\n"
        "sys.argv[1:] = []\nrunpy.run_path(sys.argv[0], run_name='__main__')"
    ).replace("sys.argv[0]", repr(str(SCRIPT)))
    bridge = Bridge("/x", command=[sys.executable, "-c", script])
    bridge.start()
    first = bridge._child
    tended(bridge, lambda: bridge._other is not None)
    waiting = bridge.ask("records", kind="runs")
    gate.touch()
    assert len(waiting.result(180)) == 12
    tended(bridge, lambda: bridge._other is None)
    assert bridge._child is first
    until(lambda: bridge.silence() == 0.0)
    bridge.close()


@pytest.mark.parametrize("done", [True, False])
def test_an_action_whose_reader_hangs_is_found_out_and_never_done_again(
    done: bool, patience: None, tmp_path: Path
) -> None:
    asked = tmp_path / "asked"
    bridge = Bridge(
        "/x", command=[sys.executable, "-c", WRITES_DOWN.format(asked=str(asked), answers=False, done=done)]
    )
    bridge.start()
    bridge.ready.result(180)
    answer = bridge.act("job submit", {"command": ["true"]})
    until(lambda: asked.exists() and "job submit" in asked.read_text())
    bridge._command = [sys.executable, "-c", WRITES_DOWN.format(asked=str(asked), answers=True, done=done)]
    tended(bridge, answer.done)
    if done:
        assert answer.result() == {"job": "abc"}
    else:
        with pytest.raises(errors.DiskTrouble, match="nothing says that it was done"):
            answer.result()
    assert bridge.under_way() == []
    lines = [json.loads(line) for line in asked.read_text().splitlines()]
    acts = [one for one in lines if one["call"] == "action"]
    outcomes = [one for one in lines if one["call"] == "outcome"]
    assert len(acts) == 1 and {one["filed"] for one in outcomes} == {acts[0]["filed"]}
    bridge.close()


def test_an_action_whose_reader_is_killed_is_found_out(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    bridge = Bridge(
        "/x", command=[sys.executable, "-c", WRITES_DOWN.format(asked=str(asked), answers=False, done=True)]
    )
    ended = threading.Event()
    bridge.listen = lambda event: ended.set() if "ended" in event else None
    bridge.start()
    answer = bridge.act("train", {})
    until(lambda: asked.exists() and "train" in asked.read_text())
    assert bridge._child
    bridge._child.kill()
    assert ended.wait(180) and not answer.done()
    bridge._command = [sys.executable, "-c", WRITES_DOWN.format(asked=str(asked), answers=True, done=True)]
    bridge.start()
    tended(bridge, answer.done)
    assert answer.result() == {"job": "abc"}
    bridge.close()


def test_the_end_of_the_reader_is_said_and_fails_what_waits() -> None:
    said: list[Any] = []
    ended = threading.Event()
    bridge = Bridge("/x", command=[sys.executable, "-c", "import sys; sys.stdin.readline()"])
    bridge.listen = lambda event: (said.append(event), ended.set())[0]
    bridge.start()
    waiting = bridge.ask("records", kind="runs")
    with pytest.raises(errors.AgentTrouble):
        waiting.result(180)
    assert ended.wait(180) and said == [{"ended": 0}]
    assert bridge.ready.result(180)["error"]["kind"] == "AgentTrouble"
