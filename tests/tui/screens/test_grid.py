"""The rows of a version in a grid, by the keys that a person presses."""

import shlex
from typing import Any

import duckdb
import pytest
from tests.tui.conftest import Settled
from tests.tui.double import Double
from tests.tui.forms import FORMS, _field, _form
from tests.tui.grid import ROWS
from tests.tui.test_snapshots import SMALL, WIDE, settle
from textual.pilot import Pilot

from cupola import errors
from cupola_tui import grids
from cupola_tui.screens import retyping
from cupola_tui.screens.choice import Menu
from cupola_tui.screens.form import Form
from cupola_tui.screens.grid import Grid
from cupola_tui.screens.help import Help
from cupola_tui.screens.rowview import ColumnView, RowView
from cupola_tui.studio import Studio

LOOK = ["1", "o"]


async def opened(pilot: Pilot[None], settled: Settled) -> Grid:
    studio = pilot.app
    assert isinstance(studio, Studio)
    await settled(pilot, lambda: studio.lists.get("datasets"))
    await pilot.press(*LOOK)
    await settled(pilot, lambda: isinstance(studio.screen, Grid) and ready(studio.screen))
    assert isinstance(studio.screen, Grid)
    return studio.screen


def ready(grid: Grid) -> bool:
    """Whether the rows of the newest view are on the screen, and its shapes."""
    rows = grid.rows
    return not rows.is_waiting and not rows._is_seeing and rows.renewed > 0


def numbers(grid: Grid) -> list[int]:
    """The numbers of the rows in sight, as they are written."""
    heads = (line.split()[0] for line in grid.cells.plain.splitlines()[2:] if line.strip())
    return [int(one.replace(",", "")) for one in heads if one.replace(",", "").isdigit()]


async def typed(pilot: Pilot[None], text: str) -> None:
    names = {" ": "space", ">": "greater_than_sign", "=": "equals_sign"}
    await pilot.press(*(names.get(one, one) for one in text))


async def test_rows_are_sorted_by_the_column_under_the_cursor(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=WIDE) as pilot:
        grid = await opened(pilot, settled)
        assert numbers(grid)[:3] == [1, 2, 3]
        await pilot.press("right", "right", "right", "s")
        await settled(pilot, lambda: "temp ↑" in grid.cells.plain and ready(grid))
        there = [place + 1 for place, row in enumerate(ROWS) if row["temp"] is not None]
        wanted = sorted(there, key=lambda number: ROWS[number - 1]["temp"])
        assert numbers(grid)[:20] == wanted[:20]
        await pilot.press("S")
        await settled(pilot, lambda: "temp ↓" in grid.cells.plain and numbers(grid)[0] != wanted[0])
        await pilot.press("G")
        await settled(
            pilot, lambda: numbers(grid)[-1] == max(n + 1 for n, row in enumerate(ROWS) if row["temp"] is None)
        )
        await pilot.press("s")
        await settled(pilot, lambda: "↓" not in grid.cells.plain and numbers(grid)[:2] == [1, 2])


async def test_a_filter_works_as_one_types_and_says_what_is_wrong(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=WIDE) as pilot:
        grid = await opened(pilot, settled)
        await pilot.press("slash")
        await typed(pilot, "hour > 20")
        kept = [n + 1 for n, row in enumerate(ROWS) if row["hour"] > 20]
        await settled(pilot, lambda: numbers(grid)[:5] == kept[:5])
        assert f"{len(kept)} of 600 rows" in str(grid.query_one("#box").border_title)
        await typed(pilot, " and")
        await settled(
            pilot, lambda: "is missing" in "".join(text for text, _ in grid.hints.line) or grid.hints.candidates
        )
        assert numbers(grid)[:5] == kept[:5]
        await pilot.press("enter", "v")
        await settled(pilot, lambda: any("mend the filter first" in one.message for one in studio._notifications))
        assert len(grid.levels) == 1
        await pilot.press("escape")
        await settled(pilot, lambda: numbers(grid)[:2] == [1, 2])
        assert grid.is_active
        await pilot.press("slash")
        await typed(pilot, "hour > 99")
        await settled(pilot, lambda: "No row fits the filter" in grid.cells.plain)
        await pilot.press("enter", "v")
        await settled(pilot, lambda: "no values to count" in grid.cells.plain)
        await pilot.press("escape", "escape")
        await settled(pilot, lambda: numbers(grid)[:2] == [1, 2])
        await pilot.press("slash")
        await typed(pilot, "bos")
        await settled(pilot, lambda: "200 of 600 rows" in str(grid.query_one("#box").border_title))
        await pilot.press("escape", "escape")
        await settled(pilot, lambda: studio.main.is_active)


