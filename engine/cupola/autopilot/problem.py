"""What an autopilot has to solve, ready for its fits: rows prepared once for each style, folds, and the truth."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cupola.autopilot.portfolio import Likeness, Setting
from cupola.training import effects, estimators, fitting, splitting
from cupola.training.fitting import Usable
from cupola.training.preparation import Preparation, moments
from cupola.training.records import Training
from cupola.training.texts import is_prose
from cupola.training.words import Words

WORDS = "words"  # a style: free text with all of its words
HASHED = 260  # columns that free text becomes, about
KEPT = 20  # rows of each class that a share of the rows has at least
Rows = NDArray[np.intp]
Folds = list[tuple[Rows, Rows]]


@dataclass
class Problem:
    """A training without an estimator. rows: those that may be learnt from (all but the test's), by their place in the
    table; truth, folds and prepared rows are in their order. truth: codes of classes from 0, or numbers."""

    training: Training
    usable: Usable
    classes: int
    rows: Rows
    truth: NDArray[Any]
    folds: list[Folds]
    prepared: dict[str, tuple[Any, Any, Any]] = field(default_factory=dict)

    @property
    def table(self) -> pd.DataFrame:
        return self.usable.table

    @property
    def test(self) -> Rows:
        return self.usable.parts.test

    @property
    def test_truth(self) -> NDArray[Any]:
        found: NDArray[Any] = self.usable.target.codes[self.test]
        return found

    @property
    def width(self) -> int:
        """How many columns trees learn from, about."""
        return self.likeness.columns + HASHED * self.likeness.texts

    def some(self, rows: Rows, share: float, seed: int) -> Rows:
        """A share of rows by chance, a larger one with those of a smaller; no class is lost in it."""
        order = np.random.default_rng(seed).permutation(rows)
        if not self.classes:
            return np.sort(order[: round(share * len(order))])
        of_each = [order[self.truth[order] == one] for one in range(self.classes)]
        return np.sort(np.concatenate([one[: max(KEPT, round(share * len(one)))] for one in of_each]))

    @cached_property
    def likeness(self) -> Likeness:
        """What other tables are compared with it by."""
        features = self.training.features
        names = [name for name, _ in features]
        return Likeness(
            rows=len(self.rows),
            columns=len(features),
            classes=self.classes,
            categories=sum(kind in ("category", "text") for _, kind in features) / len(features),
            missing=float(self.table[names].isna().to_numpy().mean()),
            texts=sum(kind == "text" and is_prose(self.table[name]) for name, kind in features),
        )

    def style(self, setting: Setting) -> str:
        """How an estimator wants its rows."""
        if setting.words:
            return WORDS
        made = estimators.make(setting.estimator, setting.params, seed=0)
        return str(estimators.prepare(made, self.training.features).style)

    def matrices(self, style: str) -> tuple[Any, Any, Any]:
        """The preparation of a style, and the rows that learn and those that test, prepared by it.

        It is fitted once, on all rows but the test's. What a category goes with in the target is cross-fitted there: no
        row has its own target in its features, though those of other rows that it may be validated with.
        """
        if style not in self.prepared:
            features = self.training.features
            preparation = Words(features) if style == WORDS else Preparation(features, style)
            learnt = effects.columns(self.truth, self.classes)
            X = preparation.fit_transform(self.table.iloc[self.rows], learnt)
            self.prepared[style] = (preparation, X, preparation.transform(self.table.iloc[self.test]))
        return self.prepared[style]


def of(table: pd.DataFrame, training: Training, repeats: int) -> Problem:
    """The problem of a table. Folds are drawn anew for each repeat, where they can be; a holdout is one fold."""
    usable = fitting.usable(table, training)
    target, parts = usable.target, usable.parts
    if not parts.folds:
        rows = np.concatenate([parts.train, parts.validation])
        places = np.arange(len(rows))
        folds = [[(places[: len(parts.train)], places[len(parts.train) :])]]
    else:
        rows = parts.train
        at = np.full(len(usable.table), -1, dtype=np.intp)
        at[rows] = np.arange(len(rows))
        several = [parts.folds]
        times = moments(training.time, usable.table[training.time]) if training.time else None
        if training.split.kind in ("random", "stratified"):
            for repeat in range(1, repeats):
                seed = training.seed + repeat
                several.append(splitting.folds_of(target.codes, rows, training.split, seed, times, usable.groups))
        folds = [[(at[train], at[rest]) for train, rest in one] for one in several]
    return Problem(
        training=training,
        usable=usable,
        classes=len(target.classes or []),
        rows=rows,
        truth=target.codes[rows],
        folds=folds,
    )
