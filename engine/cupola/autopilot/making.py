"""One fit of a search: which rows it learns from and is asked about, and how they come to it."""

from collections.abc import Callable

import numpy as np
from sklearn.utils import _safe_indexing

from cupola.autopilot import fits
from cupola.autopilot.candidates import HALF, WHOLE, Candidate
from cupola.autopilot.fits import Answer, Rows
from cupola.autopilot.parts import Part
from cupola.autopilot.problem import Problem


def fit_of(
    problem: Problem, candidate: Candidate, repeat: int, fold: int, *, until: float, part: Part | None
) -> Callable[[], Answer]:
    """What makes a fit of a candidate, to be called in a process of its own; its rows are prepared before.

    Only behind a flow they are not, but for a fit on all rows: part is where they are, or are left for others.
    """
    whole = fold == WHOLE
    prepared = None if problem.through is not None and not whole else problem.matrices(candidate.style)
    truth = problem.learnt_truth if whole else problem.truth
    train, rest = (np.arange(len(truth)), np.arange(1)) if whole else problem.folds[repeat][max(0, fold)]
    params = candidate.setting.params
    if whole:
        stopped = any("max_iter" in one.grown for one in candidate.fits.values())
        params = candidate.params | ({"early_stopping": False} if stopped else {})
    seed = problem.training.seed + 1000 * repeat + max(0, fold)
    share = 0.5 if fold == HALF else candidate.share
    if share < 1:
        train = problem.some(train, truth, share, seed)

    def work() -> Answer:
        if prepared is None:
            made = part.read() if part and part.is_there else problem.part(candidate.style, train, rest)
            if part and not part.is_there:
                part.write(made)
            X, y, watched, asked = made
        else:
            X, y, watched = (
                _safe_indexing(one, rows) for one, rows in ((prepared[1], train), (truth, train), (prepared[1], rest))
            )
            asked = problem.tested(candidate.style)
        answer = fits.fit(
            candidate.setting.estimator, params, Rows(X, y, (watched, truth[rest]), [watched, asked]),
            classes=problem.classes, seed=seed, until=until, weighed=(repeat, fold) == (0, 0), early=not whole,
        )  # fmt: skip
        answer.share = share
        return answer

    return work
