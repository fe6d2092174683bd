"""The plots, the predictions and the files of a run, on the screen and by its keys."""

import math
from typing import Any

import msgspec
import pytest
from tests.tui.conftest import Settled
from tests.tui.double import Answers, Double
from tests.tui.examples import runs
from textual.pilot import Pilot

from cupola import errors
from cupola.experiments import fans
from cupola_tui.keymap import EXPERIMENTS
from cupola_tui.screens import plots, predictions
from cupola_tui.screens.experiments import PANE, files
from cupola_tui.screens.pane import Scene
from cupola_tui.studio import Studio

DONE = runs()[1]


def shown(lines: list[list[tuple[str, str]]]) -> str:
    return "\n".join("".join(text for text, _ in line) for line in lines)


def scene(record: dict[str, Any] = DONE, width: int = 60, height: int = 40) -> Scene:
    """A run with what the bridge answers of it."""
    answers = Answers()
    answers.lists["runs"] = [record]
    run = record["id"]
    found = {"metrics": answers.on_metrics(run), "plots": answers.on_plots(run)}
    return Scene(record, found, width, height)


def test_left_and_right_go_round_all_plots_of_a_run() -> None:
    here = scene()
    titles = []
    for _ in range(6):
        titles.append(shown(plots.draw(here)[2:3]).strip())
        plots.turn(here, "plot", 1)
    assert [one.split(" ")[0] for one in titles] == [
        "roc_auc",
        "Confusion",
        "ROC",
        "Precision",
        "Calibration",
        "Permutation",
    ]
    assert here.turned["plot"] == "roc_auc"
    plots.turn(here, "plot", -1)
    assert here.turned["plot"] == "importance"


def test_a_plot_that_was_chosen_stays_chosen_for_the_next_run_that_has_it() -> None:
    here = scene()
    here.turned["plot"] = "roc"
    assert "ROC (validation)" in shown(plots.draw(here))
    other = scene(DONE | {"task": "regression"})
    other.turned = here.turned
    assert "roc_auc by step" in shown(plots.draw(other))
    plots.turn(other, "plot", 1)
    assert "Residuals" in shown(plots.draw(other))


def test_the_threshold_begins_where_the_model_has_it_and_the_matrix_follows_the_keys() -> None:
    here = scene()
    here.turned["plot"] = "confusion"
    own = shown(plots.draw(here))
    assert "threshold 0.5 >  the model's own" in own and "2,890" in own
    assert "precision" in own and "64.6%" in own and "38.6%" in own
    for _ in range(20):
        plots.turn(here, "threshold", -1)
    lower = shown(plots.draw(here))
    assert "threshold 0.3 >" in lower and "the model's own" not in lower and "2,890" not in lower
    for _ in range(200):
        plots.turn(here, "threshold", 1)
    assert "threshold 1 >" in shown(plots.draw(here)) and "—" in shown(plots.draw(here))


def test_the_names_of_many_plots_are_cut_about_the_one_in_front() -> None:
    for width in (30, 40, 60, 200):
        here = scene(width=width)
        for _ in range(6):
            first = plots.draw(here)[0]
            assert sum(len(text) for text, _ in first) <= width
            assert [text.strip() for text, style in first if style == "title"] == [here.turned.get("plot", "roc_auc")]
            plots.turn(here, "plot", 1)


def test_a_run_without_anything_says_so_and_keys_do_nothing() -> None:
    for status, words in (("Queued", "nothing yet"), ("Failed", "nothing to draw")):
        bare = Scene({"id": "x", "status": status}, {"metrics": {"entries": []}, "plots": {"plots": []}}, 40, 20)
        assert words in shown(plots.draw(bare))
        for thing in ("plot", "threshold"):
            plots.turn(bare, thing, 1)
        assert bare.turned == {}
    assert "reading" in shown(plots.draw(Scene(DONE, {}, 40, 20)))


def test_predictions_are_asked_for_where_there_are_some() -> None:
    assert predictions.asks(DONE)["predictions"][1]["arguments"]["limit"] == predictions.MOST
    for bare, words in ((DONE | {"status": "Failed"}, "nothing yet"), (DONE | {"task": ""}, "a script's run")):
        assert predictions.asks(bare) == {} and words in shown(predictions.draw(Scene(bare, {}, 60, 20)))


