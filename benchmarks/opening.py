"""Opens a workspace, lists its runs, and counts what it opens for it: `python -m benchmarks.opening ROOT`."""

import json
import os
import sys
import time
from typing import Any

from cupola.experiments import actions
from cupola.jobs import records as jobs
from cupola.search import evaluating
from cupola.team import notes
from cupola.workspace import Workspace

LOADED = actions, evaluating, jobs, notes  # what is imported is not what is measured
counts = {"files": 0, "directories": 0}


def count(root: str) -> None:
    """Counts what is opened below `root`; the store opens all but the root's own names from a descriptor."""

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or not isinstance(arguments[0], (str, bytes)) or not isinstance(arguments[2], int):
            return
        path, _, flags = arguments
        if os.path.isabs(path) and not os.fsdecode(path).startswith(root):  # noqa: PTH117
            return
        counts["directories" if flags & os.O_DIRECTORY or os.fsdecode(path) == root else "files"] += 1

    sys.addaudithook(hear)


def main() -> None:
    root = os.path.realpath(sys.argv[1])
    count(root)
    begun = time.perf_counter()
    found = Workspace.open(root).action("run ls")
    seconds = time.perf_counter() - begun
    print(json.dumps({"seconds": seconds, "runs": len(found), **counts}))


if __name__ == "__main__":
    main()
