from concurrent.futures import Future
from typing import Any

import pytest
from tests.tui.conftest import Settled
from tests.tui.double import Double
from textual import events
from textual.pilot import Pilot

from cupola import errors
from cupola_tui.screens.form import Form
from cupola_tui.screens.panel import Panel
from cupola_tui.screens.plainview import PlainView
from cupola_tui.studio import Studio


async def form_of(pilot: Pilot[None], studio: Studio, settled: Settled, pane: str, key: str) -> Form:
    await pilot.press(pane)
    await settled(pilot, lambda: studio.main.table.view.rows.order)
    await pilot.press(key)
    await settled(pilot, lambda: isinstance(studio.screen, Form))
    assert isinstance(studio.screen, Form)
    return studio.screen


async def test_a_form_is_filled_in_checked_and_run(studio: Studio, settled: Settled, bridge: Double) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        form = await form_of(pilot, studio, settled, "1", "t")
        assert form.values() == {"dataset": "flights@2", "target": "late", "cpus": "1"}
        await pilot.press(*"Hist")
        await settled(pilot, lambda: form.completions == ["HistGradientBoostingClassifier"])
        await pilot.press("ctrl+n")
        await settled(pilot, lambda: "HistGradientBoostingClassifier" in form.command)
        await pilot.press("ctrl+s")
        await settled(pilot, lambda: studio.screen is studio.main)
        ran = [more for call, more in bridge.answers.asked if call == "action" and more["name"] == "train"]
        assert ran == [
            {
                "name": "train",
                "arguments": {
                    "dataset": "flights@2",
                    "target": "late",
                    "estimator": "HistGradientBoostingClassifier",
                    "cpus": "1",
                },
                "opened": {"kind": "dataset", "ref": "flights@2", "shown": {"state": "None"}},
            }
        ]
        assert studio.main.pane.name == "experiments"


async def test_a_completion_that_is_asked_for_before_it_is_known_is_one_of_what_is_typed(
    studio: Studio, settled: Settled, bridge: Double
) -> None:
    held: list[tuple[Future[Any], Any]] = []
    ask = bridge.ask

    def slow(call: str, **more: Any) -> Future[Any]:
        answer = ask(call, **more)
        if call != "complete" or more["prefix"] != "Log":
            return answer
        held.append((Future(), answer.result()))
        return held[-1][0]

    async with studio.run_test(size=(120, 40)) as pilot:
        form = await form_of(pilot, studio, settled, "1", "t")
        await settled(pilot, lambda: len(form.completions) == 3)
        bridge.ask = slow  # type: ignore[method-assign]
        await pilot.press(*"Log")
        await settled(pilot, lambda: held)
        await pilot.press("ctrl+n")
        assert form.values()["estimator"] == "Log"
        for future, answer in held:
            future.set_result(answer)
        await settled(pilot, lambda: form.values()["estimator"] == "LogisticRegression")
        await pilot.press("ctrl+u", *"Ran", "ctrl+n")
        await settled(pilot, lambda: form.values()["estimator"] == "RandomForestClassifier")


async def test_keys_typed_while_a_form_opens_go_into_it(studio: Studio, settled: Settled, bridge: Double) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await pilot.press("1")
        await settled(pilot, lambda: studio.main.table.view.rows.order)
        for key in ("t", *"Dxq", "tab", *"late", "tab"):
            studio.post_message(events.Key(key, key if len(key) == 1 else None))
        await settled(pilot, lambda: isinstance(studio.screen, Form) and "Dxq" in studio.screen.values().values())
        form = studio.screen
        assert isinstance(form, Form)
        place = next(place for place, one in enumerate(form.fields) if one.field["name"] == "estimator")
        await settled(pilot, lambda: form.fields[place + 1].value.endswith("late"))
        assert form.values()["estimator"] == "Dxq"
        assert not [more for call, more in bridge.answers.asked if call == "action" and more["name"] == "dataset rm"]


