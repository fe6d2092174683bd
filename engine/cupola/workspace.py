"""A workspace: the directory that everything lives in, opened."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cupola.errors import BadInput, Corrupt, NewerFormat, NotFound
from cupola.settings import Settings
from cupola.store import Store
from cupola.store.content import create_bytes, listing, read_bytes, write_bytes
from cupola.store.names import check_name, new_id, plain, who
from cupola.store.paths import sync_directory
from cupola.store.records import read_toml
from cupola.store.root import MARK, has_mark
from cupola.store.toml import parse
from cupola.store.trouble import disk

if TYPE_CHECKING:
    from cupola.actions import Action

# What git must not carry from one copy to another: what is true only of one copy, or only for a while.
IGNORED = ("/.cupola/*", "!/.cupola/notes/", "/endpoints/*/status.json", ".tmp-*", ".nfs*", ".fuse_hidden*")
# What git must not carry with other line ends: files whose bytes count, since they have checksums and signatures.
AS_IT_IS = tuple(
    f"/{place}/** -text" for place in ("datasets", "experiments", "models", "jobs", "endpoints", ".cupola")
)

TEMPLATE = """\
# This directory is a Cupola workspace. Edit this file as you like; what it says holds for all who work here.
format = 1
revision = 1
name = "{name}"
description = ""
# The same in all copies of this workspace, and in no other: `cupola merge` knows them by it.
id = "{id}"

# true: a model version must have been approved before it can be deployed
deployments_need_approval = false

# What jobs of one host may use together; what is not named here is all that the host has.
[slots]
# cpus = 8
# memory = "32G"
# gpus = 1

[jobs]
# What jobs do on a full disk: wait until there is room, or fail.
# full_disk = "wait"

[pipelines]
# How many executions of a pipeline are kept: when one ends, older ones are removed for good, but for those whose
# results others have taken. Without it all are kept.
# keep = 100

# Who may do what: a viewer looks, a member works, an approver also approves. Without a role one is a member. This is
# guidance that Cupola keeps; what holds are the owner, group and modes of these files.
[roles]
# ana = "approver"
# raj = "viewer"
"""

NEWER = "a newer Cupola wrote this workspace: it is open for reading only until you update Cupola"


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
    def why_readonly(self) -> str | None:
        """What has made it read-only, where nobody asked for that."""
        return NEWER if NEWER in self.notices else None

    @property
    def settings(self) -> Settings:
        """workspace.toml as it is now."""
        return read_toml(self.store, MARK, Settings)

    def action(self, name: str, /, **arguments: Any) -> Any:
        """Runs an action by the name that the command line gives it ("model register")."""
        from cupola import actions

        return actions.run(self, name, **arguments)

    def permit(self, action: "Action") -> None:
        """Raises Refused where the role of this process's user does not allow an action that writes."""
        from cupola.team import roles

        if action.role != roles.VIEWER:  # an agent can be stopped whatever has become of workspace.toml
            roles.check(self.settings, action, who()[0])

    def tell(self, action: "Action", arguments: dict[str, Any], result: Any) -> None:
        """Writes down for the others that an action was done."""
        from cupola.team import activity

        activity.tell(self.store, action, arguments, result)

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
        if has_mark(root):
            return cls.open(root)
        store = Store(root)
        _say_to_git(store, ".gitignore", IGNORED)
        _say_to_git(store, ".gitattributes", AS_IT_IS)
        chosen = name or plain(root.name)[:100].strip("._-") or f"workspace-{new_id(4)}"
        created = create_bytes(store, MARK, TEMPLATE.format(name=chosen, id=new_id()).encode())
        opened = cls.open(root)
        opened.created = created
        return opened

    @classmethod
    def open(cls, path: Path | str = ".", readonly: bool = False) -> "Workspace":
        """Opens the workspace at `path`. Raises NotFound.

        One that a newer Cupola wrote is opened read-only; where workspace.toml cannot be read, whatever needs it (all
        that writes, for its roles) is refused until it is mended. `notices` says so.
        """
        store = Store.open(path, readonly)
        notices = []
        try:
            newer = read_toml(store, MARK, Settings).format > Settings().format
        except NewerFormat:
            newer = True
        except Corrupt as error:
            newer = False
            notices.append(f"{error}; until then nothing can be changed here")
        if newer:
            store = Store.open(path, True)
            notices.append(NEWER)
        if store.mount.advice:
            notices.append(store.mount.advice)
        return cls(store, notices=notices)

    @classmethod
    def find(cls, path: Path | str = ".", readonly: bool = False) -> "Workspace":
        """Opens the workspace that `path` lies in, looking upwards as git does. Raises NotFound."""
        start = Path(os.path.realpath(path))
        for directory in (start, *start.parents):
            if has_mark(directory):
                return cls.open(directory, readonly)
        raise NotFound("this is not in a workspace", where=str(path), hint=f"`cupola init {path}` makes one")


def is_as_made(data: bytes) -> bool:
    """Whether a workspace.toml is still as `init` has made it."""
    try:
        said = parse(data, MARK)
    except Corrupt:
        return False
    return data == TEMPLATE.format(name=said.get("name"), id=said.get("id")).encode()


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


def _say_to_git(store: Store, path: str, lines: tuple[str, ...]) -> None:
    """Adds to a file of git's the lines that it lacks."""
    before = read_bytes(store, path) if path in listing(store, "") else b""
    missing = [line for line in lines if line not in before.decode("utf-8", "replace").splitlines()]
    if missing:
        gap = b"" if not before or before.endswith(b"\n") else b"\n"
        write_bytes(store, path, before + gap + "\n".join(missing).encode() + b"\n")
