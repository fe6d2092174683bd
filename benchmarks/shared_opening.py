"""Opening a workspace of 10,000 runs and listing them: on its own disk, and over SSHFS without cache.

With a warm digest (reach: at most 20 opens of files over SSHFS), with the reader's own cache instead, and with neither.
Beside it, on the disk: `cupola run ls --json`, and a Python that reads the same records from one JSON-lines file.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.faults.sshfs import mounted

from benchmarks.measure import Figure, in_turns, machine, report, wall
from benchmarks.workspaces import add_runs, homes
from cupola.experiments.records import RUNS, ls
from cupola.store import Store, digests
from cupola.store.folding import Folder
from cupola.workspace import Workspace

COUNT = 10_000
READ = "import msgspec, sys; [msgspec.json.decode(line) for line in open(sys.argv[1], 'rb')]"


def opened(root: Path) -> dict[str, float]:
    """What `benchmarks.opening` says of one opening by a new process."""
    command = [sys.executable, "-m", "benchmarks.opening", str(root)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    if found["runs"] != COUNT:
        raise RuntimeError(f"it has seen {found['runs']} runs")
    return found


def several(name: str, root: Path, *, runs: int, cache: bool = False) -> list[Figure]:
    """Seconds and opens of some openings, each with no cache unless `cache`."""
    found = []
    for _ in range(runs):
        if not cache:
            shutil.rmtree(Path(os.environ["XDG_CACHE_HOME"]) / "cupola" / "records", ignore_errors=True)
        found.append(opened(root))
    return [
        Figure(name=f"{name}: time", values=[one["seconds"] * 1000 for one in found]),
        Figure(name=f"{name}: files opened", values=[one["files"] for one in found], unit="  "),
        Figure(name=f"{name}: directories opened", values=[one["directories"] for one in found], unit="  "),
    ]


def main() -> None:
    machine("msgspec")
    with homes() as home, mounted(home) as mounts:
        workspace = Workspace.init(mounts.served)
        add_runs(workspace, COUNT)
        time.sleep(2 * digests.UNSETTLED / 1e9)
        cold = several("disk, neither", mounts.served, runs=3) + several("SSHFS, neither", mounts.a, runs=1)
        kept = several("SSHFS, cache", mounts.a, runs=3, cache=True)
        folder = Folder(Store.open(mounts.served), RUNS)
        begun = time.perf_counter()
        folder.fold()
        folding = Figure(name="writing the digest, in the background", values=[(time.perf_counter() - begun) * 1000])
        warm = several("disk, warm digest", mounts.served, runs=5)
        far = several("SSHFS, warm digest", mounts.a, runs=5)
        lines = home / "runs.jsonl"
        lines.write_bytes(b"\n".join(map(_line, ls(workspace.store))))
        cupola = str(Path(sys.executable).with_name("cupola"))
        commands = in_turns(
            {
                "cupola run ls --json, warm digest": lambda: wall(
                    [cupola, "-C", str(mounts.served), "run", "ls", "--json"]
                ),
                "Python reads one JSON-lines file": lambda: wall([sys.executable, "-c", READ, str(lines)]),
            },
            runs=7,
        )
    ours, peer = commands.values()
    report(
        f"Opening a workspace of {COUNT} runs",
        [*cold, *kept, folding, *warm, *far, ours, peer],
        [
            ("SSHFS, warm digest: files opened / 20", far[1].median / 20, "at most 1"),
            ("run ls --json / reading one file", ours.median / peer.median, "reported"),
        ],
    )


def _line(run: object) -> bytes:
    import msgspec

    return msgspec.json.encode(run)


if __name__ == "__main__":
    main()
