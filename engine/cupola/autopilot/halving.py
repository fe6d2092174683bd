"""Whether more rows would help: what half of the rows of the first fold have taught a candidate, beside all of them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cupola.autopilot.candidates import Candidate
from cupola.autopilot.fits import Answer
from cupola.autopilot.problem import Problem
from cupola.autopilot.scoring import losses, score

CLEARLY = 2.0  # standard errors


def reached(problem: Problem, candidate: Candidate, half: Answer) -> tuple[float, float]:
    """The metric that half of the rows have reached, and all of them, on the first fold; higher is better."""
    first, second = (
        score(problem.training.metric, truth, said, problem.classes) for truth, said in _both(problem, candidate, half)
    )
    return first, second


def gained(problem: Problem, candidate: Candidate, half: Answer) -> tuple[float, float]:
    """The share of the loss of all rows that half of them lose more, on the first fold, and its standard error."""
    worse, better = (losses(truth, said, problem.classes) for truth, said in _both(problem, candidate, half))
    gain = (worse - better) / max(better.mean(), np.finfo(np.float64).tiny)
    return float(gain.mean()), float(gain.std() / np.sqrt(len(gain)))


def is_rising(problem: Problem, candidate: Candidate, half: Answer) -> bool:
    """Whether all rows teach clearly more than half of them."""
    (gain, error), (before, after) = gained(problem, candidate, half), reached(problem, candidate, half)
    return bool(error and gain > CLEARLY * error and after > before)


def _both(problem: Problem, candidate: Candidate, half: Answer) -> list[tuple[NDArray[Any], NDArray[np.float64]]]:
    truth = problem.truth[problem.folds[0][0][1]]
    return [(truth, one.said[0]) for one in (half, candidate.fits[0, 0])]
