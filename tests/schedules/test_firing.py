"""Firing with a clock that the test moves: what is started, what is left out, and what is written down of it."""

import os
from collections.abc import Callable
from itertools import count

import msgspec
import pytest
from tests.schedules.conftest import START, Clock, end

from cupola import actions
from cupola.errors import BadOption, Refused
from cupola.jobs import records as jobs
from cupola.registry import records as models
from cupola.schedules import firing, moments, records
from cupola.schedules.records import Firing
from cupola.serving.status import Alarm, EndpointStatus
from cupola.store import claims, files, names
from cupola.store import records as stored
from cupola.workspace import Workspace

At = Callable[..., list[Firing]]
Add = Callable[..., None]


def told(firings: list[Firing]) -> list[tuple[str, str, int]]:
    return [(one.due[11:16], one.status, one.missed) for one in firings]


def test_a_firing_files_its_job_once_and_says_when_it_was_due(ws: Workspace, add: Add, at: At) -> None:
    add(cron="0 * * * *")
    assert at(3599) == []
    [first] = at(3600.25)
    assert (first.status, first.kind, first.due, first.seconds) == ("Started", "job", "2026-01-01T01:00:00Z", 0.25)
    assert (first.user, first.host) == names.who()
    assert jobs.find(ws.store, first.started).command == ["echo", "2026-01-01T01:00:00Z", ""]
    assert at(3601) == at(3700) == [first]
    assert [job.id for job in jobs.ls(ws.store)] == [first.started]


@pytest.mark.parametrize(
    ("misfire", "expected"),
    [
        ("once", [("05:00", "Started", 5)]),
        ("skip", [("05:00", "Missed", 5)]),
        ("all", [("01:00", "Started", 0)]),
    ],
)
def test_firings_that_were_missed_go_by_the_setting(
    ws: Workspace, add: Add, at: At, misfire: str, expected: list[tuple[str, str, int]]
) -> None:
    add(cron="0 * * * *", misfire=misfire)
    found = at(5 * 3600 + 1200)
    assert told(found) == expected
    if misfire != "all":
        return
    assert ws.action("schedule show", schedule="s").waiting == 4
    for hour in range(2, 6):  # one after the other
        end(ws.store, found[-1].started)
        found = at(5 * 3600 + 1200 + hour)
        assert told(found)[-1] == (f"0{hour}:00", "Started", 0)
    assert len(jobs.ls(ws.store)) == 5


def test_a_firing_is_left_out_while_what_was_started_before_still_runs(ws: Workspace, add: Add, at: At) -> None:
    add(every="1m")
    at(60)
    skipped = at(120)[-1]
    assert (skipped.status, skipped.started) == ("Skipped", "")
    job = at(120)[0].started
    assert skipped.reason == f"job {job}, which it had started before, still ran"
    end(ws.store, job)
    assert [one.status for one in at(180)] == ["Started", "Skipped", "Started"]


def test_a_firing_waits_where_that_is_wanted_and_those_beyond_it_are_left_out(ws: Workspace, add: Add, at: At) -> None:
    add(every="1m", overlap="queue")
    first = at(60)[0]
    assert told(at(120)) == [("00:01", "Started", 0)]
    assert ws.action("schedule show", schedule="s").waiting == 1
    end(ws.store, first.started)
    assert told(at(125)) == [("00:01", "Started", 0), ("00:02", "Started", 0)]


def test_of_several_that_would_wait_one_waits(ws: Workspace, add: Add, at: At) -> None:
    add(every="1m", overlap="queue")
    at(60)
    at(120)
    found = at(180)
    assert told(found)[:2] == [("00:01", "Started", 0), ("00:02", "Skipped", 0)]
    assert "another waits for it" in found[1].reason


def test_with_allow_a_firing_waits_for_nobody(ws: Workspace, add: Add, at: At) -> None:
    add(every="1m", overlap="allow")
    at(60)
    assert [one.status for one in at(120)] == ["Started", "Started"]


