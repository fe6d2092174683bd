import math
import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from cupola.plots.records import Bars, Curves, Matrix, Series
from cupola_tui.paint import width_of
from cupola_tui.widgets.plot import area, curve, drawn, scatter

POINTS = st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(allow_nan=True, allow_infinity=True)), max_size=30)


@given(POINTS, st.integers(20, 120), st.integers(2, 20))
@example([(0.0, -125_000.0)], 40, 2)
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


def text_of(lines: list[list[tuple[str, str]]]) -> str:
    return "\n".join("".join(text for text, _ in line) for line in lines)


NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
SERIES = st.builds(
    Series,
    name=st.text(max_size=30),
    points=st.lists(st.tuples(NUMBERS, NUMBERS), max_size=8),
    kind=st.sampled_from(["line", "points", "guide"]),
    low=st.lists(NUMBERS, max_size=8),
    high=st.lists(NUMBERS, max_size=8),
)
DRAWINGS = st.one_of(
    st.builds(
        Curves, name=st.just("c"), title=st.text(), x=st.text(), y=st.text(), series=st.lists(SERIES, max_size=6)
    ),
    st.builds(
        Bars, name=st.just("b"), title=st.text(), of=st.text(), names=st.lists(st.text()), values=st.lists(NUMBERS)
    ),
)


@example(
    plot=Curves(
        name="c",
        title="",
        x="",
        y="",
        series=[*(Series(name=name, points=[]) for name in ("", "", "0000")), *[Series(name="", points=[(0, 0)])] * 2],
    ),
    width=39,
    height=2,
).via("a legend whose last words fit, but not the blanks behind them")
@given(DRAWINGS, st.integers(30, 140), st.integers(2, 30))
def test_any_plot_is_drawn_within_its_width_and_says_nothing_that_a_terminal_acts_upon(
    plot: Curves | Bars, width: int, height: int
) -> None:
    lines = drawn(plot, width, height)
    assert all(width_of(line) <= max(width, 40) for line in lines if isinstance(plot, Curves))
    assert not any(unicodedata.category(letter) == "Cc" for line in lines for text, _ in line for letter in text)


def test_a_guide_is_dotted_and_a_band_lies_about_its_line() -> None:
    series = [
        Series(name="seen", points=[(0, 0.5), (1, 0.5)], low=[0.25, 0.25], high=[0.75, 0.75]),
        Series(name="by chance", points=[(0, 0), (1, 1)], kind="guide"),
    ]
    limits = (0.0, 1.0, 0.0, 1.0)
    lines = drawn(Curves(name="c", title="Calibration", x="p", y="share", series=series, limits=limits), 60, 9)
    assert text_of(lines[:2]).split() == ["Calibration", "share", "━", "seen", "┅", "by", "chance"]
    dots = [
        sum(bin(ord(letter) - 0x2800).count("1") for letter in text_of([line]) if letter >= "\u2800") for line in lines
    ]
    full, band = max(dots), [one for one in dots if 0 < one < max(dots)]
    assert full >= 2 * (60 - 9) and len(band) >= 6 and max(band) < full / 2
    assert {style for line in lines for text, style in line if any(letter > "\u2800" for letter in text)} >= {
        "accent",
        "dim",
    }


def test_a_curve_says_its_newest_value() -> None:
    one = Curves(
        name="c", title="Loss", x="step", y="loss", series=[Series(name="train", points=[(0, 0.5), (1, 0.25)])]
    )
    assert "train 0.2500" in text_of(drawn(one, 60, 6))


def test_bars_are_as_long_as_their_values_and_what_is_below_zero_is_marked() -> None:
    lines = drawn(
        Bars(name="b", title="Importance", of="lost", names=["age", "city", "none"], values=[0.5, -0.25, 0]), 60, 9
    )
    bars = [(text.count("█"), style) for line in lines[2:] for text, style in line if style in ("good", "bad")]
    assert abs(bars[0][0] - 2 * bars[1][0]) <= 1 < bars[1][0] and [style for _, style in bars] == [
        "good",
        "bad",
        "good",
    ]
    assert "-0.2500" in text_of(lines)


def test_a_matrix_says_how_much_of_each_class_is_right() -> None:
    lines = drawn(Matrix(name="m", title="Confusion", classes=["no", "yes"], counts=[[90, 10], [5, 1_000_000]]), 60, 9)
    assert "90.0% right" in text_of(lines) and "1,000,000" in text_of(lines) and "predicted" in text_of(lines)


def test_a_band_is_dots_with_gaps_below_the_line_after_it_and_has_no_legend() -> None:
    points = [(0.0, 5.0), (10.0, 5.0)]
    band = Series(name="80 %", points=points, kind="band", low=[0.0, 0.0], high=[10.0, 10.0])
    plot = Curves(name="f", title="f", x="x", y="", series=[band, Series(name="middle", points=points)])
    lines = ["".join(text for text, _ in line) for line in drawn(plot, 40, 8)]
    assert "middle" in lines[1] and "80 %" not in lines[1]
    dots = [sum(bin(ord(one) - 0x2800).count("1") for one in line if 0x2800 <= ord(one) < 0x2900) for line in lines]
    assert max(dots) > 50 and sum(one > 8 for one in dots) >= 7  # a line, and a shade in every row


def test_an_axis_of_time_says_dates() -> None:
    points = [(1.7e9, 1.0), (1.7e9 + 86400 * 40, 2.0)]
    plot = Curves(name="t", title="t", x="day", y="", series=[Series(name="one", points=points)], times=True)
    text = "\n".join("".join(part for part, _ in line) for line in drawn(plot, 60, 6))
    assert "2023-11-14" in text and "2023-12-24" in text
