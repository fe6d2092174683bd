"""Typing a filter: what is offered, tab, and the pointer at what is wrong."""

import pytest
from tests.tui.conftest import Settled
from textual.pilot import Pilot

from cupola_tui.keymap import EXPERIMENTS
from cupola_tui.studio import Studio


async def opened(pilot: Pilot[None], studio: Studio, settled: Settled) -> None:
    await settled(pilot, lambda: len(studio.main.table.view.rows.order) == 12)
    assert studio.main.pane.name == EXPERIMENTS
    await pilot.press("slash")


def below(studio: Studio) -> str:
    """The line below what is typed."""
    return "".join(text for text, _ in studio.main.body.hints.line).rstrip()


async def test_tab_goes_through_what_is_offered_and_what_follows_it(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        prompt = studio.main.body.prompt
        assert below(studio).startswith(" id  name")
        await pilot.press(*"metrics.v")
        assert below(studio) == " metrics.validation_roc_auc  metrics.validation_log_loss"
        assert len(studio.main.table.view.rows.order) == 12  # it is the beginning of a comparison
        await pilot.press("tab")
        assert prompt.value == "metrics.validation_roc_auc "
        await pilot.press("tab")
        assert prompt.value == "metrics.validation_log_loss "
        await pilot.press("shift+tab", *"> 0.8")
        assert prompt.value == "metrics.validation_roc_auc > 0.8"
        shown = len(studio.main.table.view.rows.order)
        assert 0 < shown < 12
        await pilot.press(*" and use", "tab")
        assert prompt.value.endswith(" and user ")
        assert below(studio).split()[:3] == ["=", "!=", "contains"]
        await pilot.press(*"= r", "tab", "enter")
        assert prompt.value.endswith(" and user = raj ")
        assert 0 < len(studio.main.table.view.rows.order) < shown
        assert studio.main.table.has_focus and not studio.main.body.hints.display


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_what_is_wrong_is_pointed_at(studio: Studio, settled: Settled, size: tuple[int, int]) -> None:
    async with studio.run_test(size=size) as pilot:
        await opened(pilot, studio, settled)
        await pilot.press(*"usre = ana")
        assert below(studio) == " ^ there is no field 'usre' (did you mean user?)"
        assert len(studio.main.table.view.rows.order) == 12
        await pilot.press("escape", "slash", *"user = ana and status = Completed and usre = ana")
        assert below(studio).index("^") == 1 + "user = ana and status = Completed and usre".index("usre")
        await pilot.press("escape", "slash", *"user = 'ana' and user = 'ana' and user = 'ana' and user = 'x' user")
        pointer = below(studio)
        assert pointer.endswith("^") or "^ nothing was expected" in pointer
        assert len(pointer) <= size[0]


async def test_a_word_that_becomes_a_field_does_not_go_on_filtering(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        await pilot.press(*"user")
        assert studio.main.table.view.rows.order == []
        await pilot.press(*" = ")
        assert len(studio.main.table.view.rows.order) == 12
        assert below(studio).split() == ["ana", "raj"]


async def test_a_log_is_searched_without_offers(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        await pilot.press("escape", "l")
        await settled(pilot, lambda: studio.main.detail.log_view is not None and studio.main.detail.log_view.has_focus)
        await pilot.press("slash")
        assert studio.main.body.prompt.has_focus and not studio.main.body.hints.display
        await pilot.press("tab")
        assert studio.main.body.prompt.value == ""
