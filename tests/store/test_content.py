import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cupola.errors import CupolaError, DiskTrouble, NotFound, ReadOnly
from cupola.store import Store, content, files, paths


@contextlib.contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def names(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


def fail_once(real: Callable[..., object], code: int, times: int = 1) -> Callable[..., object]:
    """A system call that fails the first `times` times."""
    left = [times]

    def call(*arguments: object, **more: object) -> object:
        if left[0]:
            left[0] -= 1
            raise OSError(code, os.strerror(code))
        return real(*arguments, **more)

    return call


def test_no_descriptor_is_left_open(store: Store, outside: Path) -> None:
    files.write_bytes(store, "d/one", b"")
    (store.root / "link").symlink_to(outside)
    (store.root / "plain").write_text("")
    paths = ["d/one", "d", "link/x", "plain/x", "nothing/x", "d/one/x/y", "new/deep"]

    def go() -> None:
        for path in paths:
            for call in (files.read_bytes, files.listing, files.absolute, files.remove, files.make_dir):
                with contextlib.suppress(CupolaError):
                    call(store, path)  # type: ignore[operator]
            for write in (files.write_bytes, files.create_bytes):
                with contextlib.suppress(CupolaError):
                    write(store, path, b"")

    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    go()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_what_was_written_is_read(store: Store) -> None:
    files.write_bytes(store, "a/b/c.bin", b"\0\xff" * 100_000)
    assert files.read_bytes(store, "a/b/c.bin") == b"\0\xff" * 100_000
    files.write_bytes(store, "a/b/c.bin", b"")
    assert files.read_bytes(store, "a/b/c.bin") == b""


def test_a_missing_file_is_not_found_and_a_missing_directory_is_empty(store: Store) -> None:
    with pytest.raises(NotFound):
        files.read_bytes(store, "a/b")
    assert files.listing(store, "a/b") == []


def test_a_listing_is_sorted_and_leaves_out_what_is_no_record(store: Store) -> None:
    for name in ("b", "a", ".tmp-x", ".nfs0001", ".fuse_hidden01"):
        (store.root / "d").mkdir(exist_ok=True)
        (store.root / "d" / name).write_text("")
    assert files.listing(store, "d") == ["a", "b"]


@pytest.mark.parametrize("mask", [0o077, 0o022, 0o002])
def test_a_shared_directory_stays_shared_whatever_the_umask(store: Store, mask: int) -> None:
    store.root.chmod(0o2775)
    with umask(mask):
        files.write_bytes(store, "x/y/new.json", b"1")
        files.create_bytes(store, "x/y/made.json", b"1")
        made = files.make_dir(store, "x/z")
        staged = files.staging(store)
        (staged / "sub").mkdir()
        (staged / "sub" / "data").write_text("1")
        files.publish_dir(store, staged, "x/published")
    for path in (
        store.root / "x",
        store.root / "x/y",
        made,
        store.root / "x/published",
        store.root / "x/published/sub",
    ):
        assert stat.S_IMODE(path.stat().st_mode) == 0o2775, path
    for path in (store.root / "x/y/new.json", store.root / "x/y/made.json", store.root / "x/published/sub/data"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o664, path


def test_a_private_directory_stays_private(store: Store) -> None:
    store.root.chmod(0o700)
    with umask(0):
        files.write_bytes(store, "x/new.json", b"1")
    assert stat.S_IMODE((store.root / "x").stat().st_mode) == 0o700
    assert stat.S_IMODE((store.root / "x/new.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("call", ["write", "fsync", "rename", "fchmod"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT])
def test_a_failing_disk_is_one_sentence_and_leaves_the_old_file(
    store: Store, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    store.root.chmod(0o770)
    files.write_bytes(store, "d/record.json", b"old")
    monkeypatch.setattr(os, call, fail_once(getattr(os, call), code))
    with pytest.raises(ReadOnly if code == errno.EROFS else DiskTrouble) as told:
        files.write_bytes(store, "d/record.json", b"new")
    assert "d/record.json" in str(told.value) and "\n" not in str(told.value)
    assert names(store.root / "d") == ["record.json"]
    assert files.read_bytes(store, "d/record.json") == b"old"
    files.write_bytes(store, "d/record.json", b"new")
    assert files.read_bytes(store, "d/record.json") == b"new"


def test_short_writes_are_gone_on_with(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[: max(1, len(data) // 2)]))
    files.write_bytes(store, "a", bytes(range(256)) * 20)
    assert files.read_bytes(store, "a") == bytes(range(256)) * 20


def test_a_store_opened_for_reading_writes_nothing(store: Store) -> None:
    reading = Store.open(store.root, readonly=True)
    before = sorted(store.root.rglob("*"))
    for write in (
        lambda: files.write_bytes(reading, "a", b""),
        lambda: files.create_bytes(reading, "a", b""),
        lambda: files.make_dir(reading, "a"),
        lambda: files.staging(reading),
        lambda: files.trash(reading, "workspace.toml"),
        lambda: files.remove(reading, "workspace.toml"),
    ):
        with pytest.raises(ReadOnly):
            write()
    assert sorted(store.root.rglob("*")) == before


def test_only_the_first_creates(store: Store) -> None:
    assert files.create_bytes(store, "d/one", b"mine")
    assert not files.create_bytes(store, "d/one", b"theirs")
    assert files.read_bytes(store, "d/one") == b"mine"
    assert names(store.root / "d") == ["one"]


@pytest.mark.parametrize("code", [errno.EPERM, errno.EEXIST, errno.EIO])
def test_a_link_that_was_made_counts_whatever_the_call_said(
    distant: Store, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    real = os.link

    def lying(*arguments: object, **more: object) -> None:
        real(*arguments, **more)  # type: ignore[arg-type]
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", lying)
    assert files.create_bytes(distant, "d/one", b"mine")


def test_a_file_system_without_hard_links_says_so(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", fail_once(os.link, errno.EPERM))
    with pytest.raises(DiskTrouble, match="hard links"):
        files.create_bytes(store, "d/one", b"mine")


@pytest.mark.parametrize("code", [errno.ENOENT, errno.ESTALE, errno.EPERM, errno.EIO])
def test_one_failure_on_a_network_mount_is_not_believed(
    distant: Store, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(content, "PATIENCE", 180.0)
    files.write_bytes(distant, "d/one", b"mine")
    monkeypatch.setattr(content, "open_file", fail_once(paths.open_file, code, times=3))
    assert files.read_bytes(distant, "d/one") == b"mine"


def test_a_name_that_no_listing_shows_is_missing_at_once(distant: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content.time, "sleep", lambda _: pytest.fail("it waited"))
    with pytest.raises(NotFound):
        files.read_bytes(distant, "d/one")
    files.write_bytes(distant, "d/two", b"")
    with pytest.raises(NotFound):
        files.read_bytes(distant, "d/one")


def test_what_went_with_its_directory_is_missing_whatever_nfs_says(
    distant: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.write_bytes(distant, "trash/token/what.json", b"x")

    def stale(store: Store, path: str, *_: object) -> int:
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(content, "PATIENCE", 0.2)
    monkeypatch.setattr(content, "open_file", stale)
    with pytest.raises(DiskTrouble, match="lost this file"):
        files.read_bytes(distant, "trash/token/what.json")
    (distant.root / "trash/token/what.json").unlink()
    (distant.root / "trash/token").rmdir()
    with pytest.raises(NotFound):
        files.read_bytes(distant, "trash/token/what.json")


def test_a_workspace_that_the_mount_has_lost_is_not_an_empty_one(
    distant: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stale(store: Store, path: str, *_: object) -> int:
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(content, "PATIENCE", 0.2)
    monkeypatch.setattr(content, "open_file", stale)
    monkeypatch.setattr(content, "open_directory", stale)
    with pytest.raises(DiskTrouble, match="lost this file"):
        files.read_bytes(distant, "datasets/a/dataset.toml")


def test_a_missing_name_on_a_local_disk_is_believed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content.time, "sleep", lambda _: pytest.fail("it waited"))
    with pytest.raises(NotFound):
        files.read_bytes(store, "nothing")


def test_a_rename_whose_answer_was_lost_has_happened(distant: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.rename

    def twice(*arguments: object, **more: object) -> None:
        real(*arguments, **more)  # type: ignore[arg-type]
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    monkeypatch.setattr(os, "rename", twice)
    files.write_bytes(distant, "d/one", b"mine")
    assert files.read_bytes(distant, "d/one") == b"mine"


def test_a_directory_where_a_file_should_be_is_said(store: Store) -> None:
    files.make_dir(store, "d/one")
    for go in (lambda: files.read_bytes(store, "d/one"), lambda: files.write_bytes(store, "d/one", b"")):
        with pytest.raises(CupolaError, match="directory stands"):
            go()
    (store.root / "plain").write_text("")
    with pytest.raises(CupolaError, match="file stands"):
        files.write_bytes(store, "plain/one", b"")


def test_absolute_paths_lie_in_the_workspace(store: Store) -> None:
    files.write_bytes(store, "d/one", b"")
    assert files.absolute(store, "d/one") == store.root / "d" / "one"
    assert files.absolute(store, "not/yet/there") == store.root / "not/yet/there"
    assert files.absolute(store, "") == store.root


def test_removing_twice_is_no_error(store: Store) -> None:
    files.write_bytes(store, "d/one", b"")
    files.remove(store, "d/one")
    files.remove(store, "d/one")
    files.remove(store, "nowhere/one")
    assert files.listing(store, "d") == []


def test_a_file_is_durable_before_it_has_its_name(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    for call in ("fsync", "rename", "link", "write"):
        real = getattr(os, call)

        def note(*arguments: object, call: str = call, real: Callable[..., object] = real, **more: object) -> object:
            kind = stat.S_ISDIR(os.fstat(arguments[0]).st_mode) if call == "fsync" else False  # type: ignore[arg-type]
            done.append("fsync directory" if kind else call)
            return real(*arguments, **more)

        monkeypatch.setattr(os, call, note)
    files.make_dir(store, "d")
    done.clear()
    files.write_bytes(store, "d/one", b"1")
    assert done == ["write", "fsync", "rename", "fsync directory"]
    done.clear()
    files.create_bytes(store, "d/two", b"1")
    assert done == ["write", "fsync", "link", "fsync directory"]
    done.clear()
    files.write_bytes(store, "d/one", b"1", durable=False)
    assert done == ["write", "rename"]
