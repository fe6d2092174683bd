"""Compiled models kept on this host's own disk, under a name that says what they were made of.

They are derived, and may be lost. The name is a hash of the version's own (sha256), of this format and of the packages
that computed; the content is headed by its hash, and what is not as it was written counts as not there.
"""

import contextlib
import hashlib
import os
import secrets
import time
from pathlib import Path

import msgspec

from cupola.runtimes.program import Program
from cupola.runtimes.records import Report, environment

FORMAT = 3
UNUSED = 90 * 86400.0  # seconds after which one that nobody has loaded goes
HASH = 32


class Kept(msgspec.Struct):
    """What was found of a version: the report, and the program where it answers as the native model."""

    report: Report
    program: Program | None = None


def path(sha256: str) -> Path:
    """Where the compiled model of a version lies, by the hash over its files."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    name = hashlib.sha256(f"{FORMAT}\0{environment()}\0{sha256}".encode()).hexdigest()
    return Path(base) / "cupola" / "compiled" / name


def read(sha256: str) -> Kept | None:
    """What is kept of a version; None where nothing is, or not as it was written."""
    file = path(sha256)
    try:
        data = file.read_bytes()
        if hashlib.sha256(data[HASH:]).digest() != data[:HASH]:
            return None
        os.utime(file)
        return msgspec.msgpack.decode(memoryview(data)[HASH:], type=Kept)
    except (OSError, msgspec.DecodeError):
        return None


def write(sha256: str, kept: Kept) -> None:
    """Keeps what was found; on a disk without room it is found again the next time."""
    file = path(sha256)
    data = msgspec.msgpack.encode(kept)
    draft = file.with_name(f".{secrets.token_hex(8)}")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.write_bytes(hashlib.sha256(data).digest() + data)
        draft.replace(file)
        _drop_unused(file.parent)
    except OSError:
        draft.unlink(missing_ok=True)


def _drop_unused(directory: Path) -> None:
    for one in directory.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if one.stat().st_mtime < time.time() - UNUSED:
                one.unlink()
