"""What has become of an execution is the fold of the journals of those that have driven it."""

from hypothesis import given
from hypothesis import strategies as st

from cupola.pipelines import standing
from cupola.pipelines.records import Line, Pipeline, Step, StepState

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
