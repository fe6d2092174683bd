"""What a training says of how good its model is: metrics by step, and JSON artifacts; and the plots of both."""

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from cupola.experiments import fans
from cupola.experiments.histories import Logged
from cupola.plots.records import Bars, Curves, Matrix, Plot, Series, placeable

FEATURES = 30
SIDES = (("low", -1), ("high", 1))
SPLITS = ("validation", "train", "test", "val", "valid", "eval", "training")


class Confusion(msgspec.Struct):
    """confusion.json"""

    classes: list[Any]
    matrix: list[list[int]]
    split: str = ""


class Curve(msgspec.Struct, rename={"one": "class"}):
    """The curve of one class against the others, in roc.json, pr.json and calibration.json."""

    one: Any = None
    fpr: list[float] = []
    tpr: list[float] = []
    recall: list[float] = []
    precision: list[float] = []
    share: float | None = None
    predicted: list[float] = []
    observed: list[float] = []
    low: list[float] = []
    high: list[float] = []


class Several(msgspec.Struct):
    """roc.json, pr.json, calibration.json"""

    curves: list[Curve]
    split: str = ""


class Cuts(msgspec.Struct):
    """thresholds.json: of rows that each threshold calls the second class, how many are of it (true), or not; own: the
    threshold that the model has."""

    classes: list[Any]
    thresholds: list[float]
    true: list[int]
    false: list[int]
    positives: int
    negatives: int
    own: float = 0.5
    split: str = ""

    def nearest(self, threshold: float) -> int:
        """The place of the threshold that is nearest to a value."""
        return min(range(len(self.thresholds)), key=lambda place: abs(self.thresholds[place] - threshold))


class Histogram(msgspec.Struct):
    edges: list[float] = []
    counts: list[int] = []


class Residuals(msgspec.Struct):
    """residuals.json; pairs: (true, predicted)."""

    pairs: list[tuple[float, float]] = []
    histogram: Histogram = msgspec.field(default_factory=Histogram)
    mean: float | None = None
    split: str = ""


class Cluster(msgspec.Struct):
    cluster: int
    rows: int


class Clusters(msgspec.Struct):
    """clusters.json"""

    clusters: list[Cluster]
    split: str = ""


class Anomalies(msgspec.Struct):
    """anomalies.json; the score is the higher, the stranger: above 0 a row is flagged."""

    flagged: int
    rows: int
    histogram: Histogram
    split: str = ""


class Feature(msgspec.Struct):
    feature: str
    importance: float


class Importance(msgspec.Struct):
    """importance.json"""

    features: list[Feature]
    metric: str = ""
    split: str = ""


class Learnt(msgspec.Struct, kw_only=True):
    """What came of training on so many rows; the errors are standard errors. train: None where the rows that trained do
    not tell it (no anomaly is among them)."""

    rows: int
    train: float | None
    validation: float
    train_error: float | None = None
    validation_error: float | None = None


class Learning(msgspec.Struct, kw_only=True):
    """learning.json, which `run learn` makes."""

    metric: str
    points: list[Learnt]
    note: str = ""


def of_metrics(logged: Iterable[Logged], first: str = "") -> list[Curves]:
    """A plot for each metric that was logged at more than one step: its values on all splits; `first` comes first.

    Values whose standard error was told have a band around them.
    """
    found: dict[str, dict[str, list[tuple[float, float, float]]]] = {}
    for one in logged:
        if one.step is not None and placeable((one.step, one.number)):
            split, stem = split_of(one.name)
            points = found.setdefault(stem, {}).setdefault(split or stem, [])
            points.append((float(one.step), one.number, one.error or 0.0))
    wanted = split_of(first)[1]
    stems = sorted(found, key=lambda stem: stem != wanted)
    several = [stem for stem in stems if any(len(points) > 1 for points in found[stem].values())]
    return [_of_metric(stem, found[stem]) for stem in several]


