"""Making durable, later and together, what was written without it."""

import contextlib
import ctypes
import os
from collections.abc import Callable, Iterable

from cupola.store.paths import open_directory, open_file, sync_directory
from cupola.store.root import Store
from cupola.store.trouble import disk

SEVERAL = 12  # files and directories, from which on one call does it for all: an fsync of each takes milliseconds
libc = ctypes.CDLL(None, use_errno=True)


def settle(store: Store, paths: Iterable[str]) -> None:
    """Makes files durable, and their names up to the workspace's root. Raises DiskTrouble.

    Many on a local disk go together with all else that waits for that disk (syncfs). One that is gone is passed over.
    """
    files = sorted(set(paths))
    directories = sorted({parent for path in files for parent in _parents(path)}, reverse=True)
    if len(files) + len(directories) > SEVERAL and not store.mount.network:
        _all(store)
        return
    for path in files:
        with disk(path), contextlib.suppress(FileNotFoundError):
            _sync(open_file(store, path), os.fsync)
    for path in directories:
        with disk(path), contextlib.suppress(FileNotFoundError):
            _sync(open_directory(store, path), sync_directory)


def _all(store: Store) -> None:
    with disk(str(store.root)):
        descriptor = open_directory(store, "")
        try:
            if libc.syncfs(descriptor):
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        finally:
            os.close(descriptor)


def _sync(descriptor: int, sync: Callable[[int], None]) -> None:
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


def _parents(path: str) -> list[str]:
    names = path.split("/")
    return ["/".join(names[:end]) for end in range(len(names))]
