"""Work on a full disk waits for room and is done anew, or fails where workspace.toml says so."""

from pathlib import Path

import pytest

from cupola.errors import DiskFull
from cupola.jobs import room
from cupola.store import files
from cupola.workspace import Workspace

PLACE = "jobs/2026-01/x/attempts/1"


class Filling:
    """Work that finds the disk full so many times."""

    def __init__(self, workspace: Workspace, times: int) -> None:
        self.workspace = workspace
        self.left = times
        self.seen: list[bool] = []

    def __call__(self) -> str:
        self.seen.append(room.waits(self.workspace.store, PLACE))
        self.left -= 1
        if self.left >= 0:
            raise DiskFull("the disk is full")
        return "done"


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "PAUSE", 0.01)


def test_it_is_done_anew_until_there_is_room_and_says_so_meanwhile(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    work = Filling(workspace, 3)
    assert room.wait_for(workspace.store, PLACE, work) == "done"
    assert work.seen == [False, True, True, True]
    assert not room.waits(workspace.store, PLACE)
    assert capsys.readouterr().err == "the disk is full: the job waits for room on the disk\n"


def test_where_jobs_are_to_fail_it_fails(workspace: Workspace) -> None:
    mark = workspace.root / "workspace.toml"
    mark.write_text(mark.read_text().replace('# full_disk = "wait"', 'full_disk = "fail"'))
    with pytest.raises(DiskFull):
        room.wait_for(workspace.store, PLACE, Filling(workspace, 1))
    assert not room.waits(workspace.store, PLACE)


def test_a_change_of_mind_reaches_what_waits(workspace: Workspace) -> None:
    mark: Path = workspace.root / "workspace.toml"
    work = Filling(workspace, 1000)

    def work_and_change() -> str:
        if work.left == 990:
            mark.write_text(mark.read_text().replace('# full_disk = "wait"', 'full_disk = "fail"'))
        return work()

    with pytest.raises(DiskFull):
        room.wait_for(workspace.store, PLACE, work_and_change)
    assert work.left >= 988
    assert not room.waits(workspace.store, PLACE)


def test_the_keeper_and_the_work_say_it_apart(workspace: Workspace) -> None:
    for who in (room.WORK, room.KEEPER):
        room.say(workspace.store, PLACE, who, True)
    room.say(workspace.store, PLACE, room.WORK, False)
    assert room.waits(workspace.store, PLACE)
    room.say(workspace.store, PLACE, room.KEEPER, False)
    assert not room.waits(workspace.store, PLACE)
    assert files.listing(workspace.store, PLACE) == []
