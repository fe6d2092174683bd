"""A whole experiment in one plot, by the keys that a person presses."""

import asyncio
import random
import threading
from collections.abc import Callable
from typing import Any

import pytest
from tests.tui.conftest import Settled
from tests.tui.double import Double
from tests.tui.examples import runs
from tests.tui.test_snapshots import SMALL, WIDE
from textual.pilot import Pilot

from cupola_tui.screens import fields
from cupola_tui.screens.explore import TABS, Explore
from cupola_tui.studio import Studio


def sweep(count: int, experiment: str = "sweep") -> list[dict[str, Any]]:
    """Runs of a search: some failed, some of an estimator without depth; the larger the rate the worse."""
    found, chance = runs(count), random.Random(1)
    for place, one in enumerate(found):
        rate = 10 ** chance.uniform(-3, 0)
        one |= {
            "id": f"{experiment[0]}{place:06}",
            "name": f"sweep-{place}",
            "experiment": experiment,
            "status": "Completed",
        }
        one["params"] = {"rate": rate, "criterion": chance.choice(["gini", "[b]entropy\x1b[0m"])}
        if place % 3:
            one["params"]["depth"] = chance.randint(2, 9)
        one["estimator"] = "ExtraTreesClassifier" if place % 3 else "LogisticRegression"
        one["metrics"] = {} if place % 17 == 5 else {"validation_roc_auc": 0.9 - rate / 5 + chance.gauss(0, 0.004)}
    return found


async def plotted(pilot: Pilot[None], settled: Settled) -> Explore:
    studio = pilot.app
    assert isinstance(studio, Studio)
    await settled(pilot, lambda: studio.lists.get("runs"))
    await pilot.press("2", "p")
    await settled(pilot, lambda: isinstance(studio.screen, Explore) and "runs" in studio.screen.sheet.plain)
    assert isinstance(studio.screen, Explore)
    return studio.screen


def test_a_plot_begins_with_what_runs_differ_in_and_ends_with_what_they_are_compared_by() -> None:
    records = sweep(40)
    known = fields.known(records)
    assert known["params.rate"] == 40 and known["params.depth"] == 26 and known["metrics.validation_roc_auc"] == 37
    assert fields.begin(records, known, 7) == [
        "params.rate", "params.criterion", "params.depth", "estimator", "metrics.validation_roc_auc",
    ]  # fmt: skip
    assert fields.begin(records, known, 3) == ["params.rate", "params.criterion", "metrics.validation_roc_auc"]
    assert fields.begin([], {}, 7) == []
    assert fields.axis(records, "params.rate", True).log and not fields.axis(records, "params.rate", False).log
    assert fields.value({"usage": {"seconds": 3.5}}, "seconds") == 3.5 and fields.value({}, "params.rate") is None


async def test_the_runs_are_gone_through_from_the_best_on_and_one_is_gone_to(
    studio: Studio, bridge: Double, settled: Settled
) -> None:
    bridge.answers.lists["runs"] = sweep(40)
    async with studio.run_test(size=(120, 40)) as pilot:
        plot = await plotted(pilot, settled)
        ranked = sorted(bridge.answers.lists["runs"], key=lambda one: -one["metrics"].get("validation_roc_auc", 0.0))
        assert "rate log" in plot.sheet.plain and "40 runs, 3 of them without validation_roc_auc" in plot.sheet.plain
        assert "\x1b" not in plot.sheet.plain and "[b]entropy" in plot.sheet.plain
        await pilot.press("n", "n")
        await settled(pilot, lambda: ranked[1]["name"] in plot.sheet.plain)
        await pilot.press("enter")
        await settled(pilot, lambda: studio.main.is_active and studio.main.table.view.cursor == ranked[1]["id"])


