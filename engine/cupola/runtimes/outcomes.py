"""Numbers of rows made into scores, and scores into what is said of the rows: in float64, with numpy alone."""

import itertools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from cupola.registry.models import Prediction
from cupola.runtimes.program import (
    Calibration,
    Calibrator,
    Kernel,
    Linear,
    Median,
    Member,
    Network,
    Program,
    Quadratic,
    Scorer,
    Stacked,
    Together,
    Trees,
)

Floats = NDArray[np.float64]
Score = Callable[[Floats], Floats]


def prediction(program: Program) -> Callable[[Floats], Prediction]:
    """What a program says of a matrix of numbers."""
    score = scoring(program.scorer)
    if program.isolation:
        depth, offset = program.isolation
        return lambda numbers: _strange(np.exp2(-score(numbers)[:, 0] / depth) + offset)
    link = LINKS[program.link]
    if program.classes is None:
        return lambda numbers: Prediction(link(score(numbers))[:, 0], None)
    classes = np.array(program.classes)
    chosen, calibration, mixed, threshold = (
        CHOSEN[program.chosen],
        program.calibration,
        program.mixed,
        program.threshold,
    )
    calibrated = None if calibration is None else _calibrating(calibration)
    silent = program.link == "none"

    def of_classes(numbers: Floats) -> Prediction:
        scores = score(numbers)
        probable = scores if silent else link(scores)
        if calibrated:
            probable = calibrated(scores, probable)
            codes = probable.argmax(axis=1)
        else:
            codes = chosen(scores, probable)
        if mixed:
            probable = mixed[0] * probable + (1 - mixed[0]) * np.array(mixed[1])
        if threshold is not None:
            codes = (probable[:, 1] >= threshold).astype(np.intp)
        return Prediction(classes[codes], None if silent and not calibrated else probable)

    return of_classes


def scoring(scorer: Scorer) -> Score:
    """The scores of a matrix of numbers."""
    if isinstance(scorer, Trees):
        from cupola.runtimes import trees

        return trees.scoring(scorer)
    if isinstance(scorer, Linear):
        return _linear(scorer)
    if isinstance(scorer, Network):
        return _network(scorer)
    if isinstance(scorer, Kernel):
        return _kernel(scorer)
    if isinstance(scorer, Together):
        return _together(scorer)
    if isinstance(scorer, Median):
        return _median(scorer)
    if isinstance(scorer, Stacked):
        return _stacked(scorer)
    return _quadratic(scorer)


def _linear(how: Linear) -> Score:
    weights, offsets = np.array(how.weights).T, np.array(how.offsets)
    return lambda numbers: numbers @ weights + offsets


def _network(how: Network) -> Score:
    layers, between = [_linear(one) for one in how.layers], ACTIVATIONS[how.activation]

    def score(numbers: Floats) -> Floats:
        for layer in layers[:-1]:
            numbers = between(layer(numbers))
        return layers[-1](numbers)

    return score


def _quadratic(how: Quadratic) -> Score:
    means, variances, offsets = (np.array(one) for one in (how.means, how.variances, how.offsets))
    return lambda numbers: offsets - 0.5 * ((numbers[:, None, :] - means) ** 2 / variances).sum(axis=2)


def _kernel(how: Kernel) -> Score:
    vectors, weights, offsets = np.array(how.vectors), np.array(how.weights).T, np.array(how.offsets)

    def near(row: Floats) -> Floats:
        found: Floats
        if how.kind == "rbf":
            found = np.exp(-how.gamma * ((vectors - row) ** 2).sum(axis=1))
            return found
        found = vectors @ row
        if how.kind == "linear":
            return found
        found = how.gamma * found + how.constant
        found = np.tanh(found) if how.kind == "sigmoid" else found**how.degree
        return found

    def score(numbers: Floats) -> Floats:
        with np.errstate(over="ignore", invalid="ignore"):
            found: Floats = np.array([near(row) for row in numbers]) @ weights + offsets
            return found

    return score


def _together(how: Together) -> Score:
    voices = [(_voice(one), one.weight, one.places) for one in how.members]
    every = list(range(how.outputs))

    def score(numbers: Floats) -> Floats:
        found = np.zeros((len(numbers), how.outputs))
        for says, weight, places in voices:
            if places == every:
                found += weight * says(numbers)
            else:
                found[:, places] += weight * says(numbers)
        return found if how.temperature == 1 else _tempered(found, how.temperature)

    return score


