import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cupola.errors import BadName, Conflict, Corrupt, DiskTrouble, NotFound
from cupola.store import Store, files, names, runtime


def test_a_published_directory_appears_whole(store: Store) -> None:
    staged = files.staging(store)
    (staged / "deep").mkdir()
    (staged / "deep" / "data").write_text("1")
    files.publish_dir(store, staged, "datasets/a/1-abc")
    assert files.read_bytes(store, "datasets/a/1-abc/deep/data") == b"1"
    assert files.listing(store, ".cupola/staging") == []


@pytest.mark.parametrize("there", ["file", "empty directory", "full directory"])
def test_nothing_is_published_over_something(store: Store, there: str) -> None:
    target = store.root / "a"
    target.write_text("") if there == "file" else target.mkdir()
    if there == "full directory":
        (target / "x").write_text("")
    staged = files.staging(store)
    with pytest.raises(Conflict):
        files.publish_dir(store, staged, "a")
    assert staged.exists()
    files.discard(staged)
    assert not staged.exists()


def test_a_symlink_is_not_published(store: Store, outside: Path) -> None:
    staged = files.staging(store)
    (staged / "link").symlink_to(outside)
    with pytest.raises(Conflict):
        files.publish_dir(store, staged, "a")
    (staged / "link").unlink()
    (staged / "link").symlink_to(outside / "secret.txt")
    with pytest.raises(Conflict):
        files.publish_dir(store, staged, "a")


def test_all_that_is_published_was_synced_first(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    staged = files.staging(store)
    (staged / "sub").mkdir()
    for name in ("one", "sub/two"):
        (staged / name).write_text("1")
    synced: set[tuple[int, int]] = set()
    real_sync, real_rename = os.fsync, os.rename

    def sync(descriptor: int) -> None:
        found = os.fstat(descriptor)
        synced.add((found.st_dev, found.st_ino))
        real_sync(descriptor)

    def rename(source: str, *arguments: object, **more: object) -> None:
        inodes = {(path.stat().st_dev, path.stat().st_ino) for path in [staged, *staged.rglob("*")]}
        assert inodes <= synced
        real_rename(source, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "rename", rename)
    files.publish_dir(store, staged, "a")


def test_what_could_not_be_made_durable_is_not_there(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    staged = files.staging(store)
    (staged / "data").write_text("1")
    real = files.sync_directory

    def fail_when_there(descriptor: int) -> None:
        if (store.root / "datasets/a/1-abc").exists():
            raise OSError(errno.EIO, "Input/output error")
        real(descriptor)

    monkeypatch.setattr(files, "sync_directory", fail_when_there)
    with pytest.raises(DiskTrouble, match="input/output"):
        files.publish_dir(store, staged, "datasets/a/1-abc")
    assert files.listing(store, "datasets/a") == []
    monkeypatch.setattr(files, "sync_directory", real)
    files.publish_dir(store, staged, "datasets/a/1-abc")
    assert files.read_bytes(store, "datasets/a/1-abc/data") == b"1"


def test_what_a_dead_process_staged_is_swept_and_what_a_living_one_stages_is_not(store: Store) -> None:
    code = "import sys; from cupola.store import Store, files; print(files.staging(Store.open(sys.argv[1])))"
    left = subprocess.run([sys.executable, "-c", code, store.root], text=True, capture_output=True, check=True).stdout
    assert Path(left.strip()).is_dir()
    mine = files.staging(store)
    assert not Path(left.strip()).exists()
    files.staging(store)
    assert mine.is_dir()


def test_what_another_host_stages_is_left_alone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUPOLA_HOST", "elsewhere")
    theirs = files.staging(store)
    gone = theirs.rename(theirs.with_name(theirs.name.replace(f"~{os.getpid()}~", "~4000000~")))
    monkeypatch.setenv("CUPOLA_HOST", "here")
    files.staging(store)
    assert gone.is_dir()


def test_staging_of_a_boot_that_is_over_is_swept(store: Store) -> None:
    process = runtime.current()
    name = f"{names.plain(names.who()[1])}~{'0' * 32}_4026531836~{process.pid}~{process.start}~abc"
    (files.make_dir(store, f".cupola/staging/{name}") / "data").write_text("")
    files.staging(store)
    assert name not in files.listing(store, ".cupola/staging")


def test_the_trash_gives_back(store: Store) -> None:
    files.write_bytes(store, "datasets/a/1-x/version.json", b"1")
    token = files.trash(store, "datasets/a/1-x")
    assert files.listing(store, "datasets/a") == []
    [(known, what)] = files.discarded(store).items()
    assert (known, what.path) == (token, "datasets/a/1-x")
    assert files.untrash(store, token) == "datasets/a/1-x"
    assert files.read_bytes(store, "datasets/a/1-x/version.json") == b"1"
    assert files.discarded(store) == {}


def test_what_comes_back_overwrites_nothing(store: Store) -> None:
    files.write_bytes(store, "a", b"old")
    token = files.trash(store, "a")
    files.write_bytes(store, "a", b"new")
    with pytest.raises(Conflict):
        files.untrash(store, token)
    assert files.read_bytes(store, "a") == b"new"
    assert token in files.discarded(store)


def test_nothing_comes_back_twice_and_nothing_missing_is_trashed(store: Store) -> None:
    with pytest.raises(NotFound):
        files.trash(store, "nothing")
    assert files.discarded(store) == {}
    files.write_bytes(store, "a", b"")
    token = files.trash(store, "a")
    files.untrash(store, token)
    with pytest.raises(NotFound):
        files.untrash(store, token)


def test_a_token_is_a_name_and_what_it_stands_for_is_read_with_care(store: Store) -> None:
    for token in ("../workspace.toml", "a\rb", "\ud800", ""):
        with pytest.raises(BadName):
            files.untrash(store, token)
    with pytest.raises(NotFound, match="the trash holds nothing called 'x'"):
        files.untrash(store, "x")
    files.write_bytes(store, ".cupola/trash/x/what.json", b"garbage")
    with pytest.raises(Corrupt):
        files.untrash(store, "x")


def test_what_is_staged_is_in_its_place_whole_or_gone(store: Store) -> None:
    with files.published(store, "a/1") as staged:
        (staged / "x").write_text("whole")
    assert files.read_bytes(store, "a/1/x") == b"whole" and not staged.exists()
    with pytest.raises(NotFound, match="a/2"), files.published(store, "a/2") as staged:
        (staged / "y").write_text("half")
        (staged / "missing" / "x").write_text("there is no such directory")
    assert not staged.exists() and files.listing(store, "a") == ["1"]
