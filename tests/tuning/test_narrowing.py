"""A space narrowed about the best trials: they lie within it, on every scale; what depended on others is gone."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupola.errors import NotReady
from cupola.tuning import narrowing, space, trials, warming
from cupola.tuning.records import Direction, Tuning
from cupola.tuning.trials import COMPLETED, FAILED, Param, Trial
from cupola.workspace import Workspace

ESTIMATOR = "SVC"
SPACE = ["C=0.01..100:log", "tol=0.05..0.9:reverselog", "kernel=rbf,poly,linear", "degree=2..9 if kernel=poly"]


@pytest.fixture
def workspace(host: Path, tmp_path: Path) -> Workspace:
    """A workspace of a home that all share: what this environment can train is looked at once."""
    return Workspace.init(tmp_path / "workspace")


def tuning(name: str, dimensions: list[space.Dimension], ways: tuple[Direction, ...] = ("maximize",)) -> Tuning:
    return Tuning(
        id=name * 10, name=name, experiment=name, user="ana", host="h", submitted="2026-01-01T00:00:00Z",
        directions=list(ways), metrics=["roc_auc", "log_loss"][: len(ways)], space=dimensions,
        training={"estimator": ESTIMATOR, "target": "late"},
    )  # fmt: skip


def fold(ws: Workspace, one: Tuning, drawn: list[tuple[dict[str, float], list[float] | None]]) -> trials.Fold:
    """The trials of these values, drawn as Optuna holds them."""
    found = trials.Fold(ws.store, one.journals)
    ranges = {each.key: each.distribution for each in one.space}
    for number, (values, scores) in enumerate(drawn):
        params = {name: Param(value, ranges[name]) for name, value in values.items()}
        state = FAILED if scores is None else COMPLETED
        found.trials[number] = Trial(
            number=number, owner="w", run=f"r{number}", state=state, values=scores, params=params
        )
        found.numbers.append(number)
    return found


def test_ranges_go_from_the_lowest_to_the_highest_of_the_best_and_values_are_those_among_them(
    workspace: Workspace,
) -> None:
    one = tuning("a", space.parse(ESTIMATOR, SPACE, {}))
    drawn: list[tuple[dict[str, float], list[float] | None]] = [
        ({"C": 0.01 * place, "1 - tol": 0.1 + place / 100, "kernel": 2.0}, [0.5]) for place in range(1, 9)
    ]
    drawn += [({"C": 3.0 + place, "1 - tol": 0.3, "kernel": 0.0}, [0.85]) for place in range(3)]
    drawn += [
        ({"C": 2.34567, "1 - tol": 0.25, "kernel": 0.0}, [0.9]),
        ({"C": 7.0, "1 - tol": 0.5, "kernel": 1.0, "degree": 3.0}, [0.8]),
        ({"C": 99.0, "1 - tol": 0.9, "kernel": 0.0}, None),
    ]
    found = narrowing.narrowed(one, fold(workspace, one, drawn))
    shown = [each.text for each in found]
    assert shown == ["C=2.34..7:log", "tol=0.5..0.75:reverselog", "kernel=rbf,poly", "degree=2..4 if kernel=poly"]
    assert space.parse(ESTIMATOR, shown, {}) == found


def test_what_depends_on_a_value_that_none_of_the_best_has_is_not_searched_any_more(workspace: Workspace) -> None:
    one = tuning("a", space.parse(ESTIMATOR, SPACE, {}))
    drawn: list[tuple[dict[str, float], list[float] | None]] = [
        ({"C": 1.0 + place, "1 - tol": 0.5, "kernel": 0.0}, [0.9]) for place in range(5)
    ]
    drawn.append(({"C": 50.0, "1 - tol": 0.5, "kernel": 1.0, "degree": 3.0}, [0.1]))
    found = narrowing.narrowed(one, fold(workspace, one, drawn), 0.5)
    assert [each.name for each in found] == ["C", "tol", "kernel"]
    assert found[1].low < 0.5 < found[1].high, "a value that all share has some room beside it"
    assert found[2].values == ("rbf",)


def test_of_several_objectives_front_after_front_counts_as_best(workspace: Workspace) -> None:
    one = tuning("a", space.parse(ESTIMATOR, ["C=0.01..100:log"], {}), ("maximize", "minimize"))
    scores = [[0.9, 0.5], [0.8, 0.4], [0.7, 0.3], [0.6, 0.2], [0.85, 0.6], [0.1, 0.9], [0.2, 0.8]]
    drawn: list[tuple[dict[str, float], list[float] | None]] = [
        ({"C": 1.0 + place}, score) for place, score in enumerate(scores)
    ]
    within = fold(workspace, one, drawn)
    assert [each.number for each in narrowing.best(one, within, 0.2)] == [0, 1, 2, 3, 4]
    assert [each.number for each in narrowing.best(one, within, 0.8)] == [0, 1, 2, 3, 4, 6]


def test_without_trials_or_without_a_space_there_is_nothing_to_narrow(workspace: Workspace) -> None:
    one = tuning("a", space.parse(ESTIMATOR, SPACE, {}))
    with pytest.raises(NotReady, match="fewer than two"):
        narrowing.narrowed(one, fold(workspace, one, [({"C": 1.0, "1 - tol": 0.5, "kernel": 0.0}, [0.9])]))
    with pytest.raises(NotReady, match="study of a script"):
        narrowing.narrowed(tuning("b", []), trials.Fold(workspace.store, "tunings/b/trials"))


@given(
    values=st.lists(st.floats(0.001, 0.95), min_size=2, max_size=12),
    scale=st.sampled_from(["linear", "log", "reverselog"]),
    share=st.floats(0.01, 1.0),
)
def test_the_best_trials_lie_within_the_narrowed_space_and_that_within_the_old(
    values: list[float], scale: space.Scale, share: float
) -> None:
    before = space.Dimension(name="x", kind="Continuous", low=0.001, high=0.95, scale=scale)
    low, high = before.drawn
    held = [min(high, max(low, 1 - one if scale == "reverselog" else one)) for one in values]
    parent = tuning("a", [before])
    many = trials.Fold(None, "")  # type: ignore[arg-type]
    for number, value in enumerate(held):
        params = {before.key: Param(value, before.distribution)}
        many.trials[number] = Trial(number=number, owner="w", state=COMPLETED, values=[value], params=params)
        many.numbers.append(number)
    (found,) = narrowing.narrowed(parent, many, share)
    assert before.low <= found.low < found.high <= before.high
    child = tuning("b", [found])
    for one in narrowing.best(parent, many, share):
        assert warming._inside(parent, child, one), "a trial that the range was made of is taken over"
