"""A flow in its editor, by the keys that a person presses."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, cast

import pytest
from tests.tui.conftest import Settled
from tests.tui.double import Double
from tests.tui.forms import FORMS, _field, _form
from tests.tui.test_snapshots import SMALL, WIDE, settle
from textual.pilot import Pilot

from cupola import errors
from cupola.flows.records import FlowStep
from cupola_tui import drafts
from cupola_tui.drafts import Draft
from cupola_tui.screens.choice import Palette
from cupola_tui.screens.floweditor import FlowEditor
from cupola_tui.screens.form import Form
from cupola_tui.screens.panel import Panel
from cupola_tui.studio import Studio
from cupola_tui.widgets.stepform import Code

OPEN = ["1", "p", "enter"]
KEYS = {
    " ": "space",
    ">": "greater_than_sign",
    "=": "equals_sign",
    "/": "slash",
    ",": "comma",
    "*": "asterisk",
    "+": "plus",
    "_": "underscore",
    "-": "minus",
}


async def opened(pilot: Pilot[None], settled: Settled, *keys: str) -> FlowEditor:
    studio = pilot.app
    assert isinstance(studio, Studio)
    await settled(pilot, lambda: studio.lists.get("datasets"))
    await pilot.press("1", "p")
    await settled(pilot, lambda: isinstance(studio.screen, Palette))
    await pilot.press("enter")
    await settled(pilot, lambda: isinstance(studio.screen, FlowEditor))
    editor = studio.screen
    assert isinstance(editor, FlowEditor)
    await settled(pilot, lambda: editor.draft.preview)
    await pilot.press(*keys)
    return editor


async def write(pilot: Pilot[None], text: str) -> None:
    await pilot.press(*(KEYS.get(one, one) for one in text))


async def add(pilot: Pilot[None], settled: Settled, editor: FlowEditor, key: str, name: str) -> None:
    await pilot.press(key)
    await settled(pilot, lambda: isinstance(pilot.app.screen, Palette))
    await write(pilot, name)
    await pilot.press("enter")


def shown(editor: FlowEditor) -> str:
    return editor.cells.plain + editor.below.plain


async def test_a_step_shows_what_it_changes_and_what_was_before(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=WIDE) as pilot:
        editor = await opened(pilot, settled, "g", "j")
        await settled(pilot, lambda: "•35.5" in shown(editor))
        assert "4 changed cells · 40 rows · learned from 40 rows" in shown(editor)
        assert "temp: — → 35.5" in shown(editor) and "num •4" in shown(editor)
        await pilot.press("right_square_bracket")
        await settled(pilot, lambda: "•35.5" not in shown(editor) and "—" in shown(editor))
        await pilot.press("right_square_bracket", "j", "j")
        await settled(pilot, lambda: "40 rows became" in shown(editor))
        assert "← fill" in editor.steps.plain


async def test_a_step_is_added_and_shown_as_it_is_typed(studio: Studio, bridge: Double, settled: Settled) -> None:
    async with studio.run_test(size=WIDE) as pilot:
        editor = await opened(pilot, settled, "g", "j", "j")
        await add(pilot, settled, editor, "a", "formula")
        await settled(pilot, lambda: editor.form and editor.form.here)
        await write(pilot, "late")
        await settled(pilot, lambda: "needs expression" in shown(editor))
        await pilot.press("tab")
        await settled(pilot, lambda: editor.form and isinstance(editor.form.here, Code))
        await write(pilot, "hours > 3")
        await settled(pilot, lambda: "no column 'hours'" in shown(editor))
        assert "warm" in editor.cells.plain, "what was there stays, while there is nothing to be shown"
        for _ in range(5):
            await pilot.press("backspace")
        await write(pilot, " > 3")
        await settled(pilot, lambda: "+ late" in shown(editor) and "new" in shown(editor))
        assert len(bridge.answers.flows.flows["tidy"].steps) == 3
        await pilot.press("f2")
        await settled(pilot, lambda: studio.screen is not editor)
        assert (
            editor.command
            == "cupola flow edit tidy --add 'formula name=late '\"'\"'expression=hour > 3'\"'\"' after=warm'"
        )
        await pilot.press("escape", "ctrl+s")
        await settled(pilot, lambda: not editor.form)
        steps = bridge.answers.flows.flows["tidy"].steps
        assert [one.id for one in steps] == ["fill", "warm", "formula", "early"]
        assert steps[2].params == {"name": "late", "expression": "hour > 3"}
        await settled(pilot, lambda: editor.steps.node and editor.steps.node.id == "formula")


async def test_a_field_is_completed_with_the_columns_that_the_step_takes(
    studio: Studio, bridge: Double, settled: Settled
) -> None:
    async with studio.run_test(size=WIDE) as pilot:
        editor = await opened(pilot, settled, "g", "j", "e")
        await settled(pilot, lambda: editor.form and editor.form.here)
        assert editor.form and editor.form.values["columns"] == "temp"
        await write(pilot, ",ho")
        await settled(pilot, lambda: "hour" in editor.below.plain)
        await pilot.press("ctrl+n")
        await settled(pilot, lambda: editor.form and editor.form.values["columns"] == "temp,hour")
        await pilot.press("tab", "ctrl+n")
        await settled(pilot, lambda: editor.form and editor.form.values["method"] != "")
        await pilot.press("ctrl+s")
        await settled(pilot, lambda: not editor.form)
        assert bridge.answers.flows.flows["tidy"].steps[0].params["columns"] == ["temp", "hour"]


async def test_an_expression_is_completed_with_the_columns_where_one_types(
    studio: Studio, bridge: Double, settled: Settled
) -> None:
    async with studio.run_test(size=WIDE) as pilot:
        editor = await opened(pilot, settled)
        await add(pilot, settled, editor, "a", "formula")
        await settled(pilot, lambda: editor.form and editor.form.here)
        await write(pilot, "late")
        await pilot.press("tab")
        for typed, whole in (("1 + ho", "1 + hour"), (" > te", "1 + hour > temp")):
            await write(pilot, typed)
            await settled(pilot, lambda: editor.form and editor.form.offered())
            await pilot.press("ctrl+n")
            await settled(pilot, lambda: editor.form and editor.form.values["expression"] == whole)  # noqa: B023
        await pilot.press("left", "left", "left", "left", "left", "left", "left")
        await pilot.press("ctrl+n")
        await settled(pilot, lambda: editor.form and editor.form.values["expression"] == "1 + hour > temp")


async def test_what_is_done_from_here_is_nobody_elses_change() -> None:
    class Slow:
        def __init__(self) -> None:
            self.done: Future[Any] = Future()

        def act(self, *given: Any, **more: Any) -> "Future[Any]":
            return self.done

        def ask(self, call: str, **more: Any) -> "Future[Any]":
            found: Future[Any] = Future()
            found.set_result("somebody" if call == "changed" else {"opened": {"ref": "tidy"}, "record": {}, "x": []})
            return found

    slow = Slow()
    draft = Draft(cast(Any, slow), "tidy", lambda: None)
    draft.transforms = {"scale": {}}
    await draft.read()
    undoing = asyncio.ensure_future(draft.act("flow undo"))
    await asyncio.sleep(0)
    assert await draft.changed_by() == ""
    slow.done.set_result({})
    await undoing
    assert await draft.changed_by() == "somebody"


async def test_what_stands_there_while_an_answer_is_late_is_of_no_other_step() -> None:
    asked: list[Future[Any]] = []

    class Slow:
        def ask(self, call: str, **more: Any) -> "Future[Any]":
            asked.append(Future())
            return asked[-1]

    async def until_told(condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(180):
            while not condition():
                await asyncio.sleep(0.02)

    draft = Draft(cast(Any, Slow()), "tidy", lambda: None)
    draft.preview, draft.error = {"step": "a"}, errors.BadInput("of another step")
    draft.look("b")
    await until_told(lambda: draft.waits and asked)
    assert draft.preview is None and draft.error is None
    asked[0].set_result({"step": "b"})
    await until_told(lambda: draft.preview == {"step": "b"} and not draft.waits)
    draft.look("", {"add": ["sample"]})
    await until_told(lambda: draft.waits)
    assert draft.preview == {"step": "b"} and not draft.is_tried, (
        "under a form the rows stay, and it says that it looks"
    )
    asked[1].set_result({"step": "sample"})
    await until_told(lambda: draft.is_tried and draft.preview == {"step": "sample"})


async def test_a_new_step_is_completed_with_the_columns_that_the_one_before_it_makes(
    studio: Studio, settled: Settled
) -> None:
    async with studio.run_test(size=WIDE) as pilot:
        editor = await opened(pilot, settled, "g", "j", "j")
        await settled(pilot, lambda: "+ warm" in shown(editor))
        await add(pilot, settled, editor, "a", "fill-missing")
        await settled(pilot, lambda: "needs columns" in shown(editor))
        await write(pilot, "wa")
        assert editor.form and editor.form.offered() == ["warm"]


async def test_a_step_goes_and_comes_back(studio: Studio, bridge: Double, settled: Settled) -> None:
    flows = bridge.answers.flows
    async with studio.run_test(size=WIDE) as pilot:
        editor = await opened(pilot, settled, "g", "j", "j", "D")
        await settled(pilot, lambda: len(flows.flows["tidy"].steps) == 2 and "warm" not in editor.steps.plain)
        await pilot.press("u")
        await settled(pilot, lambda: len(flows.flows["tidy"].steps) == 3 and "warm" in editor.steps.plain)
        await pilot.press("ctrl+r")
        await settled(pilot, lambda: len(flows.flows["tidy"].steps) == 2)
        await pilot.press("u", "u")
        await settled(pilot, lambda: any("no change of tidy" in one.message for one in studio._notifications))


async def test_an_order_that_cannot_be_is_refused_and_says_why(
    studio: Studio, bridge: Double, settled: Settled
) -> None:
    step = FlowStep(id="warmer", type="formula", params={"name": "warmer", "expression": "warm > 1"})
    flow = bridge.answers.flows.flows["tidy"]
    flow.steps = [*flow.steps[:2], step]
    async with studio.run_test(size=WIDE) as pilot:
        editor = await opened(pilot, settled, "G", "K")
        await settled(
            pilot,
            lambda: any(
                "warmer cannot stand there: there is no column 'warm'" in one.message for one in studio._notifications
            ),
        )
        assert [one["id"] for one in editor.draft.steps] == ["fill", "warm", "warmer"]
        await pilot.press("k", "K")
        await settled(pilot, lambda: [one["id"] for one in editor.draft.steps] == ["warm", "fill", "warmer"])
        assert editor.steps.node and editor.steps.node.id == "warm"


async def test_steps_branch_and_come_together(studio: Studio, bridge: Double, settled: Settled) -> None:
    async with studio.run_test(size=WIDE) as pilot:
        editor = await opened(pilot, settled, "g", "j")
        await add(pilot, settled, editor, "b", "drop-columns")
        await settled(pilot, lambda: editor.form and editor.form.here)
        await write(pilot, "carrier")
        await settled(pilot, lambda: "− carrier" in shown(editor))
        await pilot.press("ctrl+s")
        await settled(pilot, lambda: not editor.form)
        assert bridge.answers.flows.flows["tidy"].steps[-1].inputs == ["fill"]
        await add(pilot, settled, editor, "a", "join")
        await settled(pilot, lambda: isinstance(studio.screen, Palette) and studio.screen.heading.startswith("join"))
        await pilot.press(*"early", "enter")
        await settled(pilot, lambda: editor.form and editor.form.here)
        await write(pilot, "hour")
        await settled(pilot, lambda: "+ joined" in shown(editor))
        await pilot.press("ctrl+s")
        await settled(pilot, lambda: not editor.form)
        assert bridge.answers.flows.flows["tidy"].steps[-1].inputs == ["drop-columns", "early"]
        assert "← drop-columns, early" in editor.steps.plain


async def test_what_somebody_else_has_changed_is_shown_or_said(
    studio: Studio, bridge: Double, settled: Settled
) -> None:
    flows = bridge.answers.flows
    async with studio.run_test(size=WIDE) as pilot:
        editor = await opened(pilot, settled, "g", "j")
        flows.flows["tidy"] = flows.changed(flows.flows["tidy"], {"remove": ["warm"]})
        bridge.answers.changed = "raj changed this 3 s ago: removed warm"
        bridge.listen({"changed": [{"kind": "file", "ref": "flows/tidy.toml"}]})
        await settled(pilot, lambda: "warm" not in editor.steps.plain)
        await pilot.press("e")
        await settled(pilot, lambda: editor.form and editor.form.here)
        await write(pilot, ",hour")
        bridge.answers.changed = "raj changed this 1 s ago: set fill"
        bridge.listen({"changed": [{"kind": "flow", "ref": "tidy"}]})
        await settled(pilot, lambda: "raj changed this 1 s ago" in editor.below.plain)
        await pilot.press("ctrl+s")
        await settled(pilot, lambda: isinstance(studio.screen, Panel))
        assert flows.flows["tidy"].steps[0].params["columns"] == ["temp"]
        await pilot.press("escape", "ctrl+l")
        await settled(pilot, lambda: not editor.news)
        assert editor.form and editor.form.values["columns"] == "temp,hour"
        await pilot.press("ctrl+s")
        await settled(pilot, lambda: flows.flows["tidy"].steps[0].params["columns"] == ["temp", "hour"])


async def test_a_run_is_followed(
    studio: Studio, bridge: Double, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = [_field("flow", required=True, positional=True), _field("dataset")]
    monkeypatch.setitem(FORMS, "flow run", _form("flow run", "Run a flow.", "flow", fields))
    async with studio.run_test(size=WIDE) as pilot:
        editor = await opened(pilot, settled, "r")
        await settled(pilot, lambda: isinstance(studio.screen, Form))
        await pilot.press("ctrl+s")
        await settled(pilot, lambda: editor.is_active and editor.job)
        bridge.answers.lists["jobs"] = [{"id": editor.job, "status": "InProgress", "progress": 0.4, "message": "fill"}]
        bridge.listen({"changed": [{"kind": "job", "ref": editor.job}]})
        await settled(pilot, lambda: "InProgress" in editor.below.plain and "40%" in editor.below.plain)
        bridge.answers.lists["jobs"] = [{"id": editor.job, "status": "Completed"}]
        bridge.listen({"changed": [{"kind": "job", "ref": editor.job}]})
        await settled(pilot, lambda: "o shows what it made" in editor.below.plain)


async def test_a_dataset_without_a_flow_gets_its_first(
    studio: Studio, bridge: Double, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge.answers.flows.flows.clear()
    fields = [_field("name", required=True, positional=True), _field("source", required=True)]
    monkeypatch.setitem(FORMS, "flow new", _form("flow new", "Make a flow.", "", fields))
    async with studio.run_test(size=WIDE) as pilot:
        await settled(pilot, lambda: studio.lists.get("datasets"))
        await pilot.press("1", "p")
        await settled(pilot, lambda: isinstance(studio.screen, Form))
        await pilot.press("ctrl+s")
        await settled(pilot, lambda: isinstance(studio.screen, FlowEditor) and studio.screen.draft.preview)
        assert isinstance(studio.screen, FlowEditor) and studio.screen.draft.name == "flights-prepared"
        await settled(pilot, lambda: "a adds the first one" in studio.screen.text())  # type: ignore[attr-defined]


async def test_flows_are_listed_with_their_dataset_and_opened_by_name(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=WIDE) as pilot:
        await settled(pilot, lambda: studio.lists.get("datasets"))
        await pilot.press("1", *["right_square_bracket"] * 3)
        await settled(pilot, lambda: studio.main.detail.table and "tidy" in studio.main.detail.table.plain)
        await pilot.press("enter", "enter")
        await settled(pilot, lambda: isinstance(studio.screen, FlowEditor))
        await pilot.press("q", "colon", *(KEYS.get(one, one) for one in "flow edit tidy"), "enter")
        await settled(pilot, lambda: isinstance(studio.screen, FlowEditor) and studio.screen.draft.preview)


def test_steps_stand_in_the_lanes_of_what_they_take() -> None:
    steps: list[dict[str, Any]] = [
        {"id": "a"}, {"id": "b"}, {"id": "c", "inputs": ["a"]}, {"id": "d"}, {"id": "e", "inputs": ["b", "d"]},
    ]  # fmt: skip
    assert drafts.lanes({"s": "flights"}, steps) == [
        ("s", 0, []), ("a", 0, []), ("b", 0, []), ("c", 1, ["a"]), ("d", 1, []), ("e", 0, ["b", "d"]),
    ]  # fmt: skip


def test_what_is_typed_is_said_as_the_command_takes_it() -> None:
    fields = [
        {"name": "by", "repeated": True, "completes": "column"},
        {"name": "aggregates", "repeated": True, "completes": ""},
        {"name": "code", "repeated": False, "completes": ""},
    ]
    values = {"by": "a,b c", "aggregates": "mean(x) as m, max(x, y)", "code": "a = 1\nb = 'it'"}
    text = drafts.said("group-by", fields, values, {}, {"after": "fill"})
    import shlex

    assert shlex.split(text) == [
        "group-by", "by=a,b c", "aggregates=mean(x) as m, max(x, y)", "code=a = 1\nb = 'it'", "after=fill",
    ]  # fmt: skip
    assert drafts.said("fill", fields, {"by": ""}, {"by": ["a"]}, {}) == "fill by="


@pytest.fixture
def pinned_host(bridge: Double) -> None:
    bridge.answers.errors["host"] = errors.NotReady("pinned")


@pytest.mark.usefixtures("pinned_host")
@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
def test_the_editor_as_it_looks(snap_compare: Any, studio: Studio, size: tuple[int, int]) -> None:
    assert snap_compare(studio, terminal_size=size, run_before=settle(*OPEN, "g", "j"))


@pytest.mark.usefixtures("pinned_host")
@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
def test_a_step_in_hand_as_it_looks(snap_compare: Any, studio: Studio, size: tuple[int, int]) -> None:
    keys = [*OPEN, "g", "j", "j", "e", *"er", "tab", "end", "space", "x"]
    assert snap_compare(studio, terminal_size=size, run_before=settle(*keys))
