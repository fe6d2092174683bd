"""What a training is asked to do, as it lies in its job, and the checks that need no data."""

import re
from typing import Any, Literal

import msgspec

from cupola.datasets.records import Column
from cupola.errors import BadInput, BadOption

Task = Literal["classification", "regression"]
CLASSIFICATION = (
    "roc_auc", "log_loss", "accuracy", "balanced_accuracy", "f1", "f1_macro", "precision", "precision_macro", "recall",
    "recall_macro", "average_precision", "mcc", "brier",
)  # fmt: skip
REGRESSION = ("rmse", "mae", "median_absolute_error", "r2", "mape", "wape")
SMALLER_IS_BETTER = ("log_loss", "brier", "rmse", "mae", "median_absolute_error", "mape", "wape")
ONLY_TWO_CLASSES = ("f1", "precision", "recall")
NO_FEATURE = {
    "target": "another target",
    "id": "an id",
    "time": "the time",
    "weight": "a weight",
    "group": "the group",
    "ignore": "set to be ignored",
}
FEW = 100  # a text with more different values than this is no target to classify
KINDS = ("random", "stratified", "time", "group")
SPLIT = re.compile(
    r"(?:(random|stratified|time|group)(?::|$))?(?:(\d+(?:\.\d+)?)/(?:(\d+(?:\.\d+)?)/)?(\d+(?:\.\d+)?))?"
)


class Split(msgspec.Struct, kw_only=True, frozen=True):
    """kind: one of KINDS. validation, test: shares of the rows (the rest trains). folds: 0 for a holdout."""

    kind: str
    validation: float = 0.2
    test: float = 0.2
    folds: int = 0


class Training(msgspec.Struct, kw_only=True):
    """One training as it is asked for: what the job's `spec` holds.

    dataset: the exact version. features: (name, type) of the columns that the model uses. others: columns that the
    job must read besides. metric: without its split.
    """

    dataset: str
    target: str
    target_type: str
    estimator: str
    params: dict[str, Any] = {}
    task: Task
    features: list[tuple[str, str]]
    split: Split
    weights: str | None = None
    group: str | None = None
    time: str | None = None
    metric: str
    seed: int
    register: str | None = None
    notes: list[str] = []


def task_of(target: Column, kind: str, estimator: str) -> Task:
    """What there is to learn, by the target's type and the estimator's kind. Raises BadOption where they differ."""
    if target.distinct == 1 or (target.missing and not target.distinct):
        what = "one value only" if target.distinct else "no values"
        raise BadOption(f"{target.name} has {what}: there is nothing to learn", where="--target")
    if kind == "regressor":
        if target.type not in ("integer", "number"):
            hint = "a classifier learns categories; `--type` at the import changes a type"
            raise BadOption(
                f"{estimator} predicts numbers, and {target.name} is a {target.type}", where="--target", hint=hint
            )
        return "regression"
    if target.type in ("date", "datetime"):
        raise BadOption(f"{target.name} is a {target.type}, which cannot be a target", where="--target")
    if target.type in ("text", "number") and target.distinct > FEW:
        what = "texts" if target.type == "text" else "numbers"
        raise BadOption(
            f"{estimator} tells classes apart, and {target.name} has {target.distinct} different {what}",
            where="--target",
            hint="a regressor predicts numbers" if target.type == "number" else None,
        )
    return "classification"


def features_of(columns: list[Column], taken: dict[str, str]) -> tuple[list[tuple[str, str]], list[str]]:
    """The columns to learn from, and notes on those that are left out.

    taken: columns that serve another purpose in this training, and which. Raises BadInput when none is left.
    """
    features: list[tuple[str, str]] = []
    sensitive = []
    left: dict[str, list[str]] = {}
    for column in columns:
        why = taken.get(column.name) or NO_FEATURE.get(column.role) or ("text" if column.type == "text" else None)
        if why is None:
            features.append((column.name, column.type))
            if column.role == "sensitive":
                sensitive.append(f"{column.name} is sensitive and is used; --exclude {column.name} leaves it out")
        elif why != "the target":
            left.setdefault(why, []).append(column.name)
    shown = "; ".join(f"{', '.join(names)} ({why})" for why, names in left.items())
    notes = [f"left out: {shown}"] if left else []
    if not features:
        if "text" in left:
            notes.append("`--type COL=category` at the import makes a text a category")
        raise BadInput("no column is left to learn from", hint="; ".join(notes) or None)
    return features, notes + sensitive


def split_of(text: str | None, folds: int | None, task: Task, time: str | None, group: str | None) -> Split:
    """How to split: "KIND", "60/20/20" (train/validation/test), "80/20" (train/test, with --cv) or "KIND:60/20/20".

    Without a kind it is by time where --time is given, by group where there is a group, else stratified for classes
    and by chance for numbers. Raises BadOption.
    """
    match = SPLIT.fullmatch(text or "")
    if match is None:
        hint = f"{', '.join(KINDS)}, a division such as 60/20/20 (train/validation/test), or both: time:70/15/15"
        raise BadOption(f"{text!r} is not a way to split", where="--split", hint=hint)
    default = "time" if time else "group" if group else "stratified" if task == "classification" else "random"
    kind = match[1] or default
    if kind == "time" and not time:
        raise BadOption("a split by time needs --time COL or a column whose role is time", where="--split")
    if kind == "group" and not group:
        raise BadOption("a split by group needs --group COL or a column whose role is group", where="--split")
    if kind == "stratified" and task == "regression":
        raise BadOption("only classes can be split alike; the target is a number", where="--split")
    if folds is not None and not 2 <= folds <= 100:
        raise BadOption(f"--cv takes 2 to 100 folds, not {folds}", where="--cv")
    return _shares(kind, [float(one) for one in match.groups()[1:] if one], folds or 0)


def metric_of(name: str | None, task: Task) -> str:
    """The metric that the run is compared by, without a split in front. Raises BadOption."""
    known = CLASSIFICATION if task == "classification" else REGRESSION
    bare = (name or known[0]).removeprefix("validation_")
    if bare not in known:
        raise BadOption(f"{name!r} is not a metric of {task}", where="--metric", hint=f"one of {', '.join(known)}")
    return bare


def _shares(kind: str, given: list[float], folds: int) -> Split:
    if not given:
        return Split(kind=kind, folds=folds)
    total = sum(given)
    shares = [one / total for one in given]
    if min(shares) <= 0 or not (abs(total - 100) < 1e-6 or abs(total - 1) < 1e-6):
        raise BadOption("the parts of a split are above 0 and make 100 together", where="--split")
    if len(shares) == 2:
        if not folds:
            hint = "60/20/20; two parts (train/test) go with --cv"
            raise BadOption("a holdout has three parts: train/validation/test", where="--split", hint=hint)
        return Split(kind=kind, validation=0, test=shares[1], folds=folds)
    return Split(kind=kind, validation=shares[1], test=shares[2], folds=folds)
