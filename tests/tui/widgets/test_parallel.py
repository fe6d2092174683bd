from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cupola_tui.paint import Line, width_of
from cupola_tui.widgets.parallel import parallel, room
from cupola_tui.widgets.scales import Axis, Scale, is_wide, shades
from cupola_tui.widgets.scatter import scatter

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.lists(st.integers(), max_size=2)
)


def shown(lines: list[Line]) -> list[str]:
    return ["".join(text for text, _ in line) for line in lines]


@st.composite
def axes(draw: Any) -> list[Axis]:
    records = draw(st.integers(0, 12))
    columns = st.lists(VALUES, min_size=records, max_size=records)
    return [
        Axis(*draw(st.tuples(st.text(max_size=30), columns, st.booleans()))) for _ in range(draw(st.integers(2, 6)))
    ]


@settings(max_examples=25)
@given(axes(), st.integers(40, 130), st.integers(6, 20))
def test_any_values_fit_into_the_room_there_is(figures: list[Axis], width: int, height: int) -> None:
    for lines in (
        parallel(figures, width, height, chosen=0 if figures[0].values else None),
        scatter(figures[0], figures[1], width, height, colour=figures[-1]),
    ):
        assert len(lines) <= height
        assert all(width_of(line) <= width for line in lines)
        assert all(text.isprintable() for text in shown(lines))


def test_a_line_goes_from_the_bottom_of_one_axis_to_the_top_of_the_other() -> None:
    lines = shown(parallel([Axis("a", [1.0, 3.0]), Axis("b", [20, 10])], 40, 11))
    assert lines[0].split() == ["a", "b"]
    assert lines[1].split() == ["3", "20"] and lines[-1].split() == ["1", "10"]
    assert lines[2].strip()[1] > "\u2800" and lines[2].strip()[-2] > "\u2800"
    assert lines[6][1:10].strip() == "" and lines[6][20] > "\u2800", "the two cross in the middle"


def test_what_is_missing_passes_below_the_axis() -> None:
    text = shown(parallel([Axis("a", [1.0, None]), Axis("b", [1, 2])], 40, 12))
    assert text[-2].startswith("—") and text[-2][1] > "\u2800"


def test_categories_are_named_at_their_axis_at_the_last_one_to_its_left() -> None:
    both = [Axis("criterion", ["gini", "entropy"]), Axis("solver", ["[b]lbfgs[/b]", "a\x1b[31mb"])]
    text = "\n".join(shown(parallel(both, 60, 12)))
    assert "│gini" in text and "│entropy" in text and "[b]lbfgs[/b]│" in text and "a�[31mb│" in text


def test_the_better_lines_are_greener_and_lie_above() -> None:
    scores = Axis("loss", [0.1, 0.5, 0.9])
    assert shades(scores, smaller_is_better=True) == ["good", "accent", "bad"]
    assert shades(scores) == ["bad", "accent", "good"]
    same = parallel([Axis("x", [1, 1, 2]), Axis("y", [1, 1, 2]), scores], 60, 12, smaller_is_better=True)
    styles = {style for line in same for text, style in line if any(each > "\u2800" for each in text)}
    assert "good" in styles and "bad" in styles
    between = [style for text, style in same[-2] if text.strip() and text != "│"]
    assert between[0] == "good", "two lines that fall together have the better one's colour"


def test_a_logarithm_spreads_powers_evenly_and_needs_numbers_above_nothing() -> None:
    scale = Scale(Axis("learning_rate", [0.001, 0.01, 0.1], log=True))
    assert [round(scale.at(one) or 0, 6) for one in (0.001, 0.01, 0.1)] == [0, 0.5, 1]
    assert scale.label(0.5) == "0.01" and scale.title(40) == "learning_rate log" and scale.title(9) == "l…ate log"
    assert not Scale(Axis("x", [0.0, 1.0], log=True)).log
    assert is_wide([0.001, None, 0.1]) and not is_wide([0.0, 9.0]) and not is_wide(["a", 1]) and not is_wide([2, 8])


def test_more_axes_than_there_is_room_for_are_left_out() -> None:
    many = [Axis(f"axis{place}", [1, 2]) for place in range(20)]
    assert room(120) == 10 and room(80) == 7
    assert len(shown(parallel(many, 80, 12))[0].split()) == 7


def test_a_scatter_says_its_axes_and_marks_the_chosen_one() -> None:
    x, y = Axis("depth", [1, 2, 3]), Axis("kind", ["tree", "forest", "tree"])
    lines = shown(scatter(x, y, 60, 12, chosen=1))
    assert lines[0].startswith("kind") and lines[-1].split() == ["1", "depth", "3"]
    assert any(line.startswith("    tree ┤") for line in lines) and any("forest ┤" in line for line in lines)
    assert sum("╳" in line for line in lines) == 1


def test_ten_thousand_records_are_drawn_once_where_they_fall_together() -> None:
    few = [Axis("a", [1, 2]), Axis("b", [2, 1])]
    many = [Axis(axis.name, [*axis.values] * 5000) for axis in few]
    assert parallel(few, 80, 20) == parallel(many, 80, 20)