async def test_what_does_not_fit_is_said_as_one_types(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        form = await form_of(pilot, studio, settled, "1", "t")
        cpus = next(one for one in form.fields if one.field["name"] == "cpus")
        cpus.enter()
        await pilot.press("end", *"x")
        await settled(pilot, lambda: cpus.wrong == "must be a whole number")


async def test_running_with_a_field_missing_goes_to_that_field(
    studio: Studio, settled: Settled, bridge: Double
) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        form = await form_of(pilot, studio, settled, "1", "t")
        await pilot.press("ctrl+s")
        estimator = next(one for one in form.fields if one.field["name"] == "estimator")
        await settled(
            pilot, lambda: estimator.wrong == "is needed" and estimator.input is not None and estimator.input.has_focus
        )
        assert not [more for call, more in bridge.answers.asked if call == "action" and more["name"] == "train"]


async def test_the_command_that_does_the_same_is_shown_by_an_exclamation_mark(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        form = await form_of(pilot, studio, settled, "4", "d")
        await settled(pilot, lambda: "endpoint deploy" in form.command)
        await pilot.press("!")
        await settled(pilot, lambda: isinstance(studio.screen, PlainView))
        assert isinstance(studio.screen, PlainView)
        assert studio.screen.text() == form.command and "cupola endpoint deploy" in form.command


async def test_an_error_of_the_action_leaves_the_form_as_it_was(
    studio: Studio, settled: Settled, bridge: Double
) -> None:
    bridge.answers.errors["action"] = errors.BadInput("the file has no rows", where="/a.csv")
    async with studio.run_test(size=(120, 40)) as pilot:
        form = await form_of(pilot, studio, settled, "1", "i")
        await pilot.press(*"/a.csv", "tab", *"a")
        await settled(pilot, lambda: form.values() == {"source": "/a.csv", "name": "a"})
        await pilot.press("ctrl+s")
        await settled(pilot, lambda: isinstance(studio.screen, Panel))
        await pilot.press("escape")
        assert studio.screen is form and form.values() == {"source": "/a.csv", "name": "a"}


@pytest.mark.parametrize("done", [True, False])
async def test_what_comes_of_an_action_whose_form_was_left_is_said(
    studio: Studio, settled: Settled, bridge: Double, done: bool
) -> None:
    answer: Future[Any] = Future()
    bridge.act = lambda name, arguments, **more: answer  # type: ignore[method-assign]
    async with studio.run_test(size=(120, 40), notifications=True) as pilot:
        form = await form_of(pilot, studio, settled, "2", "t")
        await pilot.press("ctrl+s")
        bridge.silent = 12.4
        await settled(pilot, lambda: "no answer for 12 s; it is not done twice" in form.below.plain)
        await pilot.press("escape")
        await settled(pilot, lambda: studio.screen is studio.main)
        if done:
            answer.set_result({"run": "r17", "status": "Queued"})
            await settled(pilot, lambda: any("train: r17 Queued" in one.message for one in studio._notifications))
        else:
            answer.set_exception(errors.DiskTrouble("train got no answer, and nothing says that it was done"))
            await settled(pilot, lambda: isinstance(studio.screen, Panel))


async def test_a_form_that_was_left_comes_back_as_it_was_typed(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        form = await form_of(pilot, studio, settled, "1", "t")
        await pilot.press(*"Ridge", "escape")
        await settled(pilot, lambda: studio.screen is studio.main)
        for _ in range(2):  # also where it is left again as it came
            form = await form_of(pilot, studio, settled, "1", "t")
            assert form.values()["estimator"] == "Ridge" and "had typed" in form.said
            await pilot.press("escape")
            await settled(pilot, lambda: studio.screen is studio.main)
        form = await form_of(pilot, studio, settled, "1", "t")
        await pilot.press("ctrl+s")
        await settled(pilot, lambda: studio.screen is studio.main)
        form = await form_of(pilot, studio, settled, "1", "t")
        assert "estimator" not in form.values() and form.said == ""
