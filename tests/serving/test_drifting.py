"""How far predictions have moved, from the counts that server processes tell."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cupola.serving import drifting


def counted(values: object, probabilities: object = None) -> dict[str, int]:
    found: dict[str, int] = {}
    drifting.count(np.asarray(values), None if probabilities is None else np.asarray(probabilities), found)
    return found


def test_the_same_distribution_has_not_moved_and_another_has() -> None:
    draw = np.random.default_rng(1)
    before = counted(draw.normal(5, 1, 900))
    assert drifting.between(before, counted(draw.normal(5, 1, 900))) == pytest.approx(0, abs=0.1)
    for other in (draw.normal(7, 1, 900), draw.normal(-5, 1, 900), np.full(900, 1e300), np.zeros(900)):
        moved = drifting.between(before, counted(other))
        assert moved is not None and moved > 0.2


def test_what_never_changes_is_told_from_what_never_changes_otherwise() -> None:
    before = counted(["no"] * 90, [[0.1, 0.9]] * 90)
    assert drifting.between(before, before) == pytest.approx(0, abs=1e-9)
    for share in (0.01, 0.95):
        moved = drifting.between(before, counted(["no"] * 90, [[1 - share, share]] * 90))
        assert moved is not None and moved > 0.2


def test_classes_and_numbers_are_never_alike() -> None:
    moved = drifting.between(counted(["a", "b", "c"] * 30), counted([1.0, 2.0, 3.0] * 30))
    assert moved is not None and moved > 0.2


def test_few_predictions_say_nothing() -> None:
    assert drifting.between(counted([1.0] * 90), counted([9.0] * 10)) is None


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=60))
@settings(deadline=None)
def test_a_distribution_has_not_moved_from_itself(values: list[float]) -> None:
    cells = {cell: 60 * number for cell, number in counted(values).items()}
    assert drifting.between(cells, cells) == pytest.approx(0, abs=1e-9)
