import base64
import os
from pathlib import Path

import pytest

from cupola_tui import clipboard


def test_a_text_goes_to_the_terminal_as_osc_52() -> None:
    written: list[str] = []
    assert clipboard.send("é churn@3", written.append)
    (escape,) = written
    assert escape.startswith("\x1b]52;c;") and escape.endswith("\x07")
    assert base64.b64decode(escape[7:-1]).decode() == "é churn@3"


def test_one_that_is_too_long_is_cut_and_says_so() -> None:
    assert not clipboard.send("x" * 200_000, lambda text: None)


def test_inside_tmux_tmux_takes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "tmux"
    tool.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/said\ncat >> {tmp_path}/said\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("TMUX", "/tmp/tmux-0/default,1,0")
    monkeypatch.setattr(clipboard, "PATIENCE", 180.0)
    written: list[str] = []
    assert clipboard.send("churn@3", written.append)
    assert (tmp_path / "said").read_text() == "load-buffer -w -\nchurn@3"
    assert not written
