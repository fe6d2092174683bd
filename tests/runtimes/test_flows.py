"""A flow that is compiled with its model: the same as the native one on raw rows, odd ones included."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.environments.built import built, known
from tests.training.conftest import table, training
from tests.training.test_flows import COLUMNS, STEPS, filed

from cupola.errors import BadInput
from cupola.registry.models import Model
from cupola.registry.signature import Writing
from cupola.runtimes import compiling, parity
from cupola.runtimes.compiled import Compiled
from cupola.runtimes.families import Uncompilable
from cupola.runtimes.native import Native
from cupola.runtimes.tables import Table
from cupola.training import fitting, saving

__all__ = ["built", "known"]

FLOWS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "usual": list(STEPS),
    "encoders": [
        ("ordinal-encode", {"columns": ["colour", "member"], "unknown": "own"}),
        ("bin", {"columns": ["amount"], "bins": 4}),
        ("missing-indicator", {"columns": ["amount"]}),
        ("formula", {"name": "more", "expression": "case when member = 1 then count / 3 else count / 2 end"}),
    ],
    "as they are": [
        ("replace-rare", {"columns": ["colour"], "share": 0.1}),
        ("target-encode", {"columns": ["count"]}),
        ("format-string", {"columns": ["colour"], "operation": "upper"}),
    ],
}


@pytest.fixture(autouse=True)
def _known(known: Path) -> None:
    pass


def models(estimator: str, steps: list[tuple[str, dict[str, Any]]], **more: Any) -> Model:
    asked = training(estimator, flow=filed(*steps), **more)
    fitted = fitting.fit(table(200), asked)
    signature = saving.describe(fitted, asked, [name for name, _ in COLUMNS], Writing())
    names = [one.name for one in signature.columns]
    return Model(fitted.pipeline, signature, saving._rows(fitted.table[names].head(5)))


@pytest.mark.parametrize(
    ("name", "estimator"),
    [
        ("usual", "HistGradientBoostingClassifier"),
        ("encoders", "LogisticRegression"),
        ("as they are", "LogisticRegression"),
    ],
)
def test_compiled_says_what_native_says(name: str, estimator: str) -> None:
    model = models(estimator, FLOWS[name])
    program = compiling.compiled(model)
    native, compiled = Native(model), Compiled(program)
    report = parity.report(program, native, compiled)
    assert report.reason == ""
    assert report.difference is not None and report.difference <= 1e-9
    assert report.rows > 400


def test_a_value_that_does_not_fit_is_named_by_its_column() -> None:
    compiled = Compiled(compiling.compiled(models("LogisticRegression", FLOWS["usual"])))
    names = [one.name for one in compiled.signature.columns]
    good = [0.5, 3, True, "red", "2013-05-06", "2013-05-06T07:00:00"]
    rows = Table(names, [[one, one] for one in good], 2)
    assert len(compiled.predict(compiled.rows(rows)).values) == 2
    for place, bad in ((0, "many"), (2, "perhaps"), (4, "first of may"), (5, 7)):
        columns = [[one, bad if at == place else one] for at, one in enumerate(good)]
        with pytest.raises(BadInput, match=f"row 2, column '{names[place]}'"):
            compiled.rows(Table(names, columns, 2))


def test_missing_words_of_the_source_are_missing_values() -> None:
    model = models("LogisticRegression", FLOWS["usual"])
    model.signature.writing = Writing(missing=["n/a"])
    native, compiled = Native(model), Compiled(compiling.compiled(model))
    names = [one.name for one in compiled.signature.columns]
    row = Table(names, [["n/a"], ["3"], ["n/a"], ["n/a"], ["n/a"], ["n/a"]], 1)
    one, other = native.predict(native.rows(row)), compiled.predict(compiled.rows(row))
    np.testing.assert_allclose(one.probabilities, other.probabilities, rtol=1e-12, atol=1e-12)


def test_what_duckdb_alone_knows_is_native_and_says_so() -> None:
    with pytest.raises(Uncompilable, match="in its flow the step s0 \\(formula\\) is done by DuckDB alone"):
        compiling.compiled(
            models("Ridge", [("formula", {"name": "x", "expression": "greatest(amount, 1)"})], target="value")
        )


def test_rows_of_a_flow_without_features_of_the_data() -> None:
    """Only what the flow has made is learned from, of one column of the data."""
    steps = [
        ("date-parts", {"columns": ["at"], "parts": ["hour", "weekday"]}),
        ("keep-columns", {"columns": ["at_hour", "at_weekday", "kind"]}),
    ]
    model = models("LogisticRegression", steps)
    assert [one.name for one in model.signature.columns] == ["at"]
    compiled = Compiled(compiling.compiled(model))
    frame = pd.DataFrame({"at": pd.to_datetime(["2013-05-06T07:08:09"])})
    said = compiled.predict(compiled.rows(Table(["at"], [["2013-05-06T07:08:09"]], 1)))
    np.testing.assert_allclose(said.probabilities, model.predict(frame).probabilities, rtol=1e-12)
