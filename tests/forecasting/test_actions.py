"""Forecasts by the real job: from rows to runs, a table, plots and a model that answers."""

from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest
from tests.forecasting.series import items, monthly

import cupola
from cupola import api
from cupola.datasets import records as datasets
from cupola.errors import BadOption, CupolaError
from cupola.experiments import plots
from cupola.experiments import records as experiments
from cupola.experiments.records import Run
from cupola.forecasting import records
from cupola.forecasting.actions import Forecast
from cupola.plots.records import Curves
from cupola.registry import models as loading
from cupola.registry import records as registry
from cupola.runtimes import choosing
from cupola.runtimes.tables import Table
from cupola.serving import answers
from cupola.store import Store

PATIENCE = 180.0
AHEAD = 6


class Made(msgspec.Struct):
    """A workspace with a forecast of three items, which is over."""

    ws: api.Workspace
    frame: pd.DataFrame
    said: Forecast


@pytest.fixture(scope="module")
def made(host: Path) -> Made:
    frame = items(3, 60)
    ahead = frame.groupby("item").tail(1)[["item", "t"]]
    future = pd.concat([ahead.assign(t=ahead["t"] + pd.DateOffset(months=step + 1), promoted=step % 2)
                        for step in range(AHEAD)])  # fmt: skip
    pd.concat([frame, future]).to_csv(host / "sales.csv", index=False)
    monthly(30).to_csv(host / "short.csv", index=False)
    ws = cupola.init(host / "ws")
    ws.dataset.import_(host / "sales.csv", name="sales", target="y", role={"t": "time", "item": "id"})
    ws.dataset.import_(host / "short.csv", name="short", target="y", role={"t": "time"})
    said = ws.forecast(
        dataset="sales", horizon=AHEAD, known=["promoted"], quantile=[0.05, 0.25, 0.75, 0.95], windows=3,
        register="sales", name="first", experiment="sales", budget="10m",
    ).wait(PATIENCE).record  # fmt: skip
    return Made(ws, frame, said)


def run_of(made: Made, name: str) -> Run:
    return experiments.find(Store.open(made.ws.root), name)


def test_each_candidate_is_a_run_of_its_own_and_the_best_are_one_model(made: Made) -> None:
    said = made.said
    assert said.status == "Completed" and said.model and said.model.startswith("sales@1")
    names = {one.name for one in said.leaderboard}
    assert {"seasonal-naive", "naive", "drift", "mean", "theta", "ets", "linear", "trees"} == names
    assert np.isclose(sum(one.weight for one in said.leaderboard), 1)
    values = [one.metrics["validation_mase"] for one in said.leaderboard]
    assert values == sorted(values) and said.leaderboard[0].tied
    runs = experiments.ls(Store.open(made.ws.root), "experiment = sales")
    assert {run.id for run in runs} == {said.run, *(one.run for one in said.leaderboard)}
    assert all(run.part_of == said.run and run.model_directory for run in runs if run.id != said.run)
    assert said.metrics["test_mase"] < 1 and 0 <= said.metrics["test_coverage"] <= 1
    assert said.metric_errors["validation_mase"] > 0
    assert "3 series, monthly, a season of 12 steps" in said.notes
    assert "past covariates, whose future is not known: stock" in said.notes


def test_a_candidate_that_knows_the_promotions_is_better_than_those_that_do_not(made: Made) -> None:
    by_name = {one.name: one.metrics["test_mase"] for one in made.said.leaderboard}
    assert min(by_name["linear"], by_name["trees"]) < by_name["seasonal-naive"]


def test_the_table_has_a_row_for_each_item_and_step_and_so_has_the_back_test(made: Made) -> None:
    shown = made.ws.forecast.show("first")
    assert shown.columns == ["item", "t", "step", "0.05", "0.25", "0.5", "0.75", "0.95"]
    assert len(shown.rows) == 3 * AHEAD and not shown.truncated
    assert all(row[3:] == sorted(row[3:]) for row in shown.rows)
    first = made.ws.forecast.show("first", item="item 0", limit=2)
    assert [row[:3] for row in first.rows] == [row[:3] for row in shown.rows[:2]] and first.truncated
    past = made.ws.forecast.show("first", backtest=True, limit=1000)
    assert past.columns[:6] == ["window", "split", "item", "t", "step", "truth"]
    assert {row[1] for row in past.rows} == {"validation", "test"} and len(past.rows) == 8 * AHEAD
    with pytest.raises(CupolaError, match="no item 'item 9'"):
        made.ws.forecast.show("first", item="item 9")


def test_a_fan_is_drawn_for_each_item_with_its_bands(made: Made) -> None:
    store = Store.open(made.ws.root)
    drawn = {one.name: one for one in plots.of_run(store, run_of(made, "first"))}
    assert {"forecast item 0", "forecast item 1", "forecast item 2", "by-step", "coverage"} == drawn.keys()
    fan = drawn["forecast item 0"]
    assert isinstance(fan, Curves) and fan.times
    kinds = [one.kind for one in fan.series]
    assert kinds.count("band") == 2 * 4 and kinds[-1] == "line"
    assert made.ws.run.plot("first", "forecast item 1", save=made.ws.root.parent / "fan.svg").saved
    assert (made.ws.root.parent / "fan.svg").read_text().startswith("<svg")


