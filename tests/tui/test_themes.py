import pytest

from cupola_tui.studio import Studio
from cupola_tui.theme import CONTRAST, DARK, LIGHT


@pytest.mark.parametrize("name", [DARK, LIGHT, CONTRAST])
async def test_the_row_under_the_cursor_can_be_read(studio: Studio, name: str) -> None:
    async with studio.run_test(size=(80, 24)) as pilot:
        studio.theme = name
        await pilot.pause()
        style = studio.main.table.ink("cursor")
        assert style.color is not None and style.bgcolor is not None
        front, behind = style.color.get_truecolor(), style.bgcolor.get_truecolor()
        assert sum(abs(one - other) for one, other in zip(front, behind, strict=True)) > 150
