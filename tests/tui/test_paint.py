"""Lines of text in cells: what is wide, long or hostile neither overflows nor is lost."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from cupola_tui.paint import fit, fold, width_of
from cupola_tui.plain import clean
from cupola_tui.screens.pane import facts

TEXTS = st.text(st.sampled_from("ab é中文あ한🙂שלום  \t"), max_size=80)


@given(TEXTS, st.integers(8, 30))
def test_no_line_is_wider_than_it_may_be_and_nothing_but_spaces_is_lost(text: str, width: int) -> None:
    lines = fold(clean(text), width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(clean(text).split())


def test_words_stay_whole_where_a_line_can_hold_them() -> None:
    assert fold("good on night flights", 12) == ["good on", "night", "flights"]
    assert fold("raj: 夜间航班表现良好", 12) == ["raj: 夜间航", "班表现良好"]


@given(TEXTS, st.integers(1, 30))
def test_what_is_made_to_fit_takes_exactly_that_room(text: str, width: int) -> None:
    assert cell_len(fit(clean(text), width)) == width


def test_values_stand_below_each_other_whatever_their_names_are() -> None:
    lines = facts([("目标", "a"), ("target", "b")], 40)
    assert len({width_of(line[:1]) for line in lines}) == 1