def test_a_clock_that_jumps_forward_and_back_fires_nothing_twice(ws: Workspace, add: Add, at: At) -> None:
    add(cron="0 * * * *", overlap="allow")
    at(3600)
    at(50 * 3600 + 10)  # the clock was wrong by two days
    assert len(at(2 * 3600 - 1)) == 2
    found = at(2 * 3600)
    assert sorted(one.due for one in found) == [moments.iso(START + hour * 3600) for hour in (1, 2, 50)]
    assert len({one.started for one in found}) == 3
    at(51 * 3600)
    assert len(at(50 * 3600)) == 4, "the hour that comes again fires nothing"


def test_what_fails_is_written_down_and_the_next_is_tried(ws: Workspace, at: At) -> None:
    command = ["train", "--dataset", "missing", "--estimator", "DummyClassifier"]
    ws.action("schedule add", command=command, name="s", every="1m")
    [found] = at(60)
    assert found.status == "Failed"
    assert "missing" in found.reason
    assert [one.status for one in at(120)] == ["Failed", "Failed"]


def test_a_paused_schedule_fires_nothing_and_what_came_meanwhile_is_left_out(
    ws: Workspace, add: Add, at: At, clock: Clock
) -> None:
    add(every="1m", on=["dataset:d"])
    ws.action("schedule pause", schedule="s")
    files.make_dir(ws.store, "datasets/d/1-aaaa")
    assert at(600) == []
    assert ws.action("schedule show", schedule="s").next == []
    ws.action("schedule resume", schedule="s")
    assert at(610) == []
    assert told(at(660)) == [("00:11", "Started", 0)]


def test_a_new_version_of_a_dataset_fires_and_is_named(ws: Workspace, add: Add, at: At) -> None:
    files.make_dir(ws.store, "datasets/flights/1-aaaa")
    add(on=["dataset:flights"])
    assert at(10) == []
    files.make_dir(ws.store, "datasets/flights/2-bbbb")
    [found] = at(20)
    assert (found.cause, found.ref, found.status) == ("dataset:flights", "flights@2-bbbb", "Started")
    assert jobs.find(ws.store, found.started).command[-1] == "flights@2-bbbb"
    assert at(30) == [found]


def test_an_approval_fires_and_another_of_the_same_version_too(ws: Workspace, add: Add, at: At) -> None:
    version = models.ModelVersion(
        id="aaaa", name="churn", version=1, run="", sha256="", files={}, signature=models.Signature(columns=[]),
        storage="", user="ana", host="h", registered=names.now(),
    )  # fmt: skip
    stored.write(ws.store, f"{version.directory}/version.json", version, kind="model", ref="churn@1")
    add(on=["approval:churn"], overlap="allow")
    assert at(10) == []
    for status in (models.APPROVED, "Rejected", models.APPROVED):
        said = {"status": status, "note": "", "user": "ana", "host": "h"}
        models.say(ws.store, version, said)
        found = at(20)
    assert [one.ref for one in found] == ["churn@1-aaaa"] * 2
    assert [one.key for one in found] == ["approval-churn-1-aaaa.1", "approval-churn-1-aaaa.2"]


def test_a_violation_fires_when_an_alarm_begins(ws: Workspace, add: Add, at: At) -> None:
    add(on=["violation:shop"], overlap="allow")
    found = []
    for number, word in enumerate(["OK", "ALARM", "ALARM", "OK", "ALARM"]):
        status = EndpointStatus(name="shop", status="InService", host="h", user="ana")
        status.alarms = [Alarm(alarm="drift > 0.2", status=word, value=0.3)]
        stored.write(ws.store, "endpoints/shop/status.json", status, kind="endpoint", ref="shop")
        found = at(10 * number)
    assert [(one.key, one.ref, one.due[14:19]) for one in found] == [
        ("violation-shop-1", "drift > 0.2", "00:10"),
        ("violation-shop-2", "drift > 0.2", "00:40"),
    ]