def test_the_files_of_a_run_stand_with_their_sizes_and_their_place() -> None:
    text = shown(files(Scene(DONE, {"files": Answers().on_action("run artifacts", {})}, 60, 20)))
    assert "48.2 kB  predictions.parquet" in text and "experiments/delays/r000000001/attempts/1/artifacts" in text


async def opened(pilot: Pilot[None], settled: Settled, tab: str) -> Studio:
    """The experiments, the cursor on a completed run, that tab in front and in hand."""
    studio = pilot.app
    assert isinstance(studio, Studio)
    await settled(pilot, lambda: "runs" in studio.lists.records)
    await pilot.press("2", "j")
    await settled(pilot, lambda: studio.main.detail.record and studio.main.detail.record["id"] == DONE["id"])
    for _ in range([one.name for one in PANE.tabs].index(tab)):
        await pilot.press("right_square_bracket")
    await settled(pilot, lambda: studio.main.detail.current.name == tab)
    await pilot.press("enter")
    await settled(pilot, lambda: studio.main.detail.body.has_focus)
    return studio


async def test_keys_choose_a_plot_and_move_the_threshold(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, settled, "Plots")
        sheet = studio.main.detail.body
        await settled(pilot, lambda: "roc_auc by step" in sheet.plain)
        await pilot.press("right")
        await settled(pilot, lambda: "threshold 0.5" in sheet.plain and "2,890" in sheet.plain)
        await pilot.press("less_than_sign")
        await settled(pilot, lambda: "threshold 0.49" in sheet.plain and "2,890" not in sheet.plain)
        await pilot.press("escape", "greater_than_sign")  # also from the table
        await settled(pilot, lambda: studio.main.body.table.has_focus and "threshold 0.5" in sheet.plain)
        await pilot.press("enter", "left")
        await settled(pilot, lambda: "roc_auc by step" in sheet.plain)
        await pilot.click(sheet, offset=(sheet.plain.index("roc  "), 0))
        await settled(pilot, lambda: "ROC (validation)" in sheet.plain)
        await pilot.click(sheet, offset=(0, 0))
        await pilot.click(sheet, offset=(20, 3))
        await pilot.pause(0.1)
        assert "ROC (validation)" in sheet.plain


async def test_the_rows_are_a_table_that_sorts_and_shows_one_whole(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, settled, predictions.TITLE)
        detail = studio.main.detail
        await settled(
            pilot, lambda: detail.table and detail.table.has_focus and len(detail.table.view.rows.records) == 30
        )
        table = detail.table
        assert table is not None
        assert table.view.rows.records[table.view.rows.order[0]]["error"] == 0.99
        await pilot.press("s")
        await settled(pilot, lambda: table.view.rows.sort == "row")
        await pilot.press("j", "enter")
        await settled(pilot, lambda: type(studio.screen).__name__ == "Result")
        text = studio.screen.text()  # type: ignore[attr-defined]
        assert '"carrier"' in text and '"probability_True"' in text
        await pilot.press("escape", "right_square_bracket")
        await settled(pilot, lambda: studio.main.detail.current.name == "Files")


@pytest.mark.parametrize("width", [80, 120])
async def test_every_tab_of_a_run_fits_beside_the_others(studio: Studio, settled: Settled, width: int) -> None:
    async with studio.run_test(size=(width, 24)) as pilot:
        await settled(pilot, lambda: "runs" in studio.lists.records)
        await pilot.press("2", "enter")
        await settled(pilot, lambda: studio.main.detail._tabs.size.width)
        line = "".join(text for text, _ in studio.main.detail._tabs.line)
        assert line.split() == [one.name for one in PANE.tabs] and studio.main.pane.name == EXPERIMENTS


async def test_plots_that_cannot_be_read_say_why(studio: Studio, bridge: Double, settled: Settled) -> None:
    bridge.answers.errors["plots"] = errors.DiskTrouble("the disk does not answer")
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, settled, "Plots")
        await settled(pilot, lambda: "roc_auc by step" in studio.main.detail.body.plain)
        bridge.answers.errors["metrics"] = bridge.answers.errors["plots"]
        await pilot.press("shift+tab", "j")
        await settled(pilot, lambda: "the disk does not answer" in studio.main.detail.body.plain)


SHOWN = [
    ("Plots", "classification", "calibration"),
    ("Plots", "classification", "importance"),
    ("Plots", "regression", "residuals"),
    ("Plots", "regression", "learning"),
    ("Files", "classification", ""),
]


