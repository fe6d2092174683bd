"""A flow goes with the model: a run, an endpoint and a transform say the same of raw rows, to the last figures."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.training.conftest import table

import cupola
from cupola import api
from cupola.datasets import records as datasets
from cupola.errors import BadOption, NotFound
from cupola.experiments import records as experiments
from cupola.jobs import records as jobs
from cupola.registry import baselines
from cupola.registry import records as registry
from cupola.runtimes import choosing
from cupola.store import files

STEPS = [
    "fill-missing columns=amount method=mean", "scale columns=amount,count", "one-hot-encode columns=colour",
    "date-parts columns=day,at drop=true", "clip-outliers columns=amount",
    'formula name=product expression="amount * count"', "balance method=oversample",
]  # fmt: skip
RAW = ["amount", "count", "member", "colour", "day", "at"]


@pytest.fixture(scope="module")
def ws(host: Path) -> Iterator[api.Workspace]:
    """A workspace with a dataset, a flow, a model that was trained with it, and an endpoint that serves it."""
    made = cupola.init(host / "ws")
    table(400).to_csv(host / "things.csv", index=False)
    made.dataset.import_(host / "things.csv", name="things", target="kind")
    made.flow.new("prep", source=["things"])
    made.flow.edit("prep", add=STEPS)
    trained = made.train(
        dataset="things", flow="prep", estimator="HistGradientBoostingClassifier", exclude=["value", "weight", "team"],
        register="late", name="first",
    ).wait()  # fmt: skip
    assert trained.status == "Completed", trained
    made.endpoint.deploy("late", name="late").wait()
    yield made


@pytest.fixture(scope="module")
def held(ws: api.Workspace) -> pd.DataFrame:
    """The rows that the run held out, raw, with what it said of them (`prediction`, `probability_ok`, ...)."""
    run = experiments.find(ws._workspace.store, "first")
    said = pd.read_parquet(
        files.absolute(ws._workspace.store, f"{run.directory}/attempts/1/artifacts/predictions.parquet")
    ).reset_index(drop=True)
    version = datasets.find(ws._workspace.store, "things")
    rows = pd.read_parquet(datasets.data_path(ws._workspace.store, version)).iloc[said["row"]].reset_index(drop=True)
    return pd.concat([rows[RAW], said], axis=1)


def asked(ws: api.Workspace, body: bytes, content_type: str, path: str = "invocations") -> Any:
    url = f"{ws.endpoint.show('late').url}/{path}"
    request = urllib.request.Request(url, body, {"Content-Type": content_type})
    with urllib.request.urlopen(request, timeout=180) as answer:
        return json.loads(answer.read())


def records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(rows.to_json(orient="records", date_format="iso"))
    for one in found:
        one["day"] = one["day"] and one["day"][:10]
    return found


def close(said: Any, held: pd.DataFrame) -> None:
    np.testing.assert_allclose(
        np.asarray(said, dtype=float), held[["probability_late", "probability_ok"]], rtol=1e-12, atol=1e-12
    )


def test_the_run_the_endpoint_and_the_transform_say_the_same(
    ws: api.Workspace, held: pd.DataFrame, tmp_path: Path
) -> None:
    rows = held[RAW]
    said = asked(ws, json.dumps({"dataframe_records": records(rows)}).encode(), "application/json")
    assert said["predictions"] == list(held["prediction"])
    close(said["probabilities"], held)
    alone = [asked(ws, json.dumps({"instances": [one]}).encode(), "application/json") for one in records(rows)[:20]]
    close([one["probabilities"][0] for one in alone], held.iloc[:20])
    by_csv = asked(ws, rows.to_csv(index=False).encode(), "text/csv")
    close(by_csv["probabilities"], held)
    rows.to_csv(tmp_path / "raw.csv", index=False)
    ws.transform("late", tmp_path / "raw.csv", tmp_path / "said.csv").wait()
    close(pd.read_csv(tmp_path / "said.csv")[["probability_late", "probability_ok"]], held)


def test_the_open_inference_protocol_takes_raw_columns(ws: api.Workspace, held: pd.DataFrame) -> None:
    told = json.loads(urllib.request.urlopen(f"{ws.endpoint.show('late').url}/v2/models/late", timeout=180).read())
    assert [one["name"] for one in told["inputs"]] == RAW
    [row] = records(held[RAW].iloc[20:21])
    inputs = [
        {"name": one["name"], "shape": [1], "datatype": one["datatype"], "data": [row[one["name"]]]}
        for one in told["inputs"]
    ]
    said = asked(ws, json.dumps({"inputs": inputs}).encode(), "application/json", "v2/models/late/infer")
    outputs = {one["name"]: one["data"] for one in said["outputs"]}
    close([outputs["predict_proba"]], held.iloc[20:21])


def test_both_runtimes_say_the_same_and_the_compiled_one_is_had(ws: api.Workspace, held: pd.DataFrame) -> None:
    version = registry.find(ws._workspace.store, "late")
    kept = choosing.found(ws._workspace.store, version)
    assert kept.program is not None, kept.report
    assert kept.report.difference == pytest.approx(0, abs=1e-12)
    said = choosing.load(ws._workspace.store, version).predict(held[RAW])
    close(said.probabilities, held)


def test_explanations_are_of_raw_columns(ws: api.Workspace, held: pd.DataFrame) -> None:
    said = ws.endpoint.invoke("late", data=json.dumps(records(held[RAW])[0]), explain=True).answer
    found = said["explanations"][0]
    assert sorted(found["attributions"]) == sorted(RAW)
    assert found["base"] + sum(found["attributions"].values()) == pytest.approx(held["probability_ok"].iloc[0])


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"amount": 1.0}, "are missing"),
        ({"amount": "many"}, "row 1, column 'amount'"),
        ({"day": "first of may"}, "row 1, column 'day'"),
        ({"colours": "red"}, "did you mean colour?"),
    ],
)
def test_odd_rows_are_a_clear_400(ws: api.Workspace, held: pd.DataFrame, row: dict[str, Any], words: str) -> None:
    whole = {} if words == "are missing" else records(held[RAW])[20]
    with pytest.raises(urllib.error.HTTPError) as refused:
        asked(ws, json.dumps({"instances": [whole | row]}).encode(), "application/json")
    assert refused.value.code == 400
    assert words in refused.value.read().decode()


def test_new_categories_and_missing_values_are_answered(ws: api.Workspace) -> None:
    row = {"amount": None, "count": 3, "member": None, "colour": "never seen", "day": None, "at": None}
    said = asked(ws, json.dumps({"instances": [row]}).encode(), "application/json")
    assert said["predictions"][0] in ("late", "ok")


def test_lineage_leads_from_the_dataset_through_the_flow_to_the_endpoint(ws: api.Workspace) -> None:
    flow = experiments.find(ws._workspace.store, "first").flow
    assert flow.startswith("prep@")
    assert registry.find(ws._workspace.store, "late").flow == flow
    text = ws.lineage("dataset:things").text
    kinds = [line.split()[-1 - ("  " in line.strip()) :] and line.replace("│", " ").split("─ ")[-1].split()[0]
             for line in text.splitlines() if "─ " in line]  # fmt: skip
    assert kinds[:4] == ["flow", "run", "model", "endpoint"]
    assert "things@1" in ws.lineage("endpoint:late").text


def test_what_becomes_of_the_flow_later_changes_nothing(ws: api.Workspace, tmp_path: Path) -> None:
    version = registry.find(ws._workspace.store, "late")
    kept = files.read_bytes(ws._workspace.store, f"{version.directory}/flow.toml")
    assert b"one-hot-encode" in kept
    baseline = baselines.of(ws._workspace.store, version)
    assert baseline is not None
    assert [one.name for one in baseline.columns] == RAW
    ws.flow.edit("prep", add=["drop-columns columns=member"])
    assert files.read_bytes(ws._workspace.store, f"{version.directory}/flow.toml") == kept
    run = experiments.find(ws._workspace.store, "first")
    assert jobs.find(ws._workspace.store, run.job).spec["flow"]["text"].encode() == kept
    ws.flow.undo("prep")


def test_an_exported_version_and_an_mlflow_model_take_raw_rows(
    ws: api.Workspace, held: pd.DataFrame, tmp_path: Path
) -> None:
    from cupola.mlflow import pyfunc

    ws.model.export("late", tmp_path / "late.zip")
    other = cupola.init(tmp_path / "other")
    taken = other.model.import_(tmp_path / "late.zip")
    close(
        choosing.load(other._workspace.store, registry.find(other._workspace.store, taken.ref))
        .predict(held[RAW])
        .probabilities,
        held,
    )
    ws.model.export("late", tmp_path / "mlflow", format="mlflow")
    assert "duckdb==" in (tmp_path / "mlflow" / "requirements.txt").read_text()
    served = pyfunc._load_pyfunc(str(tmp_path / "mlflow" / "model"))
    said = served.predict(held[RAW], {"probabilities": True})
    close(said[["probability_late", "probability_ok"]], held)


def test_a_tuning_and_a_learning_curve_go_through_the_flow(ws: api.Workspace) -> None:
    tuned = ws.tune(
        dataset="things", flow="prep", estimator="LogisticRegression", space=["C=0.1..10:log"], trials=2, name="search",
        register="tuned",
    ).wait()  # fmt: skip
    assert tuned.status == "Completed", tuned
    run = experiments.find(ws._workspace.store, tuned.best_run)
    assert run.flow.startswith("prep@")
    assert "flow.json" in registry.find(ws._workspace.store, "tuned").files
    ws.run.learn("first", parts=2).wait()


def test_a_target_that_the_flow_makes_is_trained_and_served_without_what_it_is_made_of(
    ws: api.Workspace, held: pd.DataFrame, tmp_path: Path
) -> None:
    ws.flow.new("aimed", source=["things"])
    ws.flow.edit("aimed", add=["scale columns=count", 'formula id=big name=big expression="value > 1"'])
    asking: dict[str, Any] = {"dataset": "things", "target": "big", "flow": "aimed", "exclude": ["weight", "team"]}
    trained = ws.train(estimator="LogisticRegression", register="big", name="aimed", **asking).wait()
    assert trained.status == "Completed", trained
    assert any("value (what big is made of)" in note for note in trained.notes)
    rows = held[RAW]
    rows.to_csv(tmp_path / "raw.csv", index=False)
    ws.transform("big", tmp_path / "raw.csv", tmp_path / "said.csv").wait()
    version = registry.find(ws._workspace.store, "big")
    said = choosing.load(ws._workspace.store, version).predict(rows)
    found = pd.read_csv(tmp_path / "said.csv")
    np.testing.assert_allclose(found["probability_True"], np.asarray(said.probabilities)[:, 1], rtol=1e-12)
    ws.flow.edit("aimed", add=["scale id=before columns=value before=scale"])
    with pytest.raises(BadOption, match="made of value, which step before may change before"):
        ws.train(estimator="LogisticRegression", **asking)
    ws.flow.edit("aimed", remove=["before"], set=['big expression="vale > 1"'])
    with pytest.raises(BadOption, match=r"can only be made of columns of things@1.*no column 'vale'"):
        ws.train(estimator="LogisticRegression", **asking)


def test_a_join_with_a_small_dataset_is_served_with_the_model(
    ws: api.Workspace, held: pd.DataFrame, tmp_path: Path
) -> None:
    (tmp_path / "colours.csv").write_text("colour,warmth\nred,0.9\ngreen,0.4\nblue,0.1\n")
    ws.dataset.import_(tmp_path / "colours.csv", name="colours")
    ws.flow.new("joined", source=["things", "colours"], add=["join inputs=things,colours on=colour"])
    asking: dict[str, Any] = {"dataset": "things", "flow": "joined", "estimator": "LogisticRegression"}
    trained = ws.train(register="joined", name="joined", exclude=["colour", "value"], **asking).wait()
    assert trained.status == "Completed", trained
    version = registry.find(ws._workspace.store, "joined")
    (tmp_path / "colours.csv").unlink()
    ws.dataset.rm("colours")
    rows = held[RAW].assign(weight=1.0, team=1)
    said = np.asarray(choosing.load(ws._workspace.store, version).predict(rows).probabilities)
    same = held["colour"] == "red"
    other = choosing.load(ws._workspace.store, version).predict(rows.assign(colour="blue")).probabilities
    assert (said[same, 0] != np.asarray(other)[same, 0]).all()
    rows.to_csv(tmp_path / "raw.csv", index=False)
    ws.transform("joined", tmp_path / "raw.csv", tmp_path / "said.csv").wait()
    np.testing.assert_allclose(pd.read_csv(tmp_path / "said.csv")["probability_late"], said[:, 0], rtol=1e-12)


def test_flows_that_cannot_go_with_a_model_are_refused_when_they_are_filed(ws: api.Workspace) -> None:
    asking: dict[str, Any] = {"dataset": "things", "estimator": "LogisticRegression"}
    with pytest.raises(NotFound, match="no flow called 'perp'"):
        ws.train(flow="perp", **asking)
    ws.flow.new("lagged", source=["things"])
    with pytest.raises(BadOption, match="has no steps"):
        ws.train(flow="lagged", **asking)
    ws.flow.edit("lagged", add=["lag columns=amount"])
    with pytest.raises(BadOption, match="looks at other rows"):
        ws.train(flow="lagged", **asking)
