"""A fitted flow applied to raw rows: DuckDB and plain Python say the same, whatever the rows hold."""

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from cupola.errors import BadInput, BadOption
from cupola.flows import byvalue, fitting, serving
from cupola.flows.byvalue import NotByValue
from cupola.flows.records import Fitted, Flow, FlowStep

WORDS = ["red", "green", "blue", "red fox", " Red ", "", "naïve Straße", "a-b-c", "12", "1.5e3", "yes", "2013-02-30"]


def table(rows: int = 60, seed: int = 0) -> pd.DataFrame:
    """Rows of each type, with missing ones, unusual texts, and numbers at the edges."""
    drawn = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "number": drawn.normal(size=rows).round(2),
            "whole": drawn.integers(-5, 9, rows),
            "gaps": np.where(drawn.random(rows) < 0.2, np.nan, drawn.integers(0, 4, rows)),
            "flag": drawn.random(rows) > 0.5,
            "word": drawn.choice(WORDS, rows),
            "digits": drawn.choice(["1", " 2.5", "-3e2", "007", "2013-05-06", "2013-05-06 07:08:09.5"], rows),
            "day": pd.date_range("2012-12-25", periods=rows, freq="D").date,
            "at": pd.date_range("1969-12-30 23:59:59.999999", periods=rows, freq="97h"),
            "target": drawn.choice(["late", "ok"], rows),
        }
    )
    frame.loc[3:9, "number"] = np.nan
    frame.loc[5:7, "word"] = None
    frame.loc[6:8, "day"] = None
    frame.loc[7:9, "at"] = pd.NaT
    frame.loc[11, "number"] = -0.0
    return frame


def fitted(*steps: tuple[str, dict[str, Any]]) -> Fitted:
    listed = [FlowStep(id=f"s{place}", type=type, params=params) for place, (type, params) in enumerate(steps)]
    flow = Flow(name="prep", seed=3, sources={"rows": "rows"}, steps=listed)
    return fitting.fit(flow, {"rows": pa.Table.from_pandas(table(), preserve_index=False)}, target="target")


def served(*steps: tuple[str, dict[str, Any]]) -> serving.Served:
    found = fitted(*steps)
    return serving.Served(found, [name for name in found.result if name != "target"])


