"""The lists: what has changed is read again, and no more than that."""

import asyncio

from tests.tui.double import Double

from cupola_tui.lists import Lists


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
    assert {more["kind"] for _, more in asked} == {"datasets", "runs", "jobs", "models", "endpoints"}


async def test_who_is_here_and_what_was_done_make_no_list_old(bridge: Double) -> None:
    _, asked = await held(bridge, [{"kind": "presence", "ref": "x", "revision": 2}])
    assert asked == []


async def test_an_edit_by_hand_makes_its_folder_old(bridge: Double) -> None:
    _, asked = await held(bridge, [{"kind": "file", "ref": "endpoints/late/endpoint.toml", "revision": 0}])
    assert asked == [("records", {"kind": "endpoints"})]
