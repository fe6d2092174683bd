"""Plots on the command line: cells for people, data for programs, and nothing that a terminal would act upon."""

import json
import sys

import pytest

from cupola.plots.records import Bars, Curves, Matrix, Series
from cupola_tui.commands import plotting

PLOTS = [
    Matrix(name="confusion", title="Confusion \x1b[31m", classes=["a\x07", "b"], counts=[[3, 1], [0, 4]]),
    Curves(name="loss", title="Loss", x="step", y="loss", series=[Series(name="train", points=[(0, 1), (1, 0)])]),
    Bars(name="importance", title="Importance", of="lost", names=["x"], values=[1.5]),
]


def test_into_a_pipe_there_are_no_colours_and_no_line_is_wider_than_it_says() -> None:
    text = plotting.text(list(PLOTS), ["/tmp/a.svg"])
    assert "\x1b" not in text and "\x07" not in text and text.endswith("/tmp/a.svg")
    assert all(len(line) <= plotting.WIDTH for line in text.split("\n"))
    assert "75.0% right" in text and "█" in text and any("\u2800" < letter < "\u2900" for letter in text)


def test_on_a_terminal_colours_are_of_our_making_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = plotting.text(list(PLOTS), [])
    assert "\x1b[32m" in text and "\x1b[31m\x1b" not in text and "[31m" in text.split("\n")[0]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in plotting.text(list(PLOTS), [])


def test_drawing_loads_no_screen() -> None:
    import subprocess

    program = "import cupola_tui.commands.plotting, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", f"import json; {program}"], capture_output=True, check=True, text=True)
    loaded = set(json.loads(done.stdout))
    assert "cupola_tui.widgets.plot" in loaded and not loaded & {"textual", "PIL", "numpy", "asyncio"}
