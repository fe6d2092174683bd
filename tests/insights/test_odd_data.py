"""Data of any shape gets a report, and whatever it holds is text in it."""

import re

import numpy as np
import pandas as pd
import pytest
from tests.insights.conftest import Look

from cupola.insights import writing

given = np.random.default_rng(0)
NASTY = ["<script>alert(1)</script>", "\x1b[2J\x07", "[red]x[/red]", "😀", "`|*_", "a\nb", "' OR 1=1 --"]
ODD = {
    "one row": pd.DataFrame({"a": [1], "b": ["x"], "y": [True]}),
    "two rows": pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "y": [True, False]}),
    "one class": pd.DataFrame({"a": given.normal(size=100), "y": ["x"] * 100}),
    "only a target": pd.DataFrame({"y": [0, 1] * 50}),
    "nothing but missing": pd.DataFrame({"a": [None] * 80, "b": [None] * 80, "y": [0, 1] * 40}),
    "a missing target": pd.DataFrame({"a": range(80), "y": [None] * 80}),
    "truths": pd.DataFrame(given.random((300, 4)) < 0.5, columns=list("abcy")),
    "dates": pd.DataFrame({"d": pd.date_range("2020-01-01", periods=300), "y": given.normal(size=300)}),
    "a date to learn": pd.DataFrame({"x": given.normal(size=300), "y": pd.date_range("2020-01-01", periods=300)}),
    "endless": pd.DataFrame({"a": [np.inf, -np.inf, 1e308, -1e308, np.nan] * 40, "y": given.normal(size=200)}),
    "large": pd.DataFrame({"a": given.integers(2**62, 2**63 - 1, 200), "y": given.integers(0, 2**62, 200)}),
    "names": pd.DataFrame(
        {"Age": given.normal(size=60), "age": [1.0] * 60, '"': range(60), "y": ["<b>", "\x1b["] * 30}
    ),
    "nasty": pd.DataFrame({"<i>\x1b[31m": given.choice(NASTY, 300), "y": given.choice(NASTY, 300)}),
}


@pytest.mark.parametrize("name", list(ODD))
def test_it_is_reported(look: Look, name: str) -> None:
    seen = look(ODD[name])
    for one in seen.report.warnings:
        assert one.filter is None or len(seen.selected(one)) == one.rows
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", writing.markdown(seen.report))
    page = writing.html(seen.report)
    assert "<script" not in page and "\x1b" not in page and "<i>" not in page


def test_a_thousand_classes_and_a_table_without_a_target(look: Look) -> None:
    classes = [f"class {one}" for one in given.integers(0, 1000, 6000)]
    seen = look(pd.DataFrame({"a": given.normal(size=6000), "b": given.integers(0, 5, 6000), "y": classes}))
    assert seen.of("many_classes").rows == 6000 and seen.report.model and "rarest classes" in seen.report.model.note
    seen = look(pd.DataFrame({"a": given.normal(size=60), "b": range(60)}), None)
    assert seen.report.target is None and "no target" in seen.report.notes[0]


def test_more_columns_than_a_quick_model_takes(look: Look) -> None:
    table = pd.DataFrame(given.normal(size=(300, 130))).add_prefix("x").assign(y=given.integers(0, 2, 300))
    seen = look(table)
    assert not seen.leaking and len(seen.report.power) == 130
    assert seen.report.model and "100 of 130 columns" in seen.report.model.note


def test_a_sample_is_said_to_be_one_while_rows_are_counted_in_all(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cupola.insights.sampling.ROWS", 1000)
    table = pd.DataFrame({"a": np.where(np.arange(5000) % 4 == 0, np.nan, 1.5), "y": given.normal(size=5000)})
    seen = look(table)
    assert seen.report.sample == 1000 and "1,000 rows drawn by chance" in seen.report.notes[0]
    assert seen.of("missing", "a").rows == 1250
