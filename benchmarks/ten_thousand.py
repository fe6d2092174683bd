"""How soon keys have their effect with 10,000 runs of 1,000 points each: opening the pane, moving, sorting, filtering.

Real keys in a pty of 120 x 40, the real app on a local disk. A key has had its effect when what it must show is on the
screen as an emulated terminal draws it (which is a part of the time). Reach: 100 ms for 99 of 100 keys. Beside it, in
the same run, the search that a filter stands for: MLflow's client on SQLite with as many runs, where $MLFLOW_PYTHON
names a Python that has it.
"""

import math
import os
import random
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pyte
from tests.terminal import Seen

from benchmarks.measure import Figure, machine, report
from benchmarks.workspaces import add_runs, workspace
from cupola.experiments import records as runs
from cupola.workspace import Workspace

RUNS, POINTS = 10_000, 1_000
APP = "import sys, cupola_tui.app as app; sys.exit(app.run({root!r}))"
WORD = "validation_roc_auc > 0.98 and validation_f1 > 0.6"
SORTED = 12  # columns sorted by, each up and down
SEARCHES = 7
PEER = """
import random, sys, time
import mlflow
from mlflow.entities import Metric, Param
mlflow.set_tracking_uri("sqlite:///" + sys.argv[1])
client = mlflow.MlflowClient()
experiment = client.create_experiment("baseline")
draw = random.Random(7)
for number in range(int(sys.argv[2])):
    run = client.create_run(experiment)
    metrics = [Metric(f"validation_{name}", draw.random(), 0, 0) for name in ("roc_auc", "f1", "accuracy", "log_loss")]
    params = [Param(f"parameter_{place}", str(draw.random())) for place in range(10)]
    client.log_batch(run.info.run_id, metrics, params)
took = []
for _ in range(int(sys.argv[3])):
    begun = time.perf_counter()
    wanted = "metrics.validation_roc_auc > 0.98 and metrics.validation_f1 > 0.6"
    client.search_runs([experiment], wanted, max_results=5000)
    took.append((time.perf_counter() - begun) * 1000)
print(mlflow.__version__, *took)
"""


class Screen(Seen):
    """The app in a terminal of 120 x 40."""

    def __init__(self, root: Path) -> None:
        os.environ.update(LINES="40", COLUMNS="120")
        super().__init__(APP.format(root=str(root)))
        from fcntl import ioctl
        from struct import pack
        from termios import TIOCSWINSZ

        ioctl(self.terminal.descriptor, TIOCSWINSZ, pack("HHHH", 40, 120, 0, 0))
        self._drawn = pyte.Screen(120, 40)
        self._stream = pyte.ByteStream(self._drawn)

    def took(self, keys: str, holds: Callable[[str], object]) -> float:
        """Milliseconds from a key to what it must show."""
        time.sleep(0.15)
        _ = self.text
        begun = time.monotonic()
        self.type(keys)
        self.until(holds, f"the effect of {keys!r}")
        return (time.monotonic() - begun) * 1000

    def under(self) -> str:
        """The name of the run whose details are shown."""
        return next((line.split("─ run ")[1].split(" ")[0] for line in self._drawn.display if "─ run " in line), "")


def add_points(opened: Workspace) -> None:
    """A thousand points of one metric for every run that there is."""
    draw = random.Random(7)
    lines = [
        {"seq": n, "time": "2026-11-02T10:00:01.000000Z", "name": "loss", "value": draw.random(), "step": n}
        for n in range(1, POINTS + 1)
    ]
    data = msgspec.json.Encoder().encode_lines(lines)
    for run, experiment in runs.directories(opened.store).items():
        at = opened.root / "experiments" / experiment / run / "attempts" / "1"
        at.mkdir(parents=True)
        (at / "metrics.jsonl").write_bytes(data)


def keys(screen: Screen) -> dict[str, list[float]]:
    """Milliseconds of each key, by what it does."""
    found: dict[str, list[float]] = {"opens the pane": [], "moves": [], "sorts": [], "filters, a letter": []}
    for _ in range(10):
        screen.press("1", "imports a CSV")
        found["opens the pane"].append(screen.took("2", lambda text: f"{RUNS:,}" in text and "─ run " in text))
    for key in "j" * 40 + "G" + "k" * 40 + "g":
        before = screen.under()
        found["moves"].append(screen.took(key, lambda _, before=before: screen.under() not in ("", before)))  # type: ignore[misc]
    for turn in range(SORTED):
        arrow = "↓" if turn % 2 else "↑"
        found["sorts"].append(screen.took("S" if turn else "s", lambda text, arrow=arrow: arrow in text))  # type: ignore[misc]
    for _ in range(2):
        screen.press("/", "filter: a word")
        for end in range(1, len(WORD) + 1):
            shown = f"/{WORD[:end]}".rstrip()
            found["filters, a letter"].append(screen.took(WORD[end - 1], lambda text, shown=shown: shown in text))  # type: ignore[misc]
        screen.type("\r")
        screen.press("\x1b", "10,000 ─")
    return found


def searches(opened: Workspace) -> list[float]:
    """Milliseconds of the same search in process, warm."""
    from cupola.search import evaluating
    from cupola.search.fields import Fields

    records = [msgspec.to_builtins(run) for run in runs.ls(opened.store)]
    found = []
    for _ in range(SEARCHES):
        begun = time.perf_counter()
        wanted = evaluating.compiled(WORD, Fields(records))
        kept = [one for one in records if wanted(one)]
        found.append((time.perf_counter() - begun) * 1000)
        assert kept
    return found


def main() -> None:
    machine("textual", "msgspec")
    figures = []
    with workspace() as opened:
        add_runs(opened, RUNS)
        add_points(opened)
        ours = searches(opened)
        screen = Screen(opened.root)
        try:
            screen.shows(f"{RUNS:,} ─")
            time.sleep(3)
            by_kind = keys(screen)
        finally:
            screen.close()
        figures += [Figure(name=f"a key that {name}", values=values) for name, values in by_kind.items()]
        ratios = []
        for name, values in by_kind.items():
            high = sorted(values)[math.ceil(len(values) * 0.99) - 1]
            ratios.append((f"{name}: 99 of 100 keys / 100 ms", high / 100, "at most 1"))
        figures.append(Figure(name="search of them in process", values=ours))
        ratios.append(("search in process / 20 ms", statistics.median(ours) / 20, "at most 1"))
        if peer := os.environ.get("MLFLOW_PYTHON"):
            words = [peer, "-c", PEER, str(opened.root.parent / "mlflow.db"), str(RUNS), str(SEARCHES)]
            said = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
            theirs = [float(one) for one in said[1:]]
            figures.append(Figure(name=f"search by MLflow {said[0]}'s client on SQLite", values=theirs))
            ratios.append(
                ("search in process / MLflow's", statistics.median(ours) / statistics.median(theirs), "below 1")
            )
    report(f"Keys on {RUNS:,} runs of {POINTS:,} points", figures, ratios)


if __name__ == "__main__":
    main()
