"""How good clusters are, and how many rows are said to be anomalies, where nothing is known that would be right.

The metrics are functions of how often each row counts, as those of `metrics`. Those that need the distances of all
pairs are of a sample of `SAMPLE` rows. Rows that are in no cluster (-1) are left out of them, and their share is
`noise`. silhouette, davies_bouldin and calinski_harabasz are scikit-learn's (Rousseeuw 1987, Davies and Bouldin 1979,
Calinski and Harabasz 1974), the last for as many rows as there are; inertia is the sum of the squares of how far each
row is from the centre of its cluster. Where the classes of the rows are known: adjusted_rand (Hubert and Arabie 1985)
and v_measure (Rosenberg and Hirschberg 2007).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cupola.training.metrics import Floats, Measure, figures

SAMPLE = 1500


@dataclass
class Clusters:
    """Rows as they were prepared, and the cluster of each. truth: codes of their classes, where those are known;
    squares: of the distance from the centre, where there is one."""

    rows: Floats
    predicted: NDArray[np.intp]
    truth: NDArray[np.intp] | None = None
    squares: Floats | None = None
    classes: int = 0
    scores: None = None
    probabilities: bool = False

    def __len__(self) -> int:
        return len(self.predicted)

    def measure(self, rows: Any = slice(None)) -> Measure:
        """The metrics of these rows as a function of how often each counts."""
        labels = self.predicted[rows]
        places = np.random.default_rng(0).permutation(len(labels))[:SAMPLE]
        places = np.sort(places[labels[places] >= 0])
        shape = _shape(self.rows[rows][places], labels[places]) if len(places) else None
        compared = None if self.truth is None else _compared(self.truth[rows], labels)
        squares = None if self.squares is None else self.squares[rows]
        every = np.unique(labels, return_inverse=True)
        grown = len(self.predicted) / len(labels)

        def measure(counts: Floats) -> dict[str, float]:
            total = counts.sum()
            sizes = np.bincount(every[1], counts, len(every[0]))
            found = {"clusters": float((sizes[every[0] >= 0] > 0).sum())}
            found["noise"] = float(counts[labels < 0].sum() / total)
            if shape:
                found |= shape(counts[places], float(counts[labels >= 0].sum()) * grown)
            if squares is not None:
                found["inertia"] = float(counts @ squares) * grown
            return found | (compared(counts) if compared else {})

        return measure

    def figures(self) -> dict[str, float]:
        """Each metric with every row counted once."""
        return figures(self)


@dataclass
class Flags:
    """Which rows are anomalies (1), and by which score (the higher, the stranger), where nobody knows."""

    predicted: NDArray[np.intp]
    strange: Floats
    classes: int = 0
    scores: None = None
    probabilities: bool = False

    def __len__(self) -> int:
        return len(self.predicted)

    def measure(self, rows: Any = slice(None)) -> Measure:
        """The share of these rows that are flagged, as a function of how often each counts."""
        flagged = self.predicted[rows].astype(np.float64)
        return lambda counts: {"anomalies": float(counts @ flagged / counts.sum())}

    def figures(self) -> dict[str, float]:
        """The share of the rows that are flagged."""
        return figures(self)


def _shape(rows: Floats, labels: NDArray[np.intp]) -> Any:
    """silhouette, davies_bouldin and calinski_harabasz by the counts of these rows and by how many there are in all."""
    from sklearn.metrics import pairwise_distances

    found, codes = np.unique(labels, return_inverse=True)
    member = (codes[:, None] == np.arange(len(found))).astype(np.float64)
    apart = pairwise_distances(rows)

    def measure(counts: Floats, total: float) -> dict[str, float]:
        weights = member * counts[:, None]
        sizes = weights.sum(axis=0)
        kept = sizes > 0
        clusters, drawn = int(kept.sum()), float(counts.sum())
        if clusters < 2 or drawn <= clusters:
            return dict.fromkeys(("silhouette", "davies_bouldin", "calinski_harabasz"), float("nan"))
        return {
            "silhouette": _silhouette(apart @ weights, sizes, codes, counts),
            **_centred(rows, weights[:, kept], sizes[kept], drawn, total),
        }

    return measure


def _silhouette(sums: Floats, sizes: Floats, codes: NDArray[np.intp], counts: Floats) -> float:
    """sums: of the distances of each row to those of each cluster."""
    own = (np.arange(len(codes)), codes)
    inside = sums[own] / np.maximum(sizes[codes] - 1, 1)
    means = np.divide(sums, sizes, out=np.full_like(sums, np.inf), where=sizes > 0)
    means[own] = np.inf
    outside = means.min(axis=1)
    larger = np.maximum(inside, outside)
    values = np.divide(outside - inside, larger, out=np.zeros_like(larger), where=(larger > 0) & (sizes[codes] > 1))
    return float(counts @ values / counts.sum())


def _centred(rows: Floats, weights: Floats, sizes: Floats, drawn: float, total: float) -> dict[str, float]:
    centres = weights.T @ rows / sizes[:, None]
    middle = sizes @ centres / drawn
    between = float(sizes @ ((centres - middle) ** 2).sum(axis=1))
    off = np.maximum((rows**2).sum(axis=1)[:, None] - 2 * rows @ centres.T + (centres**2).sum(axis=1), 0)
    within = float((weights * off).sum())
    spread = (weights * np.sqrt(off)).sum(axis=0) / sizes
    between_centres = np.sqrt(((centres[:, None] - centres[None]) ** 2).sum(axis=2))
    np.fill_diagonal(between_centres, np.inf)
    ratio = (spread[:, None] + spread) / np.where(between_centres == 0, np.inf, between_centres)
    clusters = len(sizes)
    harabasz = between * (total - clusters) / (within * (clusters - 1)) if within else np.nan
    return {"davies_bouldin": float(ratio.max(axis=1).mean()), "calinski_harabasz": float(harabasz)}


def _compared(truth: NDArray[np.intp], labels: NDArray[np.intp]) -> Measure:
    """adjusted_rand and v_measure: how far clusters are the classes; rows of no cluster are one of their own."""
    _, clusters = np.unique(labels, return_inverse=True)
    across, down = int(clusters.max()) + 1, int(truth.max()) + 1
    cells = truth * across + clusters

    def measure(counts: Floats) -> dict[str, float]:
        table = np.bincount(cells, counts, across * down).reshape(down, across).astype(np.float64)
        rows, columns, total = table.sum(axis=1), table.sum(axis=0), table.sum()
        pairs, of_rows, of_columns = (float((one * (one - 1)).sum()) for one in (table, rows, columns))
        expected = of_rows * of_columns / (total * (total - 1))
        most = (of_rows + of_columns) / 2
        rand = 1.0 if most == expected else (pairs - expected) / (most - expected)
        shared = _entropy(rows / total) + _entropy(columns / total)
        together = shared - _entropy(table.ravel() / total)
        return {"adjusted_rand": float(rand), "v_measure": 2 * together / shared if shared else 1.0}

    return measure


def _entropy(shares: Floats) -> float:
    known = shares[shares > 0]
    return float(-(known * np.log(known)).sum())
