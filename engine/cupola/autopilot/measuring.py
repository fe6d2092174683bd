"""What candidates have reached, as runs say it: metrics with their errors, and repeats to compare them by in pairs."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cupola.autopilot.problem import Problem
from cupola.autopilot.scoring import predictions
from cupola.experiments import significance
from cupola.experiments.repeats import Repeats
from cupola.training import measuring, metrics
from cupola.training.metrics import Predictions

Floats = NDArray[np.float64]
RESAMPLES = 50  # of a candidate: its errors are then right to a tenth of themselves, for a quarter of the time


@dataclass
class Measured:
    """metrics and errors have their part in front, as a run's; rows: of the validation, by their place in the table."""

    metrics: dict[str, float]
    errors: dict[str, float]
    repeats: dict[str, Repeats]
    rows: NDArray[np.intp]
    predictions: Predictions


def measured(
    problem: Problem,
    said: Floats,
    places: NDArray[np.intp],
    asked: Floats,
    *,
    threshold: float | None = None,
    resamples: int = RESAMPLES,
) -> Measured:
    """Measures what is said of the rows at `places` (validation) and what is said of the test rows; without resamples
    it is quick, and says no errors."""
    validated = predictions(problem.truth[places], said, problem.classes, threshold)
    found = Measured({}, {}, {}, problem.rows[places], validated)
    test = predictions(problem.test_truth, asked, problem.classes, threshold)
    groups = problem.usable.groups
    for part, rows, one in (("validation", found.rows, found.predictions), ("test", problem.test, test)):
        if not len(rows):
            continue
        figures = one.figures()
        found.metrics |= {f"{part}_{name}": value for name, value in figures.items()}
        if not resamples:
            continue
        several = None if groups is None else np.unique(groups[rows], return_inverse=True)[1]
        drawn = metrics.resample(one, problem.training.seed, several, resamples)
        errors = metrics.errors(one, drawn)
        found.errors |= {f"{part}_{name}": errors[name] for name in figures if name in errors}
        found.repeats[part] = Repeats(
            kind="resamples",
            rows=measuring.named(problem.training, problem.table, rows, groups=several),
            metrics={name: _finite(drawn.metrics[name]) for name in figures if name in drawn.metrics},
            scale=drawn.scale,
        )
    return found


def takes(problem: Problem) -> float:
    """Seconds of a CPU that measuring a candidate takes, by that of a constant."""
    begun, rows = time.process_time(), len(problem.rows)
    shares = np.bincount(problem.truth, minlength=problem.classes) / rows if problem.classes else problem.truth.mean()
    said, asked = (np.tile(shares, (size, 1) if problem.classes else size) for size in (rows, len(problem.test)))
    measured(problem, said, np.arange(rows), asked)
    return time.process_time() - begun


def is_worse(problem: Problem, one: Measured, best: Measured, comparisons: int) -> bool | None:
    """Whether one is worse than the best on the same validation rows by more than chance: the paired bootstrap, each
    p-value multiplied by the number of comparisons (Bonferroni), since the best was picked by looking. None where it
    was not measured how far chance goes."""
    name = problem.training.metric
    figures = [each.metrics.get(f"validation_{name}") for each in (one, best)]
    drawn = [each.repeats.get("validation") for each in (one, best)]
    if drawn[0] is None or drawn[1] is None:
        return None
    if figures[0] is None or figures[1] is None:
        return True
    p = significance.of_resamples(
        figures[0] - figures[1], drawn[0].metrics[name], drawn[1].metrics[name], drawn[0].scale
    )
    return p is not None and p * comparisons < significance.SURE


def _finite(values: Any) -> list[float | None]:
    return [float(f"{value:.7g}") if np.isfinite(value) else None for value in values]
