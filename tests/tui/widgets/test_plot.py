import math

from hypothesis import given
from hypothesis import strategies as st

from cupola_tui.paint import width_of
from cupola_tui.widgets.plot import area, curve, scatter

POINTS = st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(allow_nan=True, allow_infinity=True)), max_size=30)


@given(POINTS, st.integers(20, 120), st.integers(2, 20))
def test_any_points_fit_into_the_room_there_is(points: list[tuple[float, float]], width: int, height: int) -> None:
    for lines in (curve({"m": points}, width, height)[1:], scatter(points, width, height)):
        assert len(lines) <= height + 2
        assert all(width_of(line) <= max(width, 40) for line in lines)


def test_a_rising_curve_ends_at_the_top_right() -> None:
    lines = curve({"roc_auc": [(x, x / 10) for x in range(11)]}, 40, 6)
    assert "roc_auc 1.0000" in "".join(text for text, _ in lines[0])
    top, bottom = ("".join(text for text, _ in lines[row]) for row in (1, 6))
    assert top.rstrip()[-1] > "\u2800" and bottom[9] != " "


def test_what_was_never_negative_has_no_axis_below_zero() -> None:
    text = "".join(part for line in curve({"loss": [(0, 0.3), (1, 0.0)]}, 40, 6) for part, _ in line)
    assert "-0" not in text


def test_an_area_shows_the_newest_at_the_right() -> None:
    lines = area([0.0, 0.0, 8.0], 20, 2, "good")
    assert lines[0][2][0].rstrip().endswith("█") and lines[0][2][0].startswith(" ")


def test_no_finite_point_draws_nothing() -> None:
    assert curve({"m": [(0.0, math.nan)]}, 40, 5) == [] and scatter([], 40, 5) == []


def test_a_narrow_legend_says_once_what_the_curves_share() -> None:
    series = {"validation_log_loss": [(1.0, 0.5), (2.0, 0.4)], "train_log_loss": [(1.0, 0.5), (2.0, 0.3)]}
    wide, narrow = (curve(series, width, 6)[0] for width in (90, 50))
    said = ["".join(text for text, _ in line).replace("━", "").split() for line in (wide, narrow)]
    assert said[0] == ["validation_log_loss", "0.4000", "train_log_loss", "0.3000"]
    assert said[1] == ["log_loss", "validation", "0.4000", "train", "0.3000"]
