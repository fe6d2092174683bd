"""Who may do what here, as far as this host can tell: the owner, group and modes of the files, and the roles."""

import os
import shlex
import stat

import msgspec

from cupola.settings import Settings
from cupola.store import Store
from cupola.store.names import who
from cupola.team import roles


class Access(msgspec.Struct, kw_only=True):
    """Who may do what. mode: as ls -l shows it. shared: whether what members of the group make is the group's to
    change. notes: what that means, and what to do, a sentence each."""

    user: str
    role: str
    owner: str
    group: str
    mode: str
    readable: bool
    writable: bool
    shared: bool
    roles: dict[str, str]
    notes: list[str]


def of(store: Store, settings: Settings) -> Access:
    """What the workspace's directory allows the user who asks."""
    found = os.stat(store.root)  # noqa: PTH116
    user = who()[0]
    group = _group(found.st_gid)
    shared = bool(found.st_mode & stat.S_ISGID) and found.st_mode & 0o070 == 0o070
    writable = os.access(store.root, os.W_OK | os.X_OK)
    return Access(
        user=user,
        role=settings.roles.get(user, roles.MEMBER),
        owner=_user(found.st_uid),
        group=group,
        mode=stat.filemode(found.st_mode),
        readable=os.access(store.root, os.R_OK | os.X_OK),
        writable=writable,
        shared=shared,
        roles=settings.roles,
        notes=_notes(store, user, group, found.st_mode, writable, shared),
    )


def _notes(store: Store, user: str, group: str, mode: int, writable: bool, shared: bool) -> list[str]:
    root = shlex.quote(str(store.root))
    if shared:
        said = [f"members of the group {group} may read and change all that is made here, whatever their umask"]
    else:
        said = [
            f"to share it with the group {group}: chgrp -R {group} {root}; chmod -R g+rwX {root}; "
            f"find {root} -type d -exec chmod g+s {{}} +"
        ]
    if not writable:
        said.append(f"{user} may not write here: ask its owner to be taken into the group, or look with --readonly")
    if mode & 0o002:
        said.append(f"every user of this host may write here: chmod o-w {root}")
    return [*said, roles.GUIDANCE]


def _user(number: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid{number}"


def _group(number: int) -> str:
    import grp

    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