STEPS: list[tuple[str, dict[str, Any]]] = [
    ("fill-missing", {"columns": ["number", "gaps"], "method": "mean"}),
    ("fill-missing", {"columns": ["number", "gaps", "whole"], "method": "median"}),
    ("fill-missing", {"columns": ["word"], "method": "mode"}),
    ("fill-missing", {"columns": ["word"], "method": "constant", "value": "it's"}),
    ("fill-missing", {"columns": ["gaps"], "method": "constant", "value": "-1"}),
    ("blank-values", {"columns": ["word"], "values": ["red", "it's"]}),
    ("blank-values", {"columns": ["number", "gaps", "whole"], "values": ["3", "-1"]}),
    ("impute", {"columns": ["number", "gaps"], "by": ["word"], "method": "mean"}),
    ("missing-indicator", {"columns": ["number", "word", "day"]}),
    ("drop-sparse-columns", {"share": 0.1}),
    ("scale", {"columns": ["number", "whole"]}),
    ("scale", {"columns": ["number", "whole", "flag"], "method": "robust"}),
    ("scale", {"columns": ["number", "gaps"], "method": "min-max"}),
    ("scale", {"columns": ["number", "gaps"], "method": "max-abs"}),
    ("bin", {"columns": ["number", "whole"], "bins": 4}),
    ("bin", {"columns": ["number", "gaps"], "bins": 3, "method": "uniform"}),
    ("pca", {"columns": ["number", "whole"]}),
    ("pca", {"columns": ["number", "whole", "gaps"], "components": 1, "scale": False, "keep": True}),
    ("model-impute", {"columns": ["number", "gaps"], "of": ["whole"], "rounds": 2}),
    ("ordinal-encode", {"columns": ["word", "whole", "flag", "gaps", "number", "day"]}),
    ("ordinal-encode", {"columns": ["word", "gaps"], "unknown": "own"}),
    ("one-hot-encode", {"columns": ["word", "whole", "flag", "gaps"]}),
    ("one-hot-encode", {"columns": ["word"], "limit": 2, "drop_last": True}),
    ("similarity-encode", {"columns": ["word"], "limit": 5}),
    ("target-encode", {"columns": ["word", "whole", "gaps"]}),
    ("date-parts", {"columns": ["day", "at"], "drop": True}),
    (
        "date-parts",
        {
            "columns": ["day", "at"],
            "parts": [
                "year",
                "quarter",
                "month",
                "week",
                "day",
                "weekday",
                "yearday",
                "hour",
                "minute",
                "second",
                "weekend",
            ],
        },
    ),
    ("date-parts", {"columns": ["day", "at"], "parts": ["month", "hour", "year"], "encoding": "cyclic"}),
    ("clip-outliers", {"columns": ["number", "whole"], "deviations": 1.0}),
    ("clip-outliers", {"columns": ["number", "whole"], "method": "quantile", "fix": "missing"}),
    ("clip-outliers", {"columns": ["number", "whole"], "method": "min-max", "lower": 0.0}),
    ("clip-outliers", {"columns": ["number", "whole"], "method": "tails", "deviations": 0.1}),
    ("replace-rare", {"columns": ["word"], "share": 0.1}),
    ("drop-columns", {"columns": ["word", "day"]}),
    ("keep-columns", {"columns": ["number", "word", "target"]}),
    ("move-column", {"column": "word", "place": 1}),
    ("rename-column", {"column": "word", "name": "colour"}),
    ("duplicate-column", {"column": "word", "name": "again"}),
    ("concatenate-columns", {"columns": ["word", "whole", "flag", "day"], "name": "all", "separator": "|"}),
    ("parse-type", {"columns": ["digits"], "type": "number"}),
    ("parse-type", {"columns": ["digits"], "type": "integer"}),
    ("parse-type", {"columns": ["digits"], "type": "date"}),
    ("parse-type", {"columns": ["digits"], "type": "datetime"}),
    ("parse-type", {"columns": ["word"], "type": "boolean"}),
    ("parse-type", {"columns": ["whole", "flag", "day"], "type": "text"}),
    ("parse-type", {"columns": ["whole"], "type": "number"}),
    ("parse-type", {"columns": ["number"], "type": "integer"}),
    ("format-string", {"columns": ["word"], "operation": "lower"}),
    ("format-string", {"columns": ["word"], "operation": "upper"}),
    ("format-string", {"columns": ["word"], "operation": "strip"}),
    ("format-string", {"columns": ["word"], "operation": "add-prefix", "text": "_'"}),
    ("find-replace", {"columns": ["word"], "find": "e", "replace": "'3'"}),
    ("contains", {"column": "word", "find": "re"}),
    ("split-text", {"column": "word", "delimiter": "-", "parts": 2, "drop": True}),
    ("text-statistics", {"columns": ["word"]}),
    ("vectorize-text", {"column": "word", "limit": 5}),
    ("formula", {"name": "speed", "expression": "number / whole + 2 * gaps - 1"}),
    ("formula", {"name": "high", "expression": "number > 0.5 and whole <= 3"}),
    ("formula", {"name": "number", "expression": "number * number"}),
    ("formula", {"name": "share", "expression": "whole / 3"}),
    ("formula", {"name": "nothing", "expression": "whole / 0"}),
    (
        "formula",
        {
            "name": "case",
            "expression": "case when word = 'red' or flag then 'x' when gaps is null then 'y' else word end",
        },
    ),
    ("formula", {"name": "there", "expression": "not (number is not null) and coalesce(flag, flag)"}),
    ("formula", {"name": "logs", "expression": "ln(abs(number)) - sqrt(number) * exp(number)"}),
]


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    assert list(one.columns) == list(other.columns)
    for name in one:
        mine, yours = one[name], other[name]
        assert list(mine.isna()) == list(yours.isna()), name
        there = ~mine.isna()
        if pd.api.types.is_numeric_dtype(mine.dtype) and pd.api.types.is_numeric_dtype(yours.dtype):
            np.testing.assert_allclose(
                mine[there].astype(float), yours[there].astype(float), rtol=1e-12, atol=1e-12, err_msg=str(name)
            )
        else:
            assert list(mine[there]) == list(yours[there]), name


