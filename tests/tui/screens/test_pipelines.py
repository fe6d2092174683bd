"""The pane of pipelines: its graph and tables, and the graph that one moves about in, by the keys that one presses."""

from typing import Any

import pytest
from tests.tui import pipelines as examples
from tests.tui.conftest import Settled
from tests.tui.double import Double
from tests.tui.test_snapshots import ROOMY, SMALL, WIDE
from textual.pilot import Pilot

from cupola import errors
from cupola_tui import figures
from cupola_tui.screens import doing, pipelines, stepview
from cupola_tui.screens.choice import Menu
from cupola_tui.screens.doing import Chosen
from cupola_tui.screens.form import Form
from cupola_tui.screens.graph import Graph
from cupola_tui.screens.pane import Scene
from cupola_tui.screens.parameters import ParameterForm
from cupola_tui.screens.question import Question
from cupola_tui.screens.stepediting import StepForm, typed
from cupola_tui.screens.stepview import StepView, WhyView
from cupola_tui.studio import Studio

ON = "right_square_bracket"


async def opened(pilot: Pilot[None], settled: Settled, *keys: str) -> Studio:
    studio = pilot.app
    assert isinstance(studio, Studio)
    await settled(pilot, lambda: studio.lists.get("pipelines") and studio.main.actions.by_name)
    await pilot.press("6", "g")
    await settled(pilot, lambda: (studio.main.table.cursor_record() or {}).get("name") == "retrain")
    await pilot.press(*keys)
    return studio


async def graph(pilot: Pilot[None], settled: Settled) -> Graph:
    studio = await opened(pilot, settled, "o")
    await settled(pilot, lambda: isinstance(studio.screen, Graph) and studio.screen.state)
    assert isinstance(studio.screen, Graph)
    return studio.screen


def plain(lines: list[Any]) -> str:
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


async def test_the_pane_shows_how_each_stands_and_when_it_runs_next(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=WIDE) as pilot:
        await opened(pilot, settled)
        await settled(pilot, lambda: "train-forest" in studio.main.detail.body.plain)  # type: ignore[union-attr]
        drawn = studio.main.detail.body.plain  # type: ignore[union-attr]
        assert "● Executing  22%" in drawn
        assert "cached" in drawn and "40%" in drawn
        shown = {one["name"]: [column.draw(one)[0] for column in pipelines.columns([])] for one in examples.pipelines()}
        assert shown["retrain"][1] == "● Executing" and shown["retrain"][-1] == "16h"
        assert shown["report"][1] == "· never run" and shown["torn"][1] == "✗ unusable"


async def test_executions_are_a_table_and_enter_opens_the_graph_of_one(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=WIDE) as pilot:
        await opened(pilot, settled, ON)
        detail = studio.main.detail
        await settled(pilot, lambda: detail.table and len(detail.table.view.rows.order) == 3)
        await pilot.press("tab", "j", "enter")
        await settled(pilot, lambda: isinstance(studio.screen, Graph) and studio.screen.state)
        screen = studio.screen
        assert isinstance(screen, Graph) and screen.execution == "e000000002"
        assert "if 0.7312 ≥ 0.7" in plain(screen.dag.drawing.lines)


async def test_schedules_and_definition_stand_beside_it(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=ROOMY) as pilot:
        await opened(pilot, settled, ON, ON)
        detail = studio.main.detail
        await settled(pilot, lambda: detail.table and detail.table.view.rows.order == ["nightly", "on-data"])
        await pilot.press(ON)
        await settled(pilot, lambda: "[b]markup[/b]" in detail.body.plain)  # type: ignore[union-attr]
        assert "threshold  Float   = 0.7" in detail.body.plain  # type: ignore[union-attr]
        assert "has to be given" in detail.body.plain  # type: ignore[union-attr]


