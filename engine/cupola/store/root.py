"""The store of one workspace: its root, and who writes there."""

import contextlib
import errno
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from cupola.errors import DiskTrouble, NotFound, ReadOnly
from cupola.store.filesystem import Mount, mount_of
from cupola.store.names import who
from cupola.store.trouble import trouble

MARK = "workspace.toml"
UNANSWERED = (errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ECONNABORTED, errno.ETIMEDOUT, errno.EHOSTDOWN)


@dataclass(frozen=True)
class Store:
    """A workspace's directory as files: everything in `cupola.store` takes one first.

    `shown` remembers, per path, the newest revision that this process has handed out.
    """

    root: Path
    readonly: bool = False
    shown: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    leases: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def open(cls, path: Path | str, readonly: bool = False) -> "Store":
        """The store at `path`. Raises NotFound when that is not a workspace, DiskTrouble when that cannot be told."""
        root = Path(os.path.realpath(path))
        if not has_mark(root):
            hint = f"`cupola init {path}` makes one"
            raise NotFound(f"there is no workspace (no {MARK})", where=str(path), hint=hint)
        return cls(root, readonly)

    @cached_property
    def mount(self) -> Mount:
        return mount_of(self.root)

    @cached_property
    def copy(self) -> str:
        """The random part of this copy of the workspace, kept on this host's own disk."""
        from cupola.store.copies import copy_id

        inode = 0
        if not self.mount.network:
            with contextlib.suppress(OSError):  # a directory that was removed: whoever writes there will say it
                inode = os.stat(self.root).st_ino  # noqa: PTH116
        return copy_id(self.root, inode)

    @cached_property
    def writer(self) -> str:
        """HOST-USER-COPY: the name under which this user writes here, and nobody else anywhere."""
        user, host = who()
        return f"{host}-{user}-{self.copy}"

    def check_writable(self) -> None:
        """Raises ReadOnly when it was opened for reading only."""
        if self.readonly:
            raise ReadOnly("this workspace was opened read-only", where=str(self.root))


def is_workspace(path: Path | str) -> bool:
    """Whether `path` is seen to hold a workspace.toml."""
    try:
        return has_mark(path)
    except DiskTrouble:
        return False


def has_mark(path: Path | str) -> bool:
    """Whether `path` holds a workspace.toml; asked twice, since on a network mount one answer proves nothing.

    Raises DiskTrouble when the disk or the mount does not say.
    """
    said = OSError()
    for _ in range(2):
        try:
            descriptor = os.open(os.path.join(path, MARK), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # noqa: PTH118
        except OSError as error:
            said = error
            continue
        os.close(descriptor)
        return True
    if said.errno in UNANSWERED:
        raise trouble(said, str(path)) from said
    return False
