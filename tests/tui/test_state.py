import threading
from pathlib import Path

import pytest

from cupola_tui.state import Memory, PaneState, State


def written(memory: Memory, state: State) -> None:
    memory.write(state)
    memory.settle()


def test_what_is_written_is_read_by_the_next_app() -> None:
    state = State(
        pane="jobs",
        theme="high-contrast",
        panes={"jobs": PaneState(cursor="j1", filter="train", sort="age", backwards=True, tab=1)},
    )
    written(Memory("/srv/a"), state)
    assert Memory("/srv/a").read() == state
    assert Memory("/srv/b").read() == State()


def test_a_torn_or_foreign_state_is_a_fresh_one() -> None:
    memory = Memory("/srv/a")
    written(memory, State(pane="jobs"))
    memory.path.write_text('{"pane": [')
    assert memory.read() == State()


def test_a_disk_that_will_not_have_it_is_no_trouble(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    written(Memory("/srv/a"), State(pane="jobs"))


def test_a_disk_that_hangs_holds_nobody_up_and_has_the_newest_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    memory, answers, tried = Memory("/srv/a"), threading.Event(), []
    replace = Path.replace

    def hang(path: Path, target: Path) -> Path:
        tried.append(path.read_bytes())
        assert answers.wait(180)
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", hang)
    for number in range(100):
        memory.write(State(pane=f"{number}"))
    assert memory.read() == State() and len(tried) <= 1
    writer = memory._writer
    assert writer is not None
    answers.set()
    writer.join(180)
    assert memory.read() == State(pane="99") and len(tried) <= 2
