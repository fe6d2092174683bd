"""What an autopilot has to solve, ready for its fits: rows prepared once for each style, folds, and the truth.

Where a flow prepares the rows first it learns anew from those that learn in each fold, and once from all of them, for
the fits on all rows that the model is made of.
"""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing

from cupola.autopilot.portfolio import Likeness, Setting
from cupola.errors import BadInput
from cupola.training import effects, estimators, fitting, flowing, splitting
from cupola.training.fitting import Through, Usable
from cupola.training.flowing import Flowing
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
    table; truth, folds and prepared rows are in their order. truth: codes of classes from 0, or numbers. through: what
    a flow makes of all of these rows, which may be fewer or more then."""

    training: Training
    usable: Usable
    classes: int
    rows: Rows
    truth: NDArray[Any]
    folds: list[Folds]
    through: Through | None = None
    prepared: dict[str, tuple[Any, Any, Any]] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Of what fits are made of: rows, truth, folds and flow."""
        found = hashlib.sha256(self.truth.tobytes())
        found.update((self.training.flow.sha256 if self.training.flow else "").encode())
        for part in (self.rows, self.test, *(rest for folds in self.folds for _, rest in folds)):
            found.update(part.tobytes())
        return found.hexdigest()

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
    def features(self) -> list[tuple[str, str]]:
        """(name, type) of what estimators learn from."""
        return self.through.features if self.through else self.training.features

    @property
    def learnt(self) -> pd.DataFrame:
        """All rows that may be learnt from, as a preparation takes them."""
        return self.through.learnt.table if self.through else self.table.iloc[self.rows]

    @property
    def learnt_truth(self) -> NDArray[Any]:
        return self.through.learnt.codes if self.through else self.truth

    @property
    def width(self) -> int:
        """How many columns trees learn from, about."""
        return self.likeness.columns + HASHED * self.likeness.texts

    def some(self, rows: Rows, truth: NDArray[Any], share: float, seed: int) -> Rows:
        """A share of rows by chance, a larger one with those of a smaller; no class is lost in it."""
        order = np.random.default_rng(seed).permutation(rows)
        if not self.classes:
            return np.sort(order[: round(share * len(order))])
        of_each = [order[truth[order] == one] for one in range(self.classes)]
        return np.sort(np.concatenate([one[: max(KEPT, round(share * len(one)))] for one in of_each]))

    @cached_property
    def likeness(self) -> Likeness:
        """What other tables are compared with it by."""
        features, table = self.features, self.learnt
        names = [name for name, _ in features]
        return Likeness(
            rows=len(self.rows),
            columns=len(features),
            classes=self.classes,
            categories=sum(kind in ("category", "text") for _, kind in features) / len(features),
            missing=float(table[names].isna().to_numpy().mean()),
            texts=sum(kind == "text" and is_prose(table[name]) for name, kind in features),
        )

    def style(self, setting: Setting) -> str:
        """How an estimator wants its rows."""
        if setting.words:
            return WORDS
        made = estimators.make(setting.estimator, setting.params, seed=0)
        return str(estimators.prepare(made, self.features).style)

    def matrices(self, style: str) -> tuple[Any, Any, Any]:
        """The preparation of a style, and the rows that learn and those that test, prepared by it. (Behind a flow there
        are none of the latter: DuckDB would make them, and after it has computed here no process can be forked.)

        It is fitted once, on all rows but the test's. What a category goes with in the target is cross-fitted there: no
        row has its own target in its features, though those of other rows that it may be validated with.
        """
        if style not in self.prepared:
            preparation, X = self._prepared(style, self.features, self.learnt, self.learnt_truth)
            test = None if self.through else preparation.transform(self.table.iloc[self.test])
            self.prepared[style] = (preparation, X, test)
        return self.prepared[style]

    def part(self, style: str, train: Rows, rest: Rows) -> tuple[Any, NDArray[Any], Any, Any]:
        """Where there is a flow: the rows that learn in a fold, with their targets, those that validate, and those that
        test. The flow and the preparation have learned from the first alone."""
        found = fitting.through(self.usable, self.training, self.rows[train])
        preparation, X = self._prepared(style, found.features, found.learnt.table, found.learnt.codes)
        asked = self._asked(found, preparation, np.concatenate([self.rows[rest], self.test]))
        watched, test = (_safe_indexing(asked, rows) for rows in np.split(np.arange(asked.shape[0]), [len(rest)]))
        return X, found.learnt.codes, watched, test

    def tested(self, style: str) -> Any:
        """The rows that test, prepared by what all others have taught; where there is a flow, in a process that forks
        none."""
        preparation, _, test = self.matrices(style)
        return self._asked(self.through, preparation, self.test) if self.through else test

    def _prepared(self, style: str, features: Any, table: pd.DataFrame, truth: NDArray[Any]) -> tuple[Any, Any]:
        preparation = Words(features) if style == WORDS else Preparation(features, style)
        return preparation, preparation.fit_transform(table, effects.columns(truth, self.classes))

    def _asked(self, through: Through, preparation: Any, rows: Rows) -> Any:
        flow = Flowing(through.flow, list(preparation.encoders_))
        return preparation.transform(flow.transform(self.table.iloc[rows]))


