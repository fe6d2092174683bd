"""What candidates say of rows, alone and together: each row is judged by fits that have not seen it."""

import numpy as np
from numpy.typing import NDArray

from cupola.autopilot import ensemble, fits
from cupola.autopilot.candidates import Candidate
from cupola.autopilot.problem import Problem
from cupola.autopilot.scoring import score

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
SELECTED_ON = 20_000  # rows that the weights are found on


def said(problem: Problem, candidate: Candidate, rows: Rows) -> Floats:
    """What a candidate says of rows that it was validated on, the mean of its fits that had not seen them."""
    size = len(problem.rows)
    total = np.zeros((size, problem.classes) if problem.classes else size)
    count = np.zeros(size)
    for (repeat, fold), answer in candidate.fits.items():
        rest = problem.folds[repeat][fold][1]
        total[rest] += answer.said[0]
        count[rest] += 1
    found: Floats = total[rows] / (count[rows][:, None] if problem.classes else count[rows])
    return found


def asked(candidate: Candidate) -> Floats:
    """What a candidate says of the test rows: the mean of all of its fits."""
    return fits.mean([one.said[1] for one in candidate.fits.values()])


def rows(problem: Problem, candidates: list[Candidate]) -> Rows:
    """The rows that all of these were validated on."""
    seen = np.ones(len(problem.rows), dtype=bool)
    for one in candidates:
        mine = np.zeros(len(seen), dtype=bool)
        for repeat, fold in one.fits:
            mine[problem.folds[repeat][fold][1]] = True
        seen &= mine
    return np.flatnonzero(seen)


def value(problem: Problem, candidate: Candidate, rows: Rows) -> float:
    """The metric of what a candidate says of rows; higher is better."""
    return _value(problem, said(problem, candidate, rows), rows)


def value_together(problem: Problem, candidates: list[Candidate], shares: list[float], rows: Rows) -> float:
    """The metric of what candidates say of rows together; higher is better."""
    return _value(problem, ensemble.mean([said(problem, one, rows) for one in candidates], shares), rows)


def weights(problem: Problem, candidates: list[Candidate], rows: Rows) -> list[float]:
    """The weights with which these answer best together, by rows that all of them were validated on."""
    if len(rows) > SELECTED_ON:
        rows = np.sort(np.random.default_rng(0).permutation(rows)[:SELECTED_ON])
    told = [said(problem, one, rows) for one in candidates]
    return ensemble.weights(told, problem.truth[rows], problem.training.metric, problem.classes)


def _value(problem: Problem, said: Floats, rows: Rows) -> float:
    return score(problem.training.metric, problem.truth[rows], said, problem.classes)
