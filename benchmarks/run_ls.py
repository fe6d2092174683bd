"""`cupola run ls --json` on 1,000 runs, beside the start of Python with msgspec; reach: at most 4 x."""

import sys
from pathlib import Path

from benchmarks.measure import in_turns, machine, report, wall
from benchmarks.workspaces import add_runs, workspace

RUNS = 1000


def main() -> None:
    machine("msgspec")
    cupola = str(Path(sys.executable).with_name("cupola"))
    with workspace() as opened:
        add_runs(opened, RUNS)
        here = str(opened.root)
        figures = in_turns(
            {
                f"cupola run ls --json, {RUNS} runs": lambda: wall([cupola, "-C", here, "run", "ls", "--json"]),
                'python -c "import msgspec"': lambda: wall([sys.executable, "-c", "import msgspec"]),
            },
            runs=15,
            warmup=2,
        )
    ours, peer = figures.values()
    report("List of runs", [ours, peer], [("list / import msgspec", ours.median / peer.median, "at most 4")])


if __name__ == "__main__":
    main()
