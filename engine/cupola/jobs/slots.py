"""The slots of this host (CPUs, memory, GPUs), shared by all its users: byte ranges of lock files that all may lock.

Whoever holds the descriptors has the slots: the agent takes them, hands them to a keeper, and they are free again when
the keeper has ended, however it ended. (Locks of an open file description: not of a process.)
"""

import contextlib
import fcntl
import os
import struct

from cupola.store.runtime import slots_dir

UNIT = 64 * 2**20  # bytes of memory that one byte of its lock file stands for


class Slots:
    """Slots that are held, by their descriptors."""

    def __init__(self) -> None:
        self.cpus: list[int] = []
        self.gpus: list[int] = []
        self.memory: int | None = None
        self.descriptors: list[int] = []

    def close(self) -> None:
        """Lets go of them here; who was handed the descriptors holds them still."""
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors.clear()


def take(cpus: list[int], gpus: list[int], memory: int, wanted: tuple[int, int, int | None]) -> Slots | str:
    """Takes slots out of those that the host has (`memory` in bytes); or the name of what there is not enough of.

    `wanted`: how many CPUs, how many GPUs, how many bytes of memory (None: as much as it likes, none kept for it).
    """
    held = Slots()
    held.memory = wanted[2]
    units = -(-(wanted[2] or 0) // UNIT)
    kinds = [("cpus", cpus, wanted[0]), ("gpus", gpus, wanted[1]), ("memory", list(range(memory // UNIT)), units)]
    for name, available, count in kinds:
        if not count:
            continue
        descriptor = _open(name)
        held.descriptors.append(descriptor)
        got: list[int] = []
        for number in available:
            if len(got) < count and _lock(descriptor, number):
                got.append(number)
        if len(got) < count:
            held.close()
            return name
        if name != "memory":
            setattr(held, name, got)
    return held


def _open(name: str) -> int:
    """The lock file; made for all users when it is missing, else opened without O_CREAT (fs.protected_regular)."""
    path = slots_dir() / name
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    while True:
        with contextlib.suppress(FileNotFoundError):
            return os.open(path, flags)
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
            os.fchmod(descriptor, 0o666)
            return descriptor


def _lock(descriptor: int, number: int) -> bool:
    wish = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, number, 1, 0)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, wish)
    except (BlockingIOError, PermissionError):
        return False
    return True
