"""What has become of an execution is the fold of the journals of those that have driven it."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupola import actions
from cupola.pipelines import standing
from cupola.pipelines.records import Execution, ExecutionState, Line, Pipeline, Step, StepState
from cupola.workspace import Workspace
from cupola_tui.commands import progress

JOB = SimpleNamespace(over=False, secondary_status="Running", message="")

DEFINITION = Pipeline(
    name="p", path="pipelines/p.toml", sha256="", steps=[Step(name=name, type="Lambda") for name in ("a", "b")]
)


def line(op: str, step: str = "", status: str = "", attempt: int = 1) -> Line:
    state = StepState(name=step, type="Lambda", status=status, attempt=attempt) if status else None
    return Line(op=op, step=step, state=state)


def test_a_step_that_was_begun_and_not_ended_is_executing() -> None:
    found = standing.fold(DEFINITION, [line("begin"), line("begin", "a", "Executing")])
    assert [one.status for one in found.values()] == ["Executing", "Waiting"]


def test_another_round_does_again_what_has_not_succeeded() -> None:
    written = [line("begin"), line("end", "a", "Succeeded"), line("end", "b", "Failed", 2), line("begin")]
    found = standing.fold(DEFINITION, written)
    assert [one.status for one in found.values()] == ["Succeeded", "Waiting"]
    assert found["b"].attempt == 2


def test_the_steps_of_a_foreach_stand_after_it() -> None:
    written = [line("end", "b", "Succeeded"), line("end", "a[0]", "Succeeded"), line("end", "a[1]", "Succeeded")]
    found = standing.in_order(standing.fold(DEFINITION, written))
    assert [one.name for one in found] == ["a", "a[0]", "a[1]", "b"]


def test_one_that_ends_while_its_journals_are_read_has_not_failed(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = [line("begin"), line("end", "a", "Succeeded"), Line(op="over", status="Succeeded", job="j")]
    read = iter([[], end, end])
    monkeypatch.setattr(standing, "lines", lambda *_: next(read))
    monkeypatch.setattr(standing.jobs, "some", lambda *_: {"j": SimpleNamespace(over=True)})
    execution = Execution(
        id="e", pipeline="p", user="u", host="h", submitted="", definition=DEFINITION, job="j"
    )  # fmt: skip
    assert standing.of(workspace.store, execution).status == "Succeeded"


def test_who_waits_for_one_no_more_is_told_how_to_stop_it(workspace: Workspace) -> None:
    started = ExecutionState(execution="e1", pipeline="p", status="Executing")
    assert "cupola pipeline stop e1" in progress.going_on(workspace, actions.find("pipeline run"), started)


def test_what_steps_wait_for_is_said(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [
        Step(name="each", type="ForEach"), Step(name="ask", type="Callback"), Step(name="last", type="Fail",
        depends_on=["each", "ask"]),
    ]  # fmt: skip
    definition = Pipeline(name="p", path="", sha256="", steps=steps)
    states = [
        StepState(name="each", type="ForEach", status="Executing", items=4),
        StepState(name="each[0]", type="Lambda", status="Succeeded"),
        StepState(name="each[1]", type="Lambda", status="Executing", secondary_status="WaitingForRetry"),
        StepState(name="ask", type="Callback", status="Executing", secondary_status="WaitingForAnswer"),
    ]
    monkeypatch.setattr(standing, "lines", lambda *_: [Line(op="begin", step=one.name, state=one) for one in states])
    monkeypatch.setattr(standing.jobs, "some", lambda *_: {"j": JOB})
    execution = Execution(id="e", pipeline="p", user="u", host="h", submitted="", definition=definition, job="j")
    now = standing.of(workspace.store, execution)
    said = {one.name: one.message for one in now.steps}
    assert (said["each"], said["last"]) == ("1 of 4", "comes after each, ask")
    assert now.message == "each[1] waits for its next try, ask waits for an answer"
    assert now.secondary_status == "WaitingForRetry" and now.progress == pytest.approx(1 / 12)


LINES = st.lists(
    st.builds(
        line,
        st.sampled_from(["begin", "end"]),
        st.sampled_from(["a", "b"]),
        st.sampled_from(["Executing", "Succeeded", "Failed", "Skipped"]),
    )
)


@given(LINES, LINES)
def test_a_fold_goes_on_where_another_has_ended(first: list[Line], second: list[Line]) -> None:
    """Whoever takes over sees what a reader sees: nothing else than the lines counts."""
    whole = standing.fold(DEFINITION, [*first, *second])
    last: dict[str, StepState] = {one.step: one.state for one in [*first, *second] if one.state}
    assert {name: state for name, state in whole.items() if name in last} == last
