"""Which rows train, validate and test: by chance, class, group or time, and the same for the same seed."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cupola.errors import BadInput
from cupola.training.records import Split

Rows = NDArray[np.intp]


@dataclass
class Parts:
    """Rows by their place: `train`, `validation` and `test` share none. folds: (train, validation) pairs of --cv,
    which leave the test rows alone (then `train` is all but test, and `validation` is empty)."""

    train: Rows
    validation: Rows
    test: Rows
    folds: list[tuple[Rows, Rows]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def split(
    target: NDArray[Any],
    how: Split,
    seed: int,
    *,
    times: NDArray[Any] | None = None,
    groups: NDArray[Any] | None = None,
) -> Parts:
    """Splits the rows of `target` (codes of classes, or numbers).

    stratified: each class as in the whole, at least one row of each in training. time: the oldest rows train, the
    newest test; rows of one moment stay together where that leaves no part empty. group: no group is in two parts.
    Raises BadInput where there are too few rows, groups or folds.
    """
    rows = len(target)
    if rows < 3:
        raise BadInput(f"there are too few rows with a target to train, validate and test: {rows}")
    notes: list[str] = []
    if groups is not None and how.kind != "group":
        notes.append(f"warning: rows of one group may be in several parts: the split is {how.kind}, not by group")
    if how.kind == "time" and times is not None:
        parts = _by_time(times, how)
    elif how.kind == "group" and groups is not None:
        parts = _by_group(groups, how, seed)
    elif how.kind == "stratified":
        parts = _stratified(target, how, seed)
        if not all(len(part) for part, share in zip(parts, (1, how.validation, how.test), strict=True) if share):
            notes.append("warning: the classes are too small to be split alike; the rows were split by chance")
            parts = _by_chance(rows, how, seed)
    else:
        parts = _by_chance(rows, how, seed)
    train, validation, test = (np.sort(part) for part in parts)
    if not how.folds:
        return Parts(train, validation, test, notes=notes)
    rest = np.sort(np.concatenate([train, validation]))
    folds = folds_of(target, rest, how, seed, times, groups)
    return Parts(rest, np.array([], dtype=np.intp), test, folds, notes)


def _counts(rows: int, how: Split) -> tuple[int, int]:
    """How many rows validate and test, at least one each."""
    validation = max(1, round(rows * how.validation)) if how.validation else 0
    return validation, max(1, round(rows * how.test)) if how.test else 0


def _by_chance(rows: int, how: Split, seed: int) -> tuple[Rows, Rows, Rows]:
    order = np.random.default_rng(seed).permutation(rows)
    validation, test = _counts(rows, how)
    return order[validation + test :], order[:validation], order[validation : validation + test]


def _stratified(classes: NDArray[Any], how: Split, seed: int) -> tuple[Rows, Rows, Rows]:
    random = np.random.default_rng(seed)
    parts: tuple[list[Rows], list[Rows], list[Rows]] = ([], [], [])
    carried = [0.0, 0.0]  # what rounding took from the classes before, so that the whole comes out right
    for one in np.unique(classes):
        rows = random.permutation(np.flatnonzero(classes == one))
        taken: list[int] = []
        for place, share in enumerate((how.validation, how.test)):
            carried[place] += len(rows) * share
            number = min(round(carried[place]), len(rows) - 1 - sum(taken))
            carried[place] -= number
            taken.append(number)
        validation, test = taken
        for part, piece in zip(
            parts, (rows[validation + test :], rows[:validation], rows[validation : validation + test]), strict=True
        ):
            part.append(piece)
    train, validation_rows, test_rows = (np.concatenate(part) for part in parts)
    return train, validation_rows, test_rows


def _by_time(times: NDArray[Any], how: Split) -> tuple[Rows, Rows, Rows]:
    order = np.argsort(times, kind="stable")
    validation, test = _counts(len(times), how)
    cuts = [len(times) - test - validation, len(times) - test]
    ordered = times[order]
    moved = [int(np.searchsorted(ordered, ordered[cut], side="left")) for cut in cuts]
    if moved[0] > 0 and (moved[0] < moved[1] or not validation):
        cuts = moved
    first, second = cuts
    return order[:first], order[first:second], order[second:]


def _by_group(groups: NDArray[Any], how: Split, seed: int) -> tuple[Rows, Rows, Rows]:
    sizes = np.bincount(groups)
    wanted = 2 + bool(how.validation)
    if len(sizes) < wanted:
        raise BadInput(f"there are {len(sizes)} groups; a split by group needs at least {wanted}")
    order = np.random.default_rng(seed).permutation(len(sizes))
    validation, test = _counts(len(groups), how)
    part = np.zeros(len(sizes), dtype=int)
    filled = [0, 0, 0]
    for left, group in zip(range(len(sizes) - 1, 0, -1), order, strict=False):  # the last group always trains
        place = 2 if filled[2] < test else 1 if filled[1] < validation else 0
        if left == 1 and validation and not filled[1]:
            place = 1
        part[group] = place
        filled[place] += sizes[group]
    found = part[groups]
    return np.flatnonzero(found == 0), np.flatnonzero(found == 1), np.flatnonzero(found == 2)


def folds_of(
    target: NDArray[Any], rest: Rows, how: Split, seed: int, times: NDArray[Any] | None, groups: NDArray[Any] | None
) -> list[tuple[Rows, Rows]]:
    """The rows of `rest` as (train, validation) pairs, each row validated once. Raises BadInput for too few.

    stratified: of each class there are rows in training; what is alone in its class trains in every fold.
    """
    from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, TimeSeriesSplit

    chosen: Any = KFold(how.folds, shuffle=True, random_state=seed)
    given: tuple[Any, ...] = (rest,)
    if how.kind == "time" and times is not None:
        rest = rest[np.argsort(times[rest], kind="stable")]
        chosen = TimeSeriesSplit(how.folds)
    elif how.kind == "group" and groups is not None:
        chosen, given = GroupKFold(how.folds), (rest, None, groups[rest])
    elif how.kind == "stratified":
        alone, rest = alone_of(target, rest)
        if len(rest) < how.folds:
            what = f"{how.folds} folds cannot be made: {len(rest)} rows are of a class that another row is of too"
            raise BadInput(what, where="--cv")
        if np.bincount(target[rest]).max() >= how.folds:
            chosen = StratifiedKFold(how.folds, shuffle=True, random_state=seed)
            held = [rest[validation] for _, validation in chosen.split(rest, target[rest])]
        else:
            held = _dealt(target, rest, how.folds, seed)
        return [(np.setdiff1d(np.append(rest, alone), one), one) for one in held]
    try:
        return [(rest[train], rest[validation]) for train, validation in chosen.split(*given)]
    except ValueError as error:
        raise BadInput(f"{how.folds} folds cannot be made: {error}", where="--cv") from None


def alone_of(target: NDArray[Any], rows: Rows) -> tuple[Rows, Rows]:
    """The rows that are alone in their class, and the others."""
    is_alone = np.bincount(target[rows])[target[rows]] == 1
    return rows[is_alone], rows[~is_alone]


def _dealt(target: NDArray[Any], rows: Rows, folds: int, seed: int) -> list[Rows]:
    """The rows of each fold, where classes have fewer than there are folds: each is dealt to as many as it has rows."""
    order = np.random.default_rng(seed).permutation(rows)
    order = order[np.argsort(target[order], kind="stable")]
    return [np.sort(order[fold::folds]) for fold in range(folds)]
