"""What is amiss with columns and rows is found, counted in all rows, and its rows are those that the filter selects."""

import numpy as np
import pandas as pd
import pytest
from tests.insights.conftest import DATA, ROLES, Look

from cupola.flows.records import FlowStep
from cupola.flows.transforms import catalogue

given = np.random.default_rng(0)
ROWS = 600
DAYS = pd.date_range("2020-05-01", periods=ROWS)
TABLE = pd.DataFrame(
    {
        "id": np.arange(ROWS),
        "age": np.where(given.random(ROWS) < 0.05, -1, given.integers(18, 80, ROWS)),
        "income": np.where(given.random(ROWS) < 0.05, 999999, given.normal(50_000, 9_000, ROWS).round()),
        "size": np.r_[[5e6, -4e6], given.normal(10, 2, ROWS - 2)],
        "word": given.choice(["a", "b", "N/A", "?", " "], ROWS),
        "mixed": [str(one % 50) if one % 12 else "about five" for one in range(ROWS)],
        "always": ["x"] * ROWS,
        "nearly": [1] * (ROWS - 1) + [2],
        "gone": [None] * ROWS,
        "often": np.where(given.random(ROWS) < 0.6, np.nan, given.normal(size=ROWS)),
        "left": np.where(np.arange(ROWS) % 10 == 0, np.nan, given.normal(size=ROWS)),
        "right": np.where(np.arange(ROWS) % 10 == 0, np.nan, given.normal(size=ROWS)),
        "street": [f"street {one % 150}" for one in range(ROWS)],
        "told": [f"a text of {one} words that somebody has written down here" for one in range(ROWS)],
        "since": np.where(np.arange(ROWS) % 20, DAYS, np.datetime64("1970-01-01", "ns")),
        "y": np.where(given.random(ROWS) < 0.02, "rare", "usual"),
    }
)  # fmt: skip


def test_each_thing_is_found_with_its_rows(look: Look) -> None:
    seen = look(pd.concat([TABLE, TABLE.iloc[:30]]))
    expected = {
        ("disguised_missing", "age"), ("disguised_missing", "income"), ("disguised_missing", "word"),
        ("disguised_missing", "since"), ("outliers", "size"), ("mixed_types", "mixed"), ("constant", "always"),
        ("almost_constant", "nearly"), ("all_missing", "gone"), ("missing", "often"), ("missing", "left"),
        ("high_cardinality", "street"), ("imbalanced_target", "y"),
    }  # fmt: skip
    for kind, column in expected:
        warning = seen.of(kind, column)
        assert warning.filter and len(seen.selected(warning)) == warning.rows, kind
    assert seen.of("missing_together", "left", "right").rows == 63
    assert (
        seen.of("duplicate_rows").rows == 60 and "30 rows (4.8%) are there already" in seen.of("duplicate_rows").message
    )
    assert seen.of("outliers", "size").rows == 4 and seen.of("disguised_missing", "since").rows == 32
    assert not any("told" in one.columns for one in seen.report.warnings)
    order = [("high", "medium", "low").index(one.severity) for one in seen.report.warnings]
    assert order == sorted(order)


def test_rows_that_only_their_ids_tell_apart_are_found(look: Look) -> None:
    table = pd.concat([TABLE[["id", "age", "size", "y"]]] * 2).assign(id=range(2 * ROWS))
    warning = look(table, "y", {"id": "id"}).of("near_duplicate_rows", "id")
    assert warning.rows is not None and warning.rows >= ROWS and warning.severity == "medium"


def test_rows_of_few_values_are_equal_by_chance_and_no_fix_throws_them_away(look: Look) -> None:
    words = np.array(["fox", "runs", "hills", "cats", "watch", "from", "fence", "while", "over", "near", "old"])
    body = [" ".join(given.permutation(words)) for _ in range(ROWS)]
    few = pd.DataFrame({"stars": given.integers(1, 6, ROWS), "y": given.random(ROWS) < 0.4})
    assert "near_duplicate_rows" not in look(few.assign(body=body)).kinds  # prose names no row
    assert "near_duplicate_rows" not in look(few.assign(id=range(ROWS)), "y", {"id": "id"}).kinds
    warning = look(few).of("duplicate_rows")
    assert warning.severity == "low" and warning.fix is None and "by chance" in warning.message
    assert look(pd.concat([few.assign(body=body)] * 2)).of("duplicate_rows").fix


def test_every_fix_is_a_step_of_a_flow(look: Look) -> None:
    seen = look(TABLE)
    fixes = [one.fix for one in seen.report.warnings if one.fix]
    assert len({one.transform for one in fixes}) >= 7
    for one in fixes:
        catalogue.params_of(FlowStep(id="step", type=one.transform, params=one.params))


def test_a_skewed_number_is_said_to_be(look: Look) -> None:
    seen = look(pd.DataFrame({"x": given.normal(size=500), "y": np.exp(given.normal(size=500) * 1.5)}))
    assert seen.of("skewed_target").fix and seen.report.target and (seen.report.target.skew or 0) > 2


def test_scores_are_from_nothing_to_all(look: Look) -> None:
    x = given.normal(size=2000)
    table = pd.DataFrame({"same": x, "noise": given.normal(size=2000), "y": x})
    scores = {one.column: one.score for one in look(table).report.power}
    assert scores["same"] > 0.99 and scores["noise"] < 0.02


def test_the_quick_model_says_how_sure_it_is_of_each_class(look: Look) -> None:
    model = look(DATA / "flights.parquet", "late", ROLES).report.model
    assert model and [one.name for one in model.classes] == ["false", "true"]
    late = model.classes[1]
    assert late.recall_error == pytest.approx((late.recall * (1 - late.recall) / late.rows) ** 0.5, rel=0.3)
    assert 0.65 < model.metrics["roc_auc"] < 0.8 and 0 < model.errors["roc_auc"] < 0.03


def test_a_row_that_is_unlike_all_others_is_found_by_what_is_unusual(look: Look) -> None:
    table = pd.DataFrame(given.normal(size=(2000, 8)), columns=list("abcdefgh")).assign(y=given.normal(size=2000))
    table.loc[700, ["b", "e", "g"]] = [9.0, -9.0, 9.0]
    seen = look(table)
    assert [one.row for one in seen.report.anomalies] == [700]
    assert len(seen.selected(seen.of("anomalies"))) == 1 and {*seen.report.anomalies[0].why} == {"b", "e", "g"}


def test_a_flag_says_that_columns_are_missing_together(look: Look) -> None:
    random = np.random.default_rng(2)
    gone = random.random(300) < 0.1
    table = pd.DataFrame({"a": random.normal(size=300), "b": random.normal(size=300)})
    table[gone] = np.nan
    assert look(table, None).of("missing_together").columns == ["a", "b"]
    assert "missing_together" not in look(table.assign(flag=gone), None).kinds


def test_of_many_rows_an_anomaly_is_told_by_what_the_row_holds(look: Look) -> None:
    random = np.random.default_rng(3)
    table = pd.DataFrame(random.normal(size=(12_000, 4)), columns=list("abcd"))
    table["e"] = random.choice(["x", "y"], 12_000)
    table[random.random(12_000) < 0.5] = np.nan  # so that most rows beside a row lack what it has
    table.loc[range(0, 12_000, 1500)] = [60.0, -60.0, 60.0, -60.0, "z"]
    seen = look(table, None)
    assert seen.report.anomalies and seen.selected(seen.of("anomalies"))
    assert all(value is not None for one in seen.report.anomalies for value in one.why.values())
