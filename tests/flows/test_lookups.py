"""A join goes with a model where its right side is another dataset, or steps of one, with one row for each key."""

from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from tests.flows.conftest import step
from tests.flows.test_serving import same

from cupola.datasets import records as datasets
from cupola.errors import BadOption
from cupola.flows import byvalue, fitting, lookups, records, serving
from cupola.flows.byvalue import NotByValue
from cupola.flows.records import Flow, FlowStep
from cupola.flows.transforms import catalogue
from cupola.store import Store

JOIN = step("join", "people", "once", on=["port"])
ONCE = step("drop-duplicates", "ports", id="once", columns=["port"])


def asked(store: Store, *steps: FlowStep) -> dict[str, Any]:
    flow = Flow(name="tried", sources={"people": "people", "ports": "ports"}, steps=list(steps))
    refs = {"ports": datasets.find(store, "ports").ref}
    return lookups.answer(store, msgspec.to_builtins(flow), "people", refs)


def test_the_rows_of_the_right_side_are_taken_after_the_steps_that_lead_to_it(store: Store) -> None:
    found = asked(store, ONCE, JOIN)["join"]
    assert found["columns"] == {"port": "VARCHAR", "country": "VARCHAR"}
    assert found["rows"] == [["Oslo", "NO"], ["Rio", "BR"], ["Bern", "CH"]]


def test_a_key_with_several_rows_and_a_table_that_is_too_large_are_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadOption, match=r"step join: ports has several rows of the key Rio.*drop-duplicates"):
        asked(store, step("join", "people", "ports", on=["port"]))
    monkeypatch.setattr(lookups, "BYTES", 20)
    with pytest.raises(BadOption, match="at most 0 KB go with a model"):
        asked(store, ONCE, JOIN)
    monkeypatch.setattr(lookups, "ROWS", 2)
    with pytest.raises(BadOption, match="it looks up 3 rows, and at most 2 go with a model"):
        asked(store, ONCE, JOIN)


def test_only_a_left_join_with_what_takes_nothing_of_the_rows_themselves_goes_with_a_model() -> None:
    counts = step("group-by", "people", id="counts", by=["port"], aggregates=["count()"])
    for steps, words in (
        ([step("join", "people", "ports", on=["port"], how="inner")], "drop or add rows"),
        ([counts, step("join", "people", "counts", on=["port"])], "step counts .group-by. looks at other rows"),
        ([step("python", "ports", id="own", code="df"), step("join", "people", "own", on=["port"])], "step own"),
    ):
        with pytest.raises(BadOption, match=words):
            catalogue.check_servable(steps, records.aside(steps, "people"))
    catalogue.check_servable([ONCE, JOIN], records.aside([ONCE, JOIN], "people"))


def joined(*more: FlowStep, found: dict[str, Any]) -> serving.Served:
    rows = pd.DataFrame({"port": ["Oslo", "Rio", None, "Bern"] * 5, "country": np.arange(20.0), "late": [0, 1] * 10})
    flow = Flow(name="tried", sources={"people": "", "ports": ""}, steps=[ONCE, JOIN, *more])
    table = pa.Table.from_pandas(rows, preserve_index=False)
    fitted = fitting.fit(flow, {"people": table}, target="late", lookups={"join": found})
    assert [one.id for one in fitted.steps] == ["join", *(one.id for one in more)]
    assert fitting.apply(fitted, table, training=True).num_rows == 20
    return serving.Served(msgspec.json.decode(msgspec.json.encode(fitted), type=type(fitted)), ["country_right"])


def test_a_row_alone_is_looked_up_by_plain_python_as_by_duckdb(store: Store) -> None:
    flow = joined(found=asked(store, ONCE, JOIN)["join"])
    assert flow._program is not None and flow.by_row
    assert flow.takes == ["port"]  # and not `country`, which is also the name of a column that is looked up
    rows = pd.DataFrame({"port": ["Rio", None, "nowhere", "Oslo"]})
    assert [one if isinstance(one, str) else None for one in flow.transform(rows)["country_right"]] == [
        "BR", None, None, "NO",
    ]  # fmt: skip
    same(flow.transform(rows), flow.by_sql(rows))


def test_steps_after_a_join_take_what_it_has_looked_up_and_other_types_are_left_to_duckdb(store: Store) -> None:
    found = asked(store, ONCE, JOIN)["join"]
    flow = joined(step("fill-missing", columns=["country_right"], method="constant", value="?"), found=found)
    assert list(flow.transform(pd.DataFrame({"port": ["Bern", None]}))["country_right"]) == ["CH", "?"]
    dated = {
        "columns": {"port": "VARCHAR", "since": "DATE", "country": "VARCHAR"},
        "rows": [["Rio", "1950-01-31", "BR"]],
    }
    flow = joined(found=dated)
    with pytest.raises(NotByValue, match="since is a DATE"):
        byvalue.program(flow.fitted, flow.takes, flow.wanted)
    assert list(flow.transform(pd.DataFrame({"port": ["Rio"]}))["country_right"]) == ["BR"]
