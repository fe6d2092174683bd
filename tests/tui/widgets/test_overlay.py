import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tui.widgets.test_parallel import shown

from cupola_tui.paint import width_of
from cupola_tui.widgets.overlay import overlay, smoothed

NUMBERS = st.floats(-1e300, 1e300)
CURVES = st.lists(st.lists(st.tuples(st.floats(0, 1e6), NUMBERS), max_size=8), max_size=9)


@settings(max_examples=25)
@given(CURVES, st.integers(40, 120), st.integers(6, 20), st.booleans())
def test_any_curves_fit_into_the_room_there_is(
    curves: list[list[tuple[float, float]]], width: int, height: int, log: bool
) -> None:
    lines = overlay(curves, "loss", width, height, log=log)
    assert len(lines) <= height and all(width_of(line) <= width for line in lines)


def test_a_middle_that_is_nearly_zero_is_said_to_be_zero() -> None:
    said = "".join(shown(overlay([[(0.0, -1.0), (9.0, 0.9999)]], "sine", 60, 21)))
    assert "e-" not in said and " 0 ┤" in said


def test_each_curve_has_its_letter_at_its_end_and_the_one_in_front_its_colour() -> None:
    curves = [[(0.0, float(place)), (9.0, float(place))] for place in range(9)]
    lines = overlay(curves, "loss", 60, 21, front=3)
    letters = "".join(
        text for line in shown(lines)[1:] for text in [line.rstrip()[-1:]] if text.isalpha() and text.islower()
    )
    assert letters.startswith("ihgfedcba")
    marked = {text for line in lines for text, style in line if style == "mark"}
    assert "d" in marked and any(text[0] > "\u2800" for text in marked)


def test_fifty_curves_that_end_together_all_find_a_row_or_none() -> None:
    lines = overlay([[(0.0, 0.5), (1.0, 0.5)]] * 50, "loss", 60, 21)
    assert len([line for line in shown(lines) if line.rstrip()[-1:].isalpha()]) >= 18


def test_by_logarithm_what_is_not_above_nothing_is_left_out() -> None:
    text = "\n".join(shown(overlay([[(0.0, 0.001), (1.0, 0.0), (2.0, 10.0)]], "loss", 60, 12, log=True)))
    assert "loss log" in text and "10 ┤" in text and "0.001 ┤" in text and "0.1 ┤" in text
    assert overlay([[(0.0, -1.0)]], "loss", 60, 12, log=True) == [] == overlay([[]], "loss", 60, 12)


def test_smoothing_starts_at_the_first_value_and_forgets() -> None:
    steps = [(float(step), float(step >= 50)) for step in range(101)]
    assert smoothed(steps, 0.0) == steps
    soft = smoothed(steps, 0.99)
    assert soft[0] == (0.0, 0.0) and 0 < soft[50][1] < soft[60][1] < soft[100][1] < 1
    assert max(value for _, value in soft) < 1 and len(soft) == len(steps)


def test_smoothing_is_the_same_for_few_and_for_many_steps() -> None:
    few, many = ([(float(step * each), math.sin(step * each / 100)) for step in range(2000 // each)] for each in (1, 4))
    at = dict(smoothed(few, 0.98))
    assert dict(smoothed(many, 0.98))[1000.0] == pytest.approx(at[1000.0], abs=0.02)
