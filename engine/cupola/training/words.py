"""Free text for a linear model: all of its words, in a sparse matrix, beside the other columns as they are scaled.

`texts` keeps a few hundred n-grams, which is what trees can bear; a linear model bears tens of thousands.
"""

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

from cupola.training.preparation import Preparation
from cupola.training.texts import is_prose

PLACES = 2**17  # that words and pairs of words are hashed to
FEWEST = 3  # rows that have an n-gram, or it is of no use
MOST = 40_000  # n-grams of a column, the commonest

hashed = HashingVectorizer(n_features=PLACES, ngram_range=(1, 2), alternate_sign=False, norm=None)


class Words(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A table with the columns `columns` ((name, type) as in the dataset) as a sparse matrix of float64.

    After fitting: `others_` prepares what is no free text; `kept_` and `rarity_` of each text are the places of its
    n-grams and how rare they are (TF-IDF). `encoders_`, `left_out_` and `notes_` as `Preparation` has them.
    """

    def __init__(self, columns: list[tuple[str, str]]) -> None:
        self.columns = columns

    def fit(self, X: pd.DataFrame, y: NDArray[np.float64] | None = None) -> Self:
        self._fit(X)
        self.others_ = Preparation(self._others(), "scaled").fit(X, y) if self._others() else None
        self._tell()
        return self

    def fit_transform(self, X: pd.DataFrame, y: NDArray[np.float64] | None = None) -> Any:
        """As fit and transform, but that no row's own target is in its features."""
        self._fit(X)
        self.others_ = Preparation(self._others(), "scaled") if self._others() else None
        dense = [] if self.others_ is None else [sparse.csr_matrix(self.others_.fit_transform(X, y))]
        self._tell()
        return sparse.hstack([*dense, *map(self._words(X).__getitem__, self.kept_)], format="csr")

    def transform(self, X: pd.DataFrame) -> Any:
        dense = [] if self.others_ is None else [sparse.csr_matrix(self.others_.transform(X))]
        return sparse.hstack([*dense, *map(self._words(X).__getitem__, self.kept_)], format="csr")

    def _fit(self, X: pd.DataFrame) -> None:
        self.kept_: dict[str, NDArray[np.intp]] = {}
        self.rarity_: dict[str, NDArray[np.float64]] = {}
        for name, kind in self.columns:
            if kind != "text" or not is_prose(X[name]):
                continue
            present = np.bincount(_counts(X[name]).indices, minlength=PLACES)
            kept = np.flatnonzero(present >= FEWEST)
            kept = np.sort(kept[np.argsort(-present[kept], kind="stable")[:MOST]])
            if len(kept):
                self.kept_[name] = kept
                self.rarity_[name] = np.log((1 + len(X)) / (1 + present[kept])) + 1

    def _others(self) -> list[tuple[str, str]]:
        return [column for column in self.columns if column[0] not in self.kept_]

    def _tell(self) -> None:
        others = self.others_
        self.encoders_: dict[str, bool] = dict.fromkeys([*self.kept_, *(others.encoders_ if others else ())], True)
        self.left_out_: dict[str, str] = dict(others.left_out_) if others else {}
        self.notes_: list[str] = list(others.notes_) if others else []

    def _words(self, X: pd.DataFrame) -> dict[str, Any]:
        """The n-grams of each text, each row of the length 1."""
        found = {}
        for name, kept in self.kept_.items():
            counts = _counts(X[name])[:, kept]
            counts.data = (1 + np.log(counts.data)) * self.rarity_[name][counts.indices]
            found[name] = normalize(counts)
        return found


def _counts(column: "pd.Series[Any]") -> Any:
    written = ["" if absent else str(one) for one, absent in zip(column, column.isna(), strict=True)]
    return hashed.transform(written)