def _voice(member: Member) -> Score:
    """What counts of what a member says of a row."""
    score, link, chosen = scoring(member.scorer), LINKS[member.link], CHOSEN[member.chosen]

    def said(numbers: Floats) -> Floats:
        scores = score(numbers if member.numbers is None else numbers[:, member.numbers])
        if member.says == "scores":
            return scores
        figures = link(scores)
        if member.says == "figures":
            return figures
        votes = np.full((len(scores), max(2, scores.shape[1])), member.against)
        votes[np.arange(len(scores)), chosen(scores, figures)] = 1
        return votes

    return said if member.taken is None else lambda numbers: said(numbers)[:, member.taken]


def _tempered(probabilities: Floats, temperature: float) -> Floats:
    powers = np.maximum(probabilities, 1e-15) ** (1 / temperature)
    found: Floats = powers / powers.sum(axis=1, keepdims=True)
    return found


def _median(how: Median) -> Score:
    voices, weights = [_voice(one) for one in how.members], np.array([one.weight for one in how.members])

    def score(numbers: Floats) -> Floats:
        said = np.concatenate([says(numbers) for says in voices], axis=1)
        order = said.argsort(axis=1)
        below = weights[order].cumsum(axis=1)
        middle = (below >= 0.5 * below[:, -1:]).argmax(axis=1)
        rows = np.arange(len(said))
        found: Floats = said[rows, order[rows, middle]]
        return found[:, None]

    return score


def _stacked(how: Stacked) -> Score:
    below, above = _together(how.below), scoring(how.scorer)
    if how.beside:
        return lambda numbers: above(np.concatenate([below(numbers), numbers], axis=1))
    return lambda numbers: above(below(numbers))


def _softmax(scores: Floats) -> Floats:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    found: Floats = powers / powers.sum(axis=1, keepdims=True)
    return found


def _two(second: Floats) -> Floats:
    found = np.empty((len(second), 2))
    found[:, 1:] = second
    found[:, :1] = 1 - second
    return found


def _each(scores: Floats) -> Floats:
    """Each class against all others, made to sum up to 1."""
    found = expit(scores)
    shares: Floats = found / found.sum(axis=1, keepdims=True)
    return shares


def _paired(scores: Floats, probable: Floats) -> NDArray[np.intp]:
    """The class that wins most pairs; a score above 0 is a win of the first of two."""
    count = round((1 + (1 + 8 * scores.shape[1]) ** 0.5) / 2)
    votes = np.zeros((len(scores), count))
    for place, (one, other) in enumerate(itertools.combinations(range(count), 2)):
        won = scores[:, place] > 0
        votes[:, one] += won
        votes[:, other] += ~won
    found: NDArray[np.intp] = votes.argmax(axis=1)
    return found


LINKS: dict[str, Score] = {
    "identity": lambda scores: scores,
    "none": lambda scores: scores,
    "exp": np.exp,
    "logistic": lambda scores: _two(expit(scores)),
    "doubled": lambda scores: _two(expit(2 * scores)),
    "softmax": _softmax,
    "shared": lambda scores: _softmax(scores / (scores.shape[1] - 1)),
    "each": _each,
}
CHOSEN: dict[str, Callable[[Floats, Floats], NDArray[np.intp]]] = {
    "largest": lambda scores, probable: probable.argmax(axis=1),
    "strongest": lambda scores, probable: scores.argmax(axis=1),
    "above": lambda scores, probable: (scores[:, 0] > 0).astype(np.intp),
    "from": lambda scores, probable: (scores[:, 0] >= 0).astype(np.intp),
    "half": lambda scores, probable: (probable[:, 1] > 0.5).astype(np.intp),
    "paired": _paired,
}
ACTIVATIONS: dict[str, Score] = {
    "identity": lambda values: values,
    "relu": lambda values: np.maximum(values, 0),
    "tanh": np.tanh,
    "logistic": expit,
}


def _strange(scores: Floats) -> Prediction:
    return Prediction(np.where(scores > 0, -1, 1), None, scores)


def _calibrating(how: Calibration) -> Callable[[Floats, Floats], Floats]:
    curves = [_curve(one) for one in how.calibrators]

    def calibrate(scores: Floats, probable: Floats) -> Floats:
        taken = scores if how.of_scores else probable[:, -len(curves) :]
        found = np.column_stack([curve(taken[:, place]) for place, curve in enumerate(curves)])
        if len(curves) == 1:
            return _two(found)
        sums = found.sum(axis=1, keepdims=True)
        equal = np.full_like(found, 1 / len(curves))
        shares: Floats = np.minimum(np.divide(found, sums, out=equal, where=sums != 0), 1.0)
        return shares

    return calibrate


def _curve(how: Calibrator) -> Score:
    if how.xs is None or how.ys is None:
        return lambda scores: expit(-(how.slope * scores + how.offset))
    xs, ys = np.array(how.xs), np.array(how.ys)
    return lambda scores: np.interp(scores, xs, ys)