@pytest.mark.parametrize(("tab", "task", "plot"), SHOWN, ids=[plot or tab for tab, _, plot in SHOWN])
def test_a_picture(
    snap_compare: Any, studio: Studio, bridge: Double, settled: Settled, tab: str, task: str, plot: str
) -> None:
    assert snap_compare(studio, terminal_size=(120, 40), run_before=looked_at(bridge, settled, tab, task, plot))


@pytest.mark.parametrize(
    ("tab", "plot"), [("Plots", "confusion"), ("Plots", "roc"), ("Rows", "")], ids=["confusion", "roc", "rows"]
)
def test_a_small_picture(
    snap_compare: Any, studio: Studio, bridge: Double, settled: Settled, tab: str, plot: str
) -> None:
    shown = looked_at(bridge, settled, tab, "classification", plot)
    assert snap_compare(studio, terminal_size=(80, 24), run_before=shown)


def test_a_picture_of_a_forecast(snap_compare: Any, studio: Studio, bridge: Double, settled: Settled) -> None:
    def around(place: int, ahead: int) -> list[float]:
        middle = 100 + place / 2 + 20 * math.sin(place * math.tau / 12)
        return [middle - 3 * ahead**0.5, middle, middle + 4 * ahead**0.5]

    def ahead(first: int) -> fans.Ahead:
        steps = [around(first + one, one + 1) for one in range(12)]
        quantiles = [[step[place] for step in steps] for place in range(3)]
        return fans.Ahead(x=[float(first + one) for one in range(12)], values=quantiles)

    history = [(float(place), around(place, 0)[1]) for place in range(72)]
    item = fans.Item(item="north", history=history, ahead=ahead(72), windows=[ahead(60)])
    made = fans.forecast(fans.Forecast(target="amount", time="day", quantiles=[0.1, 0.5, 0.9], items=[item]))
    answer = {"plots": msgspec.to_builtins(made), "thresholds": None}
    bridge.answers.on_plots = lambda run: answer  # type: ignore[method-assign]
    shown = looked_at(bridge, settled, "Plots", "forecasting", "forecast north")
    assert snap_compare(studio, terminal_size=(120, 40), run_before=shown)


def looked_at(bridge: Double, settled: Settled, tab: str, task: str, plot: str) -> Any:
    """Opens a tab of the completed run, and that plot there."""
    bridge.answers.errors["host"] = errors.NotReady("pinned")  # no gauges: what they show depends on the time
    bridge.answers.lists["runs"][1]["task"] = task

    async def run(pilot: Pilot[None]) -> None:
        studio = await opened(pilot, settled, tab)
        detail = studio.main.detail
        while plot and not any(
            style == "title" and text.strip() == plot
            for text, style in detail.body.lines[0]  # type: ignore[union-attr]
        ):
            await pilot.press("right")
            await pilot.pause(0.05)
        await pilot.pause(0.3)

    return run


def test_a_plot_that_is_drawn_every_second_is_small() -> None:
    tall = [len(plots.draw(scene(DONE | {"status": status}))) for status in ("Completed", "InProgress")]
    assert tall[1] <= plots.LIVE + 8 < tall[0]


def test_an_item_of_a_forecast_is_chosen_by_the_keys_of_the_threshold() -> None:
    def item(name: str) -> fans.Item:
        ahead = fans.Ahead(x=[3.0, 4.0], values=[[1.0, 1.0], [2.0, 2.5], [3.0, 4.0]])
        return fans.Item(item=name, history=[(0.0, 1.0), (1.0, 2.0)], ahead=ahead, windows=[ahead])

    found = fans.Forecast(target="amount", time="day", quantiles=[0.1, 0.5, 0.9], items=[item("north"), item("south")])
    answer = {"plots": {"plots": msgspec.to_builtins(fans.forecast(found))}, "metrics": {"entries": []}}
    here = Scene(DONE | {"task": "forecasting"}, answer, 80, 30)
    first = shown(plots.draw(here))
    assert "< item 1 of 2 >" in first and "amount of north" in first and "forecast south" not in first
    plots.turn(here, "threshold", 1)
    assert "amount of south" in shown(plots.draw(here))
    plots.turn(here, "threshold", 1)
    assert "amount of north" in shown(plots.draw(here))
    found.items = found.items[:1]
    alone = Scene(DONE, {"plots": {"plots": msgspec.to_builtins(fans.forecast(found))}}, 80, 30)
    assert "< item" not in shown(plots.draw(alone))
