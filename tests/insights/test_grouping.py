"""Many columns with the same trouble are one warning, with one fix that mends them all."""

import numpy as np
import pandas as pd
from tests.insights.conftest import Look

from cupola.flows.records import FlowStep
from cupola.flows.transforms import catalogue
from cupola.insights import writing

ROWS = 300


def columns(many: int) -> pd.DataFrame:
    """So many columns of each of six troubles."""
    given = np.random.default_rng(4)
    made: dict[str, object] = {}
    for one in range(many):
        numbers = given.normal(size=ROWS)
        made[f"gaps{one}"] = np.where(given.random(ROWS) < 0.06 + 0.01 * one, np.nan, numbers)
        made[f"words{one}"] = pd.Series(given.choice(["x", "y"], ROWS)).mask(given.random(ROWS) < 0.1)
        made[f"off{one}"] = np.where(given.random(ROWS) < 0.04, -999, given.integers(0, 90, ROWS))
        made[f"far{one}"] = np.r_[[90.0 + one], numbers[1:]]
        made[f"same{one}"] = one
        made[f"mixed{one}"] = pd.Series(given.integers(0, 40, ROWS)).astype(str).mask(given.random(ROWS) < 0.1, "tbc")
    return pd.DataFrame(made)


def test_many_columns_with_the_same_trouble_are_one_warning_with_one_fix(look: Look) -> None:
    table = columns(12)
    seen = look(table, None)
    gaps = next(one for one in seen.report.warnings if one.kind == "missing" and "gaps0" in one.columns)
    assert gaps.by_column == table[[*gaps.by_column]].isna().sum().to_dict()
    assert gaps.columns == [*gaps.by_column] == sorted(gaps.columns, key=lambda one: -gaps.by_column[one])
    assert gaps.message.startswith("12 columns lack values, each in ") and "and 8 more" in gaps.message
    assert gaps.rows == len(seen.selected(gaps)) == table[gaps.columns].isna().any(axis=1).sum()
    transforms = {"fill-missing", "blank-values", "clip-outliers", "drop-columns", "parse-type"}
    many = [one for one in seen.report.warnings if len(one.by_column) == 12]
    assert len(many) == 6 and {one.fix.transform for one in many if one.fix} == transforms
    for one in many:
        assert one.fix and {*one.fix.params["columns"]} == {*one.columns}
        catalogue.params_of(FlowStep(id="step", type=one.fix.transform, params=one.fix.params))
    assert all(name in writing.html(seen.report) for name in gaps.columns)
    assert f"gaps11 ({gaps.by_column['gaps11']})" in writing.markdown(seen.report)


def test_a_few_columns_have_a_warning_each(look: Look) -> None:
    seen = look(columns(3), None)
    assert not any(one.by_column for one in seen.report.warnings)
    assert all(seen.of("missing", f"gaps{one}") and seen.of("constant", f"same{one}") for one in range(3))


def test_thousands_of_columns_that_leak_are_one_warning(look: Look) -> None:
    given = np.random.default_rng(5)
    y = given.normal(size=200)
    table = pd.DataFrame({f"copy{one}": y * (one + 1) for one in range(40)} | {"x": given.normal(size=200), "y": y})
    warning = look(table).of("leakage_column")
    assert len(warning.columns) == 40 and warning.fix and warning.fix.params["columns"] == warning.columns
    assert look(table.drop(columns=[f"copy{one}" for one in range(3, 40)])).of("leakage_column", "copy1")
