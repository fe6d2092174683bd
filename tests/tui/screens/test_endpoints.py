"""The pane of endpoints: its figures, its changes as they move, asking from a form, rolling back."""

import json
from concurrent.futures import Future
from typing import Any

import pytest
from tests.tui.conftest import Settled
from tests.tui.double import Double
from tests.tui.examples import NOON, canary, endpoints, load_test, shadowed, stamp
from textual.pilot import Pilot

from cupola import errors
from cupola_tui import verbs
from cupola_tui.keymap import ENDPOINTS, REGISTRY
from cupola_tui.lists import Lists
from cupola_tui.paint import width_of
from cupola_tui.screens import calling, rollouts
from cupola_tui.screens.choice import Menu
from cupola_tui.screens.dialog import Opening
from cupola_tui.screens.endpoints import rate, series
from cupola_tui.screens.form import Form
from cupola_tui.screens.invoke import REMEMBERED, Invoke
from cupola_tui.screens.pane import Scene, Tab
from cupola_tui.screens.panel import Panel
from cupola_tui.screens.panes import pane
from cupola_tui.screens.plainview import PlainView
from cupola_tui.screens.question import Question
from cupola_tui.state import Memory
from cupola_tui.studio import Studio
from cupola_tui.widgets.rows import Record

ON = "right_square_bracket"
WIDTHS = pytest.mark.parametrize("width", [30, 58, 78, 190])


def tab(name: str) -> Tab:
    return next(one for one in pane(ENDPOINTS).tabs if one.name == name)


def drawn(name: str, record: Record, width: int = 60, answers: dict[str, Any] | None = None) -> str:
    """What a tab says; nothing of it is wider than there is room, but for addresses and names."""
    lines = tab(name).draw(Scene(record, answers or {}, width, 40))
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


def cells(record: Record, *more: Record) -> dict[str, str]:
    """The cells of its row, by their columns, in a list with others."""
    return {one.key: one.draw(record)[0] for one in pane(ENDPOINTS).columns([record, *more])}


async def opened(pilot: Pilot[None], studio: Studio, settled: Settled, *keys: str) -> None:
    await settled(pilot, lambda: studio.lists.get("endpoints"))
    await pilot.press("5", *keys)
    await settled(pilot, lambda: studio.main.table.cursor_record() is not None)
    await settled(pilot, lambda: "endpoint invoke" in studio.main.actions.by_name)


# What is drawn.


def test_seconds_without_a_request_are_nothing_and_old_figures_are_not_said_to_be_now() -> None:
    one: Record = {"traffic": {"p50_ms": 3.0, "series": [[NOON - 5, 4, 2.0, 9.0, 1], [NOON - 2, 6, 2.0, 9.0, 0]]}}
    assert series(one, 1, 6) == [0, 0, 4, 0, 0, 6]
    assert rate(one) == 1.0
    old: Record = {"traffic": {"p50_ms": 3.0, "series": [[NOON - 100, 400, 2.0, 9.0, 0]]}}
    assert not any(series(old, 1)) and cells(old)["rps"] == "0.0" and cells(old)["p50_ms"] == "—"
    assert "now" not in drawn("Overview", old | {"status": "InService"})


def test_a_change_has_a_column_while_one_moves_and_asynchronous_ones_say_how_many_wait() -> None:
    still, queued = endpoints()[0], endpoints()[0] | {"backlog": {"queued": 1204, "working": ["a"]}}
    assert not {"change", "queued"} & cells(still).keys()
    assert cells(canary(), still)["change"] == "◐ 25% LINEAR" and cells(still, canary())["change"] == ""
    assert cells(queued)["queued"] == "1,204" and cells(still, queued)["queued"] == "—"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"status": "Creating"}, "l shows their log"),
        ({"status": "Updating"}, "what was served before answers"),
        ({"status": "Failed", "reason": "its checksum is another"}, "its checksum is another"),
        ({"status": "Failed"}, "e changes what it serves"),
        ({"status": "OutOfService"}, "start, which serves it again"),
        ({"status": "InService"}, "i sends one"),
        ({"status": "InService", "asleep": True}, "the next request wakes it"),
    ],
)
def test_where_nothing_is_to_be_seen_it_says_what_there_is_to_do(more: Record, said: str) -> None:
    idle = {"traffic": {"series": []}, "variants": []}
    assert said in " ".join(drawn("Overview", endpoints()[0] | idle | more).split())


