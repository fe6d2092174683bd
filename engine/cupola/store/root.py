"""The store of one workspace: its root, and who writes there."""

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from cupola.errors import NotFound, ReadOnly
from cupola.store.filesystem import Mount, mount_of
from cupola.store.names import who

MARK = "workspace.toml"


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
        """The store at `path`. Raises NotFound when that is not a workspace."""
        root = Path(os.path.realpath(path))
        if not is_workspace(root):
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

        return copy_id(self.root)

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
    """Whether `path` holds a workspace.toml; asked twice, since on a network mount one answer proves nothing."""
    for _ in range(2):
        try:
            descriptor = os.open(os.path.join(path, MARK), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # noqa: PTH118
        except OSError:
            continue
        os.close(descriptor)
        return True
    return False
