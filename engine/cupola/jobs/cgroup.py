"""The memory limit of a job as a control group, where one was delegated to the agent (version 2 only)."""

import contextlib
import os
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


class Group:
    """The group of one attempt."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, pid: int) -> None:
        (self.path / "cgroup.procs").write_text(str(pid))

    def ran_out(self) -> bool:
        """Whether the kernel has killed in it for want of memory."""
        with contextlib.suppress(OSError):
            for line in (self.path / "memory.events").read_text().splitlines():
                if line.startswith("oom_kill "):
                    return int(line.split()[1]) > 0
        return False

    def remove(self) -> None:
        with contextlib.suppress(OSError):
            self.path.rmdir()


def delegated(root: Path = ROOT) -> Path | None:
    """Makes ready the group that this process was given for itself, as a systemd unit with Delegate=yes is; or None.

    Its processes move to a leaf below it, since a group that hands controllers down may hold no processes itself.
    """
    try:
        line = next(one for one in Path("/proc/self/cgroup").read_text().splitlines() if one.startswith("0::"))
        group = root / line[3:].lstrip("/")
        if group == root or not group.name.startswith("cupola"):
            return None
        if "memory" not in (group / "cgroup.controllers").read_text().split():
            return None
        leaf = group / "agent"
        leaf.mkdir(exist_ok=True)
        for pid in (group / "cgroup.procs").read_text().split():
            (leaf / "cgroup.procs").write_text(pid)
        (group / "cgroup.subtree_control").write_text("+memory")
    except (OSError, StopIteration):
        return None
    return group


def make(parent: str | None, name: str, limit: int | None) -> Group | None:
    """A group below the delegated one that holds a job to `limit` bytes; None where that cannot be had."""
    if parent is None or limit is None:
        return None
    path = Path(parent, name)
    try:
        path.mkdir()
        (path / "memory.max").write_text(str(limit))
        with contextlib.suppress(OSError):
            (path / "memory.swap.max").write_text("0")
        with contextlib.suppress(OSError):
            (path / "memory.oom.group").write_text("1")
    except OSError:
        with contextlib.suppress(OSError):
            os.rmdir(path)  # noqa: PTH106
        return None
    return Group(path)
