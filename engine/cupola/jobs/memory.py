"""What processes use of memory, for keepers that hold them to a limit."""

import os
from collections.abc import Sequence
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")
NEAR = 0.8


def used(pids: Sequence[int], limit: int | None) -> int:
    """Bytes that these processes use together: resident pages, and near the limit the exact share of shared ones."""
    rough = sum(map(resident, pids))
    return rough if limit is None or rough < NEAR * limit else sum(map(share, pids))


def resident(pid: int) -> int:
    """Bytes of a process that are in memory, shared ones included; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0


def share(pid: int) -> int:
    """Bytes of a process, of shared pages its share: one that four processes share counts a quarter in each."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
