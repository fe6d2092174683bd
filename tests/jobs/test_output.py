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


def test_a_disk_that_fills_up_on_the_way_keeps_whole_lines_and_loses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(output, "WAITING", 4)
    monkeypatch.setattr(output, "RETRY", 0)
    log = Log(tmp_path / "log.txt")
    room = 14
    real = os.write

    def filling(descriptor: int, data: bytes) -> int:
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        count = real(descriptor, data[:room])
        room -= count
        return count

    monkeypatch.setattr(output.os, "write", filling)
    log.write(b"first\nsecond\nthird\n")
    assert log.full
    assert (tmp_path / "log.txt").read_bytes() == b"first\nsecond\n"
    log.write(b"fourth\n")
    assert not log.finish()
    room = 1000
    assert log.finish()
    log.close()
    assert (tmp_path / "log.txt").read_bytes() == b"first\nsecond\nthird\nfourth\n"


def test_half_a_line_that_was_there_before_the_disk_filled_up_is_written_whole_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(output, "RETRY", 0)
    log = Log(tmp_path / "log.txt")
    log.write(b"first\nsec")
    assert (tmp_path / "log.txt").read_bytes() == b"first\nsec"
    real = os.write

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(output.os, "write", full)
    log.write(b"ond\nthi")
    assert (tmp_path / "log.txt").read_bytes() == b"first\n"
    monkeypatch.setattr(output.os, "write", real)
    log.write(b"rd\n")
    log.close()
    assert (tmp_path / "log.txt").read_bytes() == b"first\nsecond\nthird\n"


def test_while_metrics_wait_for_room_the_log_ends_with_a_whole_line(store: Store, monkeypatch: pytest.MonkeyPatch):
    log = store.root / "log.txt"
    kept = output.Kept(Log(log), Metrics(store, "metrics.jsonl", {"loss": r"loss: (\S+)"}))
    kept.take(b"loss: 1\nlo")
    assert log.read_bytes() == b"loss: 1\nlo"
    real = journals.write_all

    def full(descriptor: int, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(journals, "write_all", full)
    kept.take(b"ss: 2\nlos")
    assert kept.full
    assert log.read_bytes() == b"loss: 1\nloss: 2\n"
    kept.try_again()
    assert log.read_bytes() == b"loss: 1\nloss: 2\n"
    monkeypatch.setattr(journals, "write_all", real)
    kept.try_again()
    assert log.read_bytes() == b"loss: 1\nloss: 2\nlos"
    kept.take(b"s: 3")
    assert kept.finish()
    kept.close()
    assert log.read_bytes() == b"loss: 1\nloss: 2\nloss: 3"
    assert [one["value"] for one in journals.read(store, "metrics.jsonl")[0]] == [1.0, 2.0, 3.0]


def test_metrics_that_found_no_room_are_written_later(store: Store, monkeypatch: pytest.MonkeyPatch):
    metrics = Metrics(store, "jobs/x/metrics.jsonl", {"loss": r"loss: (\S+)"})
    metrics.feed(b"loss: 1\n")
    real = journals.write_all

    def full(descriptor: int, data: bytes) -> None:
        real(descriptor, data[:5])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(journals, "write_all", full)
    metrics.feed(b"loss: 2\nloss: 3\n")
    assert metrics.full
    assert (store.root / metrics.path).read_bytes().count(b"\n") == 1
    assert (store.root / metrics.path).read_bytes().endswith(b"\n")
    monkeypatch.setattr(journals, "write_all", real)
    assert metrics.finish()
    metrics.close()
    found, _ = journals.read(store, metrics.path)
    assert [(one["seq"], one["value"]) for one in found] == [(1, 1.0), (2, 2.0), (3, 3.0)]


def test_what_is_too_much_for_waiting_is_lost_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(output, "WAITING", 4)
    log = Log(tmp_path / "missing" / "log.txt")
    log.write(b"123456")
    (tmp_path / "missing").mkdir()
    log.close()
    assert (tmp_path / "missing" / "log.txt").read_bytes() == b"\n[2 bytes were lost: the disk was failing]\n3456"


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
