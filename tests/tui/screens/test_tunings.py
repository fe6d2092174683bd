"""The pane of tunings: the table of trials within it, and its keys."""

from typing import Any

from tests.tui.conftest import Settled
from tests.tui.double import Double
from tests.tui.examples import runs, stamp, trials
from textual.pilot import Pilot

from cupola_tui import verbs
from cupola_tui.keymap import TUNINGS
from cupola_tui.screens.form import Form
from cupola_tui.screens.panes import pane
from cupola_tui.screens.question import Question
from cupola_tui.studio import Studio

ON = "right_square_bracket"


async def opened(pilot: Pilot[None], studio: Studio, settled: Settled, *keys: str) -> None:
    await settled(pilot, lambda: studio.lists.get("tunings"))
    await pilot.press("0", *keys)
    await settled(pilot, lambda: studio.main.table.cursor_record() is not None)


def order(studio: Studio) -> list[int]:
    table = studio.main.detail.table
    return [int(one) for one in table.view.rows.order] if table else []


async def test_trials_are_a_table_that_sorts_and_leads_to_their_runs(
    studio: Studio, bridge: Double, settled: Settled
) -> None:
    bridge.answers.lists["runs"].append(runs()[1] | {"id": "t000000012", "name": "trial-12"})
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled, ON)
        await settled(pilot, lambda: len(order(studio)) == 24)
        assert order(studio)[:2] == [23, 22]
        await pilot.press("enter", "right", "right", "S")
        await settled(pilot, lambda: order(studio)[0] == 12)
        assert studio.main.table.cursor_record()["tuning"] == "u000000001", "the tuning stays chosen"  # type: ignore[index]
        await pilot.press("g", "enter")
        await settled(pilot, lambda: studio.main.pane.name == "experiments")
        assert studio.main.table.cursor_record()["name"] == "trial-12"  # type: ignore[index]


async def test_new_trials_come_by_themselves_and_wait_above_where_somebody_reads(
    studio: Studio, bridge: Double, settled: Settled
) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled, ON)
        await settled(pilot, lambda: len(order(studio)) == 24)
        bridge.answers.trials = trials(25)
        bridge.listen({"changed": [{"kind": "tuning", "ref": "u000000001", "revision": 0}]})
        await settled(pilot, lambda: order(studio)[0] == 24)
        await pilot.press("enter", "right", "right", "s", "j", "j")
        at = studio.main.detail.table.view.cursor  # type: ignore[union-attr]
        bridge.answers.trials = trials(27)
        bridge.listen({"changed": [{"kind": "tuning", "ref": "u000000001", "revision": 0}]})
        await settled(pilot, lambda: "+2 new" in str(studio.main.detail.border_subtitle))
        assert studio.main.detail.table.view.cursor == at and len(order(studio)) == 25  # type: ignore[union-attr]
        await pilot.press("g")
        await settled(pilot, lambda: len(order(studio)) == 27)


async def form(pilot: Pilot[None], studio: Studio, settled: Settled, key: str) -> dict[str, Any]:
    """What the form that a key opens begins with."""
    await pilot.press(key)
    await settled(pilot, lambda: isinstance(studio.screen, Form))
    shown = studio.screen
    assert isinstance(shown, Form)
    values = {"": shown.form["name"]} | {name: one for name, one in shown.values().items() if one}
    await pilot.press("escape")
    await settled(pilot, lambda: studio.screen is studio.main)
    return values


async def test_keys_register_the_best_tune_again_and_narrow(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        best = studio.main.table.cursor_record()["best_run"]  # type: ignore[index]
        registering = await form(pilot, studio, settled, "r")
        assert (registering[""], registering["run"]) == ("model register", best)
        again = await form(pilot, studio, settled, "T")
        assert again[""] == "tune" and again["dataset"] == "flights@2-a2b2"
        assert again["space"] == "learning_rate=0.01..0.3:log max_depth=2..12 min_samples_leaf=1..40"
        narrowed = await form(pilot, studio, settled, "N")
        assert (narrowed[""], narrowed["tuning"]) == ("tuning narrow", "u000000001")
        assert narrowed["space"] == "learning_rate=0.0402..0.0861:log max_depth=5..9"
        await pilot.press("1")
        of_data = await form(pilot, studio, settled, "T")
        assert (of_data[""], of_data["target"]) == ("tune", "late") and "space" not in of_data
        await pilot.press("2")
        of_run = await form(pilot, studio, settled, "T")
        assert of_run["estimator"] == "LogisticRegression" and not {"param", "experiment"} & of_run.keys()


async def test_x_stops_a_tuning_after_a_question(studio: Studio, bridge: Double, settled: Settled) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        await pilot.press("x")
        await settled(pilot, lambda: isinstance(studio.screen, Question))
        await pilot.press("y")
        asked = {"name": "tuning stop", "arguments": {"tuning": "u000000001"}}
        await settled(pilot, lambda: ("action", asked) in bridge.answers.asked)


def test_verbs_say_why_not() -> None:
    running = {"tuning": "u", "status": "InProgress", "secondary_status": "Running", "best_run": None, "completed": 1}
    over = {"tuning": "u", "status": "Completed", "best_run": "r", "completed": 9}
    paused = {"tuning": "u", "status": "Stopped", "secondary_status": "Paused", "completed": 9}
    assert "no trial" in verbs.why_not("model register", [running]) and not verbs.why_not("model register", [over])
    assert "two completed" in verbs.why_not("tuning narrow", [running]) and not verbs.why_not("tuning narrow", [over])
    assert "under way" in verbs.why_not("tuning resume", [running]) and not verbs.why_not("tuning resume", [paused])
    assert "extend" in verbs.why_not("tuning resume", [over])
    assert verbs.why_not("tuning stop", [paused]) == "it is over (Paused)" and not verbs.why_not(
        "tuning pause", [running]
    )


def test_the_five_stop_reasons_and_the_trial_that_was_lost_are_said_by_name() -> None:
    from cupola.tuning import stops
    from cupola_tui.screens.pane import Scene

    for name in (stops.TRIALS, stops.SECONDS, stops.VALUE, stops.PATIENCE, stops.CONVERGED):
        record = {"tuning": "u", "status": "Completed", "stop_reason": name, "submitted": stamp(9)}
        drawn = pane(TUNINGS).tabs[0].draw(Scene(record, {}, 60, 30))
        assert f"ended by {name}" in "\n".join("".join(text for text, _ in line) for line in drawn)
        column = next(one for one in pane(TUNINGS).columns([]) if one.key == "stop_reason")
        assert column.draw(record)[0] == name
