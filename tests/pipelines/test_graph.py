"""Which step comes after which."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from cupola.pipelines import graph
from cupola.pipelines.records import Compared, Pipeline, Step, StepState


def pipeline(steps: list[Step]) -> Pipeline:
    return Pipeline(name="p", path="pipelines/p.toml", sha256="", steps=steps)


def lambdas(needs: dict[str, list[str]]) -> Pipeline:
    return pipeline([Step(name=name, type="Lambda", depends_on=above) for name, above in needs.items()])


NAMES = [f"s{number}" for number in range(8)]


@given(st.permutations(NAMES), st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7))))
def test_steps_that_only_look_back_go_in_no_circle(order: list[str], pairs: set[tuple[int, int]]) -> None:
    needs: dict[str, list[str]] = {name: [] for name in order}
    for one, other in pairs:
        if one != other:
            needs[order[max(one, other)]].append(order[min(one, other)])
    assert graph.circle(lambdas(needs)) == []


@given(st.dictionaries(st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), max_size=3)))
def test_what_is_called_a_circle_is_one(needs: dict[str, list[str]]) -> None:
    needs = {name: [one for one in above if one in needs] for name, above in needs.items()}
    found = graph.circle(lambdas(needs))
    if found:
        assert found[0] == found[-1]
        assert all(after in needs[name] for name, after in itertools.pairwise(found))
    else:
        done: set[str] = set()
        while len(done) < len(needs):
            ready = {name for name, above in needs.items() if name not in done and done.issuperset(above)}
            assert ready
            done |= ready


def test_an_edge_of_a_condition_bears_what_it_has_compared() -> None:
    steps = [
        Step(name="good", type="Condition", if_steps=["yes"], else_steps=["no"]),
        Step(name="yes", type="Lambda"),
        Step(name="no", type="Fail"),
    ]
    seen = [Compared(type="GreaterThanOrEqualTo", left=0.71234, right=0.7, result=True)]
    states = {"good": StepState(name="good", type="Condition", status="Succeeded", result=True, values=seen)}
    yes, no = graph.edges(pipeline(steps), states)
    assert (yes.text, yes.taken, yes.branch) == ("0.7123 ≥ 0.7", True, "if")
    assert (no.taken, no.branch) == (False, "else")


def test_what_a_foreach_has_begun_is_drawn_below_it() -> None:
    steps = [Step(name="train", type="ForEach"), Step(name="select", type="Lambda", depends_on=["train"])]
    states = {name: StepState(name=name, type="Training") for name in ("train", "train[0]", "train[1]", "select")}
    found = [(one.source, one.target) for one in graph.edges(pipeline(steps), states)]
    assert found == [("train", "select"), ("train", "train[0]"), ("train", "train[1]")]


def test_a_step_after_two_branches_is_run_when_one_of_them_was() -> None:
    states = {
        "yes": StepState(name="yes", type="Lambda", status="Succeeded"),
        "no": StepState(name="no", type="Lambda", status="Skipped"),
    }
    joined = Step(name="after", type="Lambda", depends_on=["yes", "no"])
    assert not graph.is_skipped(joined, [], states)
    refers = Step(name="after", type="Lambda", arguments={"x": "${steps.no.outputs.y}"}, depends_on=["yes"])
    assert graph.is_skipped(refers, [], states)
