"""Why a model answers a row as it does: the Shapley values of its columns, against the rows of its sample.

The value of a column is what the answer changes, on average over orders of the columns and over the sample's rows, when
the column goes from the sample's value to the row's. They add up: base and all values are the answer. Orders are
drawn, each also taken backwards: Štrumbelj and Kononenko, "Explaining prediction models and individual predictions with
feature contributions" (2014); Mitchell et al., "Sampling Permutations for Shapley Value Estimation" (2022). Where
columns only add up, as in a linear regression, the values are exact.
"""

import random
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from cupola.errors import BadInput
from cupola.registry.models import Prediction
from cupola.runtimes.tables import Columns, Table
from cupola.serving.scoring import Variant

POINTS = 1000  # predictions for the explanation of one row, about
MOST = 200_000  # for those of one request


class Explanation(msgspec.Struct, omit_defaults=True):
    """Why the answer to one row is not `base`, the mean of the answers to the sample.

    attributions: by column; they and base add up to the answer: the probability of the class `of`, a number, a score.
    """

    base: float
    attributions: dict[str, float]
    of: Any = None


def explain(variant: Variant, table: Table) -> list[Explanation]:
    """An explanation of each row. Raises BadInput for a model that has none, and for too many rows."""
    sample = variant.runtime.sample
    if not sample:
        raise BadInput("the model has kept no sample, against which its answers could be explained")
    columns = Columns(variant.signature)
    background = [[row.get(name) for name in columns.names] for row in sample]
    orders = list(_orders(len(columns.names), len(background)))
    points = len(orders) * (len(columns.names) + 1)
    most = max(1, MOST // points)
    if table.rows > most:
        raise BadInput(f"{table.rows:,} rows are too many to be explained in one request; there may be {most:,}")
    rows = zip(*columns.of(table), strict=True)
    return [_explained(variant, columns.names, list(row), background, orders) for row in rows]


def _orders(width: int, rows: int) -> Iterator[tuple[int, list[int]]]:
    """Orders of the columns, each with the row of the sample from which it starts; the same ones each time."""
    draw = random.Random(0)
    pairs = max(1, POINTS // (2 * rows * (width + 1)))
    for place in range(rows):
        for _ in range(pairs):
            order = draw.sample(range(width), width)
            yield place, order
            yield place, order[::-1]


def _explained(
    variant: Variant, names: list[str], row: list[Any], background: list[list[Any]], orders: list[tuple[int, list[int]]]
) -> Explanation:
    points: list[list[Any]] = []
    for place, order in orders:
        point = background[place]
        points.append(point)
        for column in order:
            point = [*point]
            point[column] = row[column]
            points.append(point)
    prediction = variant.predict(Table(names, [list(one) for one in zip(*points, strict=True)], len(points)))
    of, answers = _figures(variant, prediction)
    steps = np.asarray(answers, np.float64).reshape(len(orders), len(names) + 1)
    sums = np.zeros(len(names))
    for (_, order), changes in zip(orders, np.diff(steps, axis=1), strict=True):
        sums[order] += changes
    attributions = dict(zip(names, (sums / len(orders)).tolist(), strict=True))
    return Explanation(base=float(steps[:, 0].mean()), attributions=attributions, of=of)


def _figures(variant: Variant, prediction: Prediction) -> tuple[Any, Any]:
    """What is explained of an answer: a class and its probability, a score or a number. The class is the second of two,
    else that of the last point, which is the row itself. Raises BadInput where there is no such thing.
    """
    if prediction.probabilities is not None and variant.classes:
        place = 1 if len(variant.classes) == 2 else int(prediction.probabilities[-1].argmax())
        return variant.classes[place], prediction.probabilities[:, place]
    if prediction.scores is not None:
        return None, prediction.scores
    if variant.signature.task != "regression":
        raise BadInput("the model gives neither probabilities nor numbers, so that there is nothing to explain")
    return None, prediction.values
