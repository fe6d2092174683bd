"""From the fits that were chosen to one model: a pipeline of all of them, measured on the rows that none has seen.

Its members are put in by `completed`, in a process that forks none: what unpickles them may compute by several threads.
"""

import pickle
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from cupola.autopilot import ensemble, saying
from cupola.autopilot.candidates import Candidate
from cupola.autopilot.fits import Answer
from cupola.autopilot.measuring import RESAMPLES as FEW_RESAMPLES
from cupola.autopilot.measuring import Floats, Measured, measured
from cupola.autopilot.portfolio import BASELINES
from cupola.autopilot.problem import Problem
from cupola.autopilot.scoring import predictions, score
from cupola.autopilot.search import Search
from cupola.autopilot.timing import MEASURED
from cupola.errors import BadInput
from cupola.training import flowing
from cupola.training.blending import BlendedClasses, BlendedNumbers, tempered
from cupola.training.deciding import JUDGED_BY, Decided
from cupola.training.fitting import Fitted
from cupola.training.metrics import RESAMPLES
from cupola.training.preparation import Preparation

FOLDS = 8  # fits on folds, that together answer about as well as one on all rows
THRESHOLDS = np.linspace(0, 1, 201)


@dataclass
class Assembled:
    """chosen: the candidates in it; kept: their fits that are its members, once they are put in; said: what they say
    together of the rows at `places` (validation)."""

    chosen: list[Candidate]
    places: NDArray[np.intp]
    kept: list[Answer]
    fitted: Fitted
    measured: Measured
    said: Floats
    problem: Problem

    @property
    def size(self) -> float:
        """Megabytes of the members."""
        return sum(len(one.fitted) for one in self.kept) / 2**20


def together(search: Search, *, single: bool = False) -> tuple[list[Candidate], NDArray[np.intp]]:
    """The candidates that answer together (or the best alone), with their weights, and the rows that these were
    found on.

    Those of all folds, unless those that were only looked at are better on rows that both have.
    Raises BadInput where none was fitted.
    """
    known = [one for one in search.candidates if search.is_usable(one) and one.state != "failed"]
    if not known:
        whys = [f"{one.name}: {one.why}" for one in search.candidates if one.why]
        raise BadInput(f"no candidate could be fitted in the time; {'; '.join(whys)[:500]}")
    # A baseline that had no time for all of its first folds counts by those that it has.
    looked = [one for one in known if one.has(search.looks) or one.name in BASELINES] or known[:1]
    whole = [one for one in known if search.is_complete(one)]
    chosen = looked
    if whole:
        rows = saying.rows(search.problem, looked)
        chosen = max(whole, looked, key=lambda group: _expected(search, group, rows))
    rows = saying.rows(search.problem, chosen)
    if single:
        alone = [saying.value(search.problem, one, rows) for one in chosen]
        shares = [float(place == int(np.argmax(alone))) for place in range(len(alone))]
    else:
        shares = search.weights(chosen, rows)
    for one, share in zip(chosen, shares, strict=True):
        one.weight = share
    return [one for one in chosen if one.weight], rows


def assemble(search: Search, *, single: bool) -> Assembled:
    """The candidates that answer together (or the best alone), as a fitted training. Their weights are set."""
    chosen, places = together(search, single=single)
    return _assembled(search, chosen, places, _left(search), 0 if search.timing.is_tight else RESAMPLES)


def least(search: Search, made: Assembled) -> Assembled:
    """The smallest model in its place: one fit of the candidate that weighs most."""
    return _assembled(search, made.chosen, made.places, 0.0, 0 if search.timing.is_tight else FEW_RESAMPLES)


def _expected(search: Search, candidates: list[Candidate], rows: NDArray[np.intp]) -> float:
    """What these should reach together: with weights from one half of the rows on the other, both ways."""
    first, second = np.array_split(np.random.default_rng(0).permutation(rows), 2)
    reached = [
        saying.value_together(search.problem, candidates, search.weights(candidates, learnt), judged)
        for learnt, judged in ((first, second), (second, first))
    ]
    return float(np.mean(reached))


def _assembled(
    search: Search, chosen: list[Candidate], places: NDArray[np.intp], left: float, resamples: int
) -> Assembled:
    """left: seconds of a CPU that there are for saving members."""
    problem = search.problem
    chosen = _affordable(chosen, left)
    shares = [one.weight for one in chosen]
    said = ensemble.mean([saying.said(problem, one, places) for one in chosen], shares)
    kept = _kept(chosen, left, only_whole=search.only_whole)
    asked = ensemble.mean(
        [ensemble.mean([each.said[1] for each in answers], _parts(one, answers)) for one, answers in kept], shares
    )
    temperature, threshold, notes = 1.0, None, []
    if problem.classes:
        temperature = ensemble.temperature(said, problem.truth[places])
        said, asked = tempered(said, temperature), tempered(asked, temperature)
        if temperature != 1:
            notes.append(f"its probabilities are calibrated by a temperature of {temperature:.3g}")
        threshold = _threshold(search, said, places)
        if threshold is not None:
            notes.append(f"{problem.training.metric} is best where {threshold:.3g} or more is the second class")
    found = measured(problem, said, places, asked, threshold=threshold, resamples=resamples)
    pipeline = _pipeline(search, kept, temperature, threshold)
    counts = {"train": len(problem.rows), "validation": len(places), "test": len(problem.test)}
    notes = [*problem.usable.notes, *(problem.through.notes if problem.through else []), *notes]
    fitted = Fitted(
        pipeline, problem.table, problem.usable.target, found.metrics, found.errors, counts, found.rows,
        found.predictions, [*notes, *_left_out(search, chosen)], found.repeats,
    )  # fmt: skip
    members = [one for _, answers in kept for one in answers]
    return Assembled(chosen, places, members, fitted, found, said, problem)


