"""Bias of a run is measured on the rows held out, kept with it, and stands in the card of its model."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cupola.datasets import importing
from cupola.datasets import records as datasets
from cupola.datasets.records import ImportOptions
from cupola.errors import BadInput, BadOption, NotFound
from cupola.experiments import records as runs
from cupola.experiments.records import Run
from cupola.explain import records as explained
from cupola.jobs import records as jobs
from cupola.workspace import Workspace


@pytest.fixture(scope="module")
def trained(host: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Run]:
    """A workspace where women are granted loans less often at the same income, and a run and a model of that."""
    place = tmp_path_factory.mktemp("bias")
    random = np.random.default_rng(0)
    rows = 2000
    sex, income = random.choice(["F", "M"], rows), random.normal(50, 10, rows)
    granted = income + 8 * (sex == "M") + random.normal(0, 4, rows) > 54
    frame = pd.DataFrame({"sex": sex, "income": income, "age": random.integers(18, 80, rows).astype(float)})
    frame["town"] = random.choice(["a", "b", "c"], rows)
    frame["granted"] = np.where(granted, "yes", "no")
    frame.to_parquet(place / "loans.parquet", row_group_size=300)
    ws = Workspace.init(place / "ws")
    options = ImportOptions(target="granted", roles={"sex": "sensitive"})
    importing.run(ws.store, "loans", place / "loans.parquet", options, lambda *_: None)
    filed = ws.action("train", dataset="loans", estimator="LogisticRegression", name="first", register="loans")
    assert jobs.wait(ws.store, filed.job, timeout=240).status == "Completed"
    return ws, runs.find(ws.store, "first")


def test_a_sensitive_column_is_measured_when_the_model_is_trained_and_stands_in_its_card(
    trained: tuple[Workspace, Run], tmp_path: Path
) -> None:
    ws, run = trained
    found = explained.of_run(ws.store, run)
    assert found is not None and found.label == "yes"
    (facet,) = found.facets
    assert facet.name in ("sex=F", "sex=M") and facet.rows + facet.others == found.rows == run.rows["validation"]
    sign = 1 if facet.name == "sex=F" else -1
    for name in ("DPL", "DPPL", "FT"):
        one = facet.metrics[name]
        assert one.value is not None and one.low is not None and one.high is not None
        assert one.value * sign > 0.1 and min(one.low * sign, one.high * sign) > 0
    ws.action("model card", model="loans@1", to=tmp_path / "card.md")
    text = (tmp_path / "card.md").read_text()
    assert "## Bias" in text and facet.name in text and "DPPL" in text


def test_what_is_measured_is_what_the_kept_predictions_and_the_rows_say(trained: tuple[Workspace, Run]) -> None:
    ws, run = trained
    found = ws.action("bias", reference="loans@1", facet=["age>40", "town"], group="sex", label="yes")
    assert set(found.metrics) == {"age>40", "town=a", "town=b", "town=c"}
    held = pd.read_parquet(ws.root / runs.artifact_path(ws.store, run, "predictions.parquet"))
    rows = pd.read_parquet(datasets.data_path(ws.store, datasets.find(ws.store, "loans")))
    joined = held.join(rows[["age", "town"]], on="row")
    inside = joined["age"] > 40
    share = (joined["prediction"] == "yes").groupby(inside).mean()
    assert found.rows["age>40"] == inside.sum()
    assert found.metrics["age>40"]["DPPL"].value == pytest.approx(share[False] - share[True])
    assert set(found.metrics["town=a"]) == set(explained.METRICS)
    kept = explained.of_run(ws.store, run)
    assert kept is not None and [one.name for one in kept.facets] == list(found.metrics)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"facet": ["sax"]}, "has no column 'sax'"),
        ({"facet": ["sex=X"]}, "no row held out has 'X' in sex"),
        ({"facet": ["income"]}, "has [0-9]+ values"),
        ({"facet": ["sex>3"]}, "compares numbers"),
        ({"facet": ["age>1000"]}, "too few to say anything"),
        ({"facet": ["sex"], "label": "maybe"}, "none of the"),
        ({"facet": ["sex"], "group": "twon"}, "has no column 'twon'"),
        ({"facet": []}, "of a --facet"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(
    trained: tuple[Workspace, Run], asked: dict[str, object], said: str
) -> None:
    with pytest.raises((BadOption, BadInput), match=said):
        trained[0].action("bias", reference="first", **asked)


def test_neither_a_run_nor_a_model_is_not_found(trained: tuple[Workspace, Run]) -> None:
    with pytest.raises(NotFound, match="nobody"):
        trained[0].action("bias", reference="nobody", facet=["sex"])
