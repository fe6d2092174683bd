"""The kind of file system that a workspace lies on, and what follows from it."""

import os
from functools import cached_property
from itertools import pairwise
from pathlib import Path

NETWORK = {"sshfs", "nfs", "cifs", "9p", "ceph", "glusterfs", "lustre", "gpfs", "beegfs", "afs", "fuse", "virtiofs"}
NAMES = {"nfs4": "nfs", "smb3": "cifs", "smbfs": "cifs", "fuse.sshfs": "sshfs", "fuse.glusterfs": "glusterfs"}
LOCAL_FUSE = {"fuseblk", "fuse.ext4", "fuse.ntfs-3g", "fuse.fuse-overlayfs", "fuse.bindfs", "fuse.gocryptfs"}
MEND = {"sshfs": "dcache_timeout=1", "nfs": "actimeo=1,lookupcache=positive"}
SSHFS_LATE, NFS_LATE = 20.0, 60.0  # seconds: how old a listing may be with the mounts' own defaults


class Mount:
    """Where a workspace lies: kind ("local", "sshfs", "nfs", ...), mount point, and the options it was mounted with."""

    def __init__(self, kind: str, point: str = "/", options: dict[str, str] | None = None) -> None:
        self.kind = kind
        self.point = point
        self._options = options

    @property
    def network(self) -> bool:
        """Whether other hosts may change it unseen by this kernel."""
        return self.kind in NETWORK

    @property
    def lease_seconds(self) -> float:
        """How long a claim's counter stands still before its owner is called dead."""
        return 90.0 if self.network else 10.0

    @cached_property
    def options(self) -> dict[str, str]:
        if self._options is not None:
            return self._options
        return _sshfs_options(self.point) if self.kind == "sshfs" else {}

    @cached_property
    def stale_seconds(self) -> float:
        """How old a view of another host's changes may be."""
        if self.kind == "sshfs":
            return _sshfs_late(self.options)
        if self.kind == "nfs":
            return _nfs_late(self.options)
        return 1.0 if self.network else 0.0

    @property
    def mend(self) -> str | None:
        """The mount options with which views are not late, or None when they are not."""
        return None if self.stale_seconds <= 1 else MEND[self.kind]

    @property
    def advice(self) -> str | None:
        """One sentence on how to mount it so that views are not late, or None when there is nothing to mend."""
        if self.mend is None:
            return None
        late = f"views are up to {self.stale_seconds:.0f} s old on this {self.kind} mount"
        return f"{late}; mount it with -o {self.mend}"


def mount_of(path: Path | str) -> Mount:
    """The mount that `path` lies on, as the kernel tells it."""
    return mount_at(os.path.realpath(path))


def mount_at(real: str) -> Mount:
    """The mount of a path that has no symlinks; touches no disk, so that it can be asked of one that hangs."""
    best, kind, options = "", "local", ""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123
        for line in file:
            before, _, after = line.partition(" - ")
            point = _unescape(before.split()[4])
            if len(point) >= len(best) and (real == point or real.startswith(point.rstrip("/") + "/")):
                found, _, super_options = after.split(maxsplit=2)
                best, kind, options = point, found, super_options.strip()
    named = NAMES.get(kind, kind)
    if kind in LOCAL_FUSE or (named not in NETWORK and not kind.startswith("fuse")):
        return Mount("local", best, {})
    if named not in NETWORK:
        return Mount("fuse", best, {})
    return Mount(named, best, None if named == "sshfs" else _split(options))


def _unescape(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text


def _split(options: str) -> dict[str, str]:
    return {name: value for name, _, value in (one.partition("=") for one in options.split(",") if one)}


def _sshfs_options(point: str) -> dict[str, str]:
    """The kernel does not know sshfs's own options; the command line of the process that serves the mount does."""
    for entry in os.listdir("/proc"):  # noqa: PTH208
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:  # noqa: PTH123
                words = os.fsdecode(file.read()).split("\0")
        except OSError:
            continue
        if os.path.basename(words[0]).startswith(("sshfs", "mount.sshfs", "mount.fuse")) and point in words:  # noqa: PTH119
            return _split(",".join(_after_o(words)))
    return {}


def _after_o(words: list[str]) -> list[str]:
    joined = [word[2:] for word in words if word.startswith("-o") and len(word) > 2]
    return joined + [word for before, word in pairwise(words) if before == "-o"]


def _sshfs_late(options: dict[str, str]) -> float:
    if options.get("dir_cache") == "no" or options.get("cache") == "no":
        return 0.0
    given = options.get("dcache_timeout") or options.get("cache_timeout")
    return _seconds(given, SSHFS_LATE)


def _nfs_late(options: dict[str, str]) -> float:
    if "noac" in options:
        return 0.0
    return max(_seconds(options.get("acregmax"), NFS_LATE), _seconds(options.get("acdirmax"), NFS_LATE))


def _seconds(given: str | None, default: float) -> float:
    try:
        return float(given) if given else default
    except ValueError:
        return default
