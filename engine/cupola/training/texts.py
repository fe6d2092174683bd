"""Free text as numbers: hashed words and pairs of words, weighed by how rare they are (TF-IDF).

A hash needs no vocabulary, so that a saved model holds numbers only, and words never seen have a place too.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.feature_extraction.text import HashingVectorizer

Floats = NDArray[np.float64]
PLACES = 2048  # that n-grams are hashed to
KEPT = 256  # of them: those that vary most in training; fewer where rows are many
CELLS = 20_000_000  # rows times n-grams: 160 MB, and what trees do with them in half a minute
WORDS = 1.5  # on average, or it is no text but a name of something
SAMPLE = 1000

hashed = HashingVectorizer(n_features=PLACES, ngram_range=(1, 2), alternate_sign=False, norm=None)


class Texts:
    """A text as one column per kept n-gram, its length (in words, as a logarithm), and a flag where some are missing.

    Each row of n-grams has the length 1 (0 where it has none of them). binned: whether an n-gram is there, 0 or 1.
    """

    def __init__(self, column: "pd.Series[Any]", style: str) -> None:
        counts = hashed.transform(_written(column))
        rows = counts.shape[0]
        present = np.asarray((counts > 0).sum(axis=0)).ravel()
        rarity = np.log((1 + rows) / (1 + present)) + 1
        share = present / rows
        spread = share * (1 - share) * rarity**2
        most = min(KEPT, max(KEPT // 8, CELLS // rows), int((spread > 0).sum()))
        self.kept = np.sort(np.argsort(-spread, kind="stable")[:most])
        self.rarity = rarity[self.kept]
        self.binned = style == "binned"
        self.positive = style in ("positive", "binned")
        self.flag = bool(column.isna().any())
        self.width = len(self.kept) + (not self.positive) + self.flag

    def transform(self, column: "pd.Series[Any]", out: Floats) -> None:
        counts = hashed.transform(_written(column))
        found = np.asarray(counts[:, self.kept].toarray(), dtype=np.float64)
        if self.binned:
            found = (found > 0).astype(np.float64)
        else:
            found = np.log1p(found) * self.rarity
            lengths = np.sqrt((found**2).sum(axis=1, keepdims=True))
            found = np.divide(found, lengths, out=np.zeros_like(found), where=lengths > 0)
        out[:, : len(self.kept)] = found
        if not self.positive:
            out[:, len(self.kept)] = np.log1p(np.asarray(counts.sum(axis=1)).ravel())
        if self.flag:
            out[:, -1] = column.isna()

    @property
    def sizes(self) -> list[int]:
        """How many values each column may take, for the style "binned"."""
        return [2] * self.width

    def names(self, column: str) -> list[str]:
        length = [] if self.positive else [f"{column}.length"]
        return [*(f"{column}#{place}" for place in self.kept), *length, *[f"{column}=missing"] * self.flag]


def is_prose(column: "pd.Series[Any]") -> bool:
    """Whether the texts are several words each, by the first thousand; else they are names, codes or categories."""
    given = column.dropna().head(SAMPLE)
    return len(given) > 0 and sum(len(str(one).split()) for one in given) / len(given) >= WORDS


def _written(column: "pd.Series[Any]") -> list[str]:
    return ["" if absent else str(one) for one, absent in zip(column, column.isna(), strict=True)]
