"""The short form of a storm: six writers on two hosts are killed and paused; nothing acknowledged is lost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.timeout(600)
def test_what_was_acknowledged_in_a_storm_is_there_afterwards(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.torture.storm", tmp_path, tmp_path, "--seconds", "6"]
    source = os.pathsep.join(str(REPOSITORY / one) for one in ("", "engine", "tui"))
    variables = os.environ | {"PYTHONPATH": source}
    done = subprocess.run(command, cwd=REPOSITORY, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 acknowledged" not in done.stdout
