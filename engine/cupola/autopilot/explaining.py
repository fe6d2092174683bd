"""What there is to say of a search beside its model: what matters, where the errors are, what the data is missing."""

import itertools
import time
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cupola.autopilot import halving
from cupola.autopilot.assembling import Assembled
from cupola.autopilot.halving import CLEARLY
from cupola.autopilot.scoring import losses, predictions, score
from cupola.autopilot.search import Search
from cupola.training.fitting import Fitted
from cupola.training.records import SMALLER_IS_BETTER

ROWS = 500  # that importance is found on
SHUFFLES = 3
SLOWER = 3  # times as long as the first look one may take, on a busy host
FEWEST = 30  # rows of a group
VALUES = 12  # a column of more is cut into quarters
SHOWN = 10
RARE = 50  # rows of a class
PERFECT, RANKED = 0.02, 0.999  # of a constant's loss, and the AUC; what is told better is suspicious
SURE = 3.0  # standard errors
LITTLE, MUCH = 0.01, 0.05  # of the loss, by which half of the rows may be worse


def importance(search: Search, fitted: Fitted, until: float) -> list[dict[str, Any]]:
    """How much worse the metric gets on test rows when a column is shuffled, with its error over a few shuffles.

    The columns that the time does not suffice for (`until`, of time.monotonic) are left out.
    """
    problem = search.problem
    order = np.random.default_rng(problem.training.seed)
    rows = np.sort(order.permutation(problem.test)[:ROWS])
    sample, truth = problem.table.iloc[rows], problem.usable.target.codes[rows]
    metric, estimator = problem.training.metric, fitted.pipeline

    def reached(frame: pd.DataFrame) -> float:
        said = estimator.predict_proba(frame) if problem.classes else estimator.predict(frame)
        return score(metric, truth, said, problem.classes)

    begun = time.monotonic()
    plain, found = reached(sample), []
    last = until - SLOWER * (time.monotonic() - begun)
    for name, _ in fitted.takes:
        lost = []
        for _ in range(SHUFFLES):
            if time.monotonic() > last:
                break
            shuffled = sample[name].iloc[order.permutation(len(sample))].set_axis(sample.index)
            lost.append(plain - reached(sample.assign(**{name: shuffled})))
        if len(lost) == SHUFFLES and np.isfinite(lost).all():
            error = float(np.std(lost, ddof=1) / np.sqrt(SHUFFLES))
            found.append({"feature": name, "importance": float(np.mean(lost)), "error": error})
    return sorted(found, key=lambda one: -float(str(one["importance"])))


def groups(search: Search, made: Assembled, until: float) -> list[dict[str, Any]]:
    """The groups of validation rows (the values of a column, or its quarters) with clearly larger errors than the
    others, the clearest first: their rows, and the metric in them beside that of all.

    The columns that the time does not suffice for (`until`, of time.monotonic) are not looked at.
    """
    problem, rows = search.problem, made.measured.rows
    truth = made.measured.predictions.truth
    lost = losses(truth, made.said, problem.classes)
    metric = problem.training.metric
    found: list[dict[str, Any]] = []
    overall = predictions(truth, made.said, problem.classes).figures().get(metric)
    for name, _ in made.fitted.takes:
        if time.monotonic() > until:
            break
        for value, inside in _parts(problem.table[name].iloc[rows]):
            if not FEWEST <= inside.sum() <= len(rows) - FEWEST:
                continue
            error = np.sqrt(lost[inside].var() / inside.sum() + lost[~inside].var() / (~inside).sum())
            clear = float((lost[inside].mean() - lost[~inside].mean()) / error) if error else 0.0
            if clear > SURE:
                here = predictions(truth[inside], made.said[inside], problem.classes).figures().get(metric)
                if here is not None and overall is not None and (here > overall) != (metric in SMALLER_IS_BETTER):
                    continue  # the loss is larger only because the classes are more alike in number
                found.append({
                    "column": name, "value": value, "rows": int(inside.sum()), "metric": here, "of_all": overall,
                    "clear": clear,
                })  # fmt: skip
    return sorted(found, key=lambda one: -float(one["clear"]))[:SHOWN]


def advice(search: Search, made: Assembled) -> list[str]:
    """What the data is missing, a sentence each."""
    problem = search.problem
    found = [*_more_rows(search), *_rare(search), *_written(problem.usable.target.classes or [])]
    return [*found, *_noise(search, made), *_gaps(problem.table, made.fitted.takes)]


def suspicion(search: Search, made: Assembled, importance: list[dict[str, Any]]) -> list[str]:
    """Whether a column may hold the target itself: hardly anything is lost. It is said which one counts most."""
    truth, classes = made.measured.predictions.truth, search.problem.classes
    left, constant = (losses(truth, said, classes).mean() for said in (made.said, _constant(truth, classes)))
    ranked = classes == 2 and 0 < truth.mean() < 1 and score("roc_auc", truth, made.said, 2) > RANKED
    if left > PERFECT * constant and not ranked:
        return []
    most = f", most of all by {importance[0]['feature']}" if importance else ""
    return [f"the target is told nearly without error{most}: leave out (--exclude) what is only known later"]


