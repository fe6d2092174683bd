"""Mentions: they show up for the one who is mentioned, and stay read."""

import subprocess
import sys

import pytest
from tests.team.conftest import Become

from cupola.errors import CupolaError, NotFound
from cupola.store.copies import state_dir
from cupola.team import unread
from cupola.workspace import Workspace


@pytest.fixture
def named(become: Become) -> None:
    """raj names ana on a model, on a version of it and on an endpoint; ana names herself and raj."""
    raj = become("raj")
    for ref in ("churn", "churn@1", "late"):
        raj.action("comment", ref=ref, text=f"{ref}: what do you say, @ana?")
    become("ana").action("comment", ref="late", text="@ana and @raj: look at it tomorrow")


def new(ws: Workspace) -> list[str]:
    return sorted(one.ref for one in unread.comments(ws.store))


def test_what_is_read_is_read_for_the_one_who_read_it(named: None, become: Become) -> None:
    ana = become("ana")
    assert new(ana) == ["churn", "churn@1-wxyz", "late"]
    shown = ana.action("activity", mentions=True)
    assert [(one.ref, one.unread) for one in shown] == [
        ("late", False), ("late", True), ("churn@1-wxyz", True), ("churn", True)
    ]  # fmt: skip
    done = ana.action("activity read", ref="late")
    assert (done.read, done.unread) == (1, 2)
    assert new(ana) == ["churn", "churn@1-wxyz"]
    done = ana.action("activity read", ref="churn")
    assert (done.read, done.unread) == (2, 0)
    assert not any(one.unread for one in ana.action("activity", mentions=True))
    assert new(become("raj")) == ["late"]


def test_one_that_comes_later_is_new_also_when_it_is_older(ws: Workspace, named: None, become: Become) -> None:
    become("ana").action("activity read")
    journal = ws.root / ".cupola" / "notes" / "endpoints" / "far-eve-copied.jsonl"
    journal.write_text('{"seq": 1, "clock": 1, "time": "2020-01-01T00:00:00Z", "ref": "late", "op": "comment", '
                       '"value": "@ana, seen?", "user": "eve", "host": "far"}\n')  # fmt: skip
    assert [one.user for one in unread.comments(become("ana").store)] == ["eve"]


def test_only_the_one_named_is_told_and_nobody_of_their_own_words(ws: Workspace, named: None, become: Become) -> None:
    assert new(become("eve")) == []
    become("eve").action("comment", ref="late", text="mail to ana@box.org, or ask @anabel")
    assert new(become("ana")) == ["churn", "churn@1-wxyz", "late"]
    with pytest.raises(NotFound):
        ws.action("activity read", ref="nothing")


def test_reading_is_for_those_too_who_may_not_write_here(ws: Workspace, named: None, become: Become) -> None:
    become("ana")
    looking = Workspace.open(ws.root, readonly=True)
    assert looking.action("activity read").read == 3
    assert new(looking) == []


def test_what_was_kept_may_be_lost_or_broken(ws: Workspace, named: None, become: Become) -> None:
    ana = become("ana")
    ana.action("activity read")
    kept = next((state_dir() / "read").iterdir())
    kept.write_bytes(b"\xff{")
    assert len(new(ana)) == 3
    kept.unlink()
    kept.mkdir()
    with pytest.raises(CupolaError):
        ana.action("activity read")


def test_people_see_which_are_new(named: None, become: Become) -> None:
    program = (
        "import pwd, sys, types\npwd.getpwuid = lambda _: types.SimpleNamespace(pw_name='ana')\n"
        "from cupola_tui.commands import main\nsys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, "-C", str(become("ana").root), "activity", "--mentions"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=180)
    assert done.stdout.count("commented (new)") == 3
