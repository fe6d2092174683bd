"""Whether something was installed, upgraded or removed in this environment since: seen from its directories alone."""

import contextlib
import os
import sys
from functools import lru_cache

NAMED_BY = (".dist-info", ".egg-info", ".egg-link", ".pth")


def stamp() -> list[tuple[str, int]]:
    """What says which packages are installed: the names, and when each was made. It costs a look at each directory."""
    found: list[tuple[str, int]] = []
    for directory in sys.path:
        if directory.endswith("-packages"):
            with contextlib.suppress(OSError):
                found += _there(directory, os.stat(directory).st_mtime_ns)  # noqa: PTH116
    return found


@lru_cache(maxsize=16)
def _there(directory: str, changed: int) -> list[tuple[str, int]]:
    """Of a directory as it was when it was `changed` last."""
    with os.scandir(directory) as entries:
        return sorted((one.name, one.stat().st_mtime_ns) for one in entries if one.name.endswith(NAMED_BY))
