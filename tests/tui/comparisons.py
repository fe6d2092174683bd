"""What the bridge answers of runs side by side: the library's own comparison of the examples, with made-up repeats."""

import math
import random
from typing import Any

import msgspec

from cupola.experiments import comparing
from cupola.experiments.records import Run
from cupola.experiments.repeats import Repeats
from cupola.experiments.sources import Source

PATCH = "diff --git a/fit.py b/fit.py\n@@ -1 +1 @@\n-a = 1\n+a = {number}\n"


def compared(records: list[dict[str, Any]]) -> Any:
    """Runs on the same rows, but for the last one."""
    known = set(Run.__struct_fields__)
    runs = [msgspec.convert({name: one[name] for name in one if name in known}, Run) for one in records]
    repeats = [_repeats(one, "same" if place < len(runs) - 1 else "others") for place, one in enumerate(runs)]
    sources = [Source(commit="4f" * 20, patch=PATCH.format(number=place // 2)) for place in range(len(runs))]
    for place, one in enumerate(runs):
        one.environment = {"python": "3.11.7", "packages": {"numpy": "2.4.6", "lightgbm": f"4.{place // 3}.0"}}
    return msgspec.to_builtins(comparing.compare(runs, repeats, sources))


def _repeats(run: Run, rows: str) -> dict[str, Repeats]:
    found: dict[str, Repeats] = {}
    for name, value in run.metrics.items():
        part, _, metric = name.partition("_")
        chance, own = random.Random(metric), random.Random(run.id)
        error = run.metric_errors.get(name, 0.005)
        drawn = [value + chance.gauss(0, error) + own.gauss(0, error / 4) for _ in range(200)]
        found.setdefault(part, Repeats(kind="resamples", rows=rows, metrics={})).metrics[metric] = [*drawn]
    return found


def differing(run: str, other: str) -> Any:
    code = [
        {
            "where": "uncommitted",
            "path": "fit [b]model[/b].py",
            "diff": "--- a/fit.py\n+++ b/fit.py\n@@ -1,2 +1,2 @@\n import os\n-rate = 0.1\n+rate = 0.05 # \x1b[31m\n",
        }
    ]
    return {"runs": [run, other], "commits": ["4f" * 20] * 2, "code": code, "environment": []}


def curve(run: str, name: str, steps: int = 600) -> Any:
    number = int(run[-2:]) if run[-2:].isdigit() else 0
    noise = random.Random(number)
    points = [
        (step, 0.69 * math.exp(-step / (60 + 25 * number)) + 0.02 * number + 0.03 * noise.random())
        for step in range(steps)
    ]
    names = ["validation_log_loss", "train_log_loss"]
    shown = points if name in names else []
    return {"names": names, "points": shown, "means": shown[::2], "logged": len(shown)}