def _more_rows(search: Search) -> list[str]:
    """Whether half of the rows teach clearly less than all of them: then more would teach more.

    Few rows to judge by tell neither; nothing is said where they are all alike.
    """
    truth = search.problem.truth[search.problem.folds[0][0][1]]
    if search.half is None or (truth == truth[0]).all():
        return []
    (gain, error), (half, all_) = (of(search.problem, *search.half) for of in (halving.gained, halving.reached))
    metric = search.problem.training.metric
    sign = -1 if metric in SMALLER_IS_BETTER else 1
    said = f"half of the rows reach {metric} {sign * half:.4g}, all of them {sign * all_:.4g} ({search.half[0].name})"
    if search.is_rising() and gain > LITTLE:
        told = "more rows would help"
    elif gain + CLEARLY * error < MUCH:
        told = "more rows would hardly help"
    else:
        told = "whether more rows would help cannot be told"
    return [f"{told}: {said}"]


def _rare(search: Search) -> list[str]:
    problem = search.problem
    counts = np.bincount(problem.truth, minlength=problem.classes) if problem.classes else np.array([])
    few = [(problem.usable.target.classes or [])[one] for one in np.flatnonzero(counts < RARE)]
    rare = ", ".join(f"{one} ({counts[(problem.usable.target.classes or []).index(one)]})" for one in few[:5])
    return (
        [f"classes with fewer than {RARE} rows to learn from: {rare}{', ...' if len(few) > 5 else ''}"] if few else []
    )


def _noise(search: Search, made: Assembled) -> list[str]:
    """Whether the columns say something of the target, and whether rows that are alike have one target."""
    problem, found = search.problem, []
    truth, said = made.measured.predictions.truth, made.said
    lost = losses(truth, said, problem.classes)
    constant = losses(truth, _constant(truth, problem.classes), problem.classes)
    gain = constant - lost
    if gain.mean() <= CLEARLY * gain.std() / np.sqrt(len(gain)) and not (problem.classes == 2 and _ranks(truth, said)):
        found.append(
            "the columns are not seen to say more of the target than a constant does: other columns, or more rows, "
            "are needed"
        )
    features = problem.table.iloc[problem.rows][[name for name, _ in problem.training.features]]
    key = pd.util.hash_pandas_object(features, index=False).to_numpy()
    frame = pd.DataFrame({"key": key, "truth": problem.truth})
    alike = frame[frame["key"].duplicated(keep=False)]
    mixed = alike.groupby("key")["truth"].nunique()
    share = int(alike["key"].isin(mixed[mixed > 1].index).sum())
    if share > len(frame) / 100:
        found.append(f"{share} rows have the same columns as others, and another target: noise, or a column is missing")
    return found


def _written(classes: list[Any]) -> list[str]:
    """Classes that may be one, written differently."""
    by: dict[str, list[str]] = {}
    for one in classes:
        by.setdefault(" ".join(str(one).casefold().split()), []).append(repr(str(one)))
    found = [" and ".join(names) for names in by.values() if len(names) > 1]
    return [f"classes that differ in case or blanks only: {', '.join(found[:5])}"] if found else []


def _constant(truth: NDArray[Any], classes: int) -> NDArray[np.float64]:
    """What is said of rows of which nothing is known but how often each class is there, or the mean."""
    if not classes:
        return np.full(len(truth), truth.mean())
    return np.tile(np.bincount(truth, minlength=classes) / len(truth), (len(truth), 1))


def _ranks(truth: NDArray[Any], said: NDArray[np.float64]) -> bool:
    """Whether two classes are told apart better than by chance, be the probabilities right or not (Mann-Whitney)."""
    ones, zeros = int(truth.sum()), int(len(truth) - truth.sum())
    if not (ones and zeros):
        return False
    error = np.sqrt((ones + zeros + 1) / (12 * ones * zeros))
    return bool(score("roc_auc", truth, said, 2) - 0.5 > CLEARLY * error)


def _gaps(table: pd.DataFrame, takes: list[tuple[str, str]]) -> list[str]:
    missing = table[[name for name, _ in takes]].isna().mean()
    most = missing[missing > 0.5].sort_values(ascending=False)
    shown = ", ".join(f"{name} ({share:.0%})" for name, share in most.head(5).items())
    return [f"missing in more than half of the rows: {shown}{', ...' if len(most) > 5 else ''}"] if len(most) else []


def _parts(column: "pd.Series[Any]") -> list[tuple[str, NDArray[np.bool_]]]:
    """The rows by the value of a column; by quarters where it is a number of many values; none of many texts."""
    missing = column.isna().to_numpy()
    found = [("missing", missing)] if missing.any() else []
    known = column[~missing]
    if known.nunique() <= VALUES:
        return found + [(str(value), (column == value).fillna(False).to_numpy(bool)) for value in known.unique()]
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        values = column.to_numpy(np.float64, na_value=np.nan)
        edges = np.unique(np.nanquantile(values, [0, 0.25, 0.5, 0.75, 1]))
        for low, high in itertools.pairwise(edges):
            last = high == edges[-1]
            inside = (values >= low) & ((values <= high) if last else (values < high))
            found.append((f"{low:.4g} to {high:.4g}", inside))
    return found
