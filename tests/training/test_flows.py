"""A flow before an estimator: fitted on the rows that train, applied to each other row by itself."""

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import tomlkit
from tests.training.conftest import FEATURES, Make, table

from cupola.datasets.records import Column
from cupola.errors import BadInput, Corrupt, Refused
from cupola.flows import records as flows
from cupola.flows.records import Flow, FlowStep
from cupola.registry import models, registration
from cupola.registry import records as registry
from cupola.store import secret
from cupola.training import fitting, flowing, saving
from cupola.training.fitting import Fitted
from cupola.training.records import Aim, FiledFlow, Training

COLUMNS = [*FEATURES, ("kind", "category"), ("value", "number"), ("weight", "number"), ("team", "integer")]
STEPS = (
    ("fill-missing", {"columns": ["amount"], "method": "mean"}),
    ("scale", {"columns": ["amount", "count"]}),
    ("one-hot-encode", {"columns": ["colour"]}),
    ("date-parts", {"columns": ["day", "at"], "drop": True}),
)


def filed(*steps: tuple[str, dict[str, Any]], without: list[str] | None = None) -> FiledFlow:
    """A flow as `train` files it."""
    listed = [FlowStep(id=f"s{place}", type=type, params=params) for place, (type, params) in enumerate(steps)]
    flow = Flow(name="prep", sources={"things": "things"}, steps=listed)
    text = tomlkit.dumps(msgspec.to_builtins(flow))
    sha256 = flows.flow_hash(flow, {"things": "things@1-abcd"})
    return FiledFlow(name="prep", text=text, sha256=sha256, source="things", columns=COLUMNS, without=without or [])


def learned(fitted: Fitted) -> dict[str, Any]:
    """What the steps of a pipeline's flow have learned, by their types."""
    return {step.type: step.state for step in fitted.pipeline.named_steps["flow"].fitted.steps}


def test_what_a_flow_has_learned_is_of_the_rows_that_train(make: Make) -> None:
    rows = table(300)
    fitted = fitting.fit(rows, make("LogisticRegression", flow=filed(*STEPS)))
    assert "flow" in fitted.pipeline.named_steps
    assert fitted.takes == FEATURES
    held = np.zeros(len(rows), dtype=bool)
    held[fitted.held] = True
    moved = rows.copy()
    moved.loc[held, ["amount", "count"]] += 1000
    moved.loc[held, "colour"] = "violet"
    again = fitting.fit(moved, make("LogisticRegression", flow=filed(*STEPS)))
    assert learned(again) == learned(fitted)
    assert learned(fitted)["fill-missing"] != {}