async def test_values_are_counted_and_a_group_leads_to_its_rows(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=WIDE) as pilot:
        grid = await opened(pilot, settled)
        await pilot.press("4", "right", "right", "right", "right", "v")
        await settled(pilot, lambda: "by dest" in str(grid.query_one("#box").border_title) and ready(grid))
        assert "BOS" in grid.cells.plain and "200" in grid.cells.plain
        await pilot.press("j", "enter")
        await settled(pilot, lambda: grid.level.typed == 'dest = "ATL"' and ready(grid))
        assert numbers(grid)[:3] == [2, 5, 8]
        await pilot.press("escape")
        await settled(pilot, lambda: "by dest" in str(grid.query_one("#box").border_title) and ready(grid))
        await pilot.press("escape")
        await settled(pilot, lambda: numbers(grid)[:3] == [1, 2, 3])


async def test_columns_are_hidden_moved_widened_and_found_again(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=WIDE) as pilot:
        grid = await opened(pilot, settled)
        width = grid.cells.columns[0].width
        await pilot.press("plus", "greater_than_sign", "j")
        await settled(pilot, lambda: grid.cells.place.row == 1)
        assert [one.name for one in grid.cells.columns][:2] == ["carrier", "late"]
        assert grid.cells.columns[1].width == width + 4
        await pilot.press("H", "j")
        await settled(pilot, lambda: grid.cells.place.row == 2)
        assert "late" not in [one.name for one in grid.cells.columns]
        await pilot.press("c", *"late", "enter")
        await settled(pilot, lambda: grid.is_active and "late" in [one.name for one in grid.cells.columns])
        assert grid.cells.column and grid.cells.column.name == "late"


async def test_a_row_is_gone_to_and_shown_whole(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=WIDE) as pilot:
        grid = await opened(pilot, settled)
        await pilot.press("r", *"577", "enter")
        await settled(pilot, lambda: grid.cells.place.row == 576 and 577 in numbers(grid))
        await pilot.press("enter")
        await settled(pilot, lambda: isinstance(studio.screen, RowView))
        assert isinstance(studio.screen, RowView) and "a longer remark upon row 577" in studio.screen.text()
        await pilot.press("escape", "r", *"9999", "enter")
        await settled(pilot, lambda: any("9,999 is not among" in one.message for one in studio._notifications))


async def test_a_column_is_summed_up(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=WIDE) as pilot:
        await opened(pilot, settled)
        await pilot.press("right", "i")
        await settled(pilot, lambda: isinstance(studio.screen, ColumnView))
        assert isinstance(studio.screen, ColumnView)
        await settled(pilot, lambda: "distinct" in studio.screen.text())  # type: ignore[attr-defined]
        assert "[b]DL[/b]" in studio.screen.text() and "\x1b" not in studio.screen.text()


