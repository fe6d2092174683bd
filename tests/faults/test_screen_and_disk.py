"""The open screen while the disk of its workspace is full, read-only, unmounted, or the workspace is moved away."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults import disk
from tests.terminal import Seen

from cupola.jobs import records as jobs
from cupola.workspace import Workspace

APP = "import sys, cupola_tui.app as app; sys.exit(app.run({root!r}))"


@pytest.fixture
def point(home: Path, tmp_path: Path) -> Iterator[Path]:
    with disk.small(tmp_path / "disk", size="1m") as point:
        Workspace.init(point / "flights")
        yield point


@pytest.fixture
def screen(point: Path) -> Iterator[Seen]:
    opened = Seen(APP.format(root=str(point / "flights")))
    try:
        opened.shows("no agent")
        opened.press("3", "runs any command")
        yield opened
    finally:
        opened.close()


def test_a_full_and_a_read_only_disk_are_a_sentence_and_work_goes_on(point: Path, screen: Seen) -> None:
    screen.press("\x10", "a few letters")  # ctrl+p
    screen.press("job submit", "job submit +action")
    screen.press("\r", r"command \*")
    screen.press("sleep 0", "cupola job submit (-- )?sleep 0")
    ballast = disk.fill(point)
    screen.press("\x13", "the disk is full")  # ctrl+s
    screen.type("\x1b")
    screen.until(lambda text: "the disk is full" not in text)
    ballast.unlink()
    disk.remount(point, "ro")
    screen.press("\x13", "read-only")
    screen.type("\x1b")
    screen.until(lambda text: "read-only" not in text)
    disk.remount(point, "rw")
    assert jobs.ls(Workspace.open(point / "flights").store) == []
    screen.press("\x13", "Completed")
    assert len(jobs.ls(Workspace.open(point / "flights").store)) == 1


def test_a_workspace_that_is_moved_away_or_unmounted_is_seen_again(point: Path, screen: Seen) -> None:
    away = (point / "flights").rename(point / "away")
    screen.shows("the workspace is gone: deleted, moved or unmounted")
    screen.press("1", "1 Datasets")
    away.rename(point / "flights")
    screen.shows("flights .*no agent")
    subprocess.run(["mount", "-t", "tmpfs", "cupola-test", point], check=True)  # over it, as another file system
    screen.shows("the workspace is gone")
    subprocess.run(["umount", "--lazy", point], check=True)  # the screen may look at it at this moment
    screen.shows("flights .*no agent")
    screen.press("3", "runs any command")
    screen.type("q")
    assert screen.status() == 0