def test_each_fold_has_a_flow_of_its_own(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, seen = table(300), []
    from cupola.flows import fitting as flow_fitting

    plain = flow_fitting.fit

    def fit(flow: Flow, tables: Any, **more: Any) -> Any:
        seen.append(tables["things"].num_rows)
        return plain(flow, tables, **more)

    monkeypatch.setattr(flow_fitting, "fit", fit)
    fitted = fitting.fit(rows, make("Ridge", "value", cv=3, split="75/25", flow=filed(*STEPS)))
    assert seen == [150, 150, 150, 225]
    assert fitted.metrics["validation_r2"] > 0.3


def test_rows_are_balanced_filtered_and_dropped_for_training_only(make: Make) -> None:
    rows = table(300)
    rows.loc[rows.index[:200], "kind"] = "ok"
    steps = [("balance", {}), ("filter", {"where": "count > 2"}), ("drop-missing", {"columns": ["amount"]}), *STEPS[1:]]
    fitted = fitting.fit(rows, make("LogisticRegression", flow=filed(*steps)))
    assert (fitted.rows["train"], fitted.rows["validation"], fitted.rows["test"]) == (180, 60, 60)
    assert len(fitted.predictions) == 60
    assert any("rows that train the flow prep makes" in note for note in fitted.notes)
    alone = fitted.table.iloc[fitted.held[:1]]
    assert len(fitted.pipeline.predict(alone)) == 1


def test_a_row_alone_is_answered_as_among_others(make: Make) -> None:
    fitted = fitting.fit(table(300), make("LogisticRegression", flow=filed(*STEPS)))
    rows = fitted.table.iloc[fitted.held][[name for name, _ in fitted.takes]]
    together = fitted.pipeline.predict_proba(rows)
    alone = np.concatenate([fitted.pipeline.predict_proba(rows.iloc[place : place + 1]) for place in range(20)])
    np.testing.assert_allclose(alone, together[:20], rtol=1e-12, atol=1e-12)


def test_weights_and_groups_follow_rows_that_a_flow_repeats(make: Make) -> None:
    steps = (("balance", {}), *STEPS)
    fitted = fitting.fit(
        table(300), make("LogisticRegression", weights="weight", group="team", split="group", flow=filed(*steps))
    )
    assert fitted.metrics["validation_roc_auc"] > 0.7


def test_what_is_made_of_the_target_is_refused(make: Make) -> None:
    steps = (("formula", {"name": "leak", "expression": "value * 2"}),)
    with pytest.raises(BadInput, match="makes columns of the target value"):
        fitting.fit(table(300), make("Ridge", "value", flow=filed(*steps)))
    fitted = fitting.fit(table(300), make("Ridge", "value", flow=filed(*steps, without=["leak"])))
    assert "value" not in dict(fitted.takes)


def heavy(*steps: tuple[str, dict[str, Any]], without: list[str] | None = None) -> FiledFlow:
    """A flow that makes the target `heavy` of `weight`."""
    made = ("formula", {"name": "heavy", "expression": "weight > 1"})
    flow = filed(made, *steps, without=without)
    flow.aim = Aim(expression="weight > 1", column=Column(name="heavy", type="boolean", distinct=2), of=["weight"])
    return flow


def test_a_target_that_the_flow_makes_is_learned_and_what_it_is_made_of_is_not_asked_for(make: Make) -> None:
    rows = table(300)
    rows["amount"] = rows["amount"] + 5 * rows["weight"]
    assert "weight" in rows
    rows.loc[:9, "weight"] = np.nan
    flow = heavy(*STEPS)
    assert flow.aim
    training = make("LogisticRegression", "kind", flow=flow)
    training.target, training.target_type = "heavy", "boolean"
    fitted = fitting.fit(flowing.aimed(rows, flow.aim), training)
    assert fitted.target.classes == [False, True]
    assert dict(fitted.takes).keys() == {name for name, _ in FEATURES}
    assert any("10 of 300 rows have no target (heavy)" in note for note in fitted.notes)
    raw = fitted.table.iloc[fitted.held][[name for name, _ in fitted.takes]]
    assert (fitted.pipeline.predict(raw) == fitted.told.predicted.astype(bool)).all()
    assert fitted.metrics["validation_roc_auc"] > 0.6


def test_columns_of_what_the_target_is_made_of_are_refused_and_may_be_left_out(make: Make) -> None:
    leak = ("formula", {"name": "half", "expression": "weight / 2"})
    for without in ([], ["half"]):
        flow = heavy(leak, without=without)
        assert flow.aim
        training = make("LogisticRegression", "kind", flow=flow)
        training.target, training.target_type = "heavy", "boolean"
        rows = flowing.aimed(table(300), flow.aim)
        if without:
            assert "weight" not in dict(fitting.fit(rows, training).takes)
        else:
            with pytest.raises(BadInput, match="of weight, of which it makes the target heavy"):
                fitting.fit(rows, training)


def test_target_encoding_needs_no_target_to_predict(make: Make) -> None:
    steps = (("target-encode", {"columns": ["colour"]}),)
    fitted = fitting.fit(table(300), make("LogisticRegression", flow=filed(*steps)))
    assert [name for name, _ in fitted.takes] == [name for name, _ in FEATURES]
    assert fitted.metrics["validation_roc_auc"] > 0.7


def test_a_flow_that_changes_the_target_is_refused_where_it_changes_rows(make: Make) -> None:
    steps = (("balance", {}), ("format-string", {"columns": ["kind"], "operation": "upper"}))
    with pytest.raises(BadInput, match="changes the target kind"):
        fitting.fit(table(300), make("LogisticRegression", flow=filed(*steps)))


def test_new_categories_and_missing_values_are_answered(make: Make) -> None:
    fitted = fitting.fit(table(300), make("LogisticRegression", flow=filed(*STEPS)))
    rows = fitted.table.iloc[:3][[name for name, _ in fitted.takes]].copy()
    rows["colour"] = ["never seen", None, "red"]
    rows["amount"] = np.nan
    rows["day"] = None
    assert np.isfinite(fitted.pipeline.predict_proba(rows)).all()
    with pytest.raises(BadInput, match="'amount' is missing"):
        fitted.pipeline.predict(rows.drop(columns="amount"))


def test_a_flow_without_a_target_goes_before_clusters(make: Make) -> None:
    fitted = fitting.fit(table(300), make("KMeans", None, {"n_clusters": "3"}, flow=filed(*STEPS)))
    assert fitted.metrics["validation_clusters"] == 3


OWN = "df['half'] = df['amount'] / 2"


def saved(directory: Path, fitted: Fitted, training: Training) -> dict[str, str]:
    """The model as files, and their hashes."""
    saving.save(directory, fitted, training, [name for name, _ in COLUMNS])
    return {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in directory.iterdir()}


def test_a_model_is_saved_with_what_its_flow_has_learned(make: Make, tmp_path: Path) -> None:
    training = make("LogisticRegression", flow=filed(*STEPS))
    fitted = fitting.fit(table(300), training)
    hashes = saved(tmp_path, fitted, training)
    assert training.flow is not None
    assert (tmp_path / "flow.toml").read_text() == training.flow.text
    model = models.load(tmp_path, hashes)
    assert [one.name for one in model.signature.columns] == [name for name, _ in FEATURES]
    assert (model.by_row, model.sample[0]["colour"] in ("red", "green", "blue")) == (True, True)
    rows = fitted.table.iloc[fitted.held][[name for name, _ in FEATURES]]
    said = model.predict(rows).probabilities
    np.testing.assert_allclose(said, fitted.pipeline.predict_proba(rows), rtol=1e-12, atol=1e-12)
    (tmp_path / "flow.json").write_bytes((tmp_path / "flow.json").read_bytes().replace(b"mean", b"medi"))
    with pytest.raises(Corrupt, match="checksum differs"):
        models.load(tmp_path, hashes)


def test_python_in_a_flow_runs_only_where_the_model_is_trusted(make: Make, tmp_path: Path, home: Path) -> None:
    training = make("LogisticRegression", flow=filed(("python", {"code": OWN}), *STEPS))
    fitted = fitting.fit(table(300), training)
    assert "half" in fitted.pipeline.named_steps["prepare"].encoders_
    hashes = saved(tmp_path, fitted, training)
    with pytest.raises(Refused, match="a Python step of the flow prep can run any code"):
        models.load(tmp_path, hashes)
    model = models.load(tmp_path, hashes, pickle_trusted=True)
    assert not model.by_row
    rows = fitted.table.iloc[fitted.held][[one.name for one in model.signature.columns]]
    np.testing.assert_allclose(
        model.predict(rows).probabilities, fitted.pipeline.predict_proba(rows), rtol=1e-12, atol=1e-12
    )
    made = json.loads((tmp_path / "model.json").read_bytes())
    assert secret.verify(registry.flow_payload(hashes["flow.json"]), made["flow_mac"])
    assert registration._brings_python(tmp_path, hashes) and registration._is_own_making(tmp_path, hashes)
    (tmp_path / "model.json").write_text(json.dumps(made | {"flow_mac": made["flow_mac"][::-1]}))
    assert not registration._is_own_making(tmp_path, hashes)


def test_python_that_looks_at_other_rows_is_refused(make: Make) -> None:
    steps = (("python", {"code": "df['far'] = df['amount'] - df['amount'].mean()"}),)
    with pytest.raises(BadInput, match="makes another far of a row that comes alone"):
        fitting.fit(table(300), make("LogisticRegression", flow=filed(*steps)))
