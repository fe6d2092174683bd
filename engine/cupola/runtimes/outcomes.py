"""Numbers of rows made into scores, and scores into what is said of the rows: in float64, with numpy alone."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from cupola.registry.models import Prediction
from cupola.runtimes.program import Calibration, Calibrator, Linear, Network, Program, Quadratic, Scorer, Trees

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


LINKS: dict[str, Score] = {
    "identity": lambda scores: scores,
    "none": lambda scores: scores,
    "exp": np.exp,
    "logistic": lambda scores: _two(expit(scores)),
    "doubled": lambda scores: _two(expit(2 * scores)),
    "softmax": _softmax,
    "each": _each,
}
CHOSEN: dict[str, Callable[[Floats, Floats], NDArray[np.intp]]] = {
    "largest": lambda scores, probable: probable.argmax(axis=1),
    "strongest": lambda scores, probable: scores.argmax(axis=1),
    "above": lambda scores, probable: (scores[:, 0] > 0).astype(np.intp),
    "from": lambda scores, probable: (scores[:, 0] >= 0).astype(np.intp),
    "half": lambda scores, probable: (probable[:, 1] > 0.5).astype(np.intp),
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
