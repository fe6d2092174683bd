"""What a training is asked to do, as it lies in its job, and the checks that need no data."""

import math
import re
from typing import Any, Literal

import msgspec

from cupola.datasets.records import Column
from cupola.errors import BadInput, BadOption

Task = Literal["classification", "regression", "clustering", "anomaly"]
CLASSIFICATION = (
    "roc_auc", "log_loss", "accuracy", "balanced_accuracy", "f1", "f1_macro", "precision", "precision_macro", "recall",
    "recall_macro", "average_precision", "mcc", "brier",
)  # fmt: skip
REGRESSION = ("rmse", "mae", "median_absolute_error", "r2", "mape", "wape")
CLUSTERING = (
    "silhouette", "davies_bouldin", "calinski_harabasz", "inertia", "clusters", "noise", "adjusted_rand", "v_measure",
)  # fmt: skip
COMPARED = ("adjusted_rand", "v_measure")  # of clusters, with the target
UNKNOWN = ("anomalies",)  # where no target says which rows are anomalies
SMALLER_IS_BETTER = (
    "log_loss", "brier", "rmse", "mae", "median_absolute_error", "mape", "wape", "davies_bouldin", "inertia", "noise",
    "mase", "pinball_loss",
)  # fmt: skip
UNSUPERVISED: dict[str, Task] = {"clusterer": "clustering", "detector": "anomaly"}
TASKS: dict[str, Task] = {"classifier": "classification", "regressor": "regression", **UNSUPERVISED}
LOSSES = ("log_loss", "brier")  # of probabilities
ONLY_TWO_CLASSES = ("f1", "precision", "recall")
NO_FEATURE = {
    "target": "another target",
    "id": "an id",
    "time": "the time",
    "weight": "a weight",
    "group": "the group",
    "ignore": "set to be ignored",
}
SHORT = 12  # letters of a flow's hash
FEW = 100  # a text with more different values than this is no target to classify
CALIBRATIONS = ("sigmoid", "isotonic")
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


class Aim(msgspec.Struct, kw_only=True):
    """A target that a formula of the flow makes. column: what it makes; of: the columns that this is made of."""

    expression: str
    column: Column
    of: list[str]


class FiledFlow(msgspec.Struct, kw_only=True):
    """A flow as it was when the training was filed: what becomes of its file later changes nothing.

    text: its file. sha256: `flows.records.flow_hash` over these sources. source: the id of the source in whose place
    the training's rows stand; sources: the exact version of each other one. columns: (name, type) of all that the rows
    have. without: what the flow makes and nothing is to be learned from. lookups: the rows that its joins look up, by
    their steps. aim: the target, where the flow makes it.
    """

    name: str
    text: str
    sha256: str
    source: str
    sources: dict[str, str] = {}
    columns: list[tuple[str, str]]
    without: list[str] = []
    lookups: dict[str, dict[str, Any]] = {}
    aim: Aim | None = None

    @property
    def ref(self) -> str:
        """Its name, and what tells it from what it was before and will be."""
        return f"{self.name}@{self.sha256[:SHORT]}"

    @property
    def looked_up(self) -> list[str]:
        """The versions of datasets that its joins look columns up in."""
        return sorted({*self.sources.values()}) if self.lookups else []


class Training(msgspec.Struct, kw_only=True):
    """One training as it is asked for: what the job's `spec` holds.

    dataset: the exact version. target: what is learned, or what clusters and anomalies are compared with. features:
    (name, type) of the columns that the model uses; where there is a flow, of those that it may hand on. metric:
    without its split. class_weights: "balanced", or what a row of each class weighs. threshold: from which probability
    on it is the second class; "auto" to find it. options: what was given beyond data, estimator and parameters, as
    `train` takes it, so that it can be asked again.
    """

    dataset: str
    target: str | None
    target_type: str
    estimator: str
    params: dict[str, Any] = {}
    task: Task
    features: list[tuple[str, str]]
    split: Split
    weights: str | None = None
    group: str | None = None
    time: str | None = None
    class_weights: str | dict[str, float] | None = None
    calibrate: str | None = None
    threshold: float | str | None = None
    metric: str
    seed: int
    register: str | None = None
    flow: FiledFlow | None = None
    options: dict[str, Any] = {}
    notes: list[str] = []