def test_the_overview_has_each_variant_and_the_queue() -> None:
    said = drawn("Overview", canary())
    assert "delays@2-7f32  75%  before" in said and "delays@3-7f33  25%  after" in said
    assert "p50 2.3  p99 8.0 ms" in said and "p50 7.1  p99 24.8 ms" in said
    assert "0.42 ms" in said
    native = endpoints()[0]
    native["variants"][0] |= {"runtime": "native", "why": "its preparation cannot be compiled"}
    said = drawn("Overview", native)
    assert "delays@2-7f32  100%\n" in said and "native: its preparation cannot be compiled" in said
    asynchronous = endpoints()[0] | {"backlog": {"queued": 7, "working": ["a", "b"], "reason": "the disk is full"}}
    said = drawn("Overview", asynchronous)
    assert "waiting    7" in said and "under way  2" in said and "the disk is full" in said
    many = endpoints()[0] | {"targets": {"models": ["churn-*", "late"]}}
    assert "targets churn-*, late" in " ".join(drawn("Overview", many).split())
    serverless = endpoints()[0] | {"serverless": {"idle": 300.0, "max_concurrency": 20, "provisioned": 1}}
    assert "after 5m 00s, 1 stay; 20 requests at once" in drawn("Overview", serverless)


def test_a_change_is_drawn_as_it_moves_with_its_alarms() -> None:
    def scale(record: Record) -> str:
        return next(line for line in drawn("Change", record, 74).splitlines() if line.endswith("100%"))

    said = drawn("Change", canary(), 74)
    assert "LINEAR  ◐ Baking  25% new" in said and "42s of 5m 00s watched" in said
    assert "steps 10% 25% 50% 100%" in said
    assert "✗ p99_ms > 20" in said and "ALARM" in said and "too little yet" in said
    before, after = scale(canary()), canary()
    after["rollout"] |= {"step": 2, "share": 0.5}
    assert before.index("●") < scale(after).index("●") and before.count("━") < scale(after).count("━")
    assert "✓" in before
    said = drawn("Change", shadowed(), 74)
    assert "■ RolledBack" in said and "it was 24.9" in said and "watched" not in said


def test_a_shadow_says_how_its_answers_differ_and_text_of_rows_is_no_markup() -> None:
    said = drawn("Change", shadowed(), 74)
    assert "1,208 rows compared, 17 answered otherwise (1.4%)" in said
    assert "P has it answer in the place of what does now" in said
    assert "7.10 ms   served 2.30 ms" in said and "31: it was behind" in said
    assert "served [b]no[/b]  shadow yes" in said
    assert cells(shadowed())["model"] == "delays@2", "a shadow does not answer"
    assert "Nothing has changed" in drawn("Change", endpoints()[0])


def test_a_load_test_says_what_it_recommends_and_draws_what_it_saw() -> None:
    model = {"name": "delays", "version": 2, "load_test": load_test()}
    said = drawn("Load", endpoints()[0], answers={"model": model})
    assert "2 server processes: 810 requests a second" in " ".join(said.split())
    assert "1 process" in said and "2 processes" in said and "requests a second" in said
    assert "b finds out" in drawn("Load", endpoints()[0], answers={"model": {"name": "delays"}})
    registry = pane(REGISTRY).tabs[0].draw(Scene(model, {}, 100, 40))
    assert "2 server processes: 810" in "\n".join("".join(text for text, _ in line) for line in registry)
    steps = [one | {"batch_rows": 8} for one in load_test()["steps"]]
    steps[:2] = [steps[0] | {"batch_rows": 256}, steps[1] | {"batch_rows": 32, "held": False}]
    small = load_test() | {"batch_rows": 8, "runtime": "native", "steps": steps}
    said = drawn("Load", endpoints()[0], answers={"model": {"name": "delays", "load_test": small}})
    assert "2 server processes, batches of up to 8 rows: 810" in " ".join(said.split())
    assert "of up to 8 rows" in said and "256: 50 requests/s, 32: no better" in said
    compiled = load_test() | {"runtime": "compiled"}
    said = drawn("Load", endpoints()[0], answers={"model": {"name": "delays", "load_test": compiled}})
    assert "none: compiled, it joins no requests" in said
    report = {"runtime": "compiled", "rows": 200, "difference": 2.2e-16, "compiled_ms": 0.12, "native_ms": 9.5}
    said = drawn("Load", endpoints()[0], answers={"model": {"name": "delays", "runtime": report}})
    assert "Runtime: compiled" in said and "at most 2.2e-16 on 200 rows" in said and "native 9.500 ms" in said


