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