def test_the_model_says_of_rows_what_the_table_says(made: Made) -> None:
    store = Store.open(made.ws.root)
    version = registry.find(store, "sales")
    model = choosing.load(store, version)
    assert not model.by_row and version.storage == "skops" and version.task == "forecasting"
    runtime, report = choosing.chosen(store, version)
    assert report.runtime == "native"
    table = made.ws.forecast.show("first", item="item 1").rows
    moments = [row[1] for row in table]
    asked = Table(["item", "t", "promoted"], [["item 1"] * AHEAD, moments, [step % 2 for step in range(AHEAD)]], AHEAD)
    found = runtime.predict(runtime.rows(asked)).values
    assert np.allclose([list(one.values())[2:] for one in found], [row[3:] for row in table])
    assert [one["step"] for one in found] == list(range(1, AHEAD + 1))


def test_history_that_is_sent_moves_the_forecast_and_of_a_new_item_it_is_enough(made: Made) -> None:
    runtime = choosing.chosen(Store.open(made.ws.root), registry.find(Store.open(made.ws.root), "sales"))[0]
    recent = made.frame[made.frame["item"] == "item 0"].tail(24)
    moments = [str(one.date()) for one in recent["t"]]
    rows = [*recent["y"].tolist()]

    def said(item: str, values: list[float]) -> list[float]:
        asked = Table(["item", "t", "y"], [[item] * 24, moments, values], 24)
        found = runtime.predict(runtime.rows(asked)).values
        assert [one is None for one in found] == [True] * 23 + [False]
        assert [one["step"] for one in found[-1]] == list(range(1, AHEAD + 1))
        return [one["0.5"] for one in found[-1]]

    assert np.mean(said("item 0", [one * 3 for one in rows])) > 2 * np.mean(said("item 0", rows))
    assert np.isclose(np.mean(said("new", rows)), np.mean(said("item 0", rows)), rtol=0.2)
    for wrong, words in (
        (["nobody", "2020-01-01"], "nothing is known of the item"),
        (["item 0", "2090-01-01"], "ahead"),
    ):
        with pytest.raises(CupolaError, match=words):
            runtime.predict(runtime.rows(Table(["item", "t"], [[one] for one in wrong], 1)))


def test_answers_of_quantiles_are_json_in_every_format(made: Made) -> None:
    version = registry.find(Store.open(made.ws.root), "sales")
    model = choosing.load(Store.open(made.ws.root), version)
    assert model.answers is not None and loading.first_difference(model.answers, model.answers) is None
    runtime = choosing.chosen(Store.open(made.ws.root), version)[0]
    asked = Table(["item", "t"], [["item 0"], ["2020-01-01"]], 1)
    prediction = runtime.predict(runtime.rows(asked))
    for media in (answers.JSON, answers.CSV, answers.LINES):
        assert b"0.5" in answers.encode(prediction, None, media)


def test_what_the_budget_does_not_allow_is_dropped_and_it_is_said(made: Made) -> None:
    said = made.ws.forecast(dataset="short", horizon=3, budget="0.01s", name="hasty").wait(PATIENCE).record
    dropped = {one.name for one in said.leaderboard if one.why}
    assert said.status == "Completed" and {"ets", "trees"} <= dropped
    assert any("the budget was spent" in note for note in said.notes)


def test_a_horizon_longer_than_the_history_has_an_answer_that_says_so(made: Made) -> None:
    said = made.ws.forecast(dataset="short", horizon=60, windows=2, name="far", budget="10m").wait(PATIENCE).record
    assert said.status == "Completed" and any("looks" in note and "of 60 steps" in note for note in said.notes)
    assert len(made.ws.forecast.show("far").rows) == 60


def test_what_cannot_be_forecast_is_refused_before_anything_starts(made: Made) -> None:
    version = datasets.find(Store.open(made.ws.root), "sales")
    for asked, words in (
        ({"target": "item"}, "only numbers can be forecast"),
        ({"time": "item"}, "has no order in time"),
        ({"horizon": 0}, "--horizon is from 1"),
        ({"quantiles": [1.5]}, "between 0 and 1"),
        ({"metric": "accuracy"}, "not a metric of forecasts"),
        ({"known": ["y"]}, "is the target already"),
        ({"known": ["promotd"]}, "has no column"),
        ({"windows": 0}, "--windows is from 1"),
    ):
        with pytest.raises(BadOption, match=words):
            records.spec_of(version, **{"horizon": 3} | asked)
    with pytest.raises(BadOption) as undated:
        records.spec_of(version, horizon=3, time="item")
    assert "`dataset import --type item=date` reads 1990-01, Jan 1990, 1990Q1" in undated.value.said
    with pytest.raises(CupolaError, match="no frequency"):
        made.ws.forecast(dataset="short", horizon=3, frequency="often").wait(PATIENCE)
    made.ws.train(dataset="sales", estimator="Ridge", exclude=["stock"], name="plain").wait(PATIENCE)
    with pytest.raises(CupolaError, match="is no forecast"):
        made.ws.forecast.show("plain")