def test_a_file_fires_once_it_is_whole_and_again_when_it_changes(ws: Workspace, add: Add, at: At) -> None:
    add(on=["file:incoming/day.csv"], overlap="allow")
    path = ws.root / "incoming" / "day.csv"
    path.parent.mkdir()
    for seconds, text in ((100, "a"), (200, "ab")):
        path.write_text(text)
        os.utime(path, (START + seconds, START + seconds))
        before = len(at(seconds + 1))
        assert len(at(seconds + 3)) == before + 1
    assert [one.ref for one in at(300)] == ["incoming/day.csv"] * 2


def test_a_schedule_that_somebody_else_has_edited_fires_nothing_until_its_user_confirms_it(
    ws: Workspace, add: Add, at: At
) -> None:
    add(every="1m")
    path = ws.root / records.wish_path("s")
    path.write_text(path.read_text().replace('"echo"', '"evil"'))
    assert at(60) == []
    shown = ws.action("schedule show", schedule="s")
    assert (shown.status, shown.next) == ("Pending", [])
    assert "schedule confirm s" in shown.reason
    for verb in ("set", "resume", "fire"):
        with pytest.raises(Refused, match="is not what"):
            ws.action(f"schedule {verb}", schedule="s")
    ws.action("schedule confirm", schedule="s")
    assert [one.status for one in at(120)] == ["Started"]
    assert jobs.ls(ws.store)[0].command[0] == "evil"


def test_code_that_has_changed_since_it_was_signed_is_not_run(ws: Workspace, at: At) -> None:
    (ws.root / "src").mkdir()
    (ws.root / "src" / "mine.py").write_text("a = 1\n")
    command = ["job", "submit", "--cpus", "0", "--", "true"]
    ws.action("schedule add", command=command, name="s", every="1m")
    ws.action("schedule add", command=command, name="live", every="1m", live=True)
    (ws.root / "src" / "mine.py").write_text("a = 2\n")
    [found] = at(60)
    assert found.status == "Failed"
    assert found.reason.startswith("src is not as it was when")
    assert [one.status for one in at(60, "live")] == ["Started"]
    ws.action("schedule confirm", schedule="s")
    assert [one.status for one in at(120)] == ["Failed", "Started"]


def test_a_firing_by_hand_is_one_more_and_changes_nothing_of_when_the_next_is_due(
    ws: Workspace, add: Add, at: At
) -> None:
    add(every="1m")
    found = ws.action("schedule fire", schedule="s")
    assert (found.cause, found.status) == ("by hand", "Started")
    assert sorted(one.cause for one in at(60)) == ["by hand", "time"]


def test_who_is_at_it_is_not_disturbed(ws: Workspace, add: Add, at: At) -> None:
    add(every="1m")
    held = claims.take(ws.store, records.claim_name("s"))
    assert held is not None
    assert at(60) == []
    claims.release(ws.store, held)
    assert len(at(61)) == 1


