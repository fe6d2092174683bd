"""What the app says of an action that has written files, or that has nothing to say in a line."""

from typing import Any

import pytest
from tests.tui.examples import datasets, models

from cupola_tui.keymap import DATASETS, REGISTRY
from cupola_tui.screens import doing, panes


class Said:
    """An app that keeps what it is told to say."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def say(self, words: str, severity: str = "") -> None:
        self.words.append(words)

    def complain_not(self, name: str, result: Any) -> None:
        self.words.append(f"shows {name}")


@pytest.mark.parametrize(
    ("name", "answer", "words"),
    [
        ("run report", {"run": "r1", "path": "/home/ana/r.html", "bytes": 9}, "run report: /home/ana/r.html"),
        (
            "run plot",
            {"run": "r1", "plots": [], "saved": ["/tmp/a.svg", "/tmp/b.svg"]},
            "run plot: /tmp/a.svg and 1 more",
        ),
        ("run plot", {"run": "r1", "plots": [], "saved": []}, "shows run plot"),
        ("run learn", {"id": "j1", "name": "otter-learning", "status": "Queued"}, "run learn: otter-learning Queued"),
    ],
)
def test_files_that_were_written_are_named(name: str, answer: dict[str, Any], words: str) -> None:
    app: Any = Said()
    doing.tell(app, name, answer)
    assert app.words == [words]


@pytest.mark.parametrize(
    ("name", "pane", "made"), [("model register", REGISTRY, models), ("dataset import", DATASETS, datasets)]
)
def test_a_version_that_was_made_is_where_the_cursor_goes(name: str, pane: str, made: Any) -> None:
    one = made()[0]
    assert doing.made(name, one) == (pane, panes.pane(pane).ident(one))