@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step[0]}-{'-'.join(map(str, step[1].values()))}"[:60])
def test_plain_python_says_of_rows_what_duckdb_says(step: tuple[str, dict[str, Any]]) -> None:
    flow = served(step)
    assert flow._program is not None
    rows = table(seed=7)
    rows.loc[10, "number"] = 1e300
    rows = rows[flow.takes]
    known = [one for one in flow.of_each(flow._program, rows) if one is not None]
    assert len(known) > 5
    same(flow.transform(rows), flow.by_sql(rows))


def test_a_flow_of_several_steps_asks_only_for_what_is_needed() -> None:
    found = fitted(
        ("fill-missing", {"columns": ["number", "gaps"]}),
        ("scale", {"columns": ["number", "whole", "gaps"]}),
        ("one-hot-encode", {"columns": ["word"]}),
        ("balance", {}),
        ("date-parts", {"columns": ["at"], "drop": True}),
    )
    flow = serving.Served(found, ["number", "word_red", "at_hour"])
    assert flow.takes == ["number", "word", "at"]
    rows = table(seed=7)
    same(flow.transform(rows.iloc[:5]), flow.by_sql(rows.iloc[:5]))
    assert len(flow.transform(rows)) == len(rows)
    whole = fitting.apply(found, pa.Table.from_pandas(rows, preserve_index=False)).to_pandas()
    same(flow.transform(rows), whole[["number", "word_red", "at_hour"]])


def test_steps_that_look_at_other_rows_are_refused() -> None:
    found = fitted(("lag", {"columns": ["number"]}))
    with pytest.raises(BadOption, match="looks at other rows"):
        serving.Served(found)


def test_what_is_made_of_the_target_is_refused() -> None:
    found = fitted(("formula", {"name": "leak", "expression": "target = 'late'"}))
    with pytest.raises(BadInput, match="of the target"):
        serving.Served(found, ["leak"])
    assert serving.Served(found, ["number"]).takes == ["number"]


def test_a_step_that_is_not_known_here_is_left_to_duckdb() -> None:
    flow = served(("formula", {"name": "more", "expression": "greatest(number, 1.5)"}))
    assert flow._program is None
    assert flow.transform(table()[flow.takes].iloc[:3])["more"].iloc[0] == max(table().number[0], 1.5)
    with pytest.raises(NotByValue, match="formula"):
        byvalue.program(flow.fitted, flow.takes, flow.wanted)


def test_what_cannot_be_learned_of_numbers_that_are_too_large_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = table()
    plain.loc[10, "number"], plain.loc[12, "number"] = 1e300, np.inf
    monkeypatch.setattr("tests.flows.test_serving.table", lambda: plain)
    for step in ("scale", "clip-outliers", "fill-missing"):
        more = {"method": "mean"} if step == "fill-missing" else {}
        with pytest.raises(BadInput, match="too large"):
            served((step, {"columns": ["number"], **more}))


def test_a_value_of_another_type_is_answered_in_a_sentence() -> None:
    flow = served(("scale", {"columns": ["number"]}))
    rows = table()[flow.takes].iloc[:2].astype({"number": object})
    rows["number"] = ["many", datetime.date(2013, 1, 1)]
    with pytest.raises(BadInput):
        flow.transform(rows)