def task_of(target: Column | None, kind: str, estimator: str) -> Task:
    """What there is to learn, by the target's type and the estimator's kind. Raises BadOption where they differ."""
    if kind in UNSUPERVISED:
        return UNSUPERVISED[kind]
    if target is None:
        raise BadOption(f"{estimator} needs a target", where="--target", hint="say which column to learn")
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
        why = taken.get(column.name) or NO_FEATURE.get(column.role)
        if why is None:
            features.append((column.name, column.type))
            if column.role == "sensitive":
                sensitive.append(f"{column.name} is sensitive and is used; --exclude {column.name} leaves it out")
        elif why != "the target":
            left.setdefault(why, []).append(column.name)
    shown = "; ".join(f"{', '.join(names)} ({why})" for why, names in left.items())
    notes = [f"left out: {shown}"] if left else []
    if not features:
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
    classes = task == "classification"
    default = "time" if time else "group" if group else "stratified" if classes else "random"
    kind = match[1] or default
    if kind == "time" and not time:
        raise BadOption("a split by time needs --time COL or a column whose role is time", where="--split")
    if kind == "group" and not group:
        raise BadOption("a split by group needs --group COL or a column whose role is group", where="--split")
    if kind == "stratified" and not classes:
        raise BadOption("only classes that are learned can be split alike", where="--split")
    if folds is not None and task == "clustering":
        raise BadOption("clusters of one fold are not those of another", where="--cv")
    if folds is not None and not 2 <= folds <= 100:
        raise BadOption(f"--cv takes 2 to 100 folds, not {folds}", where="--cv")
    return _shares(kind, [float(one) for one in match.groups()[1:] if one], folds or 0)


def metrics_of(task: Task, target: str | None) -> tuple[str, ...]:
    """The metrics that there are for it, the first of which runs are compared by unless another is named."""
    if task == "clustering":
        return CLUSTERING if target else tuple(one for one in CLUSTERING if one not in COMPARED)
    if task == "anomaly":
        return tuple(one for one in CLASSIFICATION if one not in LOSSES) if target else UNKNOWN
    return CLASSIFICATION if task == "classification" else REGRESSION


def metric_of(name: str | None, task: Task, target: str | None = None) -> str:
    """The metric that the run is compared by, without a split in front. Raises BadOption."""
    known = metrics_of(task, target)
    bare = (name or known[0]).removeprefix("validation_")
    if bare not in known:
        raise BadOption(f"{name!r} is not a metric of {task}", where="--metric", hint=f"one of {', '.join(known)}")
    return bare


def class_weights_of(text: str | None, known: bool, task: Task) -> str | dict[str, float] | None:
    """ "balanced", or the weights in "late=5,ok=1". known: whether the estimator takes weights. Raises BadOption."""
    if text is None:
        return None
    if task != "classification" or not known:
        why = "only classes that are learned have weights" if known else "the estimator takes no weights of rows"
        raise BadOption(why, where="--class-weights")
    if text == "balanced":
        return text
    found = {}
    for one in text.split(","):
        name, _, weight = one.rpartition("=")
        try:
            found[name.strip()] = float(weight)
        except ValueError:
            found[name.strip()] = -1.0
    if not all(name and 0 < weight < math.inf for name, weight in found.items()):
        raise BadOption(f"{text!r} says no weights", where="--class-weights", hint="balanced, or late=5,ok=1")
    return found


def threshold_of(text: str | None, target: Column | None, task: Task) -> float | str | None:
    """ "auto" or a probability. Raises BadOption."""
    if text is None:
        return None
    if task != "classification" or target is None or target.distinct > 2:
        raise BadOption("a threshold tells two classes apart", where="--threshold")
    if text == "auto":
        return text
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 < found < 1:
        hint = "a probability such as 0.3, or auto"
        raise BadOption(f"{text!r} is no threshold", where="--threshold", hint=hint)
    return found


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