def with_flow(made: Assembled) -> Fitted:
    """The fitted training with the flow in front, if there is one; in a process that forks none."""
    through, pipeline = made.problem.through, made.fitted.pipeline
    filed = made.problem.training.flow
    if through and filed and flowing.apart(pipeline)[0] is None:
        made.fitted.pipeline = flowing.behind(through.flow, pipeline, dict(filed.columns))
    return made.fitted


def completed(made: Assembled) -> Fitted:
    """The fitted training with its members in it, and the flow before them."""
    with_flow(made)
    last = made.fitted.pipeline.named_steps["estimator"]
    blend = last.estimator if isinstance(last, Decided) else last
    blend.members = [pickle.loads(one.fitted) for one in made.kept]  # from our own children
    return made.fitted


def _pipeline(
    search: Search, kept: list[tuple[Candidate, list[Answer]]], temperature: float, threshold: float | None
) -> Pipeline:
    problem = search.problem
    styles = list(dict.fromkeys(one.style for one, _ in kept))
    preparations = [problem.matrices(one)[0] for one in styles]
    places = [styles.index(one.style) for one, answers in kept for _ in answers]
    weights = [one.weight * part for one, answers in kept for part in _parts(one, answers)]
    used = [column for column in problem.features if any(column[0] in one.encoders_ for one in preparations)]
    untouched = Preparation(used, "raw").fit(problem.learnt)
    blend: Any
    if problem.classes:
        classes = np.array(problem.usable.target.classes)
        blend = BlendedClasses(preparations, [], places, weights, classes, temperature)
    else:
        blend = BlendedNumbers(preparations, [], places, weights)
    return Pipeline([("prepare", untouched), ("estimator", blend if threshold is None else Decided(blend, threshold))])


def _left(search: Search) -> float:
    """Seconds of a CPU that there are for saving members, once it is measured what they say together."""
    timing = search.timing
    return (timing.saved_by - time.monotonic()) / timing.slowness - timing.ending - timing.measuring * MEASURED


def _affordable(chosen: list[Candidate], left: float) -> list[Candidate]:
    """Those of which there is time to save a fit each, the heaviest first: trees of many classes take seconds."""
    found: list[Candidate] = []
    for one in sorted(chosen, key=lambda one: -one.weight):
        left -= one.saving
        if not found or left >= 0:
            found.append(one)
    whole = sum(one.weight for one in found)
    for one in chosen:
        one.weight = one.weight / whole if one in found else 0.0
    return [one for one in chosen if one in found]


def _kept(chosen: list[Candidate], left: float, *, only_whole: bool = False) -> list[tuple[Candidate, list[Answer]]]:
    """The fits of each that become members: as many as there is time to save, one at least, more of those that weigh
    more; the one on all rows, then the first ones, which are of different folds, unless these have flows of their
    own."""
    found = []
    for one in chosen:
        if only_whole and one.whole:
            found.append((one, [one.whole]))
            continue
        most = max(1, min(int(one.weight * left / one.saving), one.most))
        found.append((one, [*([one.whole] if one.whole else []), *one.fits.values()][:most]))
    return found


def _parts(one: Candidate, answers: list[Answer]) -> list[float]:
    """What each of its members weighs; the one on all rows as much as FOLDS of others."""
    counts = [FOLDS if answer is one.whole else 1 for answer in answers]
    return [count / sum(counts) for count in counts]


def _threshold(search: Search, said: Floats, places: Any) -> float | None:
    """From which probability on the second of two classes is said, for metrics that hang on it; None for the half."""
    metric, truth = search.problem.training.metric, search.problem.truth[places]
    if search.problem.classes != 2 or metric not in JUDGED_BY or metric == "accuracy":
        return None
    edges = np.unique(np.quantile(said[:, 1], THRESHOLDS))
    tried = (edges[1:] + edges[:-1]) / 2
    reached = [predictions(truth, said, 2, float(one)).figures().get(metric, -np.inf) for one in tried]
    if not len(tried) or max(reached) <= score(metric, truth, said, 2):
        return None
    return float(tried[int(np.argmax(reached))])


def _left_out(search: Search, chosen: list[Candidate]) -> list[str]:
    preparation = search.problem.matrices(chosen[0].style)[0]
    return [*preparation.notes_, *(f"{name} is left out: it {why}" for name, why in preparation.left_out_.items())]
