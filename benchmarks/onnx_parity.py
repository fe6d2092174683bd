"""Whether ONNX Runtime answers as scikit-learn does for estimators that are neither trees nor linear models alone.

CUPOLA_BENCH_ONNX names a Python that has skl2onnx, onnx, onnxruntime (with protobuf below 7) and scikit-learn of the
same version as here; this script runs itself there. Each estimator is fitted to flights as `cupola train` prepares
them, and asked about flights that it has not seen, and about rows beside its boundaries: of each of two classes, a hair
apart, or beside the values of other flights. Converted twice: for float32, as is usual, and for float64, where it can.
Reach: classes equal, figures within 1e-9 in float64 and 1e-5 in float32, as for every compiled model.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

FITTED, ASKED, PAIRS, HALVINGS, TIMES = 2000, 300, 60, 60, 200
CLOSE = {"float32": 1e-5, "float64": 1e-9}
Floats = Any


def main() -> None:
    python = os.environ.get("CUPOLA_BENCH_ONNX")
    if not python:
        print("\nONNX Runtime: left out, CUPOLA_BENCH_ONNX names no Python that has skl2onnx and onnxruntime")
        return
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "flights.npz"
        prepared(file)
        said = subprocess.run([python, __file__, str(file)], check=True, capture_output=True, text=True).stdout
    for line in said.splitlines():
        print(line)


def prepared(file: Path) -> None:
    """Writes flights as numbers, as estimators of the style "scaled" get them, and two targets."""
    import pandas as pd

    from cupola.training.preparation import Preparation

    root = Path(__file__).parent.parent
    flights = pd.read_parquet(root / "workspaces/flights/data/flights.parquet").drop(columns=["wind_gust", "scheduled"])
    flights = flights.dropna(subset=["late", "temp"]).sample(FITTED + ASKED, random_state=0).reset_index(drop=True)
    late, temp = flights.pop("late"), flights.pop("temp")
    kinds = [
        (name, "number" if column.dtype.kind in "if" else "boolean" if column.dtype.kind == "b" else "category")
        for name, column in flights.items()
    ]
    numbers = Preparation(kinds, "scaled").fit(flights.head(FITTED)).transform(flights)
    np.savez(file, X=numbers, late=late.to_numpy(dtype=np.int64), temp=temp.to_numpy())


def estimators() -> Iterator[tuple[str, Any]]:
    """What is compared, by its name; those of numbers say so in it."""
    from sklearn.ensemble import (
        AdaBoostClassifier,
        AdaBoostRegressor,
        BaggingClassifier,
        BaggingRegressor,
        RandomForestClassifier,
        RandomForestRegressor,
        StackingClassifier,
        StackingRegressor,
        VotingClassifier,
        VotingRegressor,
    )
    from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
    from sklearn.svm import SVC, SVR
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    classes = [("linear", LogisticRegression(max_iter=500)), ("forest", RandomForestClassifier(30, random_state=0))]
    numbers = [("linear", Ridge()), ("forest", RandomForestRegressor(30, random_state=0))]
    yield "k-nearest neighbours, classes", KNeighborsClassifier(15)
    yield "k-nearest neighbours by distance, classes", KNeighborsClassifier(15, weights="distance")
    yield "k-nearest neighbours, numbers", KNeighborsRegressor(15)
    yield "support vectors, rbf, classes", SVC()
    yield "support vectors, polynomial, classes", SVC(kernel="poly")
    yield "support vectors, rbf, numbers", SVR()
    yield "Gaussian process, classes", GaussianProcessClassifier(random_state=0)
    yield "Gaussian process, numbers", GaussianProcessRegressor(alpha=1e-2, random_state=0)
    yield "voting, classes", VotingClassifier(classes, voting="soft")
    yield "voting, numbers", VotingRegressor(numbers)
    yield "stacking, classes", StackingClassifier(classes, cv=3)
    yield "stacking, numbers", StackingRegressor(numbers, cv=3)
    yield "bagging, classes", BaggingClassifier(DecisionTreeClassifier(max_depth=8), 20, random_state=0)
    yield "bagging, numbers", BaggingRegressor(DecisionTreeRegressor(max_depth=8), 20, random_state=0)
    yield "AdaBoost, classes", AdaBoostClassifier(random_state=0)
    yield "AdaBoost, numbers", AdaBoostRegressor(random_state=0)


def compare(file: str) -> None:
    """In the other Python: each estimator, converted and asked."""
    import onnx
    import onnxruntime
    import skl2onnx
    import sklearn
    from threadpoolctl import threadpool_limits

    data = np.load(file)
    modules = (sklearn, skl2onnx, onnx, onnxruntime)
    print(f"\nONNX Runtime ({', '.join(f'{one.__name__} {one.__version__}' for one in modules)})")
    print("| estimator | float32 | float64 | one row, ms: scikit-learn, ONNX Runtime |\n|---|---|---|---|")
    for name, made in estimators():
        size = 600 if "Gaussian" in name else FITTED  # they take all rows against all
        X, target = data["X"], data["temp" if "numbers" in name else "late"]
        with warnings.catch_warnings(), threadpool_limits(1):
            warnings.simplefilter("ignore")
            made.fit(X[:size], target[:size])
            rows = np.concatenate([X[FITTED:], beside(made, X[:FITTED])])
            ours = timed(lambda made=made, X=X: answers(made, X[FITTED : FITTED + 1]))
            cells, fastest = [], []
            for dtype in CLOSE:
                said, took = converted(made, rows, dtype)
                cells.append(said)
                fastest += [took] if took is not None else []
        theirs = f"{min(fastest):.3f}" if fastest else "-"
        print(f"| {name} | {cells[0]} | {cells[1]} | {ours:.2f}, {theirs} |", flush=True)


def converted(made: Any, rows: Floats, dtype: str) -> tuple[str, float | None]:
    """What comes of a conversion, in a few words, and the milliseconds of a row."""
    import onnxruntime
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    kind = (FloatTensorType if dtype == "float32" else DoubleTensorType)([None, rows.shape[1]])
    options = {id(made): {"zipmap": False}} if hasattr(made, "classes_") else None
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads, settings.log_severity_level = 1, 4
    try:
        model = to_onnx(made, initial_types=[("X", kind)], options=options)
        session = onnxruntime.InferenceSession(model.SerializeToString(), settings, ["CPUExecutionProvider"])
        given = rows.astype(dtype)
        found = session.run(None, {"X": given})
    except Exception as error:  # noqa: BLE001  what is not converted fails in many ways
        return f"no: {type(error).__name__}", None
    labels, figures = answers(made, rows)
    others = np.asarray(found[-1], dtype=np.float64).reshape(len(rows), -1)
    wrong = np.zeros(len(rows), dtype=bool) if labels is None else labels != np.asarray(found[0]).ravel()
    if figures is None or figures.shape != others.shape:
        apart = ""
    else:
        apart = f"{(np.abs(figures - others) / np.maximum(1, np.maximum(np.abs(figures), np.abs(others)))).max():.0e}"
    words = f"figures apart by {apart}" if apart else "no figures"
    if wrong.any():
        words += f", other classes of {wrong[:ASKED].sum()} of {ASKED} flights and {wrong[ASKED:].sum()} beside"
    equal = not wrong.any() and bool(apart) and float(apart) <= CLOSE[dtype]
    took = timed(lambda: session.run(None, {"X": given[:1]}))
    return f"**equal**, {words}" if equal else f"no: {words}", took


def answers(made: Any, rows: Floats) -> tuple[Any, Any]:
    """The classes, if there are any, and the figures as ONNX gives them."""
    if not hasattr(made, "classes_"):
        return None, made.predict(rows).reshape(len(rows), -1)
    if hasattr(made, "predict_proba"):
        return made.predict(rows), made.predict_proba(rows)
    scores = made.decision_function(rows)
    return made.predict(rows), np.column_stack([scores, -scores]) if scores.ndim == 1 else scores


def beside(made: Any, rows: Floats) -> Floats:
    """Rows a hair apart of which an estimator says different classes; of numbers, rows beside other rows' values."""
    drawn = np.random.default_rng(1)
    if not hasattr(made, "classes_"):
        found = np.where(
            drawn.random((2 * PAIRS, rows.shape[1])) < 0.5, *(rows[drawn.integers(0, len(rows), (2, 2 * PAIRS))])
        )
        return np.concatenate([np.nextafter(found, -np.inf), found, np.nextafter(found, np.inf)])
    said = made.predict(rows)
    one, other = (rows[drawn.choice(np.flatnonzero(said == each), PAIRS)] for each in made.classes_[:2])
    for _ in range(HALVINGS):
        middle = (one + other) / 2
        first = (made.predict(middle) == made.classes_[0])[:, None]
        one, other = np.where(first, middle, one), np.where(first, other, middle)
    return np.concatenate([one, other])


def timed(work: Callable[[], Any]) -> float:
    """The median milliseconds of a call."""
    work()
    taken: list[float] = []
    while len(taken) < TIMES and sum(taken) < 1:
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken) * 1000


if __name__ == "__main__":
    compare(sys.argv[1]) if len(sys.argv) > 1 else main()