@WIDTHS
@pytest.mark.parametrize("record", [canary(), shadowed()], ids=["canary", "shadow"])
def test_drawings_keep_to_their_width(record: Record, width: int) -> None:
    lines = [*rollouts.moved(record, width), *rollouts.alarms(record, width)]
    assert max(map(width_of, lines)) <= max(width, 62)


# Asking it.


def fields(shown: Invoke) -> dict[str, Any]:
    return {one.field["name"]: one for one in shown.fields}


async def asking(pilot: Pilot[None], studio: Studio, settled: Settled) -> Invoke:
    await pilot.press("i")
    await settled(pilot, lambda: isinstance(studio.screen, Invoke) and studio.screen.focused is not None)
    shown = studio.screen
    assert isinstance(shown, Invoke)
    return shown


async def typed(pilot: Pilot[None], settled: Settled, shown: Invoke, name: str, text: str) -> None:
    """Goes to a field with tab, and types over what is there."""
    field = fields(shown)[name]
    while shown.focused is not field.input or field.input is None:
        before = shown.focused
        await pilot.press("tab")
        await settled(pilot, lambda before=before: shown.focused is not before)
    await pilot.press(*["backspace"] * len(field.value), *text)
    await settled(pilot, lambda: field.value == text)


def sent(bridge: Double) -> list[dict[str, Any]]:
    asked = [more for call, more in bridge.answers.asked if call == "action" and more["name"] == "endpoint invoke"]
    return [json.loads(one["arguments"]["data"])["dataframe_records"][0] for one in asked]


async def test_a_row_is_filled_in_from_the_sample_sent_and_answered(
    studio: Studio, bridge: Double, settled: Settled
) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        shown = await asking(pilot, studio, settled)
        assert {name: one.value for name, one in fields(shown).items()} == {
            "carrier": "UA", "origin": "", "dest": "", "hour": "17", "distance": "812", "temp": "39.02",
            "wind_speed": "", "flight_date": "",
        }  # fmt: skip
        await typed(pilot, settled, shown, "hour", "8")
        await typed(pilot, settled, shown, "flight_date", "2026-11-25")
        await pilot.press("ctrl+s")
        await settled(pilot, lambda: shown.answered)
        assert sent(bridge) == [
            {
                "carrier": "UA", "origin": None, "dest": None, "hour": 8, "distance": 812, "temp": 39.02,
                "wind_speed": None, "flight_date": "2026-11-25",
            }
        ]  # fmt: skip
        await settled(pilot, lambda: "2.31 ms, main" in shown.answer.plain)
        assert "yes" in shown.answer.plain and "73.0%" in shown.answer.plain
        assert studio.screen is shown, "it stays open for the next row"
        await typed(pilot, settled, shown, "hour", "9")
        await settled(pilot, lambda: "of the row before" in shown.answer.plain)


async def test_what_is_no_such_value_is_said_at_its_field_and_not_sent(
    studio: Studio, bridge: Double, settled: Settled
) -> None:
    async with studio.run_test(size=(80, 24)) as pilot:
        await opened(pilot, studio, settled)
        shown = await asking(pilot, studio, settled)
        await typed(pilot, settled, shown, "hour", "noon")
        await pilot.press("ctrl+s")
        await settled(pilot, lambda: fields(shown)["hour"].wrong == "must be a whole number" and not shown.running)
        assert sent(bridge) == []


