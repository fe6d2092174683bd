"""How a change moves, as pure decisions: whatever happens in whatever order, and wherever its keeper is killed."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupola.serving import course, rollouts
from cupola.serving.course import Course
from cupola.serving.records import Endpoint, Variant
from cupola.serving.rollouts import Plan, Rollout

NOW = "2026-11-30T05:00:00.000000Z"
plans = st.builds(
    Plan,
    strategy=st.sampled_from(["ALL_AT_ONCE", "CANARY", "LINEAR", "ROLLING"]),
    share=st.floats(0.05, 1.0),
    bake=st.sampled_from([0.0, 3.0]),
)
events = st.lists(st.sampled_from(["settled", "time", "alarm", "promote", "back", "lost", "lost served"]), max_size=40)


def endpoint(*models: str, plan: Plan | None = None, generation: int = 0, shadow: float = 0.0) -> Endpoint:
    variants = [Variant(name=f"v{one}", model=one) for one in models]
    if shadow:
        variants[-1].shadow = shadow
    return Endpoint(name="e", host="h", user="u", variants=variants, rollout=plan or Plan(), generation=generation)


def moving(plan: Plan, workers: int = 4) -> Course:
    """A course on which a change from a to b has begun."""
    found = Course()
    course.take(found, endpoint("a"), NOW)
    found.in_service = True
    wish = endpoint("b", plan=plan)
    wish.workers = workers
    course.take(found, wish, NOW)
    assert found.rollout is not None and found.rollout.moving
    return found


def happen(one: Course, event: str) -> None:
    match event:
        case "settled":
            course.settled(one, NOW)
        case "time":
            course.watch(one, 1.0, NOW)
        case "alarm":
            course.fail(one, "alarm", NOW, of_served=False)
        case "lost":
            course.fail(one, "lost", NOW, of_served=False)
        case "lost served":
            course.fail(one, "lost", NOW, of_served=True)
        case "promote" if one.to is not None:
            course.take(one, endpoint("b", plan=Plan(at_once=True)), NOW)
        case "back" if one.to is not None:
            course.take(one, endpoint("a", plan=Plan(at_once=True, back=True)), NOW)


def share_of_new(one: Course) -> float:
    """The share of the requests that b gets."""
    weights = {variant.name: variant.weight for variant in course.lineup(one)}
    return weights.get("vb", 0.0) / sum(weights.values())


@given(plans, events)
def test_the_new_gets_more_and_more_until_all_or_nothing(plan: Plan, happening: list[str]) -> None:
    one = moving(plan)
    assert one.rollout is not None
    so_far, over = 0.0, False
    for event in happening:
        happen(one, event)
        single = len(one.rollout.steps) == 1 and not one.rollout.bake
        over = over or one.rollout.status in ("RollingBack", "RolledBack", "UpdateRollbackFailed")
        if over:
            assert share_of_new(one) == 0.0 and one.to is None
        elif not single:
            assert share_of_new(one) >= so_far - 1e-9
            so_far = share_of_new(one)
        assert sum(group.count for group in course.groups(one, 4)) == 4
        assert all(variant.weight >= 0 for variant in course.lineup(one))
        assert one.served is not None
    if one.rollout.status == "Completed":
        assert one.served is not None
        assert course.keys(one.served) == ["vb=b"] and one.previous and course.keys(one.previous) == ["va=a"]


@given(plans, events, st.integers(0, 40))
def test_a_keeper_that_is_killed_anywhere_goes_on_alike(plan: Plan, happening: list[str], killed: int) -> None:
    whole, parted = moving(plan), moving(plan)
    for number, event in enumerate(happening):
        happen(whole, event)
        if number == killed:
            parted = msgspec.json.decode(msgspec.json.encode(parted), type=Course)
        happen(parted, event)
    assert parted == whole


@given(plans)
def test_a_change_that_nothing_happens_to_ends_well(plan: Plan) -> None:
    one = moving(plan)
    assert one.rollout is not None
    for _ in range(1000):
        course.settled(one, NOW)
        course.watch(one, 1.0, NOW)
        if not one.rollout.moving:
            break
    assert one.rollout.status == "Completed" and one.rollout.share == 1.0
    assert all(step.since for step in one.rollout.steps)


@pytest.mark.parametrize(
    ("plan", "workers", "wanted"),
    [
        (Plan(), 4, [1.0]),
        (Plan(strategy="CANARY", share=0.1), 4, [0.1, 1.0]),
        (Plan(strategy="LINEAR", share=0.3), 4, [0.3, 0.6, 0.9, 1.0]),
        (Plan(strategy="ROLLING", share=0.1), 4, [0.25, 0.5, 0.75, 1.0]),
        (Plan(strategy="ROLLING", share=0.5), 4, [0.5, 1.0]),
        (Plan(strategy="CANARY", share=0.1, at_once=True), 4, [1.0]),
    ],
)
def test_the_steps_of_each_strategy(plan: Plan, workers: int, wanted: list[float]) -> None:
    assert rollouts.shares(plan, workers) == pytest.approx(wanted)


def test_a_rolling_change_keeps_as_many_servers_as_there_were() -> None:
    one = moving(Plan(strategy="ROLLING", share=0.25, bake=1.0))
    course.settled(one, NOW)
    counts = [(course.keys(each.settings), each.count) for each in course.groups(one, 4)]
    assert counts == [(["vb=b"], 1), (["va=a"], 3)]


def test_weights_workers_and_shadows_that_become_variants_need_no_other_servers() -> None:
    one = Course()
    course.take(one, endpoint("a", "b"), NOW)
    one.in_service = True
    changed = endpoint("a", "b")
    changed.variants[0].weight, changed.workers = 9.0, 3
    course.take(one, changed, NOW)
    assert one.rollout is None and [each.weight for each in course.lineup(one)] == [9.0, 1.0]
    course.take(one, endpoint("a", "b", "c", shadow=0.5), NOW)
    assert isinstance(one.rollout, Rollout)
    for _ in range(3):
        course.settled(one, NOW)
    course.take(one, endpoint("c"), NOW)
    assert one.rollout.status == "Completed" and one.to is None and course.keys(one.served or changed) == ["vc=c"]


def test_a_rollback_that_was_asked_for_and_cannot_be_had_is_said_so() -> None:
    one = Course()
    for model in ("a", "b"):
        course.take(one, endpoint(model), NOW)
        one.in_service = True
        for _ in range(3):
            course.settled(one, NOW)
    course.take(one, endpoint("a", plan=Plan(at_once=True, back=True)), NOW)
    assert course.fail(one, "the file is gone", NOW, of_served=False)
    assert one.rollout is not None and one.rollout.status == "UpdateRollbackFailed" and one.refused
    assert one.served is not None and course.keys(one.served) == ["vb=b"]
