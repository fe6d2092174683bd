"""The `:` line completes what is typed into a filter, and opens the form of an action that needs more."""

from tests.tui.conftest import Settled

from cupola_tui.screens.commandline import CommandLine
from cupola_tui.screens.form import Form
from cupola_tui.studio import Studio


async def test_a_filter_with_spaces_is_completed(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: studio.main.actions.by_name)
        await pilot.press("colon")
        await settled(pilot, lambda: isinstance(studio.screen, CommandLine))
        line = studio.screen
        assert isinstance(line, CommandLine)
        await pilot.press(*"run ls --filter 'user = ")
        await settled(pilot, lambda: [text for text, _ in line.found] == [
            "run ls --filter 'user = ana ", "run ls --filter 'user = raj ",
        ])  # fmt: skip
        await pilot.press("tab")
        assert line.typed.value == "run ls --filter 'user = ana "


async def test_the_name_of_an_action_alone_opens_its_form(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: studio.main.actions.by_name and studio.main.table.view.rows.order)
        await pilot.press("colon", *"train", "enter")
        await settled(pilot, lambda: isinstance(studio.screen, Form))
