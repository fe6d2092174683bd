"""The lists: what has changed is read again, and no more than that."""

import asyncio
from concurrent.futures import Future
from typing import Any

from tests.tui.conftest import Settled
from tests.tui.double import Double

from cupola_tui.lists import KINDS, Lists
from cupola_tui.studio import Studio
from cupola_tui.widgets.table import RecordTable


async def held(bridge: Double, changes: list[dict[str, object]]) -> tuple[Lists, list[tuple[str, dict[str, object]]]]:
    """The lists after these changes, and what was asked for their sake."""
    lists = Lists(bridge, lambda kind: None)
    for kind in ("runs", "jobs", "models"):
        lists.refresh(kind)
    while lists._tasks:
        await asyncio.sleep(0.01)
    bridge.answers.asked.clear()
    lists.changed(changes)
    while lists._tasks:
        await asyncio.sleep(0.01)
    return lists, bridge.answers.asked


async def test_a_changed_run_is_read_alone_and_stays_in_its_place(bridge: Double) -> None:
    idents = [one["id"] for one in bridge.answers.lists["runs"]]
    bridge.answers.lists["runs"][1]["status"] = "Failed"
    lists, asked = await held(bridge, [{"kind": "run", "ref": idents[1], "revision": 2}])
    assert asked == [("record", {"kind": "runs", "ref": idents[1]})]
    assert [one["id"] for one in lists.get("runs")] == idents and lists.get("runs")[1]["status"] == "Failed"


async def test_a_run_that_is_gone_goes(bridge: Double) -> None:
    lists = Lists(bridge, lambda kind: None)
    lists.refresh("runs")
    while lists._tasks:
        await asyncio.sleep(0.01)
    gone = bridge.answers.lists["runs"].pop(0)
    lists.changed([{"kind": "run", "ref": gone["id"], "revision": 0}])
    while lists._tasks:
        await asyncio.sleep(0.01)
    assert gone["id"] not in [one["id"] for one in lists.get("runs")]


async def test_with_a_job_its_run_is_read(bridge: Double) -> None:
    job = next(one for one in bridge.answers.lists["jobs"] if one.get("run"))
    _, asked = await held(bridge, [{"kind": "job", "ref": job["id"], "revision": 2}])
    assert [more["kind"] for call, more in asked if call == "record"] == ["jobs", "runs"]


async def test_many_changes_and_unknown_ones_are_read_as_lists(bridge: Double) -> None:
    _, asked = await held(bridge, [{"kind": "run", "ref": str(number), "revision": 2} for number in range(50)])
    assert ("records", {"kind": "runs"}) in asked
    _, asked = await held(bridge, [{"kind": "something new", "ref": "x", "revision": 2}])
    assert {more["kind"] for _, more in asked} == set(KINDS)


async def test_who_is_here_and_what_was_done_make_no_list_old(bridge: Double) -> None:
    _, asked = await held(bridge, [{"kind": "presence", "ref": "x", "revision": 2}])
    assert asked == []


async def test_an_edit_by_hand_makes_its_folder_old(bridge: Double) -> None:
    _, asked = await held(bridge, [{"kind": "file", "ref": "endpoints/late/endpoint.toml", "revision": 0}])
    assert asked == [("records", {"kind": "endpoints"})]


class Slow(Double):
    """Reads the list of runs only when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[tuple[Any, Future[Any]]] = []

    def ask(self, call: str, *, progress: Any = None, **arguments: Any) -> "Future[Any]":
        if call != "records" or arguments["kind"] != "runs":
            return super().ask(call, progress=progress, **arguments)
        self.waits.append((progress, Future()))
        return self.waits[-1][1]


async def test_a_long_list_shows_its_first_page_and_is_read_again_where_it_changed_meanwhile() -> None:
    bridge = Slow()
    runs = bridge.answers.lists["runs"]
    lists = Lists(bridge, lambda kind: None)
    lists.refresh("runs")
    await asyncio.sleep(0.01)
    [(progress, answer)] = bridge.waits
    progress({"read": 0, "of": len(runs)})
    progress({"read": 4, "of": len(runs), "page": runs[:3]})
    await asyncio.sleep(0.01)
    assert (lists.get("runs"), lists.reading["runs"]) == (runs[:3], (4, len(runs)))
    lists.changed([{"kind": "run", "ref": runs[0]["id"], "revision": 2}])
    answer.set_result(runs)
    while len(bridge.waits) < 2:
        await asyncio.sleep(0.01)
    assert (lists.get("runs"), lists.reading) == (runs, {})
    progress, answer = bridge.waits[1]
    progress({"read": 4, "of": len(runs), "page": runs[:3]})
    await asyncio.sleep(0.01)
    assert lists.get("runs") == runs  # what is known already is not cut back to a page
    answer.set_result(runs)
    while lists._tasks:
        await asyncio.sleep(0.01)


async def test_a_run_of_a_job_is_no_list_of_runs_while_that_is_still_read() -> None:
    bridge = Slow()
    lists = Lists(bridge, lambda kind: None)
    for kind in ("jobs", "runs"):
        lists.refresh(kind)
    while "jobs" not in lists.records:
        await asyncio.sleep(0.01)
    lists.follow(endpoints=False)
    while lists._looking:
        await asyncio.sleep(0.01)
    assert ("record", {"kind": "jobs", "ref": lists.open_jobs()[0]["id"]}) in bridge.answers.asked
    assert "runs" not in lists.records
    bridge.waits[0][1].set_result(bridge.answers.lists["runs"])
    while lists._tasks:
        await asyncio.sleep(0.01)
    assert lists.get("runs") == bridge.answers.lists["runs"]


async def test_the_table_says_how_much_of_a_long_list_is_read(settled: Settled) -> None:
    bridge = Slow()
    runs = bridge.answers.lists["runs"]
    app = Studio(bridge, "/srv/team/flights")
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: bridge.waits)
        progress, answer = bridge.waits[0]
        table = app.screen.query_one(RecordTable)
        progress({"read": 0, "of": 10_000})
        await settled(pilot, lambda: "reading ... 0 of 10,000 read" in table.busy)
        progress({"read": 4200, "of": 10_000, "page": runs[:3]})
        await settled(pilot, lambda: "4,200 of 10,000 read" in str(table.border_subtitle))
        await pilot.press("down", "down")
        answer.set_result(runs)
        await settled(pilot, lambda: "read" not in str(table.border_subtitle))
        assert len(table.view.rows.order) == len(runs)
        assert table.view.cursor == runs[2]["id"]


async def test_what_is_said_of_data_makes_the_lists_old_of_what_is_made_from_it(bridge: Double) -> None:
    _, asked = await held(bridge, [{"kind": "note", "ref": "dataset/flights@2-a2b2", "revision": 3}])
    assert {more["kind"] for _, more in asked} == {"datasets", "runs", "models", "endpoints"}
    _, asked = await held(bridge, [{"kind": "view", "ref": "good", "revision": 3}])
    assert asked == []
