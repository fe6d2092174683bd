"""Emptying the trash, and what --repair has moved away: for good, so only what has lain there long enough."""

import contextlib
import os
import shutil
import stat
import time
from calendar import timegm
from collections.abc import Iterator
from pathlib import Path

import msgspec

from cupola.checking.mending import REPAIRED
from cupola.errors import NotFound
from cupola.store import Store, files, names
from cupola.store.paths import place
from cupola.store.trouble import disk

MOMENT = "%Y%m%dT%H%M%S"  # what a token of the trash and of a repair begins with, in UTC


class Thrown(msgspec.Struct, frozen=True, kw_only=True):
    """What was, or would be, removed for good. path: where it had been, or lies below .cupola/repaired; user: who had
    removed it ("" for what a repair had moved away)."""

    path: str
    user: str
    time: str
    bytes: int


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """What could not be removed, and why."""

    path: str
    why: str


class Emptied(msgspec.Struct, kw_only=True):
    """What became of the trash: what is gone, the bytes that this has freed, and how many younger things stay."""

    bytes: int = 0
    gone: list[Thrown] = msgspec.field(default_factory=list)
    left: list[Left] = msgspec.field(default_factory=list)
    younger: int = 0
    dry_run: bool = False

    @property
    def text(self) -> str:
        """For people: a line each, and what it comes to."""
        lines = [f"{one.time}  {_size(one.bytes):>11}  {one.path}" for one in self.gone]
        lines += [f"left: {one.path}: {one.why}" for one in self.left]
        what = "would be removed" if self.dry_run else "removed"
        stay = f"; {self.younger} younger ones stay" if self.younger else ""
        return "\n".join([*lines, f"{what} for good: {len(self.gone)}, {_size(self.bytes)}{stay}"])


class _Lying(msgspec.Struct, kw_only=True):
    """Something in the trash (`what` says of it), or of a repair; `place` is what goes."""

    token: str
    place: str
    what: files.Discarded | None

    def thrown(self, bytes: int) -> Thrown:
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(_made(self.token)))
        path, user = (self.what.path, self.what.user) if self.what else (self.place, "")
        return Thrown(path=path, user=user, time=moment, bytes=bytes)


def empty(store: Store, seconds: float, dry_run: bool) -> Emptied:
    """Removes what has lain there for that long. Of the trash it stays known that it was removed on purpose.

    Raises DiskTrouble, ReadOnly. What others have made so that it cannot be removed is left, and said.
    """
    found, now = Emptied(dry_run=dry_run), time.time()
    for one in _lying(store):
        if now - (_made(one.token) or now) < seconds:
            found.younger += 1
            continue
        size = _bytes(store.root / one.place)
        try:
            if dry_run or _removed(store, one):
                found.gone.append(one.thrown(size))
                found.bytes += size
        except OSError as error:
            found.left.append(Left(path=one.place, why=error.strerror or str(error)))
    return found


def _lying(store: Store) -> Iterator[_Lying]:
    for token, what in files.discarded(store).items():
        yield _Lying(token=token, place=f"{files.TRASH}/{token}/content", what=what)
    for token in files.listing(store, REPAIRED):
        yield _Lying(token=token, place=f"{REPAIRED}/{token}", what=None)


def _made(token: str) -> float:
    """When it was put there, in seconds since 1970; 0 where its name does not tell."""
    try:
        return timegm(time.strptime(token.partition("-")[0], MOMENT))
    except ValueError:
        return 0.0


def _removed(store: Store, one: _Lying) -> bool:
    """Takes it out in one step, so that nobody restores half of it, then removes it; False where it was gone."""
    staged = files.staging(store)
    try:
        try:
            with disk(one.place), place(store, one.place) as at:
                os.rename(at.name, staged / "content", src_dir_fd=at.directory)
        except NotFound:
            return False
        if one.what is not None:
            kept = msgspec.structs.replace(one.what, emptied=names.now())
            files.write_bytes(store, f"{files.TRASH}/{one.token}/what.json", msgspec.json.encode(kept))
        gone = staged / "content"
        shutil.rmtree(gone) if gone.is_dir() and not gone.is_symlink() else gone.unlink()
    finally:
        files.discard(staged)
    return True


def _bytes(path: Path) -> int:
    """How much lies there; what cannot be looked at counts nothing."""
    total = 0
    with contextlib.suppress(OSError):
        total = path.lstat().st_size if stat.S_ISREG(path.lstat().st_mode) else 0
    for directory, _, inside in os.walk(path):
        for name in inside:
            with contextlib.suppress(OSError):
                total += os.lstat(f"{directory}/{name}").st_size
    return total


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"
