import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from cupola_tui.plain import clean, lines


@given(st.text())
def test_nothing_that_a_terminal_acts_upon_is_left(text: str) -> None:
    shown = clean(text)
    assert shown.isprintable()
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a\x1b[2Jb", "a\ufffd[2Jb"),
        ("a\x9b31mb", "a\ufffd31mb"),
        ("two\nlines", "two↵lines"),
        ("\u202egnp.exe", "\ufffdgnp.exe"),
        ("[red]markup[/red]", "[red]markup[/red]"),
        ("日本", "日本"),
        (None, "None"),
    ],
)
def test_what_is_shown_instead(text: object, shown: str) -> None:
    assert clean(text) == shown


def test_lines_are_split_and_cleaned() -> None:
    assert lines("a\nb\x07\r\nc") == ["a", "b\ufffd", "c"]


@given(st.text(min_size=1))
def test_every_cell_of_it_can_be_counted(text: str) -> None:
    assert cell_len(clean(text)) >= 0
