"""Whatever a verb has written is durable when the verb is acknowledged (a trace of its system calls says so)."""

import os
import shutil

import pytest
from tests.torture import order


@pytest.mark.timeout(900)
def test_every_verb_has_made_durable_what_it_acknowledges(capsys: pytest.CaptureFixture[str]) -> None:
    if not shutil.which("strace"):
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no strace here")
    assert order.main() == 0, capsys.readouterr().out
