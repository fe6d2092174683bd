"""How many server processes there are to be, from how long requests wait."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cupola.serving import scaling
from cupola.serving.scaling import Scaler


def run(one: Scaler, waits: list[float | None], low: int = 1, high: int = 4, begun: float = 0.0) -> list[int]:
    """What is decided each second."""
    return [scaling.look(one, begun + second, wait, low, high) for second, wait in enumerate(waits)]


def test_waiting_brings_more_and_calm_takes_them_away_later() -> None:
    one = Scaler(workers=1)
    assert run(one, [100.0] * 3)[-1] == 2
    assert run(one, [5.0] * 300, begun=3)[-1] == 2
    assert run(one, [None] * 59, begun=400)[-1] == 2
    assert run(one, [None] * 100, begun=459)[-1] == 1


def test_a_moment_of_waiting_changes_nothing() -> None:
    assert set(run(Scaler(workers=1), [100.0, 5.0] * 50)) == {1}


def test_it_does_not_flap_where_one_is_too_few_and_two_are_enough() -> None:
    one, sizes = Scaler(workers=1), [1]
    for second in range(7200):
        sizes.append(scaling.look(one, second, 100.0 if sizes[-1] == 1 else 0.0, 1, 4))
    assert sum(before != after for before, after in pairwise(sizes)) < 20


@given(st.lists(st.one_of(st.none(), st.floats(0, 1e4)), max_size=300), st.integers(1, 4), st.integers(0, 4))
def test_it_stays_within_its_bounds(waits: list[float | None], low: int, more: int) -> None:
    assert all(low <= size <= low + more for size in run(Scaler(workers=1), waits, low, low + more))
