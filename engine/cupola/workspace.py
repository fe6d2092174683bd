"""A workspace: the directory that everything lives in, opened."""

import os
from pathlib import Path
from typing import Any

import msgspec

from cupola.errors import BadInput, NotFound
from cupola.store import Store
from cupola.store.content import create_bytes, listing, read_bytes, write_bytes
from cupola.store.names import check_name, new_id, plain
from cupola.store.paths import sync_directory
from cupola.store.records import Record, read_toml
from cupola.store.root import MARK, is_workspace
from cupola.store.trouble import disk

# What git must not carry from one copy to another: what is true only of one copy, or only for a while.
IGNORED = ("/.cupola/*", "!/.cupola/notes/", "/endpoints/*/status.json", ".tmp-*", ".nfs*", ".fuse_hidden*")

TEMPLATE = """\
# This directory is a Cupola workspace. Edit this file as you like; what it says holds for all who work here.
format = 1
revision = 1
name = "{name}"
description = ""

# true: a model version must have been approved before it can be deployed
deployments_need_approval = false

# What jobs of one host may use together; what is not named here is all that the host has.
[slots]
# cpus = 8
# memory = "32G"
# gpus = 1

# Who may do what: a viewer looks, a member works, an approver also approves. Without a role one is a member. This is
# guidance that Cupola keeps; what holds are the owner, group and modes of these files.
[roles]
# ana = "approver"
# raj = "viewer"
"""


class Slots(msgspec.Struct, kw_only=True):
    """What the jobs of one host may use together; None is all that the host has."""

    cpus: int | None = None
    memory: str | None = None
    gpus: int | None = None


class Settings(Record, kw_only=True):
    """workspace.toml: what holds for all who work here."""

    name: str = ""
    description: str = ""
    deployments_need_approval: bool = False
    slots: Slots = msgspec.field(default_factory=Slots)
    roles: dict[str, str] = msgspec.field(default_factory=dict)


class Workspace:
    """An open workspace. `notices` says what its user should know: a newer format, a mount that makes views late."""

    def __init__(self, store: Store, *, created: bool = False, notices: list[str] | None = None) -> None:
        self.store = store
        self.created = created
        self.notices = notices or []

    @property
    def root(self) -> Path:
        return self.store.root

    @property
    def readonly(self) -> bool:
        return self.store.readonly

    @property
    def settings(self) -> Settings:
        """workspace.toml as it is now."""
        return read_toml(self.store, MARK, Settings)

    def action(self, name: str, /, **arguments: Any) -> Any:
        """Runs an action by the name that the command line gives it ("model register")."""
        from cupola import actions

        return actions.run(self, name, **arguments)

    @classmethod
    def init(cls, path: Path | str, name: str | None = None) -> "Workspace":
        """Makes a directory a workspace and opens it; one that is one already is only opened (`created` False).

        Raises BadName, BadInput, DiskTrouble.
        """
        if name is not None:
            check_name(name, "name for a workspace")
        root = Path(os.path.realpath(path))
        with disk(str(path)):
            if root.exists() and not root.is_dir():
                raise BadInput("a file stands there, not a directory", where=str(path))
            _make(root)
        if is_workspace(root):
            return cls.open(root)
        store = Store(root)
        _ignore(store)
        chosen = name or plain(root.name)[:100].strip("._-") or f"workspace-{new_id(4)}"
        created = create_bytes(store, MARK, TEMPLATE.format(name=chosen).encode())
        opened = cls.open(root)
        opened.created = created
        return opened

    @classmethod
    def open(cls, path: Path | str = ".", readonly: bool = False) -> "Workspace":
        """Opens the workspace at `path`. Raises NotFound, Corrupt.

        One that a newer Cupola wrote is opened read-only, and `notices` says so.
        """
        store = Store.open(path, readonly)
        notices = []
        if read_toml(store, MARK, Settings).format > Settings().format:
            store = Store.open(path, True)
            notices.append("a newer Cupola wrote this workspace: it is open for reading only until you update Cupola")
        if store.mount.advice:
            notices.append(store.mount.advice)
        return cls(store, notices=notices)

    @classmethod
    def find(cls, path: Path | str = ".", readonly: bool = False) -> "Workspace":
        """Opens the workspace that `path` lies in, looking upwards as git does. Raises NotFound."""
        start = Path(os.path.realpath(path))
        for directory in (start, *start.parents):
            if is_workspace(directory):
                return cls.open(directory, readonly)
        raise NotFound("this is not in a workspace", where=str(path), hint=f"`cupola init {path}` makes one")


def _make(root: Path) -> None:
    """Makes the directory and those above it, durably."""
    missing = [one for one in (root, *root.parents) if not one.exists()]
    root.mkdir(parents=True, exist_ok=True)
    for one in missing:
        descriptor = os.open(one.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            sync_directory(descriptor)
        finally:
            os.close(descriptor)


def _ignore(store: Store) -> None:
    """Adds to .gitignore what git must leave alone here."""
    before = read_bytes(store, ".gitignore") if ".gitignore" in listing(store, "") else b""
    missing = [line for line in IGNORED if line not in before.decode("utf-8", "replace").splitlines()]
    if missing:
        gap = b"" if not before or before.endswith(b"\n") else b"\n"
        write_bytes(store, ".gitignore", before + gap + "\n".join(missing).encode() + b"\n")
