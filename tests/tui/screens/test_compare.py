"""Marked runs side by side, by the keys that a person presses."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.tui.comparisons import compared, differing
from tests.tui.conftest import Settled
from tests.tui.double import Double
from tests.tui.examples import runs
from tests.tui.test_snapshots import SMALL, WIDE
from textual.pilot import Pilot

from cupola import errors
from cupola_tui.paint import Line, width_of
from cupola_tui.screens import comparison, doing
from cupola_tui.screens.compare import TABS, Compare
from cupola_tui.studio import Studio

Open = Callable[[Pilot[None]], Awaitable[Compare]]


def text(lines: list[Line]) -> str:
    return "\n".join("".join(part for part, _ in line) for line in lines)


def varied(count: int) -> list[dict[str, Any]]:
    """Runs of two experiments and three estimators, the fourth of which has failed."""
    found = runs(count)
    for place, one in enumerate(found):
        one["experiment"] = "delays" if place % 5 else "[b]other[/b]"
        one["estimator"] = ("LogisticRegression", "GaussianNB", "RandomForestClassifier")[place % 3]
        one["params"] = [{"C": 0.1 * place}, {}, {"max_depth": place, "max_features": "sqrt"}][place % 3]
        one["split"] = {"kind": "stratified", "folds": 5 if place % 2 else 0}
        one["features"] = ["hour", "temp", "wind"][: 2 + place % 2]
    found[1]["name"] = "a\x1b[31mred[bold]"
    return found


@pytest.fixture
def opened(bridge: Double, settled: Settled) -> Open:
    """Marks every run of the list and compares them."""

    async def open_it(pilot: Pilot[None]) -> Compare:
        studio = pilot.app
        assert isinstance(studio, Studio)
        await settled(pilot, lambda: studio.lists.get("runs"))
        await pilot.press("2", "space", "G", "v", "c")
        await settled(pilot, lambda: isinstance(studio.screen, Compare) and studio.screen.found)
        assert isinstance(studio.screen, Compare)
        return studio.screen

    return open_it


@pytest.mark.parametrize("count", [2, 3, 50])
@pytest.mark.parametrize("width", [120, 80])
def test_any_number_of_runs_has_room(count: int, width: int) -> None:
    found = compared(varied(count))
    for lines in (
        comparison.overview(found, 0, True, width - 2),
        comparison.ranking(found, "validation_roc_auc", 0, width - 2),
        comparison.code(found, 1, width - 2),
    ):
        assert all(width_of(line) <= width - 2 for line in lines)
        assert "\x1b" not in text(lines) and all(line.isprintable() for line in text(lines).splitlines())


def test_what_differs_is_shown_by_what_is_in_it_and_what_is_equal_is_named() -> None:
    lines = text(comparison.overview(compared(varied(3)), 0, False, 118))
    assert next(line for line in lines.splitlines() if line.startswith(" split.folds")).split()[1:] == ["0", "5", "0"]
    assert "2, without wind" in lines and "[b]other[/b]" in lines and "max_features" in lines
    assert "equal: dataset, target, seed, split.kind (e shows them)" in lines
    assert "What is equal" in text(comparison.overview(compared(varied(3)), 0, True, 118))


def test_long_names_of_a_ranking_stand_apart() -> None:
    records = varied(3)
    for one in records:
        one["name"], one["experiment"] = "n" * 80, "e" * 80
        one["metrics"] = {"z" * 80: 0.5}
    lines = comparison.ranking(compared(records), "z" * 80, 0, 118)
    assert "n… e" in text(lines) and "z…   verdict" in text(lines)


def test_a_sign_is_never_cut_off_however_long_the_figure() -> None:
    records = varied(3)
    for one in records:
        one["metrics"]["validation_roc_auc"], one["metric_errors"]["validation_roc_auc"] = 0.524671234, 0.00056
    line = next(
        one for one in text(comparison.overview(compared(records), 0, False, 78)).splitlines() if "0.52467" in one
    )
    assert line.split()[1:] == ["0.52467±0.00056", "★", "0.52467±0.00056", "≈", "0.52467±0.00056", "≈"]


def test_a_verdict_says_what_it_was_found_by() -> None:
    """The last run was measured on other rows; the fourth has failed."""
    found = compared(varied(6))
    lines = text(comparison.ranking(found, "validation_roc_auc", 0, 118)).splitlines()
    assert lines[1].split()[-1] == "best" and "Failed" in lines[6]
    assert {line.split()[-1] for line in lines[2:6]} == {"rows", "errors"}
    said = "\n".join(lines)
    assert "bootstrap of the same rows" in said and "own standard errors" in said and "15 comparisons (Holm)" in said


async def test_other_runs_come_into_sight_and_what_is_equal_is_unfolded(
    studio: Studio, bridge: Double, opened: Open
) -> None:
    bridge.answers.lists["runs"] = varied(50)
    async with studio.run_test(size=(120, 40)) as pilot:
        compare = await opened(pilot)
        assert "1-5 of 50" in compare.sheet.plain and "a�[31mred[bold]" in compare.sheet.plain
        await pilot.press("right", "right")
        assert "3-7 of 50" in compare.sheet.plain
        await pilot.press(*["left"] * 9)
        assert "1-5 of 50" in compare.sheet.plain
        before = compare.sheet.plain.count("\n")
        await pilot.press("e")
        assert compare.sheet.plain.count("\n") > before
        await pilot.press("escape")
        assert not isinstance(studio.screen, Compare)


async def test_curves_are_smoothed_and_drawn_by_logarithm(
    studio: Studio, bridge: Double, opened: Open, settled: Settled
) -> None:
    bridge.answers.lists["runs"] = varied(4)
    async with studio.run_test(size=(120, 40)) as pilot:
        compare = await opened(pilot)
        await pilot.press("right_square_bracket", "right_square_bracket")
        assert TABS[compare.tab] == "Curves"
        await settled(
            pilot, lambda: "validation_log_loss\n" in compare.sheet.plain and "d odd-finch" in compare.sheet.plain
        )
        plain = compare.sheet.plain
        await pilot.press("s")
        await settled(pilot, lambda: "validation_log_loss smoothed 0.9" in compare.sheet.plain)
        await pilot.press("o")
        await settled(pilot, lambda: "smoothed 0.9 log" in compare.sheet.plain)
        assert compare.sheet.plain != plain
        await pilot.press("s", "s", "s", "n")
        await settled(pilot, lambda: "smoothed" not in compare.sheet.plain and compare.front == 1)
        await pilot.press("m")
        await pilot.press(*"train", "enter")
        await settled(pilot, lambda: "train_log_loss log" in compare.sheet.plain)


async def test_the_code_of_the_run_in_front_is_held_against_the_first_s(
    studio: Studio, bridge: Double, opened: Open, settled: Settled
) -> None:
    bridge.answers.lists["runs"] = varied(4)
    async with studio.run_test(size=(80, 24)) as pilot:
        compare = await opened(pilot)
        await pilot.press("left_square_bracket")
        await settled(pilot, lambda: "-rate = 0.1" in compare.sheet.plain)
        assert "lightgbm" in compare.sheet.plain and "fit [b]model[/b].py  not committed" in compare.sheet.plain
        await pilot.press("n", "n", "n")
        await settled(pilot, lambda: "From brave-otter to odd-finch" in compare.sheet.plain)
        asked = [given["arguments"] for call, given in bridge.answers.asked if given.get("name") == "run diff"]
        assert asked[-1] == {"run": "r000000000", "other": "r000000003"}


async def test_what_the_actions_answer_is_shown_as_the_key_shows_it(
    studio: Studio, bridge: Double, settled: Settled
) -> None:
    bridge.answers.lists["runs"] = varied(3)
    async with studio.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: studio.lists.get("runs"))
        doing.tell(studio, "run diff", differing("r000000000", "r000000002"))
        await settled(pilot, lambda: isinstance(studio.screen, Compare) and "+rate = 0.05" in studio.screen.sheet.plain)
        assert isinstance(studio.screen, Compare) and "From brave-otter to keen-lynx" in studio.screen.sheet.plain
        await pilot.press("escape")
        doing.tell(studio, "run compare", compared(varied(3)))
        await settled(pilot, lambda: isinstance(studio.screen, Compare) and "max_features" in studio.screen.sheet.plain)


async def test_a_run_that_comes_further_is_compared_anew(
    studio: Studio, bridge: Double, opened: Open, settled: Settled
) -> None:
    bridge.answers.lists["runs"] = varied(3)
    async with studio.run_test(size=(120, 40)) as pilot:
        compare = await opened(pilot)
        bridge.answers.lists["runs"][0]["metrics"]["validation_roc_auc"] = 0.9911
        bridge.listen({"changed": [{"kind": "run", "ref": "r000000000", "revision": 2}]})
        await settled(pilot, lambda: "0.9911" in compare.sheet.plain)


async def test_a_comparison_goes_on_without_a_run_that_is_removed_meanwhile(
    studio: Studio, bridge: Double, opened: Open, settled: Settled
) -> None:
    bridge.answers.lists["runs"] = varied(4)
    async with studio.run_test(size=(120, 40)) as pilot:
        compare = await opened(pilot)
        removed = {"changed": [{"kind": "run", "ref": "r000000000", "revision": 0}]}
        del bridge.answers.lists["runs"][0]
        bridge.listen(removed)
        await settled(pilot, lambda: compare.found and len(compare.found["runs"]) == 3)
        assert not compare.trouble and "keen-lynx" in compare.sheet.plain
        assert "3 runs, 1 removed" in str(compare.query_one("#box").border_title)
        assert [one.message for one in studio._notifications if "removed meanwhile: brave-otter" in one.message]
        await pilot.press("right_square_bracket")
        await settled(pilot, lambda: "keen-lynx" in compare.sheet.plain and "brave-otter" not in compare.sheet.plain)
        del bridge.answers.lists["runs"][1:]
        bridge.listen({"changed": [{"kind": "run", "ref": "r000000002", "revision": 0}]})
        await settled(pilot, lambda: "a comparison takes two runs" in compare.sheet.plain)


async def test_what_the_library_refuses_is_said_and_a_reader_that_fails_too(
    studio: Studio, bridge: Double, settled: Settled
) -> None:
    async with studio.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: studio.lists.get("runs"))
        bridge.answers.errors["action"] = errors.BadOption("run compare takes 2 to 50 runs, not 51")
        await pilot.press("2", "space", "space", "c")
        await settled(pilot, lambda: isinstance(studio.screen, Compare) and studio.screen.trouble)
        assert isinstance(studio.screen, Compare)
        assert "2 to 50 runs" in studio.screen.sheet.plain
        await pilot.press("right_square_bracket", "m", "n", "e", "o", "s", "left", "escape")
        assert not isinstance(studio.screen, Compare)


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
@pytest.mark.parametrize("tab", TABS)
def test_picture(
    snap_compare: Any, studio: Studio, bridge: Double, opened: Open, settled: Settled, size: tuple[int, int], tab: str
) -> None:
    bridge.answers.lists["runs"] = varied(8)

    async def run(pilot: Pilot[None]) -> None:
        compare = await opened(pilot)
        await pilot.press(*["right_square_bracket"] * TABS.index(tab))
        await settled(pilot, lambda: not [one for one in studio.workers if one.node is compare])

    assert snap_compare(studio, terminal_size=size, run_before=run)
