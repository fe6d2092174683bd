"""The store over two SSHFS mounts of one directory: modes, symlinks, cut links (and tests/store/test_two_hosts.py)."""

import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults import sshfs
from tests.waiting import until

from cupola.agent import stopping
from cupola.errors import CupolaError, DiskTrouble
from cupola.jobs import attempts, keeper
from cupola.jobs import records as jobs
from cupola.store import Store, files, journals, runtime
from cupola.workspace import Workspace

CAP = 180.0


@pytest.fixture
def mounts(home: Path, tmp_path: Path) -> Iterator[sshfs.Mounts]:
    with sshfs.mounted(tmp_path) as mounts:
        yield mounts


@pytest.fixture
def two(mounts: sshfs.Mounts) -> tuple[Store, Store]:
    """One workspace as two hosts have it."""
    Workspace.init(mounts.a)
    return Store.open(mounts.a), Store.open(mounts.b)


def test_the_two_are_two_writers_on_a_network_mount(two: tuple[Store, Store]) -> None:
    assert two[0].writer != two[1].writer
    assert [one.mount.kind for one in two] == ["sshfs", "sshfs"] and two[0].mount.lease_seconds == 90


def test_modes_follow_the_directory(mounts: sshfs.Mounts, two: tuple[Store, Store]) -> None:
    mounts.served.chmod(0o2775)
    files.write_bytes(two[1], "x/y/a.json", b"")
    assert stat.S_IMODE((mounts.served / "x/y").stat().st_mode) == 0o2775
    assert stat.S_IMODE((mounts.served / "x/y/a.json").stat().st_mode) == 0o664


def test_symlinks_lead_out_of_no_mount(mounts: sshfs.Mounts, two: tuple[Store, Store]) -> None:
    (mounts.served / "link").symlink_to("../key")
    (mounts.served / "etc").symlink_to("/etc")
    for path in ("link", "etc/hostname"):
        with pytest.raises(CupolaError, match="out of the workspace"):
            files.read_bytes(two[0], path)


def test_a_cut_link_loses_no_line_that_was_durable(mounts: sshfs.Mounts, two: tuple[Store, Store]) -> None:
    a, _ = two
    with journals.Appender(a, "metrics.jsonl") as appender:
        for n in range(12):
            if n % 4 == 2:
                mounts.cut(mounts.a)
            append(appender, n)
    found, _ = journals.read(Store.open(mounts.served), "metrics.jsonl")
    assert [one["n"] for one in found] == list(range(12))


def test_a_job_that_ends_while_the_link_is_cut_keeps_its_end_and_its_last_words(
    mounts: sshfs.Mounts, home: Path
) -> None:
    ws, go = Workspace.init(mounts.a), home / "go"
    words = f"echo begun; until [ -e {go} ]; do sleep 0.1; done; echo last words"
    job = jobs.file(ws.store, kind="command", command=["sh", "-c", words], directory=home)
    attempt = mounts.served / job.attempt(1)
    until(lambda: (attempt / "log.txt").exists() and (attempt / "log.txt").read_text() == "begun\n", "it begins")
    started = attempts.optional(ws.store, f"{job.attempt(1)}/started.json", attempts.Started)
    mounts.refuse(mounts.a)
    go.touch()
    assert runtime.wait_end(started.process, CAP)
    assert not runtime.wait_end(started.keeper, keeper.PATIENCE + 1)
    mounts.accept()
    until(lambda: (attempt / "result.json").exists(), "its end is written")
    assert jobs.state(ws.store, job.id).status == "Completed"
    assert (attempt / "log.txt").read_text() == "begun\nlast words\n"
    stopping.stop(jobs=True)


def append(appender: journals.Appender, n: int) -> None:
    """Appends one line, as a writer does that goes on when the link is back."""
    deadline = time.monotonic() + CAP
    try:
        appender.append({"n": n}, durable=True)
    except DiskTrouble:
        while True:
            try:
                return appender.flush()
            except DiskTrouble:
                assert time.monotonic() < deadline
                time.sleep(0.1)
