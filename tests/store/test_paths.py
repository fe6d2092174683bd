import contextlib
import errno
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from cupola.errors import BadName, Corrupt, CupolaError, DiskTrouble
from cupola.store import Store, files
from cupola.store.paths import split


@pytest.mark.parametrize("path", ["../x", "a/../b", "/etc/passwd", "a//b", "a/", "./a", "a/\0b", ".."])
def test_paths_that_could_lead_out_are_refused(path: str) -> None:
    with pytest.raises(BadName):
        split(path)


def test_a_symlink_out_is_not_followed(store: Store, outside: Path) -> None:
    (store.root / "link").symlink_to(outside)
    (store.root / "relative").symlink_to("../outside")
    (store.root / "file").symlink_to(outside / "secret.txt")
    for path in ("link/secret.txt", "relative/secret.txt", "file"):
        with pytest.raises(Corrupt, match="out of the workspace"):
            files.read_bytes(store, path)
        with pytest.raises(Corrupt, match="out of the workspace"):
            files.write_bytes(store, path, b"mine")
        with pytest.raises(Corrupt, match="out of the workspace"):
            files.absolute(store, path)
    with pytest.raises(Corrupt):
        files.listing(store, "link")
    assert (outside / "secret.txt").read_text() == "secret"
    assert [one.name for one in outside.iterdir()] == ["secret.txt"]


def test_a_symlink_that_stays_inside_is_followed(store: Store) -> None:
    files.write_bytes(store, "real/deep/a.txt", b"one")
    (store.root / "absolute").symlink_to(store.root / "real")
    (store.root / "real" / "up").symlink_to("../real/deep")
    (store.root / "name.txt").symlink_to("absolute/up/a.txt")
    for path in ("absolute/deep/a.txt", "real/up/a.txt", "absolute/up/a.txt", "name.txt"):
        assert files.read_bytes(store, path) == b"one"
    files.write_bytes(store, "name.txt", b"two")
    assert (store.root / "real/deep/a.txt").read_bytes() == b"two"
    assert (store.root / "name.txt").is_symlink()


def test_symlinks_in_a_circle_end(store: Store) -> None:
    (store.root / "a").symlink_to("b")
    (store.root / "b").symlink_to("a")
    with pytest.raises(Exception, match="symbolic links"):
        files.read_bytes(store, "a/x")


def test_a_look_that_the_mount_does_not_allow_is_said_so_where_there_is_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: Any, **__: Any) -> str:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "readlink", refuses)
    with pytest.raises(DiskTrouble, match="does not allow it"):
        files.write_bytes(store, "new", b"")


def test_a_directory_swapped_for_a_symlink_in_the_middle_leads_nowhere_else(store: Store, outside: Path) -> None:
    files.write_bytes(store, "d/secret.txt", b"inside")
    (store.root / "evil").symlink_to(outside)
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for name, to in (("d", "kept"), ("evil", "d"), ("d", "evil"), ("kept", "d")):
                (store.root / name).rename(store.root / to)

    swapping = threading.Thread(target=swap)
    swapping.start()
    seen = set()
    try:
        for _ in range(2000):
            with contextlib.suppress(CupolaError):
                seen.add(files.read_bytes(store, "d/secret.txt"))
    finally:
        stop.set()
        swapping.join()
    assert b"secret" not in seen and b"inside" in seen


def test_a_pipe_or_a_device_is_not_read(store: Store) -> None:
    os.mkfifo(store.root / "pipe")
    with pytest.raises(Exception, match="not a plain file"):
        files.read_bytes(store, "pipe")
