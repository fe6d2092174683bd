"""The seam to the workspace, with real processes on its other side."""

import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from cupola import errors
from cupola_tui.live import Bridge

SCRIPT = Path(__file__).parent / "double.py"
DEAF = 'import sys, time; print(\'{"ready": {"workspace": null, "error": null}}\', flush=True); time.sleep(600)'


@pytest.fixture
def real() -> Any:
    bridge = Bridge("/srv/team/flights", command=[sys.executable, str(SCRIPT)])
    yield bridge
    bridge.close()


def test_questions_are_answered_and_errors_raised(real: Bridge) -> None:
    real.start()
    assert real.ready.result(20)["workspace"]["name"] == "flights"
    assert len(real.ask("records", kind="runs").result(20)) == 12
    assert real.silence() == 0.0


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
            bridge.ask("record", kind="runs", ref="x").result(20)
    finally:
        bridge.close()


def test_a_reader_that_does_not_answer_is_told_given_up_and_replaced() -> None:
    bridge = Bridge("/x", command=[sys.executable, "-c", DEAF])
    bridge.start()
    bridge.ready.result(20)
    waiting = bridge.ask("records", kind="runs")
    import time

    until = time.monotonic() + 20
    while bridge.silence() < 0.05 and time.monotonic() < until:
        time.sleep(0.01)
    assert bridge.silence() >= 0.05
    bridge._command = [sys.executable, str(SCRIPT)]
    bridge.start()
    with pytest.raises(errors.DiskTrouble, match="given up"):
        waiting.result(20)
    assert bridge.silence() == 0.0
    assert bridge.ask("records", kind="jobs").result(20)
    bridge.close()


def test_an_action_that_takes_long_is_no_sign_of_a_hanging_mount() -> None:
    bridge = Bridge("/x", command=[sys.executable, "-c", DEAF])
    bridge.start()
    bridge.ask("action", name="dataset import", arguments={})
    assert bridge.silence() == 0.0
    bridge.close()


def test_the_end_of_the_reader_is_said_and_fails_what_waits() -> None:
    said: list[Any] = []
    ended = threading.Event()
    bridge = Bridge("/x", command=[sys.executable, "-c", "import sys; sys.stdin.readline()"])
    bridge.listen = lambda event: (said.append(event), ended.set())[0]
    bridge.start()
    waiting = bridge.ask("records", kind="runs")
    with pytest.raises(errors.AgentTrouble):
        waiting.result(20)
    assert ended.wait(20) and said == [{"ended": 0}]
    assert bridge.ready.result(20)["error"]["kind"] == "AgentTrouble"
