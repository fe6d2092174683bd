"""What the profile of a dataset tells beforehand: that a training cannot be, or will be thin."""

from typing import Any

from cupola.datasets import records as datasets
from cupola.datasets.records import ColumnProfile, DatasetVersion
from cupola.environments import catalogue
from cupola.errors import BadOption, Corrupt, NewerFormat, NotFound
from cupola.store import Store
from cupola.training.records import Training

# Of how many clusters there are to be, each of one row at least; others make do with fewer.
CLUSTERS = {
    "AgglomerativeClustering": "n_clusters", "BayesianGaussianMixture": "n_components",
    "BisectingKMeans": "n_clusters", "GaussianMixture": "n_components", "KMeans": "n_clusters",
    "MiniBatchKMeans": "n_clusters", "SpectralClustering": "n_clusters",
}  # fmt: skip


def notes(store: Store, version: DatasetVersion, training: Training) -> list[str]:
    """What there is to say of a training before it is filed.

    Raises BadOption for what its job would refuse: too few rows for the folds or the clusters, weights that are none,
    a class that there is not, a threshold without probabilities. What the profile does not tell is left to the job.
    """
    columns = {one.name: one for one in version.columns}
    target = columns[training.target] if training.target else None
    rows = version.rows - (target.missing if target else 0)
    _check_folds(rows, version, training)
    _check_clusters(rows, training)
    _check_probabilities(training)
    try:
        profiles = {one.name: one for one in datasets.profile(store, version).columns}
    except (NotFound, Corrupt, NewerFormat):
        return []
    if training.weights in profiles and not (target and target.missing):
        _check_weights(profiles[training.weights])
    learnt = profiles.get(training.target or "")
    classes = _classes(learnt) if learnt and training.task == "classification" else {}
    if isinstance(training.class_weights, dict) and classes:
        _check_classes(training.class_weights, classes)
    few = [name for name, count in classes.items() if count < training.split.folds]
    thin = f"warning: classes with fewer rows than folds, and so not in all of these: {', '.join(few[:5])}"
    return [thin] if few else []


def _held(rows: int, share: float, training: Training) -> int:
    """How many rows such a part has at least: classes and groups as they fall may leave it smaller than its share."""
    return (max(1, round(rows * share)) if training.split.kind in ("random", "time") else 1) if share else 0


def _check_folds(rows: int, version: DatasetVersion, training: Training) -> None:
    how, wanted = training.split, training.split.folds
    there, what = rows - _held(rows, how.test, training), "rows beside the test's"
    if how.kind == "group" and training.group:
        group = next(one for one in version.columns if one.name == training.group)
        there, what = min(there, group.distinct + group.missing - bool(how.test)), "groups beside the test's"
    elif how.kind == "time":
        wanted += 1  # the oldest rows train only
    if how.folds and there < wanted:
        raise BadOption(f"{how.folds} folds cannot be made of {there} {what}", where="--cv")


def _check_clusters(rows: int, training: Training) -> None:
    how = training.split
    train = rows - _held(rows, how.test, training) - _held(rows, how.validation, training)
    asked: Any = training.params.get(CLUSTERS.get(training.estimator, ""))
    if isinstance(asked, int) and asked > train:
        raise BadOption(f"{asked} clusters are more than the {train} rows that train, of {rows}", where="-p")


def _check_probabilities(training: Training) -> None:
    """Parameters may give an estimator probabilities, or take them; without any it is known."""
    if training.threshold is None or training.calibrate or training.params:
        return
    if not catalogue.find(training.estimator).probabilities:
        what = f"{training.estimator} gives no probabilities, and so has no threshold"
        raise BadOption(what, where="--threshold", hint="--calibrate sigmoid makes some")


def _check_weights(column: ColumnProfile) -> None:
    low, high = column.min, column.max
    why = None
    if column.missing:
        why = f"is missing in {column.missing} rows"
    elif isinstance(low, int | float) and low < 0:
        why = f"is negative in some rows (down to {low:g})"
    elif high == 0:
        why = "is 0 in every row"
    if why:
        hint = "a weight is a number from 0 up, and some are above 0"
        raise BadOption(f"{column.name} {why}, and so no weight", where="--weights", hint=hint)


def _classes(column: ColumnProfile) -> dict[str, int]:
    """How many rows there are of each class; {} where the profile does not count all of them."""
    if len(column.top) < column.distinct or column.type == "number":
        return {}
    return {str(one.value): one.count for one in column.top}


def _check_classes(weighed: dict[str, float], classes: dict[str, int]) -> None:
    strangers = [one for one in weighed if one not in classes]
    if strangers:
        hint = f"there are {', '.join(list(classes)[:10])}"
        raise BadOption(f"there is no class {strangers[0]!r} to weigh", where="--class-weights", hint=hint)