async def test_another_type_is_an_import_that_says_what_it_does(
    studio: Studio, bridge: Double, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge.answers.flows.flows.clear()
    fields = [_field("name", required=True, positional=True), _field("source"), _field("add", repeated=True)]
    monkeypatch.setitem(FORMS, "flow new", _form("flow new", "Make a flow.", "", fields))
    async with studio.run_test(size=WIDE) as pilot:
        await opened(pilot, settled)
        await pilot.press("e")
        await settled(pilot, lambda: isinstance(studio.screen, Menu))
        await pilot.press("5")
        await settled(pilot, lambda: isinstance(studio.screen, Form))
        assert any("not there any more" in one.message for one in studio._notifications)
        assert isinstance(studio.screen, Form)
        said = studio.screen.values()
        assert (said["source"], said["add"]) == ("flights", "'parse-type columns=late type=text'")
        await pilot.press("escape")
        monkeypatch.setattr(bridge.answers, "on_paths", lambda typed: [typed], raising=False)
        await pilot.press("e")
        await settled(pilot, lambda: isinstance(studio.screen, Menu))
        await pilot.press("5")
        await settled(pilot, lambda: isinstance(studio.screen, Form))
        assert isinstance(studio.screen, Form)
        assert studio.screen.values()["name"] == "flights" and studio.screen.values()["source"].endswith("flights.csv")


def test_an_import_is_repeated_with_the_options_it_had() -> None:
    record: dict[str, Any] = {
        "source": "/data/a b.csv",
        "dataset": "flights",
        "options": {"types": {"hour": "category"}, "missing": ["n/a", "-"], "decimal": ",", "header": False},
    }
    assert retyping.again(record, "dep time", "text") == {
        "source": "/data/a b.csv",
        "name": "flights",
        "type": "hour=category 'dep time=text'",
        "missing": "n/a -",
        "decimal": ",",
        "header": "no",
    }


async def test_help_tells_the_keys_of_the_grid_first(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=WIDE) as pilot:
        await opened(pilot, settled)
        await pilot.press("question_mark")
        await settled(pilot, lambda: isinstance(studio.screen, Help))
        assert isinstance(studio.screen, Help)
        said = ["".join(text for text, _ in line) for line in studio.screen.lines(60)]
        assert said[:2] == ["Grid", f"  {'s':<15}sort"]
        assert not any("import" in line for line in said)


async def test_what_was_overtaken_is_not_shown(studio: Studio, bridge: Double, settled: Settled) -> None:
    """The answer to the first of two filters comes after that to the second."""
    from concurrent.futures import Future

    late: list[tuple[Future[Any], Any]] = []
    ask = bridge.ask

    def slow(call: str, **more: Any) -> "Future[Any]":
        answer = ask(call, **more)
        if call == "grid" and more["what"] == "page" and more["view"].get("filter") == "ATL":
            kept: Future[Any] = Future()
            late.append((kept, answer.result()))
            return kept
        return answer

    async with studio.run_test(size=WIDE) as pilot:
        grid = await opened(pilot, settled)
        bridge.ask = slow  # type: ignore[method-assign]
        await pilot.press("slash")
        await typed(pilot, "ATL")
        await settled(pilot, lambda: late)
        await typed(pilot, " UA")
        wanted = [n + 1 for n, row in enumerate(ROWS) if row["dest"] == "ATL" and row["carrier"] == "UA"]
        await settled(pilot, lambda: numbers(grid)[:3] == wanted[:3])
        for kept, answer in late:
            kept.set_result(answer)
        await pilot.pause(0.1)
        assert numbers(grid)[:3] == wanted[:3]


async def test_what_goes_wrong_is_said_where_the_rows_would_be(
    studio: Studio, bridge: Double, settled: Settled
) -> None:
    bridge.answers.errors["grid"] = errors.NotFound("the rows of this dataset are gone", hint="import it again")
    bridge.answers.lists["datasets"] = [one | {"rows": 0} for one in bridge.answers.lists["datasets"]]
    async with studio.run_test(size=WIDE) as pilot:
        await settled(pilot, lambda: studio.lists.get("datasets"))
        await pilot.press(*LOOK)
        await settled(pilot, lambda: isinstance(studio.screen, Grid) and "are gone" in studio.screen.cells.plain)
        await pilot.press("q")
        await settled(pilot, lambda: studio.main.is_active)


def test_words_and_phrases_are_all_looked_for() -> None:
    assert grids.query('fox "quick brown"') == 'fox and "quick brown"'
    assert grids.query("carrier = UA") == "carrier = UA"


def test_the_command_gives_the_same_rows() -> None:
    columns = [{"name": "dep delay", "type": "number"}, {"name": "carrier", "type": "category"}]
    view = {"filter": '"dep delay" > 60 and carrier = UA', "sort": "dep delay", "backwards": True}
    condition = """(coalesce("dep delay" > 60, false) AND coalesce("carrier" = 'UA', false))"""
    wanted = ["cupola", "dataset", "preview", "flights@2", "--filter", condition, "--sort", "dep delay:desc"]
    assert shlex.split(grids.command("flights@2", view, columns)) == wanted
    grouped = grids.command("flights@2", {"group": "carrier", "within": ""}, columns)
    counted = 'select "carrier" as "carrier", count(*) as "rows" from "flights@2"'
    assert shlex.split(grouped)[-1] == f'{counted} group by 1 order by "rows" desc'


def test_the_command_of_filtered_value_counts_names_the_columns_that_only_they_have() -> None:
    columns = [{"name": "dep delay", "type": "number"}, {"name": "carrier", "type": "category"}]
    view = {"group": "carrier", "within": '"dep delay" > 60', "filter": "share > 0.1", "sort": "mean dep delay"}
    asked = shlex.split(grids.command("flights@2", view, columns))[-1]
    with duckdb.connect() as connection:
        connection.execute("""CREATE TABLE "flights@2" AS SELECT * FROM (VALUES
            (61.0, 'UA'), (90.0, 'UA'), (70.0, 'B6'), (5.0, 'AA'), (NULL, NULL)) AS f("dep delay", carrier)""")
        found = connection.sql(asked)
        assert found.columns == ["carrier", "rows", "share", "mean dep delay"]
        assert found.fetchall() == [("B6", 1, 1 / 3, 70.0), ("UA", 2, 2 / 3, 75.5)]


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
def test_the_grid_as_it_looks(snap_compare: Any, studio: Studio, bridge: Double, size: tuple[int, int]) -> None:
    bridge.answers.errors["host"] = errors.NotReady("pinned")
    assert snap_compare(studio, terminal_size=size, run_before=settle(*LOOK, "right", "s", "j", "j"))


def test_the_groups_as_they_look(snap_compare: Any, studio: Studio, bridge: Double) -> None:
    bridge.answers.errors["host"] = errors.NotReady("pinned")
    assert snap_compare(studio, terminal_size=SMALL, run_before=settle(*LOOK, "right", "v", "right", "i"))


def test_the_filter_as_it_looks(snap_compare: Any, studio: Studio, bridge: Double) -> None:
    bridge.answers.errors["host"] = errors.NotReady("pinned")
    keys = [*LOOK, "slash", *"hour", "space", "greater_than_sign", "space", *"20", "space", *"and", "space", *"no"]
    assert snap_compare(studio, terminal_size=SMALL, run_before=settle(*keys))
