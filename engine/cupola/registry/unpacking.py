"""The files of a version in a directory of this user's own, for models whose loader wants a directory.

What was hashed is what is loaded: the workspace may change under a loader's hands, this directory is this user's alone.
One version is unpacked once on a host; it goes when it has not been loaded for a while and nobody has it open.
"""

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from cupola.errors import Corrupt
from cupola.registry import contents
from cupola.store import runtime
from cupola.store.trouble import disk

UNUSED = 86_400.0  # seconds after which a directory that no process has open is removed
_held: list[int] = []  # descriptors that say that this process uses a directory, until it ends


def directory(data: Mapping[str, bytes], hashes: Mapping[str, str]) -> Path:
    """The directory with these files, whose sha256 have been checked. This process holds it until it ends.

    Raises Corrupt for names that lead elsewhere, DiskTrouble.
    """
    for name in data:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise Corrupt(f"{name[:200]!a} is no name of a model's file")
    root = runtime.runtime_dir() / "models"
    target = root / contents.whole(hashes)
    with disk(str(target)):
        root.mkdir(mode=0o700, exist_ok=True)
        lock = runtime.lock(root / "lock")
        assert lock is not None
        with lock:
            if not target.is_dir():
                _remove_unused(root)
                _write(target, data)
            os.utime(target)
            descriptor = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            _held.append(descriptor)
    return target


def _write(target: Path, data: Mapping[str, bytes]) -> None:
    """Writes all files, and gives the directory its name when it is whole."""
    draft = target.with_suffix(".part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    for name, content in data.items():
        path = draft / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    draft.rename(target)


def _remove_unused(root: Path) -> None:
    for one in root.iterdir():
        if not one.is_dir() or time.time() - one.stat().st_mtime < UNUSED:
            continue
        descriptor = os.open(one, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(one, ignore_errors=True)
        finally:
            os.close(descriptor)
