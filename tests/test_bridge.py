"""The bridge as a screen uses it: a real process behind two pipes."""

import os
from pathlib import Path
from typing import Any

from tests.faults.sshfs import mounted
from tests.screen import Screen, bridge

from cupola import pages
from cupola.experiments.records import Run, path
from cupola.store import records
from cupola.team import notes
from cupola.workspace import Workspace


def ready(screen: Screen) -> dict[str, Any]:
    found: dict[str, Any] = screen.hears(lambda message: "ready" in message)["ready"]
    return found


def test_the_first_line_says_what_the_workspace_is(workspace: Workspace) -> None:
    with bridge(workspace.root) as screen:
        shown = ready(screen)
        assert shown["error"] is None
        assert shown["workspace"]["path"] == str(workspace.root)
        assert {"name", "readonly", "user", "host", "mount", "advice"} <= shown["workspace"].keys()


def test_a_directory_that_is_no_workspace_becomes_one(home: Path, tmp_path: Path) -> None:
    with bridge(tmp_path) as screen:
        shown = ready(screen)
        assert (shown["workspace"], shown["error"]["kind"]) == (None, "NotFound")
        assert screen.refuses("records", kind="runs")["kind"] == "NotFound"
        assert screen.ask("init", name="churn")["workspace"]["name"] == "churn"
        assert screen.ask("records", kind="runs") == []


def test_every_kind_of_record_is_listed(workspace: Workspace) -> None:
    with bridge(workspace.root) as screen:
        for kind in ("datasets", "runs", "jobs", "models", "endpoints"):
            assert screen.ask("records", kind=kind) == []
        assert screen.ask("records", kind="agent")[0]["status"] == "Stopped"
        assert screen.refuses("records", kind="toys")["kind"] == "BadOption"


def test_errors_cross_as_data_and_a_bug_does_not_end_the_bridge(workspace: Workspace) -> None:
    with bridge(workspace.root) as screen:
        assert screen.refuses("record", kind="runs", ref="nothing")["kind"] == "NotFound"
        assert screen.refuses("action", name="run show", arguments={"run": "x", "color": "y"})["kind"] == "BadOption"
        assert screen.refuses("dance")["kind"] == "BadOption"
        bug = screen.refuses("log", kind="job", ref="x", offset="zero")
        assert screen.refuses("complete", color="red")["kind"] == "Bug"
        assert bug["kind"] in ("Bug", "NotFound")
        assert screen.ask("records", kind="runs") == []


def test_a_line_that_is_no_request_is_answered_and_survived(workspace: Workspace) -> None:
    with bridge(workspace.root) as screen:
        assert screen.child.stdin
        screen.child.stdin.write(b"{not json\n\xff\xfe\n[1]\n")
        screen.child.stdin.flush()
        for _ in range(3):
            assert screen.hears(lambda message: "error" in message)["error"]["kind"] == "BadOption"
        assert screen.ask("records", kind="runs") == []


def test_readonly_refuses_what_writes(workspace: Workspace) -> None:
    with bridge(workspace.root, "--readonly") as screen:
        assert ready(screen)["workspace"]["readonly"] is True
        error = screen.refuses("action", name="job submit", arguments={"command": ["true"]})
        assert error["kind"] == "ReadOnly"


def test_a_change_by_another_process_is_told(workspace: Workspace) -> None:
    from cupola.store import feed

    with bridge(workspace.root) as screen:
        screen.hears(lambda message: "ready" in message)
        screen.hears(lambda message: message.get("trouble", 0) is None)
        feed.announce(workspace.store, "run", "abc", 7)
        told = screen.hears(lambda message: "changed" in message and message["changed"][0]["kind"] == "run")
        assert told["changed"][0] | {"path": ""} == {"kind": "run", "ref": "abc", "revision": 7, "path": ""}


def test_a_file_that_was_edited_by_hand_is_told(workspace: Workspace) -> None:
    with bridge(workspace.root) as screen:
        screen.hears(lambda message: message.get("trouble", 0) is None)
        settings = workspace.root / "workspace.toml"
        settings.write_text(settings.read_text().replace('description = ""', 'description = "by hand"'))
        told = screen.hears(lambda message: "changed" in message)  # and of nothing else
        assert ("file", "workspace.toml") in [(one["kind"], one["ref"]) for one in told["changed"]]


