"""Comments and tags on every kind of record, through the action that every door uses."""

import json
import subprocess
import sys

import pytest
from tests.team.conftest import JOB, Become

import cupola
from cupola.errors import BadOption, NotFound, ReadOnly
from cupola.workspace import Workspace

RECORDS = ["flights", "flights@1", "run0000001", JOB, "churn", "churn@1", "late", "experiment:default"]
HOSTILE = "a\x1b[31mb\x1b]0;title\x07c\u202ed\x9be\r\nnext line \ufeff"


@pytest.mark.parametrize("ref", RECORDS)
def test_every_kind_of_record_takes_comments_and_tags(ws: Workspace, become: Become, ref: str) -> None:
    said = become("raj").action("comment", ref=ref, text="look, @ana")
    assert (said.user, said.host, said.text, said.mentions) == ("raj", "desk", "look, @ana", ["ana"])
    ana = become("ana", "box")
    ana.action("comment", ref=ref, text="seen")
    assert [(one.user, one.text) for one in ana.action("comment ls", ref=ref)] == [
        ("raj", "look, @ana"), ("ana", "seen")
    ]  # fmt: skip
    assert ana.action("tag", ref=ref, tags=["+good", "draft", "+draft"]).tags == ["good", "draft"]
    assert become("raj").action("tag", ref=ref, tags=["-draft", "+new"]).tags == ["good", "new"]
    assert [(one.ref, one.tags) for one in ws.action("tag ls")] == [(said.ref, ["good", "new"])]
    assert ws.action("tag ls", ref=ref)[0].kind == said.kind


def test_a_version_is_told_of_with_its_dataset_or_model_and_a_run_with_its_experiment(ws: Workspace) -> None:
    for ref in ("churn", "churn@1", "flights", "run0000001", "experiment:default"):
        ws.action("comment", ref=ref, text=f"on {ref}")

    def said(ref: str) -> list[str]:
        return [one.text for one in ws.action("comment ls", ref=ref)]

    assert said("churn") == said("churn@1") == ["on churn", "on churn@1"]
    assert said("flights@1") == ["on flights"]
    assert said("run0000001") == ["on run0000001", "on experiment:default"]
    assert said("experiment:default") == ["on experiment:default"]
    ws.action("tag", ref="churn", tags=["+core"])
    assert ws.action("tag", ref="churn@1", tags=["+first"]).tags == ["core", "first"]
    assert ws.action("tag ls", ref="churn")[0].tags == ["core"]
    assert ws.action("tag", ref="churn@1", tags=["-core"]).tags == ["first"]


def test_tags_show_in_what_is_shown_and_listed_of_each_kind(ws: Workspace) -> None:
    ws.action("dataset set", dataset="flights", tag=["given"])
    for ref in ("flights", "flights@1", "churn", "churn@1", "late", JOB, "run0000001"):
        ws.action("tag", ref=ref, tags=["+of-a-version" if "@" in ref else "+good"])
    shown = {"dataset": "flights", "model": "churn", "endpoint": "late", "job": JOB, "run": "run0000001"}
    tags = {kind: ws.action(f"{kind} show", **{kind: ref}).tags for kind, ref in shown.items()}
    assert tags == {
        "dataset": ["given", "good", "of-a-version"], "model": ["good", "of-a-version"], "endpoint": ["good"],
        "job": ["good"], "run": ["good"],
    }  # fmt: skip
    assert {kind: ws.action(f"{kind} ls")[0].tags for kind in shown} == tags
    assert ws.action("tag ls", ref="churn@1")[0].tags == tags["model"]
    assert ws.action("tag ls", ref="flights@1")[0].tags == tags["dataset"]


def test_tags_and_comments_of_runs_are_those_that_run_show_shows(ws: Workspace) -> None:
    ws.action("run tag", run="run0000001", tags=["first"])
    ws.action("tag", ref="run0000001", tags=["+second"])
    ws.action("comment", ref="run0000001", text="one")
    ws.action("run note", run="run0000001", text="two")
    shown = ws.action("run show", run="run0000001")
    assert shown.tags == ["first", "second"] == ws.action("tag ls", ref="run0000001")[0].tags
    assert [one.text for one in shown.comments] == ["one", "two"]


def test_tags_that_cannot_be_are_refused_and_none_is_set(ws: Workspace) -> None:
    wrong = (["-none"], ["+a", "-a"], [], ["+"], ["+a,b"], ["+ok", "-"], [f"+{one}" for one in range(101)])
    for tags in wrong:
        with pytest.raises(BadOption):
            ws.action("tag", ref="late", tags=tags)
    assert ws.action("tag ls") == []
    with pytest.raises(NotFound):
        ws.action("tag", ref="nothing", tags=["+a"])


def test_a_text_is_kept_as_given_and_reaches_no_terminal_as_such(ws: Workspace) -> None:
    assert ws.action("comment", ref="late", text=HOSTILE).text == HOSTILE
    assert ws.action("comment ls", ref="late")[0].text == HOSTILE
    for words in (["comment", "ls", "late"], ["activity", "--json"], ["comment", "ls", "late", "--json"]):
        command = [sys.executable, "-m", "cupola_tui", "-C", str(ws.root), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=180)
        assert not set("\x1b\x07\x9b\u202e\r") & set(done.stdout)
    assert json.loads(done.stdout)["text"] == HOSTILE


def test_the_commands_are_written_as_they_are_documented(ws: Workspace) -> None:
    def cupola_(*words: str) -> list[dict[str, object]]:
        command = [sys.executable, "-m", "cupola_tui", "-C", str(ws.root), *words, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=180)
        return [json.loads(line) for line in done.stdout.splitlines()]

    assert cupola_("tag", "churn@1", "+good", "+draft")[0]["tags"] == ["good", "draft"]
    assert cupola_("tag", "churn@1", "-draft")[0]["tags"] == ["good"]
    assert cupola_("comment", "churn@1", "fine")[0]["text"] == "fine"
    assert cupola_("comment", "ls", "churn@1")[0]["text"] == "fine"
    assert {"time", "user", "host", "verb", "kind", "ref", "text"} <= set(cupola_("activity", "churn")[0])
    assert cupola_("activity", "read") == [{"read": 0, "unread": 0}]


def test_python_has_both_the_verb_and_its_longer_one(ws: Workspace) -> None:
    mine = cupola.open(ws.root)
    mine.comment("late", "hello")
    assert [one.text for one in mine.comment.ls("late")] == ["hello"]
    assert mine.tag("late", "+a", "+b").tags == ["a", "b"]
    with pytest.raises(AttributeError):
        mine.comment.nothing  # noqa: B018


def test_read_only_says_nothing(ws: Workspace) -> None:
    looking = Workspace.open(ws.root, readonly=True)
    for name, more in (("comment", {"text": "x"}), ("tag", {"tags": ["+x"]})):
        with pytest.raises(ReadOnly):
            looking.action(name, ref="late", **more)
    assert looking.action("comment ls", ref="late") == looking.action("who") == []
