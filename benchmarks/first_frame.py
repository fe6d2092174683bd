"""First frame of the app on a workspace of 1,000 runs, beside a minimal Textual app; reach: at most 1.5 x."""

import sys
from pathlib import Path

from benchmarks.measure import in_turns, machine, report
from benchmarks.screen import first_text
from benchmarks.workspaces import add_runs, workspace

RUNS = 1000


def main() -> None:
    machine("textual")
    cupola = str(Path(sys.executable).with_name("cupola"))
    minimal = str(Path(__file__).with_name("minimal_app.py"))
    with workspace() as opened:
        add_runs(opened, RUNS)
        here = str(opened.root)
        figures = in_turns(
            {
                f"cupola, {RUNS} runs: first frame": lambda: first_text([cupola, here], b"Experiments"),
                f"cupola, {RUNS} runs: 2 typed, the runs are there": lambda: first_text(
                    [cupola, here], b"Completed", press=(b"2", b"Experiments")
                ),
                "minimal Textual app: first frame": lambda: first_text([sys.executable, minimal], b"minimal"),
            },
            runs=11,
        )
    frame, rows, peer = figures.values()
    report(
        "First frame",
        [frame, rows, peer],
        [
            ("first frame / minimal app", frame.median / peer.median, "at most 1.5"),
            ("runs on the screen / minimal app", rows.median / peer.median, "reported"),
        ],
    )


if __name__ == "__main__":
    main()