def test_only_the_newest_firings_stay_on_the_disk(
    ws: Workspace, add: Add, at: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(firing, "KEPT", 4)
    add(every="1m", overlap="allow")
    most = max(len(at(60 * number)) for number in range(1, 20))
    assert most <= 7
    assert at(19 * 60)[-1].due == moments.iso(START + 19 * 60)


def test_what_cannot_be_is_refused_in_a_sentence(ws: Workspace, clock: Clock) -> None:
    job = ["job", "submit", "--", "true"]
    wrong: list[tuple[dict[str, object], str]] = [
        ({}, "when is it to be fired"),
        ({"cron": "0 3 * *"}, "5 fields, not 4"),
        ({"cron": "0 3 * * *", "zone": "Mars/Base"}, "no time zone"),
        ({"cron": "0 3 * * *", "every": "5m"}, "not several"),
        ({"every": "0.1s"}, "too short"),
        ({"every": "soon"}, "takes a duration"),
        ({"at": "tomorrow"}, "is not a moment"),
        ({"at": "2025-12-31T00:00"}, "has passed"),
        ({"on": ["dataset"]}, "is no trigger"),
        ({"on": ["weather:rain"]}, "is no trigger"),
        ({"on": ["file:../x"]}, "not a file of the workspace"),
        ({"on": ["file:/etc/passwd"]}, "not a file of the workspace"),
        ({"every": "1m", "misfire": "never"}, "no misfire"),
        ({"every": "1m", "command": ["job", "ls"]}, "starts no work"),
        ({"every": "1m", "command": ["nothing"]}, "nothing that can be run"),
        ({"every": "1m", "command": ["train", "--dataset", "d", "--speed", "9"]}, "no option --speed"),
    ]
    numbers = count()
    for given, says in wrong:
        with pytest.raises(BadOption, match=says):
            ws.action("schedule add", **({"command": job, "name": f"n{next(numbers)}"} | given))
    assert ws.action("schedule ls") == []
    ws.action("schedule add", command=job, name="s", every="1m")
    with pytest.raises(BadOption, match="there is a schedule 's' already"):
        ws.action("schedule add", command=job, name="s", every="1m")


def test_a_schedule_file_that_cannot_be_read_says_so_among_the_others(ws: Workspace, add: Add, at: At) -> None:
    add("good", every="1m")
    add("torn", every="1m")
    add("odd", every="1m")
    (ws.root / records.wish_path("torn")).write_text("name = [")
    path = ws.root / records.wish_path("odd")
    path.write_text(path.read_text().replace('every = "1m"', 'every = "never"'))
    found = {one.name: one for one in ws.action("schedule ls")}
    assert [found[name].status for name in ("good", "torn", "odd")] == ["Active", "Failed", "Failed"]
    assert "schedule.toml: line 1" in found["torn"].reason
    assert len(at(60, "good")) == 1


def test_removed_and_restored(ws: Workspace, add: Add, at: At) -> None:
    add(every="1m")
    at(60)
    trash = ws.action("schedule rm", schedule="s").trash
    assert ws.action("schedule ls") == []
    assert at(120, "s") == []
    ws.action("schedule restore", trash=trash)
    assert len(at(130)) == 1
    assert ws.action("schedule show", schedule="s").next[0] == "2026-01-01T00:03:00Z"


def test_a_dry_run_says_when_and_makes_nothing(ws: Workspace) -> None:
    command = ["job", "submit", "--", "true"]
    shown = ws.action("schedule add", command=command, name="s", cron="30 2 * * *", zone="Europe/Berlin", dry_run=True)
    assert shown.next[:2] == ["2026-01-01T01:30:00Z", "2026-01-02T01:30:00Z"]
    assert ws.action("schedule ls") == []
    assert msgspec.to_builtins(shown)["runs"] == "cupola job submit true"


def test_a_form_is_told_what_is_wrong_with_a_time_as_it_is_typed(ws: Workspace) -> None:
    check = actions.find("pipeline schedule").check
    assert check is not None
    given = {"cron": "0 3 * *", "zone": "Mars", "every": "soon", "at": "then", "on": ["dataset:d", "weather"]}
    assert sorted(check(ws, given)) == ["at", "cron", "every", "on", "zone"]
    assert check(ws, {"cron": "@daily", "zone": "Europe/Berlin", "on": ["approval:m"], "pipeline": "p"}) == {}


def test_it_is_said_where_no_agent_would_fire_it(ws: Workspace, add: Add) -> None:
    add(every="1m")
    assert "no agent runs on this host" in ws.action("schedule show", schedule="s").notes[0]
    add("there", every="1m", host="elsewhere")
    assert ws.action("schedule show", schedule="there").notes == []


def test_what_is_waited_for_and_is_not_there_yet_is_said(ws: Workspace) -> None:
    command, on = ["job", "submit", "--", "true"], ["dataset:nope", "approval:m", "violation:e", "file:in.csv"]
    shown = ws.action("schedule add", command=command, name="s", on=on, dry_run=True)
    said = [one for one in shown.notes if "waited for" in one]
    assert said == [
        f"there is no {one} yet: it is waited for" for one in ("dataset 'nope'", "model 'm'", "endpoint 'e'")
    ]