async def test_the_better_half_stays_and_all_come_again(studio: Studio, bridge: Double, settled: Settled) -> None:
    bridge.answers.lists["runs"] = sweep(40) + sweep(3, "other")[1:]
    async with studio.run_test(size=(120, 40)) as pilot:
        plot = await plotted(pilot, settled)
        await pilot.press("h")
        await settled(pilot, lambda: "19 of 40 runs" in plot.sheet.plain)
        await pilot.press("h")
        await settled(pilot, lambda: "10 of 40 runs" in plot.sheet.plain)
        await pilot.press("u")
        await settled(pilot, lambda: "40 runs" in plot.sheet.plain and "of 40" not in plot.sheet.plain)
        await pilot.press("e")
        await settled(pilot, lambda: "42 runs" in plot.sheet.plain)


async def test_axes_are_taken_in_and_out_and_the_scatter_takes_any(
    studio: Studio, bridge: Double, settled: Settled
) -> None:
    bridge.answers.lists["runs"] = sweep(40)
    async with studio.run_test(size=(120, 40)) as pilot:
        plot = await plotted(pilot, settled)
        await pilot.press("a", *"depth", "enter")
        await settled(pilot, lambda: plot.is_active and "params.depth" not in plot.axes)
        await pilot.press("a", *"user", "enter")
        await settled(pilot, lambda: plot.is_active and "user" in plot.axes)
        await pilot.press("right_square_bracket")
        await settled(pilot, lambda: "└" in plot.sheet.plain)
        await pilot.press("a", *"depth", "enter")
        await settled(pilot, lambda: "depth" in plot.sheet.plain.splitlines()[-4])
        await pilot.press("c", *"criterion", "enter")
        await settled(pilot, lambda: plot.colour == "params.criterion")
        await pilot.press("m", *"rate", "enter")
        await settled(pilot, lambda: plot.sheet.plain.startswith("rate log"))
        await pilot.press("o")
        await settled(pilot, lambda: not plot.sheet.plain.startswith("rate log"))


async def test_new_runs_are_drawn_when_they_come_and_none_is_said(
    studio: Studio, bridge: Double, settled: Settled
) -> None:
    bridge.answers.lists["runs"] = sweep(1)
    async with studio.run_test(size=(80, 24)) as pilot:
        plot = await plotted(pilot, settled)
        assert "nothing to plot yet" in plot.sheet.plain
        bridge.answers.lists["runs"] = sweep(12)
        bridge.listen({"changed": [{"kind": "run", "ref": "s000005", "revision": 1}]})
        await settled(pilot, lambda: "2 runs, 1 of them" in plot.sheet.plain)


async def test_ten_thousand_runs_are_drawn_while_keys_are_answered(
    studio: Studio, bridge: Double, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes through all of them is done in a thread, each after the loop has gone round meanwhile."""
    loop, went = asyncio.get_running_loop(), []

    def beside(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def worked(*given: Any) -> Any:
            assert threading.current_thread() is not threading.main_thread()
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(180)
            went.append(name)
            return work(*given)

        return worked

    bridge.answers.lists["runs"] = sweep(10_000)
    async with studio.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: studio.lists.get("runs"))
        await pilot.press("2", "p")
        await settled(pilot, lambda: isinstance(studio.screen, Explore))
        plot = studio.screen
        assert isinstance(plot, Explore)
        await settled(pilot, lambda: "10,000 runs" in plot.sheet.plain)
        for name in ("_taken", "_rank", "_paint"):
            monkeypatch.setattr(plot, name, beside(name, getattr(plot, name)))
        plot.action_logarithms()
        await settled(pilot, lambda: "rate log" not in plot.sheet.plain)
        assert went == ["_taken", "_rank", "_paint"]
        assert "588 of them without validation_roc_auc" in plot.sheet.plain


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
@pytest.mark.parametrize("tab", TABS)
def test_picture(
    snap_compare: Any, studio: Studio, bridge: Double, settled: Settled, size: tuple[int, int], tab: str
) -> None:
    bridge.answers.lists["runs"] = sweep(60)

    async def run(pilot: Pilot[None]) -> None:
        plot = await plotted(pilot, settled)
        await pilot.press("n", *["right_square_bracket"] * TABS.index(tab))
        await settled(pilot, lambda: not [one for one in studio.workers if one.node is plot])

    assert snap_compare(studio, terminal_size=size, run_before=run)
