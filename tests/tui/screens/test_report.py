"""The report of a dataset, by the keys that a person presses."""

from typing import Any

import pytest
from tests.tui.conftest import Settled
from tests.tui.double import Double
from tests.tui.forms import FORMS
from tests.tui.test_snapshots import SMALL, WIDE
from textual.pilot import Pilot

from cupola import errors
from cupola.flows.records import Flow
from cupola_tui.screens import reports
from cupola_tui.screens.choice import Menu
from cupola_tui.screens.report import ReportView
from cupola_tui.screens.result import Result
from cupola_tui.studio import Studio

TAB = 4  # presses of ] until the tab is in front


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    form = FORMS["dataset rm"]
    monkeypatch.setitem(FORMS, "dataset fix", form | {"name": "dataset fix", "about": "dataset", "writes": True})


def told(studio: Studio) -> str:
    return " ".join(one.message for one in studio._notifications)


def fixes(bridge: Double) -> list[dict[str, Any]]:
    return [more["arguments"] for _, more in bridge.answers.asked if more.get("name") == "dataset fix"]


async def opened(pilot: Pilot[None], settled: Settled) -> ReportView:
    studio = pilot.app
    assert isinstance(studio, Studio)
    await settled(pilot, lambda: studio.lists.get("datasets") and studio.main.actions.by_name)
    await pilot.press("1", "r")
    await settled(pilot, lambda: isinstance(studio.screen, ReportView) and studio.screen.report)
    await settled(pilot, lambda: "arr_delay" in studio.screen.query_one("Pages").plain)  # type: ignore[attr-defined]
    assert isinstance(studio.screen, ReportView)
    return studio.screen


async def test_warnings_are_gone_through_with_their_rows_and_fixes(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=WIDE) as pilot:
        view = await opened(pilot, settled)
        assert (
            '23,329 rows  "arr_delay" IS NOT NULL' in view.sheet.plain and "f: leave arr_delay out" in view.sheet.plain
        )
        assert "[b]code[/b] is N/A" in view.sheet.plain and "accuracy" in view.sheet.plain
        await pilot.press("j")
        assert view.cursor == 1 and '"wind_gust" IS NULL' in view.sheet.plain
        await pilot.press("G", "k", "g")
        assert view.cursor == 0
        await pilot.press("enter")
        await settled(pilot, lambda: isinstance(studio.screen, Result))
        await pilot.press("escape")
        await settled(pilot, lambda: studio.screen is view)
        await pilot.press("escape")
        await settled(pilot, lambda: studio.screen is studio.main)


def test_columns_with_the_same_trouble_are_listed_with_their_rows() -> None:
    rows = {f"[b]c{place}[/b]\x1b": 2_000 - place for place in range(70)}
    warning = {"kind": "missing", "columns": [*rows], "severity": "medium", "message": "70 columns lack values"}
    lines, _ = reports.whole({"warnings": [warning | {"by_column": rows, "rows": 2_000}]}, 0, 80)
    text = " ".join(words for line in lines for words, _ in line)
    assert "[b]c0[/b]" in text and "(2,000)" in text and "and 40 more" in text and "\x1b" not in text
    assert max(sum(len(words) for words, _ in line) for line in lines) <= 80


async def test_f_adds_the_fix_to_a_new_flow(studio: Studio, bridge: Double, settled: Settled) -> None:
    bridge.answers.flows.flows.clear()
    async with studio.run_test(size=WIDE) as pilot:
        view = await opened(pilot, settled)
        await pilot.press("f")
        await settled(pilot, lambda: "new flow flights-prepared: leave arr_delay out" in told(studio))
        assert fixes(bridge)[-1] == {"dataset": view.ref, "warnings": [1]}
        await pilot.press("j", "j", "f")
        await settled(pilot, lambda: "no transform mends" in told(studio))
        assert len(fixes(bridge)) == 1


async def test_of_several_flows_one_is_asked_for_once(studio: Studio, bridge: Double, settled: Settled) -> None:
    bridge.answers.flows.flows["other"] = Flow(name="other", sources={"f": "flights@1"})
    async with studio.run_test(size=WIDE) as pilot:
        view = await opened(pilot, settled)
        await pilot.press("f")
        await settled(pilot, lambda: isinstance(studio.screen, Menu))
        await pilot.press("down", "enter")
        await settled(pilot, lambda: "flow other: leave arr_delay out" in told(studio))
        assert studio.screen is view and fixes(bridge)[-1]["flow"] == "other"
        await pilot.press("j", "f")
        await settled(pilot, lambda: "flow other: leave wind_gust out" in told(studio))


async def test_the_tab_says_what_to_do_and_then_what_was_found(
    studio: Studio, bridge: Double, settled: Settled
) -> None:
    async with studio.run_test(size=WIDE) as pilot:
        await settled(pilot, lambda: studio.lists.get("datasets"))
        await pilot.press("1", *["right_square_bracket"] * TAB)
        await settled(pilot, lambda: "r has it looked over" in studio.main.detail.body.plain)
        view = await opened(pilot, settled)
        await pilot.press("escape")
        await settled(pilot, lambda: studio.screen is studio.main and view is not studio.screen)
        await settled(pilot, lambda: "wind_gust is missing" in studio.main.detail.body.plain)


async def test_an_error_is_shown_and_the_report_left(studio: Studio, bridge: Double, settled: Settled) -> None:
    async with studio.run_test(size=SMALL) as pilot:
        await settled(pilot, lambda: studio.lists.get("datasets") and studio.main.actions.by_name)
        bridge.answers.errors["action"] = errors.ReadOnly("no report has been made of flights@2 yet")
        await pilot.press("1", "r")
        await settled(pilot, lambda: type(studio.screen).__name__ == "Panel")
        await pilot.press("escape")
        await settled(pilot, lambda: studio.screen is studio.main)


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
def test_how_it_looks(snap_compare: Any, studio: Studio, bridge: Double, settled: Settled, size: Any) -> None:
    async def run(pilot: Pilot[None]) -> None:
        bridge.answers.errors["host"] = errors.NotReady("pinned")
        await opened(pilot, settled)
        await pilot.press("j")
        await pilot.pause(0.3)

    assert snap_compare(studio, terminal_size=size, run_before=run)
