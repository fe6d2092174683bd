"""What a flow has learned is plain data, from which single rows become what they became in the flow."""

import msgspec
import pandas as pd
import pyarrow as pa
import pytest
from tests.flows.cases import CASES
from tests.flows.conftest import Made, people, step

from cupola.errors import BadInput, BadOption
from cupola.flows import fitting
from cupola.flows.records import Fitted, Flow
from cupola.flows.transforms import catalogue

ALONE = [
    name
    for name, steps in CASES.items()
    if all(catalogue.find(one.type).serving == "applied" and one.type != "python" for one in steps)
]


@pytest.mark.parametrize("name", ALONE)
def test_rows_that_come_later_become_what_they_became_in_the_flow(made: Made, name: str) -> None:
    result = made(*CASES[name])
    fitted = msgspec.json.decode(msgspec.json.encode(result.fitted), type=Fitted)
    raw = people()
    found = fitting.apply(fitted, raw).to_pandas()
    splits = result.fitted.steps[0].type == "split" and "split" in result.frame
    new = result.frame["split"] != "train" if splits else pd.Series(True, index=result.frame.index)
    wanted = result.frame[new].drop(columns="split", errors="ignore").reset_index(drop=True)
    pd.testing.assert_frame_equal(
        found[new].reset_index(drop=True)[[*wanted.columns]], wanted, check_exact=True, check_dtype=False
    )


def fit(*steps: object, rows: pa.Table | None = None) -> Fitted:
    flow = Flow(name="tried", sources={"people": "people"}, steps=list(steps))  # type: ignore[arg-type]
    return fitting.fit(flow, {"people": people() if rows is None else rows}, target="late")


def test_all_rows_that_are_handed_in_train() -> None:
    steps = [step("split"), step("scale", columns=["id"], method="min-max")]
    fitted = fit(*steps, rows=people().slice(10, 11))
    assert [one.type for one in fitted.steps] == ["scale"]
    assert fitted.steps[0].state == {"columns": {"id": [10.0, 10.0]}}


def test_columns_that_are_not_there_are_missing_and_the_target_stays_away() -> None:
    fitted = fit(step("fill-missing", columns=["fare"], method="constant", value="7"))
    found = fitting.apply(fitted, pa.table({"age": [30]}))
    assert found.column("fare").to_pylist() == [7.0] and found.column("age").to_pylist() == [30]
    assert "late" not in found.column_names and found.num_rows == 1


def test_rows_are_dropped_and_repeated_in_training_only() -> None:
    fitted = fit(step("filter", where="age > 30"), step("balance"), step("formula", name="x", expression="age + 1"))
    assert fitting.apply(fitted, people()).num_rows == people().num_rows
    trained = fitting.apply(fitted, people(), training=True).to_pandas()
    assert (trained["age"] > 30).all() and trained["late"].value_counts().nunique() == 1


def test_after_python_rows_that_come_later_are_none_of_those_that_train() -> None:
    encode = step("target-encode", columns=["port"])
    after_python = fit(step("python", code="df['half'] = df['age'] / 2"), encode)
    found, wanted = (fitting.apply(one, people()).column("port") for one in (after_python, fit(encode)))
    assert found.equals(wanted)


def test_days_that_python_leaves_alone_stay_days() -> None:
    code = "df = df.iloc[::2]\ndf['next'] = df['born'] + pd.Timedelta(days=1)\ndf['seen'] = df['seen'].dt.normalize()"
    result = fit(step("python", code=code)).result
    assert [result[one] for one in ("born", "next", "seen")] == ["DATE", "TIMESTAMP", "TIMESTAMP"]


def test_a_number_of_more_than_64_bits_says_what_to_do() -> None:
    with pytest.raises(BadInput, match=r"step group-by: .*out of range.*CAST"):
        fit(
            step("formula", name="x", expression="9000000000000000000 + id"),
            step("group-by", by=["late"], aggregates=["sum(x)"]),
        )


def test_a_step_that_looks_at_other_rows_is_refused_for_single_ones() -> None:
    fitted = fit(step("lag", columns=["age"]))
    with pytest.raises(BadOption, match=r"step lag .* looks at other rows"):
        fitting.apply(fitted, people())


def test_a_value_that_no_step_can_use_is_one_sentence() -> None:
    fitted = fit(step("parse-type", columns=["code"], type="integer", invalid="fail"), rows=people().slice(0, 0))
    with pytest.raises(BadInput, match=r"flow tried.*Could not convert string"):
        fitting.apply(fitted, people())


def test_a_flow_that_splits_after_it_learns_says_which_step_to_move(made: Made) -> None:
    with pytest.raises(BadInput, match="step scale learns before step split") as raised:
        made(step("scale", columns=["age"]), step("split"))
    assert raised.value.hint == "`cupola flow edit --move 'split before=scale'`"


def test_after_sql_that_loses_the_split_nothing_is_learned(made: Made) -> None:
    lost = step("sql", query="select age from df")
    with pytest.raises(BadInput, match="which rows train is not known after step sql"):
        made(step("split"), lost, step("scale", columns=["age"]))
    kept = made(step("split"), step("sql", query="select age, split from df"), step("scale", columns=["age"]))
    assert len(kept.fitted.steps) == 3
