from pathlib import Path

from cupola_tui.state import Memory, PaneState, State


def test_what_is_written_is_read_by_the_next_app() -> None:
    state = State(
        pane="jobs",
        theme="high-contrast",
        panes={"jobs": PaneState(cursor="j1", filter="train", sort="age", backwards=True, tab=1)},
    )
    Memory("/srv/a").write(state)
    assert Memory("/srv/a").read() == state
    assert Memory("/srv/b").read() == State()


def test_a_torn_or_foreign_state_is_a_fresh_one() -> None:
    memory = Memory("/srv/a")
    memory.write(State(pane="jobs"))
    memory.path.write_text('{"pane": [')
    assert memory.read() == State()


def test_a_disk_that_will_not_have_it_is_no_trouble(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    Memory("/srv/a").write(State(pane="jobs"))