async def test_one_moves_from_step_to_step_as_they_are_joined(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=SMALL) as pilot:
        screen = await graph(pilot, settled)
        went = [screen.dag.chosen]
        for key in ("j", "l", "right", "h", "down", "j", "j", "up", "k", "k"):
            await pilot.press(key)
            went.append(screen.dag.chosen)
        assert went[0] == "preprocess" and went[1] in ("train-linear", "train-forest", "tune")
        assert went[5:8] == ["select", "good-enough", "register"] or went[7] == "give-up"
        assert went[8:10] == ["good-enough", "select"]
        assert screen.dag.scroll_y > 0, "what is chosen is in sight"


async def test_enter_shows_all_there_is_of_a_step_and_w_why_it_was_done(
    studio: Studio, bridge: Double, settled: Settled
) -> None:
    async with studio.run_test(size=WIDE) as pilot:
        screen = await graph(pilot, settled)
        screen.dag.choose("train-linear")
        await pilot.press("enter")
        await settled(pilot, lambda: isinstance(studio.screen, StepView) and studio.screen.sheet.plain)
        said = studio.screen.sheet.plain  # type: ignore[attr-defined]
        assert "validation_roc_auc  0.7123" in said
        assert "≠ src/features.py has changed" in said
        assert "fold 5 of 5" in said
        await pilot.press("escape", "w")
        await settled(pilot, lambda: isinstance(studio.screen, WhyView))
        asked = [
            more["arguments"]
            for call, more in bridge.answers.asked
            if (call, more.get("name")) == ("action", "pipeline why")
        ]
        assert asked[-1] == {"pipeline": "e000000003", "step": "train-linear"}


async def test_what_a_step_gave_is_told_without_what_keeps_records(studio: Studio, settled: Settled) -> None:
    columns = [{"name": f"column{place}", "type": "number"} for place in range(40)]
    given = {"format": 1, "revision": 2, "rows": 24000, "columns": columns, "target": None, "note": "x" * 200}
    step = {"name": "import", "type": "Processing", "status": "Succeeded", "outputs": given}
    assert stepview.given(given | {"note": "[b]"}) == "rows=24,000, note=[b]"
    async with studio.run_test(size=SMALL) as pilot:
        view = StepView(step | {"metrics": {f"metric{place}": place for place in range(60)}}, {}, "")
        studio.push_screen(view)
        await settled(pilot, lambda: view.sheet.plain and view.sheet.show_vertical_scrollbar)
        said = view.sheet.plain
        assert "40, each with name, type" in said and "revision" not in said
        assert all(len(line) <= view.sheet.size.width for line in said.splitlines())


async def test_marked_steps_are_run_alone_from_the_execution_that_is_shown(
    studio: Studio, bridge: Double, settled: Settled
) -> None:
    async with studio.run_test(size=WIDE) as pilot:
        screen = await graph(pilot, settled)
        for name in ("select", "good-enough"):
            screen.dag.choose(name)
            await pilot.press("space")
        await settled(pilot, lambda: "2 marked" in screen.below.plain)
        await pilot.press("r")
        await settled(pilot, lambda: isinstance(studio.screen, Form))
        await pilot.press("ctrl+s")
        await settled(pilot, lambda: screen.execution == "e000000004")
        done = [
            more["arguments"]
            for call, more in bridge.answers.asked
            if (call, more.get("name")) == ("action", "pipeline run")
        ]
        assert done[-1]["steps"] == "select good-enough" and done[-1]["origin"] == "e000000003"
        assert "param" not in done[-1], "what is left as it is, the pipeline says"
        assert screen.dag.marked == []


@pytest.mark.parametrize("key", ["r", "c"])
async def test_forms_have_a_field_for_each_parameter_of_the_pipeline(
    studio: Studio, settled: Settled, key: str
) -> None:
    async with studio.run_test(size=WIDE) as pilot:
        await opened(pilot, settled, key)
        await settled(pilot, lambda: isinstance(studio.screen, ParameterForm))
        form = studio.screen
        assert isinstance(form, ParameterForm)
        own = {one.field["label"]: one for one in form.fields if one.field["name"].startswith("param.")}
        assert own.keys() == {"threshold", "data"}
        assert (own["threshold"].field["kind"], own["threshold"].field["default"]) == ("number", "0.7")
        assert own["data"].field["required"] and not own["threshold"].field["required"]
        own["data"].put("flights 2")
        assert form.values() == {"pipeline": "retrain", "param": "'data=flights 2'"}