def through(problem: Problem) -> Through:
    """What the flow of a problem makes of all rows that may be learnt from; in a process that forks none.

    Raises BadInput, BadOption for a flow that cannot be fitted, or that makes something else of a row that comes alone.
    """
    found = fitting.through(problem.usable, problem.training, problem.rows)
    flowing.check_alone(Flowing(found.flow, [name for name, _ in found.features]), problem.table)
    return found


def of(table: pd.DataFrame, training: Training, repeats: int) -> Problem:
    """The problem of a table. Folds are drawn anew for each repeat, where they can be; a holdout is one fold.

    Where fewer rows (or groups) are left to learn from than there should be folds, it has a training with as many folds
    as there are of these, and a note. Rows of a class that those have not that learn in their fold validate nothing.
    Raises BadInput as `fitting.usable` does, and where no row can validate.
    """
    wanted, notes = training.split, []
    usable = fitting.usable(table, _split(training, 0))
    target, parts = usable.target, usable.parts
    rows = np.concatenate([parts.train, parts.validation])
    if not wanted.folds:
        places = np.arange(len(rows))
        folds = [[(places[: len(parts.train)], places[len(parts.train) :])]]
    else:
        rows = np.sort(rows)
        units, what = _units(usable, rows, wanted.kind)
        if not units:
            raise BadInput(f"each row to learn from has a {training.target} of its own: none can validate")
        if units < wanted.folds:
            training = _split(training, units)
            notes = [f"validated by {units} folds: {units} {what}"]
        at = np.full(len(usable.table), -1, dtype=np.intp)
        at[rows] = np.arange(len(rows))
        times = moments(training.time, usable.table[training.time]) if training.time else None
        several = [
            splitting.folds_of(target.codes, rows, training.split, training.seed + repeat, times, usable.groups)
            for repeat in range(repeats if wanted.kind in ("random", "stratified") else 1)
        ]
        folds = [[(at[train], at[rest]) for train, rest in one] for one in several]
    truth = target.codes[rows]
    if target.classes:
        folds = [[(train, _known(truth, train, rest)) for train, rest in one] for one in folds]
        few = [
            target.classes[one] for one in np.setdiff1d(truth, truth[np.concatenate([rest for _, rest in folds[0]])])
        ]
        shown = ", ".join(map(str, few[:5])) + (", ..." if len(few) > 5 else "")
        notes += [f"learnt from, and too few to be validated on: {training.target} = {shown}"] if few else []
    usable.notes += notes
    return Problem(
        training=training,
        usable=usable,
        classes=len(target.classes or []),
        rows=rows,
        truth=truth,
        folds=folds,
    )


def _units(usable: Usable, rows: Rows, kind: str) -> tuple[int, str]:
    """How many there are that folds can be made of, and what they are."""
    if kind == "group" and usable.groups is not None:
        return len(np.unique(usable.groups[rows])), "groups are left to learn from"
    if kind == "stratified":
        alone, others = splitting.alone_of(usable.target.codes, rows)
        return len(others), "rows are of a class that others are of" if len(alone) else "rows are left to learn from"
    return len(rows), "rows are left to learn from"


def _known(truth: NDArray[Any], train: Rows, rest: Rows) -> Rows:
    """Those of a class that is learnt; all of them where there would be none: nothing can be said of such a fold."""
    known = rest[np.isin(truth[rest], truth[train])]
    return known if len(known) else rest


def _split(training: Training, folds: int) -> Training:
    return msgspec.structs.replace(training, split=msgspec.structs.replace(training.split, folds=folds))