async def test_rows_that_were_sent_are_at_hand_the_next_time_and_are_few(
    studio: Studio, bridge: Double, settled: Settled
) -> None:
    studio.kept.rows["delays"] = [{"hour": str(number)} for number in range(REMEMBERED)]
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        shown = await asking(pilot, studio, settled)
        await pilot.press("pageup")
        await settled(pilot, lambda: fields(shown)["hour"].value == str(REMEMBERED - 1))
        assert fields(shown)["carrier"].value == "" and f"row 1 of the last {REMEMBERED}" in shown.said
        await pilot.press("pageup")
        await settled(pilot, lambda: fields(shown)["hour"].value == str(REMEMBERED - 2))
        await pilot.press("ctrl+s")
        newest = {"hour": str(REMEMBERED - 2)}
        await settled(pilot, lambda: Memory(studio.root).read().rows.get("delays", [{}])[-1] == newest)
    kept = Memory(studio.root).read().rows["delays"]
    assert len(kept) == REMEMBERED
    assert [one["hour"] for one in kept].count(str(REMEMBERED - 2)) == 1


async def test_a_refusal_is_shown_and_the_row_stays(studio: Studio, bridge: Double, settled: Settled) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        shown = await asking(pilot, studio, settled)
        bridge.answers.errors["action"] = errors.BadInput("the column hour has no value", where="endpoint delays")
        await pilot.press("ctrl+s")
        await settled(pilot, lambda: isinstance(studio.screen, Panel))
        await pilot.press("escape")
        await settled(pilot, lambda: studio.screen is shown and not shown.running)
        assert fields(shown)["hour"].value == "17" and studio.kept.rows == {}


