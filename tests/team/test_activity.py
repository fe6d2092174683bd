"""The activity feed: told by the records themselves, in one order for all, and without the feed."""

import shutil

import msgspec
import pytest
from tests.team.conftest import JOB, Become

from cupola.errors import BadOption, NotFound
from cupola.jobs.attempts import AttemptEnd
from cupola.jobs.wish import Asked
from cupola.store import files, names, records
from cupola.team import activity
from cupola.team.deeds import Act
from cupola.workspace import Workspace


def short(acts: list[Act]) -> list[tuple[str, str, str, str]]:
    return [(one.user, one.verb, one.kind, one.ref) for one in acts]


MADE = [
    ("ana", "registered", "model", "churn@1-wxyz"),
    ("raj", "submitted", "job", JOB),
    ("ana", "completed", "run", "run0000001"),
    ("ana", "trained", "run", "run0000001"),
    ("ana", "imported", "dataset", "flights@1-abcd"),
]


def test_records_tell_who_made_them_newest_first_and_without_the_feed(ws: Workspace) -> None:
    shutil.rmtree(ws.root / ".cupola" / "feed")
    acts = ws.action("activity")
    assert short(acts) == MADE
    assert {one.name for one in acts if one.kind in ("run", "job")} == {"brave-otter-1", "sleeper"}
    assert ws.action("activity", ref="brave-otter-1")[0].name == "brave-otter-1"
    assert [one.text for one in acts] == [
        "from run run0000001", "sleeper: sleep 600", "mae 0.25", "brave-otter-1: Ridge on flights@1-abcd",
        "24,000 rows from flights.csv",
    ]  # fmt: skip


def test_what_people_say_and_decide_is_there_with_who(ws: Workspace, become: Become) -> None:
    become("raj").action("comment", ref="churn@1", text="not yet, @ana")
    become("eve").action("model reject", model="churn@1", note="leaks")
    become("ana").action("model alias", model="churn@1", alias="champion")
    become("ana").action("model approve", model="churn@1", note="mended")
    become("ana").action("tag", ref="run0000001", tags=["+good"])
    done = ws.action("activity", limit=5)
    assert short(done) == [
        ("ana", "tagged", "run", "run0000001"),
        ("ana", "approved", "model", "churn@1-wxyz"),
        ("ana", "aliased", "model", "churn@1-wxyz"),
        ("eve", "rejected", "model", "churn@1-wxyz"),
        ("raj", "commented", "model", "churn@1-wxyz"),
    ]
    assert [one.text for one in done] == ["good", "mended", "champion", "leaks", "not yet, @ana"]
    assert short(ws.action("activity", ref="churn", user="eve")) == [("eve", "rejected", "model", "churn@1-wxyz")]
    assert len(ws.action("activity", ref="churn@1")) == 5
    assert [one.text for one in become("ana").action("activity", mentions=True)] == ["not yet, @ana"]
    assert become("raj").action("activity", mentions=True) == []


def test_what_no_record_says_is_written_down_where_every_door_goes_through(ws: Workspace, become: Become) -> None:
    raj = become("raj")
    raj.action("run rm", run="run0000001", dry_run=True)
    token = raj.action("run rm", run="run0000001").trash
    assert short(ws.action("activity", ref="run0000001")) == [("raj", "removed", "run", "run0000001")]
    raj.action("run restore", trash=token)
    raj.action("endpoint rm", endpoint="late")
    raj.action("model rm", model="churn@1")
    assert short(ws.action("activity", limit=3)) == [
        ("raj", "removed", "model", "churn@1-wxyz"),
        ("raj", "removed", "endpoint", "late"),
        ("raj", "restored", "run", "run0000001"),
    ]
    assert ws.action("activity", limit=1)[0].text == "cupola model rm churn@1"
    assert short(ws.action("activity", ref="churn")) == [("raj", "removed", "model", "churn@1-wxyz")]
    with pytest.raises(NotFound):
        ws.action("activity", ref="neverwas")


def test_a_failed_action_is_not_told_and_a_full_disk_does_not_undo_one(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotFound):
        ws.action("run rm", run="nothing")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(activity.journals, "append", full)
    ws.action("run rm", run="run0000001")
    assert all(one.verb != "removed" for one in ws.action("activity"))


def test_a_job_that_somebody_else_stopped_was_stopped_by_them(ws: Workspace) -> None:
    directory = f"jobs/2026-11/{JOB}/attempts/1"
    stop = Asked(user="eve", host="box", time="2026-11-03T11:00:00.000000Z", reason="too long")
    files.write_bytes(ws.store, f"{directory}/stop.json", msgspec.json.encode(stop))
    end = AttemptEnd(
        attempt=1, status="Stopped", secondary_status="Stopped", cause="stopped", ended="2026-11-03T11:00:01.000000Z"
    )
    records.create(ws.store, f"{directory}/result.json", end, kind="job", ref=JOB)
    assert short(ws.action("activity", ref=JOB)) == [("eve", "stopped", "job", JOB), ("raj", "submitted", "job", JOB)]


def test_the_order_does_not_depend_on_who_reads(ws: Workspace, become: Become) -> None:
    for user in ("ana", "raj"):
        become(user).action("tag", ref="late", tags=[f"+{user}", "+both"] if user == "ana" else ["+raj"])
    one, other = become("eve").action("activity"), become("bob").action("activity")
    assert one == other
    assert [each.time for each in one] == sorted((each.time for each in one), reverse=True)


def test_strange_lines_and_broken_records_hide_nothing(ws: Workspace) -> None:
    path = ws.root / ".cupola" / "notes" / "activity" / "box-eve-x.jsonl"
    path.parent.mkdir(parents=True)
    odd = '{"op": "did", "value": 7, "ref": [1], "time": "2026-11-09T00:00:00.000000Z"}'
    path.write_text(odd + '\nnot json\n{"op": "x"}\n')
    (ws.root / "experiments" / "default" / "run0000001" / "run.json").write_text("{")
    shown = short(ws.action("activity"))
    assert ("raj", "submitted", "job", JOB) in shown
    assert ("", "", "", "[1]") in shown


def test_wrong_limits_are_said(ws: Workspace) -> None:
    with pytest.raises(BadOption, match="--limit"):
        ws.action("activity", limit=0)
    assert names.who()