async def test_x_asks_and_stops_the_execution_and_r_is_refused_while_it_runs(
    studio: Studio, bridge: Double, settled: Settled
) -> None:
    async with studio.run_test(size=WIDE) as pilot:
        screen = await graph(pilot, settled)
        await pilot.press("x")
        await settled(pilot, lambda: isinstance(studio.screen, Question))
        await pilot.press("y")
        await settled(pilot, lambda: studio.screen is screen and acted(bridge, "pipeline stop"))
        assert acted(bridge, "pipeline stop") == [{"execution": "e000000003"}]
        await pilot.press("R")
        await pilot.pause(0.2)
        assert not any((call, more.get("name")) == ("action", "pipeline retry") for call, more in bridge.answers.asked)


def test_a_verb_acts_on_the_execution_or_the_schedule_that_the_cursor_is_on() -> None:
    chosen = Chosen(pipelines.PANE, examples.pipelines()[:1], False)
    done, nightly = examples.executions()[1], examples.schedules()[0]
    assert pipelines.within("pipeline rm", chosen, None)[1].records == []
    assert (
        pipelines.loss(chosen.records) == f"The pipeline goes with its executions ({chosen.records[0]['executions']})."
    )
    for verb in ("pipeline rm", "pipeline stop"):
        name, on = pipelines.within(verb, chosen, done)
        assert pipelines.loss(on.records) == "The execution goes with its logs and files."
        assert (name, on.words) == (verb, "e000000002")
    name, on = pipelines.within("pipeline rm", chosen, nightly)
    assert (name, on.words) == ("schedule rm", "nightly")


async def test_brackets_go_through_the_executions(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=WIDE) as pilot:
        screen = await graph(pilot, settled)
        for _ in range(2):
            before = screen.execution
            await pilot.press("left_square_bracket")
            await settled(pilot, lambda before=before: screen.execution != before and screen.state)  # type: ignore[misc]
        assert screen.execution == "e000000001"
        await settled(pilot, lambda: "no column 'speed'" in screen.below.plain or screen.state)
        await pilot.press(ON)
        await settled(pilot, lambda: screen.execution == "e000000002")


