"""Sheets of painted lines, with real keys."""

import pytest
from tests.tui.conftest import Settled
from textual import events

from cupola_tui.screens.plainview import PlainView
from cupola_tui.studio import Studio
from cupola_tui.widgets.sheet import Sheet


async def alone(studio: Studio) -> Sheet:
    """A sheet that nobody else fills."""
    shown = PlainView("")
    await studio.push_screen(shown)
    return shown.sheet


@pytest.mark.parametrize("by", ["key", "wheel"])
async def test_what_has_no_room_is_scrolled_into_sight(studio: Studio, settled: Settled, by: str) -> None:
    async with studio.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: studio.main.table.view.rows.order)
        await pilot.press("2", "enter")
        sheet = studio.main.detail.body
        assert isinstance(sheet, Sheet)
        await settled(pilot, lambda: sheet.show_vertical_scrollbar)
        last = len(sheet.lines) - 1
        assert sheet.size.height <= last
        if by == "key":
            await pilot.press("G")
        else:
            for _ in range(last):
                sheet.post_message(events.MouseScrollDown(sheet, 5, 5, 0, 1, 0, False, False, False))
        await settled(pilot, lambda: sheet.scroll_y + sheet.size.height >= len(sheet.lines) > last)


async def test_lines_are_drawn_for_the_room_beside_the_bar(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=(80, 24)) as pilot:
        sheet = await alone(studio)
        widths: list[int] = []
        for rows in (1, 100):
            sheet.fill(lambda width, height, rows=rows: [[("x" * width, "")]] * rows, from_top=True)  # type: ignore[misc]
            await settled(pilot, lambda rows=rows: sheet.show_vertical_scrollbar is (rows > 1))  # type: ignore[misc]
            await settled(pilot, lambda rows=rows: len(sheet.lines) == rows)  # type: ignore[misc]
            widths.append(len(sheet.lines[0][0][0]))
        assert widths == [sheet.size.width, sheet.size.width - 1]


async def test_what_is_cut_at_a_side_has_a_mark_there_and_can_be_brought_into_sight(
    studio: Studio, settled: Settled
) -> None:
    async with studio.run_test(size=(80, 24)) as pilot:
        sheet = await alone(studio)
        sheet.fill(lambda width, height: [[("x" * width + "END" + " " * 9, "")], [("short", "")]], from_top=True)
        await settled(pilot, lambda: len(sheet.lines) == 2)

        def shown(line: int) -> str:
            return sheet.render_line(line).text.rstrip()

        assert shown(0) == "x" * (sheet.size.width - 1) + "…"
        assert shown(1) == "short"
        await pilot.press("right")
        await settled(pilot, lambda: "END" in shown(0))
        assert shown(0).startswith("…") and "…" not in shown(0)[1:]
        assert shown(1) == "…"
        await pilot.press("left")
        await settled(pilot, lambda: shown(1) == "short")
        await pilot.press("right")
        sheet.fill(lambda width, height: [[("short", "")]], from_top=True)
        await settled(pilot, lambda: shown(0) == "short")
