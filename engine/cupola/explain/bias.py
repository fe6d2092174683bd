"""The metrics of bias as functions of counts, so that an interval is the same functions of counts drawn anew.

The formulas are those of Amazon SageMaker Clarify (docs.aws.amazon.com/sagemaker/latest/dg, pages
clarify-data-bias-metric-* and clarify-post-training-bias-metric-*). Along an axis of facets 0 is the rest ("a" there),
1 the facet that is asked about ("d"); along one of labels 1 is the label that is good to get.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cupola.explain.records import Measured

Floats = NDArray[np.float64]
RESAMPLES = 1000
REST, FACET = 0, 1


def before(counts: Floats, label: int) -> dict[str, Floats]:
    """Of true labels. counts: rows by (..., facet, class); label: the place of the good class."""
    sizes = counts.sum(-1)
    shares = _over(counts, sizes[..., None])
    rest, facet = shares[..., REST, :], shares[..., FACET, :]
    middle = (rest + facet) / 2
    apart = np.abs(rest - facet)
    return {
        "CI": _over(sizes[..., REST] - sizes[..., FACET], sizes.sum(-1)),
        "DPL": rest[..., label] - facet[..., label],
        "KL": _divergence(rest, facet),
        "JS": (_divergence(rest, middle) + _divergence(facet, middle)) / 2,
        "LP": np.sqrt((apart**2).sum(-1)),
        "TVD": apart.sum(-1) / 2,
        "KS": apart.max(-1),
    }


def after(counts: Floats) -> dict[str, Floats]:
    """Of predictions. counts: rows by (..., facet, truly the label, predicted the label)."""
    total = counts.sum((-2, -1))
    true, predicted = counts.sum(-1), counts.sum(-2)
    right, caught = counts[..., 0, 0], counts[..., 1, 1]
    missed, wrong = counts[..., 1, 0], counts[..., 0, 1]
    accepted = _over(predicted[..., 1], total)
    return {
        "DPPL": _less(accepted),
        "DI": _over(accepted[..., FACET], accepted[..., REST]),
        "DCA": _less(_over(true[..., 1], predicted[..., 1])),
        "DCR": -_less(_over(true[..., 0], predicted[..., 0])),
        "RD": _less(_over(caught, true[..., 1])),
        "SD": -_less(_over(right, true[..., 0])),
        "DAR": _less(_over(caught, predicted[..., 1])),
        "DRR": -_less(_over(right, predicted[..., 0])),
        "AD": _less(_over(right + caught, total)),
        "TE": -_less(_over(missed, wrong)),
        "GE": _entropy(missed.sum(-1), wrong.sum(-1), total.sum(-1)),
    }


def disparity(counts: Floats) -> Floats:
    """CDDL, CDDPL: the mean over groups, by size. counts: rows by (..., group, facet, is the label)."""
    sizes = counts.sum((-2, -1))
    kinds = counts.sum(-2)
    each = _over(counts[..., FACET, 0], kinds[..., 0]) - _over(counts[..., FACET, 1], kinds[..., 1])
    whole: Floats = _over((sizes * np.nan_to_num(each)).sum(-1), sizes.sum(-1))
    return whole


def flips(facet: Floats, facet_accepted: NDArray[np.bool_], rest: Floats, rest_accepted: NDArray[np.bool_]) -> Floats:
    """FT of each row of the facet: 1 where its nearest others get the label and it does not, -1 the other way, else 0.

    facet, rest: a row of coordinates each. The nearest are five, and the most of them decide.
    """
    from sklearn.neighbors import NearestNeighbors

    near = NearestNeighbors(n_neighbors=min(5, len(rest))).fit(rest).kneighbors(facet, return_distance=False)
    mostly = rest_accepted[near].mean(1) > 0.5
    flipped: Floats = mostly.astype(np.float64) - facet_accepted.astype(np.float64)
    return flipped


def with_intervals(counts: Floats, metrics: Callable[[Floats], dict[str, Floats]], seed: int) -> dict[str, Measured]:
    """Each metric with its 95 % interval, by a bootstrap of the rows that the counts are of."""
    random = np.random.default_rng(seed)
    rows = int(counts.sum())
    drawn = random.multinomial(rows, (counts / rows).ravel(), RESAMPLES).reshape(RESAMPLES, *counts.shape)
    with np.errstate(all="ignore"):
        values, resampled = metrics(counts), metrics(drawn.astype(np.float64))
    return {name: measured(float(value), resampled[name]) for name, value in values.items()}


def measured(value: float, resampled: Floats) -> Measured:
    """A value with the middle 95 % of what its resamples are; no interval where most of them cannot be told."""
    if not np.isfinite(value):
        return Measured(value=None)
    finite = resampled[np.isfinite(resampled)]
    if len(finite) <= len(resampled) / 2:
        return Measured(value=value)
    low, high = np.quantile(finite, [0.025, 0.975])
    return Measured(value=value, low=float(low), high=float(high))


def _less(each: Floats) -> Floats:
    found: Floats = each[..., REST] - each[..., FACET]
    return found


def _over(value: Floats, by: Floats) -> Floats:
    with np.errstate(all="ignore"):
        found: Floats = np.where(by == 0, np.nan, value / by)
    return found


def _divergence(one: Floats, other: Floats) -> Floats:
    with np.errstate(all="ignore"):
        found: Floats = np.where(one > 0, one * np.log(one / other), 0.0).sum(-1)
    return found


def _entropy(missed: Floats, wrong: Floats, rows: Floats) -> Floats:
    """With benefits of 0 (missed), 1 (right) and 2 (wrong, and so better off) over their mean."""
    mean = 1 + _over(wrong - missed, rows)
    squares = _over(rows - missed - wrong + 4 * wrong, rows)
    return (squares / mean**2 - 1) / 2