async def test_a_change_shows_by_itself_and_what_is_chosen_stays(
    studio: Studio, bridge: Double, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with studio.run_test(size=WIDE) as pilot:
        screen = await graph(pilot, settled)
        screen.dag.choose("tune")
        later = examples.running()
        later["steps"][3] |= {"status": "Failed", "reason": "no trial has completed"}
        monkeypatch.setattr(examples, "executions", lambda: [later])
        await settled(pilot, lambda: "no trial has completed" in screen.below.plain)
        assert screen.dag.chosen == "tune"


async def test_a_pipeline_that_cannot_be_read_says_why(studio: Studio, bridge: Double, settled: Settled) -> None:
    async with studio.run_test(size=WIDE) as pilot:
        await opened(pilot, settled, "G")
        await settled(pilot, lambda: "there is no type" in studio.main.detail.body.plain)  # type: ignore[union-attr]
        await pilot.press("r")
        await pilot.pause(0.2)
        assert studio.screen is studio.main, "it cannot be run"


def acted(bridge: Double, name: str) -> list[dict[str, Any]]:
    return [more["arguments"] for call, more in bridge.answers.asked if (call, more.get("name")) == ("action", name)]


async def test_a_step_is_added_after_the_chosen_one_by_the_form_of_its_type(
    studio: Studio, bridge: Double, settled: Settled
) -> None:
    async with studio.run_test(size=WIDE) as pilot:
        screen = await graph(pilot, settled)
        screen.dag.choose("tune")
        await pilot.press("a")
        await settled(pilot, lambda: isinstance(studio.screen, Menu))
        await pilot.press("enter")
        await settled(pilot, lambda: isinstance(studio.screen, StepForm) and studio.screen.focused)
        await pilot.press(*"tell", "tab", *"work:f")
        form = studio.screen
        assert isinstance(form, StepForm)
        await settled(pilot, lambda: form.values().get("argument"))
        wanted = {"pipeline": "retrain", "step": "tell", "type": "Lambda", "after": "tune"}
        assert form.values() == wanted | {"argument": "function=work:f"}
        await pilot.press("ctrl+s")
        await settled(pilot, lambda: studio.screen is screen and screen.execution is None)
        assert acted(bridge, "pipeline step") == [wanted | {"argument": "function=work:f"}]
        assert "as its file says" in screen.below.plain


async def test_a_step_is_changed_by_what_was_changed_in_its_form(
    studio: Studio, bridge: Double, settled: Settled
) -> None:
    async with studio.run_test(size=WIDE) as pilot:
        screen = await graph(pilot, settled)
        screen.dag.choose("select")
        await pilot.press("e")
        await settled(pilot, lambda: isinstance(studio.screen, StepForm) and studio.screen.focused)
        form = studio.screen
        assert isinstance(form, StepForm)
        assert form.values() == {"pipeline": "retrain", "step": "select", "type": "Lambda"}, "nothing is changed yet"
        named = {one.field["name"]: one for one in form.fields}
        named["function"].put("work:first")
        named["timeout"].put("")
        named["after"].put("")
        assert form.values() == {
            "pipeline": "retrain", "step": "select", "type": "Lambda", "argument": "function=work:first",
            "unset": "timeout", "after": "''",
        }  # fmt: skip
        bridge.answers.changed = "you, elsewhere, changed this 3 s ago"
        form.look_again()
        await settled(pilot, lambda: form.news)
        await pilot.press("ctrl+r")
        await settled(pilot, lambda: isinstance(studio.screen, StepForm) and studio.screen is not form)
        again = studio.screen
        assert isinstance(again, StepForm) and again.states[0]["kind"] == "pipeline"
        fields = {one.field["name"]: one for one in again.fields}
        assert (fields["function"].value, fields["function"].first) == ("work:first", "work:first")
        fields["function"].focus()
        await settled(pilot, lambda: fields["function"].input is not None)
        await pilot.press("tab", "ctrl+r")
        await settled(pilot, lambda: isinstance(studio.screen, StepForm) and studio.screen is not again)
        assert again.app is studio and "argument" in studio.screen.values()  # type: ignore[attr-defined]


async def test_marked_steps_are_connected_and_a_step_is_taken_out_after_a_y(
    studio: Studio, bridge: Double, settled: Settled
) -> None:
    async with studio.run_test(size=WIDE) as pilot:
        screen = await graph(pilot, settled)
        for name in ("tune", "train-linear"):
            screen.dag.choose(name)
            await pilot.press("space")
        screen.dag.choose("select")
        await pilot.press("c")
        await settled(pilot, lambda: acted(bridge, "pipeline step"))
        changed = {"pipeline": "retrain", "step": "select", "after": ["train-linear"]}
        assert acted(bridge, "pipeline step") == [changed], "tune, which came before it, does no more"
        await settled(pilot, lambda: screen.execution is None)
        await pilot.press("D")
        await settled(pilot, lambda: isinstance(studio.screen, Question))
        await pilot.press("y")
        await settled(pilot, lambda: acted(bridge, "pipeline unstep"))
        assert acted(bridge, "pipeline unstep") == [{"pipeline": "retrain", "step": "select"}]
        for key, name in (("u", "pipeline undo"), ("ctrl+r", "pipeline redo")):
            await pilot.press(key)
            await settled(pilot, lambda name=name: acted(bridge, name))
            assert acted(bridge, name) == [{"pipeline": "retrain"}]


def test_arguments_are_typed_as_they_are_read() -> None:
    values = [True, 3, "a b", ["x", "y z"], {"C": 0.5}, [], {"deep": [1]}, [{"type": "Equals"}]]
    assert [typed(one) for one in values] == [
        "yes", "3", "a b", "x 'y z'", "C=0.5", "[]", '{"deep":[1]}', '[{"type":"Equals"}]',
    ]  # fmt: skip


def test_an_error_stands_in_for_the_graph() -> None:
    record = examples.pipelines()[0] | {"steps": []}
    scene = Scene(record, {"state": errors.NotFound("there is no execution e000000003 here")}, 60, 30)
    assert "there is no execution" in plain(pipelines.graph(scene))


def test_how_long_until_something_comes() -> None:
    ahead = [figures.ahead(examples.stamp(-seconds)) for seconds in (0, 40, 200, 7300, 90000)]
    assert ahead == ["now", "40s", "3m", "2h", "1d"]
    assert figures.ahead(None) == figures.ahead("soon") == ""


@pytest.fixture
def still(bridge: Double) -> None:
    bridge.answers.errors["host"] = errors.NotReady("pinned")


@pytest.mark.usefixtures("still")
@pytest.mark.parametrize("size", [WIDE, SMALL, ROOMY], ids=["wide", "small", "roomy"])
def test_pictures_of_the_graph(snap_compare: Any, studio: Studio, settled: Settled, size: tuple[int, int]) -> None:
    async def run(pilot: Pilot[None]) -> None:
        screen = await graph(pilot, settled)
        await pilot.press("j", "space", "j")
        await settled(pilot, lambda: screen.dag.chosen == "select")
        await pilot.pause(0.3)

    assert snap_compare(studio, terminal_size=size, run_before=run)


@pytest.mark.usefixtures("still")
def test_a_picture_of_a_graph_that_is_over(snap_compare: Any, studio: Studio, settled: Settled) -> None:
    async def run(pilot: Pilot[None]) -> None:
        screen = await graph(pilot, settled)
        await pilot.press("left_square_bracket")
        await settled(pilot, lambda: screen.execution == "e000000002" and screen.state)
        screen.dag.choose("good-enough")
        await pilot.pause(0.3)

    assert snap_compare(studio, terminal_size=WIDE, run_before=run)


def test_of_many_steps_of_a_foreach_those_at_work_and_those_that_failed_are_drawn_and_the_others_counted() -> None:
    stands = ["Succeeded"] * 27 + ["Executing", "Waiting", "Failed"]
    inner = [{"name": f"each[{place}]", "status": one} for place, one in enumerate(stands)]
    edges = [{"source": "each", "target": one["name"]} for one in inner] + [{"source": "each", "target": "best"}]
    steps = [{"name": "each", "type": "ForEach", "status": "Executing"}, *inner, {"name": "best"}]
    nodes, links = pipelines.boxes({"steps": steps, "edges": edges})
    assert [one.name for one in nodes] == ["each", "each[27]", "each[29]", "best"]
    assert nodes[0].aside == "27/30"
    assert [one.target for one in links] == ["each[27]", "each[29]", "best"]
    assert len(pipelines.boxes({"steps": steps[:9]})[0]) == 9


async def test_a_callback_that_waits_is_answered_by_a_form_and_no_other_step_is(
    studio: Studio, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[Any, ...]] = []

    async def fill_in(*given: Any) -> None:
        opened.append(given[2:])

    monkeypatch.setattr(doing, "fill_in", fill_in)
    async with studio.run_test(size=WIDE) as pilot:
        screen = await graph(pilot, settled)
        monkeypatch.setattr(screen, "look", lambda: None)
        screen.action_answer()
        await pilot.pause(0.2)
        assert opened == []
        screen.step.update(type="Callback", status="Executing", message="serve it?")
        assert "A answers it: serve it?" in plain(screen._below(100, 2))
        await pilot.press("A")
        await settled(pilot, lambda: opened)
        name, chosen, begin = opened[0]
        assert (name, chosen.records[0]["name"]) == ("pipeline answer", "e000000003")
        assert begin == {"execution": "e000000003", "step": screen.step["name"]}
