"""The store over two SSHFS mounts of one directory: what one host writes the other sees, cut links lose nothing."""

import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults import sshfs

from cupola.errors import CupolaError, DiskTrouble
from cupola.store import Store, claims, files, journals, records, watch
from cupola.workspace import Workspace

CAP = 60.0


class Note(records.Record, kw_only=True):
    text: str = ""


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


def test_what_one_writes_the_others_watcher_tells(two: tuple[Store, Store]) -> None:
    a, b = two
    stop = threading.Event()
    told: set[watch.Change] = set()
    changes = watch.watch(b, stop)
    for n in range(1, 4):
        records.write(a, "notes/a.json", Note(text=str(n)), kind="note", ref="a")
        deadline = time.monotonic() + CAP
        while watch.Change("note", "a", n, "notes/a.json") not in told:
            assert time.monotonic() < deadline
            told |= next(changes)
        assert records.read(b, "notes/a.json", Note).text == str(n)
    stop.set()


def test_a_claim_of_one_keeps_the_other_out(two: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = two
    mine = claims.take(a, "job")
    assert mine is not None and claims.take(b, "job") is None
    assert claims.renew(a, mine)
    claims.release(a, mine)
    theirs = claims.take(b, "job")
    assert theirs is not None and theirs.number == 2
    assert not claims.renew(a, mine)


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
