"""A search in a process of its own, as a job has it: `python -m tests.autopilot.searched WHAT`; prints what came of it.

A test's process may have computed by several threads, and a fork after that hangs.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from tests.training.conftest import FEATURES, table
from tests.training.test_flows import filed

from cupola.autopilot import assembling, explaining, job, portfolio, problem, saying, scoring, search, timing
from cupola.autopilot.portfolio import Setting
from cupola.autopilot.search import Search
from cupola.environments import own
from cupola.registry.signature import PLAIN
from cupola.training import saving
from cupola.training.fitting import Fitted
from cupola.training.records import FiledFlow, Training, split_of

PATIENCE = 120.0  # seconds: a search ends before where nothing is left to try
PREPARED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("filter", {"where": "amount > -2 OR amount IS NULL"}),
    ("fill-missing", {"columns": ["amount"], "method": "mean"}),
    ("target-encode", {"columns": ["colour"]}),
    ("formula", {"name": "both", "expression": "amount + count / 3.0"}),
    ("drop-columns", {"columns": ["day", "at"]}),
)


def training(target: str, metric: str, flow: FiledFlow | None = None) -> Training:
    """A training of the small table, with five folds."""
    task: Any = "regression" if target == "value" else "classification"
    return Training(
        dataset="small@1", target=target, target_type="number" if target == "value" else "category", task=task,
        estimator=f"HistGradientBoosting{'Regressor' if target == 'value' else 'Classifier'}",
        features=FEATURES, split=split_of(None, 5, task, None, None), metric=metric, seed=0, flow=flow,
    )  # fmt: skip


def searched(
    target: str,
    metric: str,
    settings: list[Setting],
    until: Callable[[Search], bool] | None = None,
    flow: FiledFlow | None = None,
) -> Search:
    """A search that has ended: when nothing was left to try, or it has come so far."""
    solved = problem.of(table(400), training(target, metric, flow), repeats=1 if flow else 2)
    if flow:
        solved.through = job._through(solved)

    def stop() -> bool:
        return until is not None and until(found)

    found = Search(solved, settings, workers=2, end=time.monotonic() + PATIENCE, stop=stop)
    found.run()
    return found


def only_the_last_but_one_is_open(found: Search) -> bool:
    """Whether the last candidate is done, and of the others the one before it is still looked at."""
    *others, hanging, last = found.candidates
    return found.is_complete(last) and hanging.state == "trying" and all(one.state == "failed" for one in others)


def told(found: Search) -> dict[str, Any]:
    """What a search and its model amount to."""
    made = assembling.assemble(found, single=False)
    fitted = assembling.completed(made)
    solved, metric = found.problem, found.problem.training.metric
    places = saying.rows(solved, made.chosen)
    rows = solved.table.iloc[solved.test]
    pipeline = fitted.pipeline
    said = pipeline.predict_proba(rows) if solved.classes else pipeline.predict(rows)
    asked = saying.asked(made.chosen[0]) if len(made.chosen) == 1 else None
    with tempfile.TemporaryDirectory() as directory:
        notes = saving.save(Path(directory), fitted, solved.training, list(solved.table.columns), PLAIN)
        files = sorted(one.name for one in Path(directory).iterdir())
    return {
        "candidates": [
            {
                "name": one.name, "state": one.state, "why": one.why, "fits": sorted(one.fits), "value": one.value,
                "weight": one.weight, "params": one.params, "whole": one.whole is not None,
            }
            for one in found.candidates
        ],
        "ensemble": scoring.score(metric, solved.truth[places], made.said, solved.classes),
        "alone": max(
            saying.value(solved, one, places) for one in made.chosen
        ),
        "test": scoring.score(metric, solved.test_truth, said, solved.classes),
        "test_said": made.measured.metrics[f"test_{metric}"],
        "asked": None if asked is None else bool(np.allclose(asked, said)),
        "folds": [[rest.tolist() for _, rest in one] for one in solved.folds],
        "rows": len(solved.rows),
        "rises": found.is_rising(),
        "members": len(made.kept),
        "steps": list(pipeline.named_steps),
        "takes": [name for name, _ in fitted.takes],
        "files": files,
        "notes": notes,
        "notes_of_model": fitted.notes,
        "advice": explaining.advice(found, made),
        "groups": explaining.groups(found, made, time.monotonic() + PATIENCE),
        "importance": explaining.importance(found, fitted, time.monotonic() + PATIENCE),
    }  # fmt: skip


def hanging(found: Search) -> dict[str, Any]:
    """What becomes of the model where saving all of it hangs."""
    saved: list[Any] = []

    def save_model(fitted: Fitted, version: Any) -> None:
        members = fitted.pipeline.named_steps["estimator"].members
        if len(members) > 1:
            time.sleep(600)
        saved.append(fitted)

    def quiet(*given: Any, **named: Any) -> None:
        pass

    closed = [one.name for one in found.candidates]
    spec = SimpleNamespace(mode="auto")
    asked: Any = SimpleNamespace(spec=spec, run=SimpleNamespace(), say=quiet, tell=quiet, closed=closed)
    work: Any = SimpleNamespace(save_model=save_model, notes=[], directory="")
    found.end = time.monotonic() + 600
    tried = assembling.assemble(found, single=False)
    timing.ENDING = 600.0 / found.timing.slowness  # it is cut at once
    real, assembling.assemble = assembling.assemble, lambda *given, **named: tried
    made = job._modelled(asked, found, work, cast(Any, None))
    assembling.assemble = real
    solved, (fitted,) = found.problem, saved
    said = fitted.pipeline.predict(solved.table.iloc[solved.test])
    return {
        "tried": len(tried.kept), "members": len(made.kept), "chosen": len(made.chosen),
        "test": scoring.score("rmse", solved.test_truth, said, 0), "test_said": made.measured.metrics["test_rmse"],
    }  # fmt: skip


OWN = """
import os, time
from sklearn.base import BaseEstimator, ClassifierMixin
import numpy as np

class Broken(ClassifierMixin, BaseEstimator):
    def __init__(self, how="raises"):
        self.how = how
    def fit(self, X, y):
        if self.how == "raises":
            raise ValueError("[bold]no\\x1b[31m[/bold]")
        if self.how == "dies":
            os._exit(3)
        time.sleep(600)
"""


def broken(directory: Path) -> list[Setting]:
    """A linear model, and candidates that raise, die and hang."""
    (directory / "src").mkdir()
    (directory / "src" / "broken.py").write_text(OWN)
    own.use(directory)
    sys.path.insert(0, str(directory / "src"))
    ways = [Setting(one, "broken:Broken", {"how": one}, 1.0) for one in ("raises", "dies", "hangs")]
    return [*ways, Setting("plain", "LogisticRegression", {}, 0.3)]


def main() -> None:
    if sys.argv[1] == "hanging":
        print(json.dumps(hanging(searched("value", "rmse", portfolio.settings("regression")[:2]))))
        return
    if sys.argv[1] == "numbers":
        found = searched("value", "rmse", portfolio.settings("regression")[:4])
    elif sys.argv[1] == "flow":
        found = searched("kind", "roc_auc", portfolio.settings("classification")[:3], flow=filed(*PREPARED))
    elif sys.argv[1] == "classes":
        found = searched("kind", "log_loss", portfolio.settings("classification")[:4])
    else:
        search.LOOKING = 1.0  # so that each is begun, however slow the host is
        with tempfile.TemporaryDirectory() as directory:
            found = searched("kind", "roc_auc", broken(Path(directory)), only_the_last_but_one_is_open)
    print(json.dumps(told(found)))


if __name__ == "__main__":
    main()
