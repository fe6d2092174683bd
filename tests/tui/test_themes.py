import pytest
from rich.color import ColorType
from tests.tui.conftest import Settled
from tests.tui.double import Double
from textual.color import Color

from cupola_tui.studio import Studio
from cupola_tui.theme import ANSI_DARK, ANSI_LIGHT, CONTRAST, DARK, LIGHT


@pytest.mark.parametrize("name", [DARK, LIGHT, CONTRAST])
async def test_the_row_under_the_cursor_can_be_read(studio: Studio, name: str) -> None:
    async with studio.run_test(size=(80, 24)) as pilot:
        studio.theme = name
        await pilot.pause()
        style = studio.main.table.ink("cursor")
        assert style.color is not None and style.bgcolor is not None
        front, behind = style.color.get_truecolor(), style.bgcolor.get_truecolor()
        assert sum(abs(one - other) for one, other in zip(front, behind, strict=True)) > 150


@pytest.mark.parametrize("name", [ANSI_DARK, ANSI_LIGHT])
async def test_without_colours_a_terminal_of_sixteen_is_written_none_and_shows_the_cursor(
    bridge: Double, settled: Settled, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    studio = Studio(bridge, "/srv/team/flights")
    async with studio.run_test(size=(80, 24)) as pilot:
        studio.theme = name
        await settled(pilot, lambda: studio.main.table.view.rows.order)
        shown = studio.main.table.render_line(1).apply_filter(studio.get_line_filters()[-1], Color(0, 0, 0))
        inks = [one.style for one in shown if one.style is not None]
        colours = [colour for ink in inks for colour in (ink.color, ink.bgcolor) if colour is not None]
        assert all(colour.type is ColorType.DEFAULT for colour in colours)
        assert any(ink.reverse for ink in inks) or studio.main.table.ink("cursor").reverse
