"""Disks that are full, failing or silent: no script is stopped by them, and what fits into memory is not lost."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.faults import disk
from tests.tracking.conftest import only
from tests.waiting import until

import cupola
from cupola.errors import DiskTrouble
from cupola.experiments import histories, records
from cupola.store import journals
from cupola.tracking import active, pen, writer
from cupola.workspace import Workspace

CAP = 180.0


@pytest.fixture
def point(home: Path, tmp_path: Path) -> Iterator[Path]:
    with disk.small(tmp_path / "disk", "1m") as point:
        yield point


def steps(workspace: Workspace) -> list[int | None]:
    return [one.step for one in histories.of_run(workspace.store, only(workspace)).logged]


def test_on_a_full_disk_a_script_goes_on_and_what_waited_is_written_when_there_is_room(
    point: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = Workspace.init(point)
    with cupola.run(workspace=point) as run:
        run.log_metric("loss", 0)
        assert run.flush()
        ballast = disk.fill(point, left=1000)
        for _ in range(2000):
            run.log_metric("loss", 1)
        until(lambda: run._pen.trouble, "the writer meets the full disk")
        for _ in range(2000):
            run.log_metric("loss", 2)
        path = point / only(workspace).directory / "attempts/1/metrics.jsonl"
        assert path.read_bytes().endswith(b"\n")
        ballast.unlink()
    assert only(workspace).status == "Completed"
    assert steps(workspace) == list(range(4001))
    assert run.flush()
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2 and "the disk is full" in said[0] and "waits in memory" in said[0]
    assert "can be written again" in said[1]


def test_a_disk_that_stays_full_delays_the_end_only_so_long(
    point: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace.init(point)
    run = cupola.run(workspace=point)
    assert run.flush()
    monkeypatch.setattr(writer, "PATIENCE", 1.0)
    ballast = disk.fill(point)
    for _ in range(5000):
        run.log_metric("loss", 1)
    run.end()
    assert not run.flush()
    assert "its end could not be written" in capsys.readouterr().err
    ballast.unlink()
    until(lambda: only(workspace).status == "Completed", "the end is written after all")
    assert len(steps(workspace)) == 5000


class Silent:
    """A file that takes nothing until it is told to, as on a mount that hangs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked, self.answers = threading.Event(), threading.Event()
        whole = journals._whole

        def hang(descriptor: int, lines: bytes) -> None:
            self.asked.set()
            self.answers.wait(CAP)
            whole(descriptor, lines)

        monkeypatch.setattr(journals, "_whole", hang)


def test_a_mount_that_is_silent_blocks_no_script_and_takes_no_more_memory_than_so_much(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (pen, active):
        monkeypatch.setattr(module, "MOST", 1000)
    silent = Silent(monkeypatch)
    run = cupola.run(workspace=workspace.root)
    run.log_metric("loss", 0)
    assert silent.asked.wait(CAP), "the writer waits for the mount"
    for _ in range(5000):
        run.log_metric("loss", 1)
    kept = len(run._pen.points)
    assert 900 < kept <= 1000
    silent.answers.set()
    run.end()
    found = only(workspace)
    assert found.notes == [f"{5000 - kept} values were left out: the disk did not take them"]
    assert steps(workspace) == list(range(1 + kept))


def test_a_script_that_is_faster_than_the_disk_waits_and_loses_nothing(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (pen, active):
        monkeypatch.setattr(module, "MOST", 100)
    monkeypatch.setattr(writer, "AGAIN", 60.0)  # a busy disk may take longer to sync than one is waited for else
    with cupola.run(workspace=workspace.root) as run:
        for _ in range(3000):
            run.log_metric("loss", 1)
    assert steps(workspace) == list(range(3000))
    assert only(workspace).notes == []


def test_what_could_not_be_made_durable_is_written_again(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settle, failures = writer.settle, [True, True]

    def fail(*given: Any) -> None:
        if failures:
            failures.pop()
            raise DiskTrouble("the disk reports an input/output error", where="metrics.jsonl")
        settle(*given)

    monkeypatch.setattr(writer, "settle", fail)
    with cupola.run(workspace=workspace.root) as run:
        for _ in range(10):
            run.log_metric("loss", 1)
    assert run.flush()
    assert not failures
    assert steps(workspace) == list(range(10))
    assert only(workspace).status == "Completed"
    assert capsys.readouterr().err.count("input/output error") == 1


def test_the_lines_of_a_run_that_goes_on_are_written_again_too(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle, failures = writer.settle, [True]
    run = cupola.run(workspace=workspace.root)

    def lose(*given: Any) -> None:
        if failures:
            failures.pop()
            for one in (workspace.root / run._pen.directory).glob("metrics.jsonl"):
                one.write_bytes(b"")
            raise DiskTrouble("the disk reports an input/output error", where="metrics.jsonl")
        settle(*given)

    monkeypatch.setattr(writer, "settle", lose)
    for _ in range(10):
        run.log_metric("loss", 1)
    assert run.flush()
    assert steps(workspace) == list(range(10))
    for _ in range(10):
        run.log_metric("loss", 1)
    run.end()
    assert steps(workspace) == list(range(20)) and not failures


def test_a_bug_in_the_writing_is_said_and_stops_no_script(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write, broken = pen.Pen.write, [True]

    def fail(self: pen.Pen) -> None:
        if broken:
            broken.pop()
            raise IndexError("a bug")
        write(self)

    monkeypatch.setattr(pen.Pen, "write", fail)
    with cupola.run(workspace=workspace.root) as run:
        run.log_metric("loss", 1)
    assert only(workspace).status == "Completed"
    assert "IndexError: a bug" in capsys.readouterr().err


def test_many_runs_are_settled_together(workspace: Workspace) -> None:
    for number in range(50):
        with cupola.run(workspace=workspace.root) as run:
            run.log_metric("loss", number)
    assert run.flush()
    found = records.ls(workspace.store)
    assert sorted(one.metrics["loss"] for one in found) == list(range(50))