def _of_metric(stem: str, splits: dict[str, list[tuple[float, float, float]]]) -> Curves:
    series = []
    for split, points in splits.items():
        points.sort()
        one = Series(name=split, points=[(step, value) for step, value, _ in points])
        if any(error for *_, error in points):
            one.low, one.high = ([value + sign * error for _, value, error in points] for _, sign in SIDES)
        series.append(one)
    series.sort(key=lambda one: SPLITS.index(one.name) if one.name in SPLITS else len(SPLITS))
    note = "the bands are one standard error" if any(one.low for one in series) else ""
    return Curves(name=stem, title=f"{stem} by step", x="step", y=stem, series=series, note=note)


def split_of(metric: str) -> tuple[str, str]:
    """A metric's split and the rest of its name; "" for one without."""
    for split in SPLITS:
        if metric.startswith((f"{split}_", f"{split}/")) and len(metric) > len(split) + 1:
            return split, metric[len(split) + 1 :]
    return "", metric


def confusion(found: Confusion) -> list[Plot]:
    classes = [str(one) for one in found.classes]
    if not classes or len(found.matrix) != len(classes) or any(len(row) != len(classes) for row in found.matrix):
        return []
    return [Matrix(name="confusion", title=_of("Confusion matrix", found.split), classes=classes, counts=found.matrix)]


def at_threshold(found: Cuts, place: int) -> Matrix:
    """The confusion matrix where rows that score above a threshold are called the second class."""
    true, false = found.true[place], found.false[place]
    counts = [[found.negatives - false, false], [found.positives - true, true]]
    classes = [str(one) for one in found.classes]
    title = f"{_of('Confusion matrix', found.split)} at threshold {found.thresholds[place]:g}"
    said = ", ".join(f"{name} {value:.4f}" for name, value in measures(found, place).items())
    return Matrix(name="confusion", title=title, classes=classes, counts=counts, note=said)


def measures(found: Cuts, place: int) -> dict[str, float]:
    """Precision, recall, F1 and accuracy at a threshold; precision is left out where nothing is called positive."""
    true, false = found.true[place], found.false[place]
    right = true + found.negatives - false
    said = {"precision": true / (true + false)} if true + false else {}
    said |= {"recall": true / found.positives} if found.positives else {}
    said |= {"f1": 2 * true / (true + false + found.positives)} if true + false + found.positives else {}
    return said | {"accuracy": right / max(1, found.positives + found.negatives)}


def roc(found: Several) -> list[Plot]:
    series = [Series(name=str(one.one), points=_pairs(one.fpr, one.tpr)) for one in found.curves if one.fpr]
    guide = Series(name="by chance", points=[(0, 0), (1, 1)], kind="guide")
    title, limits = _of("ROC", found.split), (0.0, 1.0, 0.0, 1.0)
    drawn = Curves(
        name="roc", title=title, x="false positive rate", y="true positive rate", series=[*series, guide], limits=limits
    )
    return [drawn] if series else []


def pr(found: Several) -> list[Plot]:
    series = [Series(name=str(one.one), points=_pairs(one.recall, one.precision)) for one in found.curves if one.recall]
    if len(series) == 1 and (share := found.curves[0].share) is not None:
        series.append(Series(name="by chance", points=[(0, share), (1, share)], kind="guide"))
    title, limits = _of("Precision over recall", found.split), (0.0, 1.0, 0.0, 1.0)
    drawn = Curves(name="pr", title=title, x="recall", y="precision", series=series, limits=limits)
    return [drawn] if series else []


def calibration(found: Several) -> list[Plot]:
    series = [
        Series(name=str(one.one), points=_pairs(one.predicted, one.observed), low=one.low, high=one.high)
        for one in found.curves
        if one.predicted
    ]
    if len(series) > 1:  # bands of several classes would hide each other
        series = [Series(name=one.name, points=one.points) for one in series]
    guide = Series(name="as predicted", points=[(0, 0), (1, 1)], kind="guide")
    drawn = Curves(
        name="calibration",
        title=_of("Calibration", found.split),
        x="predicted probability",
        y="share that is of the class",
        series=[*series, guide],
        limits=(0.0, 1.0, 0.0, 1.0),
        note="the band is a 95 % interval (Wilson)" if len(series) == 1 else "",
    )
    return [drawn] if series else []


