"""Run by an interpreter that has MLflow: loads the models of a directory, and saves some of its own to another.

OURS ROWS THEIRS: each model of OURS must answer its rows of ROWS as it is said there; the last line printed are the
answers of those that were saved to THEIRS, and the rows.
"""

import json
import sys
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

ours, wanted, theirs = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()), Path(sys.argv[3])
for name, said in wanted.items():
    model = mlflow.pyfunc.load_model(str(ours / name))
    types = {one.name: one.type.name for one in model.metadata.signature.inputs}
    frame = pd.DataFrame(said["sample"])
    for column, kind in types.items():
        if kind == "datetime":
            frame[column] = pd.to_datetime(frame[column])
        elif kind == "double":
            frame[column] = frame[column].astype("float64")
    answers = model.predict(frame).tolist()
    assert np.allclose(answers, said["answers"]) if name != "late" else answers == said["answers"], (name, answers)
    example = model.metadata.load_input_example(str(ours / name))
    assert len(model.predict(example)) == len(example)
    beside = model.predict(frame, params={"probabilities": True})
    assert beside["prediction"].tolist() == answers

random = np.random.default_rng(0)
rows = pd.DataFrame({"a": random.normal(size=80), "b": random.integers(0, 9, 80)})
words = np.where(rows.a + rows.b > 4, "yes", "no")
saved = {
    "classifier": make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, words),
    "regressor": Ridge().fit(rows, rows.a * 2),
}
answers = {}
theirs.mkdir()
for name, fitted in saved.items():
    signature = infer_signature(rows, fitted.predict(rows))
    mlflow.sklearn.save_model(
        fitted, str(theirs / name), signature=signature, input_example=rows.head(3), serialization_format="skops"
    )
try:
    import lightgbm

    trees = lightgbm.train({"objective": "regression", "verbose": -1}, lightgbm.Dataset(rows, rows.a), 5)
    signature = infer_signature(rows, trees.predict(rows))
    mlflow.lightgbm.save_model(trees, str(theirs / "lightgbm"), signature=signature, input_example=rows.head(3))
except ImportError:
    pass
try:
    import xgboost

    rounds = xgboost.XGBRegressor(n_estimators=5).fit(rows, rows.a)
    signature = infer_signature(rows, rounds.predict(rows))
    mlflow.xgboost.save_model(rounds, str(theirs / "xgboost"), signature=signature, input_example=rows.head(3))
except ImportError:
    pass


class Halved(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        return model_input["a"] / 2


signature = infer_signature(rows, rows.a)
mlflow.pyfunc.save_model(str(theirs / "function"), python_model=Halved(), signature=signature)
for path in sorted(theirs.iterdir()):
    answers[path.name] = mlflow.pyfunc.load_model(str(path)).predict(rows).tolist()
print()
print(json.dumps({"answers": answers, "rows": rows.to_dict("list")}))