async def test_a_slow_mount_shows_a_frame_until_the_columns_are_there_and_esc_leaves(
    studio: Studio, bridge: Double, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: Future[Any] = Future()
    answer = bridge.ask

    def ask(call: str, **more: Any) -> Any:
        return asked if call == "takes" else answer(call, **more)

    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        monkeypatch.setattr(bridge, "ask", ask)
        await pilot.press("i")
        await settled(pilot, lambda: isinstance(studio.screen, Opening))
        await pilot.press("escape")
        await settled(pilot, lambda: studio.screen is studio.main)
        asked.set_result(bridge.answers.on_takes("delays"))
        await pilot.press("j")
        await settled(pilot, lambda: (studio.main.table.cursor_record() or {}).get("name") == "trial")
        assert studio.screen is studio.main, "who has left is not called back"


async def test_a_request_is_copied_and_shown_as_curl_boto3_and_python(
    studio: Studio, bridge: Double, settled: Settled
) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        shown = await asking(pilot, studio, settled)
        for key, word in (("c", "curl -s http://127.0.0.1:41207/invocations"), ("b", "boto3.client"), ("p", "urllib")):
            await pilot.press("f2")
            await settled(pilot, lambda: isinstance(studio.screen, Menu))
            await pilot.press(key)
            await settled(pilot, lambda: isinstance(studio.screen, PlainView))
            assert word in studio.clipboard and '"hour": 17' in studio.clipboard
            await pilot.press("escape")
            await settled(pilot, lambda: studio.screen is shown)


def test_what_is_copied_runs_as_it_stands() -> None:
    import ast
    import shlex

    body = json.dumps({"dataframe_records": [{"name": 'it\'s "x"\n$(rm) 日本'}]})
    for record in (endpoints()[0], endpoints()[1]):
        found = dict(calling.snippets(record, body))
        assert shlex.split(found["curl"])[-1] == shlex.split(found["Cupola"])[-1] == body
        for name in ("boto3", "Python"):
            assigned = {
                one.targets[0].id: one.value  # type: ignore[attr-defined]
                for one in ast.parse(found[name]).body
                if isinstance(one, ast.Assign)
            }
            assert ast.literal_eval(assigned["rows"]) == body


def test_values_are_read_as_the_columns_of_the_model_say() -> None:
    columns = [
        {"name": "n", "type": "integer"}, {"name": "x", "type": "number"}, {"name": "b", "type": "boolean"},
        {"name": "c", "type": "category", "categories": ["UA", 7, True, None]}, {"name": "t", "type": "text"},
    ]  # fmt: skip
    good = {"n": "-3", "x": "1e3", "b": "no", "c": "7", "t": " a "}
    assert calling.row(columns, good) == ({"n": -3, "x": 1000.0, "b": False, "c": 7, "t": "a"}, {})
    assert calling.row(columns, {"c": "yes"})[0] == {"n": None, "x": None, "b": None, "c": True, "t": None}
    row, wrong = calling.row(columns, {"n": "1.5", "x": "nan", "b": "maybe", "c": "new"})
    assert set(wrong) == {"n", "x", "b"} and row == {"c": "new", "t": None}
    for value in (3, 2.5, True, "x", None, 7.0, " 7"):
        assert calling.row([{"name": "v", "type": "category", "categories": [value]}], {"v": calling.typed(value)}) == (
            {"v": value},
            {},
        )


# Changing it.


async def test_figures_move_without_a_key(studio: Studio, bridge: Double, settled: Settled) -> None:
    def row() -> str:
        record = studio.main.table.cursor_record()
        return cells(record)["rps"] if record else ""

    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        before = row()
        bridge.answers.lists["endpoints"] = [canary(), endpoints()[1]]
        bridge.listen({"changed": [{"kind": "endpoint", "ref": "delays", "revision": 2}]})
        await settled(pilot, lambda: (studio.main.table.cursor_record() or {}).get("rollout"))
        assert row() == before, "the same traffic, the same figure"
        later = canary()
        later["traffic"]["series"] = [[NOON - 1, 900, 2.0, 3.0, 0]]
        bridge.answers.lists["endpoints"] = [later, endpoints()[1]]
        bridge.listen({"changed": [{"kind": "endpoint", "ref": "delays", "revision": 3}]})
        await settled(pilot, lambda: row() == "90.0")
        assert "change" in [one.key for one in studio.main.table.view.columns]


async def test_r_rolls_back_once_the_name_is_typed(studio: Studio, bridge: Double, settled: Settled) -> None:
    asked = {"name": verbs.ROLL_BACK, "arguments": {"endpoint": "delays"}}
    bridge.answers.lists["endpoints"][0] = canary()
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        await pilot.press("R")
        await settled(pilot, lambda: isinstance(studio.screen, Question))
        assert "delays@2 gets all requests again, delays@3 none." in studio.screen.sheet.plain  # type: ignore[attr-defined]
        await pilot.press("enter")
        await settled(pilot, lambda: studio.screen is studio.main)
        assert ("action", asked) not in bridge.answers.asked, "enter stands on no"
        await pilot.press("R")
        await settled(pilot, lambda: isinstance(studio.screen, Question))
        await pilot.press(*"delays")
        await settled(pilot, lambda: ("action", asked) in bridge.answers.asked)


async def test_b_opens_the_form_of_a_load_test(studio: Studio, settled: Settled) -> None:
    async with studio.run_test(size=(120, 40)) as pilot:
        await opened(pilot, studio, settled)
        await pilot.press("b")
        await settled(pilot, lambda: isinstance(studio.screen, Form))
        shown = studio.screen
        assert isinstance(shown, Form)
        assert shown.form["name"] == "endpoint bench" and shown.values() == {"endpoint": "delays", "p99": "50.0"}


@pytest.mark.parametrize("status", ["InService", "Updating", "RollingBack", "UpdateRollbackFailed"])
def test_whatever_answers_can_be_asked_and_is_followed(status: str, bridge: Double) -> None:
    one = canary() | {"status": status}
    lists = Lists(bridge, lambda kind: None)  # type: ignore[arg-type]
    lists.records["endpoints"] = [one, endpoints()[1]]
    assert verbs.why_not("endpoint invoke", [one]) == "" and lists.serving() == [one]
    assert "Failed" in verbs.why_not("endpoint invoke", [endpoints()[1]])


def test_why_there_is_nothing_to_roll_back() -> None:
    assert "nothing has changed" in verbs.why_not(verbs.ROLL_BACK, [endpoints()[0]])
    assert "already" in verbs.why_not(verbs.ROLL_BACK, [shadowed()])
    assert verbs.why_not(verbs.ROLL_BACK, [canary()]) == ""
    done = canary() | {"rollout": canary()["rollout"] | {"status": "Completed", "ended": stamp(3)}}
    assert verbs.why_not(verbs.ROLL_BACK, [done]) == ""