def residuals(found: Residuals) -> list[Plot]:
    drawn: list[Plot] = []
    if found.pairs:
        points = [(predicted, predicted - true) for true, predicted in found.pairs]
        across = [x for x, y in points if placeable((x, y))]
        zero = Series(name="none", points=[(min(across), 0.0), (max(across), 0.0)], kind="guide") if across else None
        series = [Series(name="rows", points=points, kind="points"), *([zero] if zero else [])]
        title = _of("Residuals", found.split)
        drawn.append(Curves(name="residuals", title=title, x="predicted", y="predicted less true", series=series))
    return drawn + _histogram("residuals-histogram", _of("Residuals, how often", found.split), found.histogram)


def _histogram(name: str, title: str, found: Histogram, note: str = "") -> list[Plot]:
    edges, values = found.edges, [float(one) for one in found.counts]
    if not values or len(edges) != len(values) + 1:
        return []
    names = [f"{low:.4g} to {high:.4g}" for low, high in itertools.pairwise(edges)]
    return [Bars(name=name, title=title, of="rows", names=names, values=values, note=note)]


def clusters(found: Clusters) -> list[Plot]:
    names, values = [f"cluster {one.cluster}" for one in found.clusters], [float(one.rows) for one in found.clusters]
    title = _of("Clusters", found.split)
    return [Bars(name="clusters", title=title, of="rows", names=names, values=values)] if names else []


def anomalies(found: Anomalies) -> list[Plot]:
    note = f"{found.flagged:,} of {found.rows:,} rows are flagged: their score is above 0"
    return _histogram("anomalies", _of("Scores of anomaly, how often", found.split), found.histogram, note)


def importance(found: Importance) -> list[Plot]:
    shown = sorted(found.features, key=lambda one: -one.importance)[:FEATURES]
    if not shown:
        return []
    of = f"{found.metric} lost when the column is shuffled"
    names, values = [one.feature for one in shown], [one.importance for one in shown]
    return [
        Bars(name="importance", title=_of("Permutation importance", found.split), of=of, names=names, values=values)
    ]


def learning(found: Learning) -> list[Plot]:
    series = []
    for split in ("validation", "train"):
        told = [one for one in found.points if getattr(one, split) is not None]
        points = [(float(one.rows), float(getattr(one, split))) for one in told]
        errors = [getattr(one, f"{split}_error") or 0.0 for one in told]
        ends = {side: [y + sign * error for (_, y), error in zip(points, errors, strict=True)] for side, sign in SIDES}
        series += [Series(name=split, points=points, low=ends["low"], high=ends["high"])] if told else []
    note = f"the bands are one standard error{found.note and '; '}{found.note}"
    title = f"Learning curve: {found.metric} by training rows"
    drawn = Curves(name="learning", title=title, x="training rows", y=found.metric, series=series, note=note)
    return [drawn] if found.points else []


ARTIFACTS: dict[str, tuple[Any, Callable[[Any], list[Plot]]]] = {
    "confusion": (Confusion, confusion),
    "roc": (Several, roc),
    "pr": (Several, pr),
    "calibration": (Several, calibration),
    "residuals": (Residuals, residuals),
    "clusters": (Clusters, clusters),
    "anomalies": (Anomalies, anomalies),
    "importance": (Importance, importance),
    "learning": (Learning, learning),
    "forecast": (fans.Forecast, fans.forecast),
    "steps": (fans.Steps, fans.steps),
}


def _of(title: str, split: str) -> str:
    return f"{title} ({split})" if split else title


def _pairs(xs: list[float], ys: list[float]) -> list[tuple[float, float]]:
    return list(zip(xs, ys, strict=False))
