"""Where the demo leaves its user."""

import shlex
import time
from pathlib import Path

import pytest

from cupola_tui import keymap
from cupola_tui.commands import demo
from cupola_tui.commands.progress import Progress
from cupola_tui.state import Memory, PaneState


def kept(root: Path, pane: str) -> bool:
    """Whether what a thread writes has it."""
    seen = Memory(str(root)).read()
    return seen.pane == pane and keymap.JOBS in seen.panes and seen.panes[keymap.JOBS].filter == "import"


def test_the_screen_opens_on_the_endpoint_and_the_rest_of_the_view_is_kept(home: Path, tmp_path: Path) -> None:
    memory = Memory(str(tmp_path))
    view = memory.read()
    view.panes[keymap.JOBS] = PaneState(filter="import")
    memory.write(view)
    deadline = time.monotonic() + 180
    while not kept(tmp_path, view.pane):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    demo._look_at_the_endpoint(tmp_path)
    while not kept(tmp_path, keymap.ENDPOINTS):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_it_says_at_the_end_can_be_pasted_into_a_shell(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demo._say_what_runs(tmp_path / "my demo", Progress())
    commands = [line.rpartition(": ")[2] for line in capsys.readouterr().err.splitlines()[1:]]
    assert len(commands) == 3
    assert all(str(tmp_path / "my demo") in shlex.split(command) for command in commands)


def test_a_demo_in_a_directory_of_a_group_is_the_groups(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o2770)
    fresh = shared / ".new"
    (fresh / "data").mkdir(parents=True)
    (fresh / "data" / "rows.json").write_text("[]")
    demo._open_like(shared, fresh)
    assert [path.stat().st_mode & 0o7777 for path in (fresh, fresh / "data", fresh / "data" / "rows.json")] == [
        0o2770,
        0o2770,
        0o660,
    ]
