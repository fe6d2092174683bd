"""From a job's acknowledged filing to the first line of its code, scikit-learn and pandas loaded.

Beside it: a bare fork of a process that has loaded them (reach: at most 50 ms over it), and a Python that imports them
(reach: at least 10 x faster).
"""

import contextlib
import os
import sys
import time
from pathlib import Path

import cupola
from benchmarks.measure import in_turns, machine, report, wall
from benchmarks.workspaces import workspace
from cupola.jobs.records import log_path

SCRIPT = """\
import time
first = time.time()
import sys
print(first, int("sklearn" in sys.modules and "pandas" in sys.modules))
"""


def fork_loaded() -> float:
    """Seconds from a fork of this process, which has loaded both, to the child's first line."""
    reader, writer = os.pipe()
    begun = time.time()
    child = os.fork()
    if child == 0:
        os.write(writer, repr(time.time()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    first = float(os.read(reader, 64))
    os.close(reader)
    os.close(writer)
    return first - begun


def main() -> None:
    machine("scikit-learn", "pandas")
    with workspace() as opened, contextlib.chdir(opened.root):
        script = opened.root / "first_line.py"
        script.write_text(SCRIPT)
        os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        ws = cupola.open(opened.root)

        def started() -> tuple[float, bool]:
            """How long after its filing a job began, and whether all was loaded."""
            filed = ws.job.submit("python", str(script))
            acknowledged = time.time()
            job = filed.job
            filed.wait(timeout=120)
            first, loaded = (opened.root / log_path(opened.store, job)).read_text().split()
            return float(first) - acknowledged, loaded == "1"

        def job() -> float:
            seconds, loaded = started()
            if not loaded:
                raise RuntimeError("the job had to load scikit-learn and pandas itself")
            return seconds

        while not started()[1]:  # jobs are served between the imports of an agent that has just begun
            time.sleep(0.5)

        import pandas  # noqa: F401
        import sklearn.ensemble  # noqa: F401

        figures = in_turns(
            {
                "job: filing acknowledged to first line": job,
                "os.fork of a loaded process to first line": fork_loaded,
                'python -c "import sklearn, pandas"': lambda: wall([sys.executable, "-c", "import sklearn, pandas"]),
            },
            runs=15,
            warmup=2,
        )
    ours, fork, cold = figures.values()
    over = ours.median - fork.median
    report(
        "Start of a job",
        [ours, fork, cold],
        [
            (f"job / fork ({over:.1f} ms over it)", ours.median / fork.median, "at most 50 ms over"),
            ("import / job", cold.median / ours.median, "at least 10"),
        ],
    )


if __name__ == "__main__":
    main()
