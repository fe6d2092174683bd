"""Where the demo leaves its user."""

from pathlib import Path

from cupola_tui import keymap
from cupola_tui.commands import demo
from cupola_tui.state import Memory, PaneState


def test_the_screen_opens_on_the_endpoint_and_the_rest_of_the_view_is_kept(home: Path, tmp_path: Path) -> None:
    memory = Memory(str(tmp_path))
    view = memory.read()
    view.panes[keymap.JOBS] = PaneState(filter="import")
    memory.write(view)
    demo._look_at_the_endpoint(tmp_path)
    seen = Memory(str(tmp_path)).read()
    assert seen.pane == keymap.ENDPOINTS
    assert seen.panes[keymap.JOBS].filter == "import"


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
