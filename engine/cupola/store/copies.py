"""Names of the copies of a workspace on this host, so that two copies never write the same file."""

import contextlib
import os
from pathlib import Path

from cupola.store.names import new_id, who
from cupola.store.runtime import runtime_dir


def copy_id(root: Path, inode: int = 0) -> str:
    """Six random characters for the workspace at `root` on this host; made once, in $XDG_STATE_HOME/cupola/copies.

    inode: of `root`, where it is always the same for the same directory. Another copy that is put in the place of one
    that was moved away is then another.
    """
    import hashlib

    name = hashlib.sha256(f"{who()[1]}\0{root}\0{inode}".encode("utf-8", "surrogateescape")).hexdigest()[:20]
    try:
        return _kept(state_dir() / "copies" / name)
    except OSError:  # a home that cannot be written: the name then lasts until the runtime directory goes
        return _kept(runtime_dir() / f"copy-{name}")


def state_dir() -> Path:
    """$XDG_STATE_HOME/cupola: what this host remembers."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "cupola"


def _kept(path: Path) -> str:
    with contextlib.suppress(FileNotFoundError):
        kept = path.read_text()
        if kept:
            return kept
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".tmp-{new_id()}")
    try:
        with draft.open("x") as file:
            file.write(new_id(6))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    return path.read_text()
