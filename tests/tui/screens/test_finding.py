"""`:find` lists what it has found, and goes there."""

import pytest
from tests.tui.conftest import Settled
from textual.pilot import Pilot

from cupola_tui.keymap import EXPERIMENTS, REGISTRY
from cupola_tui.screens import finding
from cupola_tui.screens.choice import Choice, Palette
from cupola_tui.screens.commandline import CommandLine
from cupola_tui.studio import Studio


async def find(pilot: Pilot[None], studio: Studio, settled: Settled, query: str) -> None:
    await settled(pilot, lambda: studio.main.actions.by_name and len(studio.main.table.view.rows.order) == 12)
    await pilot.press("colon")
    await settled(pilot, lambda: isinstance(studio.screen, CommandLine))
    await pilot.press(*f"find {query}", "enter")


async def test_enter_goes_to_what_was_found(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await find(pilot, studio, settled, "lucky")
        await settled(pilot, lambda: isinstance(studio.screen, Palette))
        await pilot.press(*"delays", "enter")
        await settled(pilot, lambda: studio.main.pane.name == REGISTRY)
        await settled(pilot, lambda: str(studio.main.table.view.cursor).startswith("delays@2"))


async def test_what_is_gone_or_not_found_is_said(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await find(pilot, studio, settled, "nothing")
        await settled(pilot, lambda: "nothing here is or says nothing" in said(studio))
        await find(pilot, studio, settled, "lucky")
        await settled(pilot, lambda: isinstance(studio.screen, Palette))
        await pilot.press(*"gone", "enter")
        await settled(pilot, lambda: "j9 is not here any more" in said(studio))
        assert studio.main.pane.name == EXPERIMENTS


def said(studio: Studio) -> str:
    return " ".join(str(one.message) for one in studio._notifications)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("find lucky", "lucky"),
        ("find 'tags contains x'", "tags contains x"),
        ("find lucky --json", None),
        ("find", None),
        ("find --json", None),
        ("find 'x", None),
        ("run ls", None),
    ],
)
def test_a_find_with_options_prints(text: str, wanted: str | None) -> None:
    assert finding.query(text) == wanted


async def test_a_choice_of_nothing_says_what_would_be_here(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: studio.lists.get("runs"))
        empty = Palette([], "Which metric", empty="no metrics yet: training measures them")
        studio.push_screen(empty)
        await settled(pilot, lambda: studio.screen is empty and empty.options.option_count == 1)
        assert "no metrics yet" in str(empty.options.get_option_at_index(0).prompt)
        await pilot.press("enter")
        assert studio.screen is empty
        await pilot.press("escape")
        some = Palette([Choice("a", "roc_auc")], "Which metric")
        studio.push_screen(some)
        await settled(pilot, lambda: studio.screen is some)
        await pilot.press("z", "z")
        await settled(
            pilot, lambda: "nothing here has these letters" in str(some.options.get_option_at_index(0).prompt)
        )


async def test_a_row_of_the_palette_says_all_of_its_words(studio: Studio, settled: Settled) -> None:
    words = "similarity-encode  Replace a text by how similar it is to each of its most frequent values, by n-grams."
    async with studio.run_test(size=(80, 24)) as pilot:
        palette = Palette([Choice("a", words, kind="Encode categorical")], "Add a step")
        studio.push_screen(palette)
        await settled(pilot, lambda: palette.options.option_count == 1)
        said = str(palette.options.get_option_at_index(0).prompt)
        assert " ".join(said.replace("Encode cate…", "").split()) == " ".join(words.split())
        assert max(map(len, said.splitlines())) <= palette.options.size.width
