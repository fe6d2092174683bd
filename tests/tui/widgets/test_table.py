"""The record table with real keys: what the cursor, the scroll and the marks hold on to."""

from typing import Any

import pytest
from textual.app import App, ComposeResult

from cupola_tui.widgets.rows import Column, Rows
from cupola_tui.widgets.table import RecordTable, View


def column(key: str, **more: Any) -> Column:
    return Column(key, key, lambda one: (str(one.get(key, "")), ""), lambda one: one.get(key), **more)


COLUMNS = [
    column("name", width=8, priority=9),
    column("score", width=8, priority=5),
    column("note", width=30, priority=1),
]


class Host(App[None]):
    """An app of one table."""

    CSS_PATH = "../../../tui/cupola_tui/paint.tcss"

    def __init__(self, count: int) -> None:
        super().__init__()
        view = View(Rows(lambda one: one["name"]))
        view.columns = COLUMNS
        view.rows.put(({"name": f"r{place}", "score": place} for place in range(count)), COLUMNS)
        self.table = RecordTable(view, ["nothing"], id="table")
        self.said: list[Any] = []

    def compose(self) -> ComposeResult:
        yield self.table

    def on_record_table_moved(self, message: RecordTable.Moved) -> None:
        self.said.append(message.record and message.record["name"])


def shown(table: RecordTable) -> list[str]:
    return [
        table.render_line(y).text.split()[0] if table.render_line(y).text.strip() else ""
        for y in range(1, table.size.height)
    ]


async def test_a_hundred_thousand_rows_draw_only_what_is_seen() -> None:
    app = Host(100_000)
    async with app.run_test(size=(60, 20)) as pilot:
        drawn: list[int] = []
        line = app.table._row_line
        app.table._row_line = lambda ident: drawn.append(1) or line(ident)  # type: ignore[method-assign]
        await pilot.press("G")
        await pilot.pause()
        assert app.said[-1] == "r99999"
        assert shown(app.table)[-1] == "r99999"
        await pilot.press("ctrl+u", "ctrl+d", "k", "k", "g")
        await pilot.pause()
        assert shown(app.table)[0] == "r0"
        assert len(drawn) < 1000


async def test_the_cursor_the_marks_and_the_scroll_stay_with_their_records() -> None:
    app = Host(100)
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.press(*["j"] * 30, "space", "k")
        await pilot.pause()
        table, before = app.table, shown(app.table)
        assert table.view.cursor == "r30" and table.view.rows.marks == {"r30"}
        rows = table.view.rows
        rows.put([{"name": f"new{place}", "score": 0} for place in range(5)] + list(rows.records.values()), COLUMNS)
        table.renew()
        await pilot.pause()
        assert table.view.cursor == "r30" and rows.marks == {"r30"}
        assert shown(table) == before


async def test_a_record_that_is_gone_leaves_the_cursor_in_its_place() -> None:
    app = Host(10)
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.press("j", "j", "j")
        rows = app.table.view.rows
        rows.put([one for one in rows.records.values() if one["name"] != "r3"], COLUMNS)
        app.table.renew()
        assert app.table.view.cursor == "r4"


async def test_columns_fall_away_by_priority_when_it_is_narrow() -> None:
    app = Host(3)
    async with app.run_test(size=(80, 10)) as pilot:
        assert "note" in app.table.render_line(0).text
        await pilot.resize_terminal(30, 10)
        await pilot.pause()
        assert app.table.render_line(0).text.split() == ["name", "score"]
        await pilot.resize_terminal(12, 10)
        await pilot.pause()
        assert app.table.render_line(0).text.split() == ["name"]


async def test_the_column_under_the_cursor_sorts_and_reverses() -> None:
    app = Host(5)
    async with app.run_test(size=(60, 10)) as pilot:
        await pilot.press("right", "s", "S")
        await pilot.pause()
        assert shown(app.table)[:5] == ["r4", "r3", "r2", "r1", "r0"]
        assert "score ↓" in app.table.render_line(0).text
        assert app.table.view.cursor == "r0"


async def test_a_range_is_marked_from_the_last_mark_to_the_cursor() -> None:
    app = Host(10)
    async with app.run_test(size=(60, 12)) as pilot:
        await pilot.press("j", "space", "j", "j", "v")
        assert app.table.view.rows.marks == {"r1", "r2", "r3", "r4"}
        assert [one["name"] for one in app.table.chosen()] == ["r1", "r2", "r3", "r4"]


async def test_an_empty_table_says_what_belongs_there() -> None:
    app = Host(0)
    async with app.run_test(size=(60, 10)) as pilot:
        await pilot.press("j", "space", "s", "G")
        assert "nothing" in app.table.render_line(2).text


@pytest.mark.parametrize("name", ["\x1b[2Jgone", "[red]x[/red]", "a\nb", "\u202eevil", "日本語" * 9])
async def test_hostile_names_are_drawn_as_text_in_their_column(name: str) -> None:
    app = Host(0)
    async with app.run_test(size=(60, 10)) as pilot:
        app.table.view.rows.put([{"name": name, "score": 7}], COLUMNS)
        app.table.renew()
        await pilot.pause()
        line = app.table.render_line(1)
        assert line.cell_length == app.table.size.width
        assert "\x1b" not in line.text and "\n" not in line.text and "\u202e" not in line.text
        assert "7" in line.text
