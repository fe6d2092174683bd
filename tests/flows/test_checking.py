"""What is wrong with a flow is said before a job is filed for it, as far as it shows without the rows."""

import pytest
from tests.flows.conftest import step

import cupola
from cupola.errors import BadInput, BadOption
from cupola.flows import checking, records
from cupola.flows.records import Flow, FlowStep
from cupola.store import Store
from cupola.workspace import Workspace


def foreseen(store: Store, steps: list[FlowStep]) -> list[str] | None:
    flow = Flow(name="tried", sources={"people": "people"}, steps=steps)
    return checking.columns(store, flow, records.ordered(flow))[steps[-1].id]


def test_a_column_that_a_later_step_has_not_is_told_when_the_run_is_asked_for(workspace: Workspace) -> None:
    ws = cupola.open(workspace.root)
    ws.flow.new("gone", source=["people"], add=["drop-columns columns=fare", "scale id=wide columns=age,fare"])
    assert "step wide" in ws.flow.show("gone").wrong and "'fare'" in ws.flow.show("gone").wrong
    with pytest.raises(BadOption, match="there is no column 'fare' here") as said:
        ws.flow.run("gone")
    assert said.value.info().where == "flow gone, step wide"
    assert ws.flow.edit("gone", add=["formula id=fresh name=fare expression=age before=wide"]).wrong == ""


def test_what_is_not_known_without_the_rows_is_not_refused(store: Store) -> None:
    assert foreseen(store, [step("one-hot-encode", columns=["port"]), step("scale", columns=["port_Oslo"])]) is None
    assert foreseen(store, [step("scale", columns=["age"]), step("drop-columns", columns=["split"])]) is not None


def test_a_column_that_a_formula_or_a_condition_has_not_is_told_with_its_step(workspace: Workspace) -> None:
    ws = cupola.open(workspace.root)
    ws.flow.new("sums", source=["people"], add=["formula id=twice name=x expression='2 * faer'"])
    assert "step twice: there is no column 'faer'" in ws.flow.show("sums").wrong
    with pytest.raises(BadOption, match="there is no column 'faer' here") as said:
        ws.flow.run("sums")
    assert said.value.info().where == "flow sums, step twice"
    ws.flow.edit("sums", set=["twice expression='2 * fare'"], add=["filter id=few where='x > 3 and agee < 9'"])
    assert "step few: there is no column 'agee'" in ws.flow.show("sums").wrong
    ws.flow.edit("sums", set=["few where='x > 3 and age < 9'"])
    assert ws.flow.show("sums").wrong == ""


def test_a_flow_without_a_source_is_told_before_its_job(workspace: Workspace) -> None:
    ws = cupola.open(workspace.root)
    ws.flow.new("bare", source=["people"])
    ws.flow.edit("bare", source=["people="])
    assert "it has no source" in ws.flow.show("bare").wrong
    with pytest.raises(BadInput, match="it has no source"):
        ws.flow.run("bare")
