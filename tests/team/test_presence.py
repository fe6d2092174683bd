"""Who is here: a file per session, judged by the reader's own clock, gone when its session is."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.screen import bridge
from tests.waiting import until

from cupola.store import Store, files, names, runtime
from cupola.team import presence
from cupola.team.presence import Presence, Session
from cupola.workspace import Workspace


class Clock:
    """The reader's clock, which a test turns on."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self, which: int) -> float:
        return self.at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(presence.time, "clock_gettime", made)
    return made


@pytest.fixture
def session(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.setattr(presence, "PAUSE", 0.01)
    made = Session(workspace.store)
    yield made
    made.leave()


def elsewhere(store: Store, beat: int, *, session: str = "abc", host: str = "far", **fields: str) -> Presence:
    """A session on another host, as its file says."""
    process, moment = runtime.Process("another boot", 1, 1), names.now()
    made = Presence(
        session=session, user="raj", host=host, process=process, started=moment, since=moment, beat=beat, **fields
    )
    files.write_bytes(store, f"{presence.DIRECTORY}/{host}-raj-x-{session}.json", msgspec.json.encode(made))
    return made


def test_what_is_looked_at_is_seen_and_ends_with_the_session(workspace: Workspace, session: Session) -> None:
    session.look("runs", "run", "abcde")
    until(lambda: [one.what for one in presence.here(workspace.store)] == ["runs: run abcde"])
    first = presence.here(workspace.store)[0]
    assert ((first.user, first.host), first.seen) == (names.who(), True)
    session.look("models")
    until(lambda: presence.here(workspace.store)[0].what == "models")
    assert presence.here(workspace.store)[0].since > first.since
    assert len(files.listing(workspace.store, presence.DIRECTORY)) == 1
    session.leave(30)
    assert workspace.action("who") == [] == files.listing(workspace.store, presence.DIRECTORY)


def test_looking_at_the_same_again_is_no_news(workspace: Workspace, session: Session) -> None:
    session.look("runs")
    until(lambda: presence.here(workspace.store))
    since = session.presence.since
    session.look("runs")
    assert session.presence.since == since


def test_two_sessions_of_one_user_are_two(workspace: Workspace, session: Session) -> None:
    other = Session(workspace.store)
    try:
        until(lambda: len(presence.here(workspace.store)) == 2)
    finally:
        other.leave(30)


def test_another_hosts_session_is_here_while_its_beat_moves(workspace: Workspace, clock: Clock) -> None:
    store = workspace.store
    elsewhere(store, 5)
    assert [one.seen for one in presence.here(store)] == [False]
    clock.at += presence.EVERY
    elsewhere(store, 6)
    assert [one.seen for one in presence.here(store)] == [True]
    clock.at += presence.lease(store) - 1
    assert len(presence.here(store)) == 1
    clock.at += 2
    assert presence.here(store) == []
    elsewhere(store, 7)
    assert [one.seen for one in presence.here(store)] == [True]


def test_a_command_that_looks_once_remembers_what_was_seen_before(workspace: Workspace, clock: Clock) -> None:
    elsewhere(workspace.store, 5)
    assert presence.here(Store.open(workspace.root))
    clock.at += 3600
    assert presence.here(Store.open(workspace.root)) == []


def test_a_reader_that_slept_believes_a_beat_that_has_moved(workspace: Workspace, clock: Clock) -> None:
    elsewhere(workspace.store, 5)
    presence.here(workspace.store)
    clock.at += 86_400
    elsewhere(workspace.store, 6)
    assert [one.seen for one in presence.here(workspace.store)] == [True]


def test_the_clocks_of_hosts_are_never_compared(workspace: Workspace) -> None:
    store = workspace.store
    made = elsewhere(store, 5)
    for wrong in ("1999-01-01T00:00:00.000000Z", "2099-01-01T00:00:00.000000Z", "\x1b[31m"):
        made.since = made.started = wrong
        files.write_bytes(store, f"{presence.DIRECTORY}/far-raj-x-abc.json", msgspec.json.encode(made))
        assert len(presence.here(store)) == 1


def test_a_session_whose_process_was_killed_is_gone_at_once_and_swept_away(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "PAUSE", 0.01)
    child = os.fork()
    if child == 0:
        Session(workspace.store).look("jobs")
        time.sleep(600)
        os._exit(0)
    try:
        until(lambda: [one.what for one in presence.here(workspace.store)] == ["jobs"])
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert presence.here(workspace.store) == []
    assert len(files.listing(workspace.store, presence.DIRECTORY)) == 1
    mine = Session(workspace.store)
    until(lambda: len(presence.here(workspace.store)) == 1)
    assert len(files.listing(workspace.store, presence.DIRECTORY)) == 1
    mine.leave(30)


def test_files_that_are_no_session_are_passed_over(workspace: Workspace) -> None:
    for name, data in (("a.json", b"{"), ("b.json", b"[]"), ("c.txt", b"x"), ("d.json", b'{"session": 1}')):
        files.write_bytes(workspace.store, f"{presence.DIRECTORY}/{name}", data)
    assert presence.here(workspace.store) == []


def test_a_disk_that_cannot_be_written_stops_nobody_from_looking(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def full(*_: object, **__: object) -> None:
        tried.append(1)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(presence, "PAUSE", 0.01)
    monkeypatch.setattr(presence, "EVERY", 0.02)
    monkeypatch.setattr(presence, "write_bytes", full)
    mine = Session(workspace.store)
    mine.look("jobs")
    until(lambda: len(tried) > 2)
    mine.leave(30)


def test_the_app_says_it_through_its_bridge_and_others_hear_of_it(workspace: Workspace) -> None:
    with bridge(workspace.root) as screen, bridge(workspace.root) as other:
        other.hears(lambda message: "trouble" in message)
        assert screen.ask("look", pane="runs", kind="run", ref="abcde") is None
        told = other.hears(lambda message: any(one["kind"] == "presence" for one in message.get("changed", [])))
        assert told
        found = other.ask("action", name="who", arguments={})
        assert [(one["what"], one["seen"]) for one in found] == [("runs: run abcde", True)]
    until(lambda: not files.listing(workspace.store, presence.DIRECTORY))


def test_who_only_reads_is_not_seen(workspace: Workspace, tmp_path: Path) -> None:
    with bridge(workspace.root, "--readonly") as screen:
        assert screen.ask("look", pane="runs") is None
        assert screen.ask("action", name="who", arguments={}) == []
    assert not (workspace.root / presence.DIRECTORY).exists()
