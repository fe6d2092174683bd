"""Contours: what is drawn follows the records, and between them lies between them."""

import math

from hypothesis import given
from hypothesis import strategies as st

from cupola_tui.paint import width_of
from cupola_tui.widgets.contour import BANDS, _stretched, contour
from cupola_tui.widgets.scales import Axis

PLACES = st.tuples(st.integers(0, 7), st.integers(0, 11))


@given(known=st.dictionaries(PLACES, st.floats(0, 1), min_size=1, max_size=20))
def test_between_records_it_lies_between_them_and_at_records_it_is_what_they_say(
    known: dict[tuple[int, int], float],
) -> None:
    found = _stretched(known, 8, 12)
    assert all(found[row][column] == value for (row, column), value in known.items())
    low, high = min(known.values()), max(known.values())
    assert all(low - 1e-9 <= value <= high + 1e-9 for line in found for value in line)


def test_the_better_is_denser_whichever_way_better_is() -> None:
    right = [place % 20 for place in range(200)]
    up = [place // 20 for place in range(200)]
    height = [float(x) for x in right]
    for smaller in (False, True):
        lines = contour(
            Axis("x", right), Axis("y", up), Axis("loss", height), 70, 16, smaller_is_better=smaller
        )  # fmt: skip
        rows = ["".join(text for text, _ in line) for line in lines][2:-2]
        assert len(rows) == 11 and all(width_of(line) <= 70 for line in lines)
        ends = [rows[5][11], rows[5].rstrip()[-1]]
        assert ends == [BANDS[-1], BANDS[0]] if smaller else [BANDS[0], BANDS[-1]]
        assert sum(row.count("╳") for row in rows) == 1


def test_records_without_all_three_values_and_such_as_are_no_numbers_are_left_out() -> None:
    x, y = Axis("x", [1, None, 3, math.nan]), Axis("y", ["a", "b", None, "c"])
    assert "╳" in "".join(text for line in contour(x, y, Axis("z", [1.0, 2.0, 3.0, 4.0]), 40, 12) for text, _ in line)
    assert contour(Axis("x", [None]), Axis("y", [1]), Axis("z", [1.0]), 40, 12) == []
