"""One of the peers of `benchmarks.automl` on one table: `python automl_peers.py REQUEST`, in the peers' environment.

The request is a JSON file: system, train and test (Parquet), target, kind (binary, multiclass, regression), metric,
seconds, cores, and `out`, where the predictions of the test rows go (a column a class, or `prediction`).
"""

import json
import os
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd

FLAML = {"roc_auc": "roc_auc", "log_loss": "log_loss", "rmse": "rmse"}
AUTOGLUON = {"roc_auc": "roc_auc", "log_loss": "log_loss", "rmse": "root_mean_squared_error"}
LEARNERS = ("scikit-learn", "lightgbm", "xgboost", "xgboost-cpu", "catboost", "torch", "fastai", "pandas")


def autogluon(asked: dict[str, Any], train: Any, test: Any) -> tuple[Any, str]:
    from autogluon.tabular import TabularPredictor

    with tempfile.TemporaryDirectory() as directory:
        predictor = TabularPredictor(
            asked["target"], problem_type=asked["kind"], eval_metric=AUTOGLUON[asked["metric"]], path=directory,
            verbosity=1,
        )  # fmt: skip
        predictor.fit(train, time_limit=asked["seconds"], num_cpus=asked["cores"], num_gpus=0)
        if asked["kind"] == "regression":
            found = pd.DataFrame({"prediction": predictor.predict(test)})
        else:
            found = predictor.predict_proba(test)
    said = f"time_limit={asked['seconds']:g}, num_cpus={asked['cores']}, num_gpus=0, the default presets"
    return found, f"autogluon.tabular {version('autogluon.tabular')}: {said}"


def flaml(asked: dict[str, Any], train: Any, test: Any) -> tuple[Any, str]:
    from flaml import AutoML

    made = AutoML()
    task = "regression" if asked["kind"] == "regression" else "classification"
    made.fit(
        dataframe=train, label=asked["target"], task=task, metric=FLAML[asked["metric"]], time_budget=asked["seconds"],
        n_jobs=asked["cores"], seed=0, verbose=0,
    )  # fmt: skip
    if task == "regression":
        found = pd.DataFrame({"prediction": made.predict(test)})
    else:
        found = pd.DataFrame(made.predict_proba(test), columns=made.classes_)
    said = f"time_budget={asked['seconds']:g}, n_jobs={asked['cores']}, seed=0, the default estimators"
    return found, f"flaml {version('flaml')}: {said}"


def learners() -> str:
    """The versions of what the peers learn with, as far as it is installed."""
    found = []
    for name in LEARNERS:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"no {name}")
    return ", ".join(found)


def main() -> None:
    asked = json.loads(Path(sys.argv[1]).read_text())
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: asked["cores"]])
    train, test = (pd.read_parquet(asked[part]) for part in ("train", "test"))
    begun = time.monotonic()
    peer = {"autogluon": autogluon, "flaml": flaml}[asked["system"]]
    found, settings = peer(asked, train, test.drop(columns=[asked["target"]]))
    seconds = time.monotonic() - begun
    found.columns = [str(one) for one in found.columns]
    found.reset_index(drop=True).to_parquet(asked["out"])
    print(json.dumps({"seconds": seconds, "settings": f"{settings}; {learners()}"}))


if __name__ == "__main__":
    main()