def test_forms_say_what_an_action_takes_and_what_does_not_fit(workspace: Workspace) -> None:
    with bridge(workspace.root) as screen:
        form = screen.ask("describe", name="job submit")
        fields = {field["name"]: field for field in form["fields"]}
        assert (fields["cpus"]["kind"], fields["cpus"]["default"], fields["cpus"]["option"]) == ("integer", 1, "--cpus")
        assert (fields["metric"]["kind"], fields["live"]["kind"]) == ("pairs", "boolean")
        assert fields["command"]["required"] and fields["command"]["positional"] and fields["command"]["repeated"]
        assert screen.ask("check", name="job submit", arguments={"cpus": "two"}).keys() == {"cpus", "command"}
        typed = {"command": "python train.py --epochs 3", "cpus": "2", "metric": "'loss=loss (.*)'"}
        assert screen.ask("check", name="job submit", arguments=typed) == {}
        shown = screen.ask("command", name="job submit", arguments=typed)
        assert shown == "cupola job submit --cpus 2 --metric 'loss=loss (.*)' -- python train.py --epochs 3"
        names = {one["name"] for one in screen.ask("actions")}
        assert {"dataset import", "train", "endpoint deploy"} <= names


def test_a_log_is_read_in_pieces_and_never_within_a_character(workspace: Workspace) -> None:
    log = workspace.root / "endpoints" / "e" / "log.txt"
    log.parent.mkdir(parents=True)
    log.write_bytes("aé€z\n".encode() + b"\xff!")
    with bridge(workspace.root) as screen:
        pieces, offset = [], 0
        while True:
            piece = screen.ask("log", kind="endpoint", ref="e", offset=offset, limit=4)
            if not piece["text"]:
                break
            pieces.append(piece["text"])
            offset = piece["next"]
        assert "".join(pieces) == "aé€z\n\N{REPLACEMENT CHARACTER}!"
        assert offset == piece["size"] == log.stat().st_size
        assert screen.ask("log", kind="endpoint", ref="e", offset=-2)["text"] == "\N{REPLACEMENT CHARACTER}!"


def test_names_complete(workspace: Workspace) -> None:
    for name in ("churn", "chart", "other"):
        (workspace.root / "endpoints" / name).mkdir(parents=True)
    with bridge(workspace.root) as screen:
        assert screen.ask("complete", kind="endpoint", prefix="ch") == ["chart", "churn"]
        assert screen.ask("complete", kind="nothing", prefix="") == []


def test_how_busy_the_host_is(workspace: Workspace) -> None:
    with bridge(workspace.root) as screen:
        host = screen.ask("host")
        assert 0 < host["memory"]["used"] <= host["memory"]["total"]
        assert isinstance(host["gpus"], list)


def test_a_slow_question_does_not_hold_up_the_next(workspace: Workspace, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    program = """
import sys
from pathlib import Path
from cupola import bridge, calls
calls.CALLS["read"] = lambda ws, path: Path(path).read_text()
bridge.main(sys.argv[1:])
"""
    with bridge(workspace.root, program=["-c", program]) as screen:
        number = screen.send("read", path=str(pipe))
        assert screen.ask("records", kind="runs") == []
        pipe.write_text("at last")
        assert screen.answer(number)["result"] == "at last"


def test_a_long_list_shows_its_first_page_before_the_rest_is_there(workspace: Workspace) -> None:
    for number in range(3 * pages.PAGE):
        submitted = f"2026-11-29T10:00:00.{number:06}Z"
        run = Run(
            id=f"r{number}", name="n", experiment="e", status="Completed", user="ana", host="h", submitted=submitted
        )  # fmt: skip
        records.create(workspace.store, path(run), run, kind="run", ref=run.id)
    notes.say(workspace.store, "run", run.id, "comment", ["well done"])
    with bridge(workspace.root) as screen:
        found = screen.ask("records", kind="runs")
        told = [message["progress"] for message in screen.aside if "progress" in message]
        assert {one["of"] for one in told} == {len(found)} == {3 * pages.PAGE}
        assert sorted(one["read"] for one in told) == [one["read"] for one in told]
        [page] = [one["page"] for one in told if "page" in one]
        assert len(page) == pages.PAGE and page == sorted(page, key=lambda one: found.index(one))
        assert [len(one["comments"]) for one in found] == [1] + [0] * (len(found) - 1)


def test_a_mount_with_its_default_cache_is_known_by_its_lateness(home: Path) -> None:
    for options, late, mend in (("reconnect", 20.0, "dcache_timeout=1"), ("dcache_timeout=1", 1.0, None)):
        directory = home / options
        directory.mkdir()
        with mounted(directory, options) as mounts:
            Workspace.init(mounts.served)
            with bridge(mounts.a) as screen:
                shown = ready(screen)["workspace"]
                assert (shown["mount"], shown["late"], shown["mend"]) == ("sshfs", late, mend)


def test_a_name_on_the_disk_that_is_no_utf8_stops_no_answer(workspace: Workspace) -> None:
    (workspace.root / "endpoints" / "e\udcff").mkdir(parents=True)
    (workspace.root / "endpoints" / "e\udcff" / "endpoint.toml").write_text("")
    with bridge(workspace.root) as screen:
        (found,) = screen.ask("records", kind="endpoints")
    assert (found["name"], found["status"]) == ("e?", "Failed")
