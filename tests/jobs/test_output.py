"""The log outlives a disk that is full for a while; metrics survive lines that come in pieces."""

import errno
import os
from pathlib import Path

import pytest

from cupola.jobs import output
from cupola.jobs.output import Log, Metrics
from cupola.store import Store, journals


@pytest.fixture
def store(home: Path, tmp_path: Path) -> Store:
    (tmp_path / "workspace.toml").touch()
    return Store.open(tmp_path)


def test_what_a_full_disk_did_not_take_is_written_when_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    log = Log(tmp_path / "log.txt")
    log.write(b"one\n")
    real = os.write

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(output.os, "write", full)
    log.write(b"two\n")
    monkeypatch.setattr(output.os, "write", real)
    log.retry_at = 0
    log.write(b"three\n")
    log.close()
    assert (tmp_path / "log.txt").read_bytes() == b"one\ntwo\nthree\n"


def test_what_is_too_much_for_waiting_is_lost_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(output, "WAITING", 4)
    log = Log(tmp_path / "missing" / "log.txt")
    log.write(b"123456")
    (tmp_path / "missing").mkdir()
    log.close()
    assert (
        tmp_path / "missing" / "log.txt"
    ).read_bytes() == b"\n[2 bytes were lost: the disk was full or failing]\n3456"


def test_of_a_log_that_is_too_long_the_beginning_and_the_end_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(output, "LONGEST", 4)
    monkeypatch.setattr(output, "END", 3)
    log = Log(tmp_path / "log.txt")
    for piece in (b"1234", b"56789", b"abcdef", b"g"):
        log.write(piece)
    log.close()
    assert (tmp_path / "log.txt").read_bytes() == b"1234\n[8 bytes were left out: the log was too long]\ndefg"


def test_a_line_in_pieces_is_searched_as_a_whole(store: Store):
    metrics = Metrics(store, "jobs/x/metrics.jsonl", {"loss": r"loss: (\S+)"})
    for piece in (b"loss", b": 0.", b"5\nloss: 1e-3", b"\rloss: nonsense\nloss: \xff7\nloss: 2"):
        metrics.feed(piece)
    metrics.close()
    found, _ = journals.read(store, "jobs/x/metrics.jsonl")
    assert [(one["seq"], one["value"], one["step"]) for one in found] == [(1, 0.5, 0), (2, 0.001, 1), (3, 2.0, 2)]
