"""What the app says of an action that has written files, or that has nothing to say in a line."""

from typing import Any

import pytest

from cupola_tui.screens import doing


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
