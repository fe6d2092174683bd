"""The frugal driver: whatever is written through it, a terminal shows what it would have shown without it."""

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from cupola_tui.thin import Screen

WIDTH, HEIGHT = 12, 4
STYLES = ("", "1", "38;2;1;2;3", "1;38;2;1;2;3;48;2;9;9;9", "48;2;9;9;9", "31", "4;97;100", "2;38;5;7")
ROWS, COLUMNS, STYLE = st.integers(1, HEIGHT), st.integers(1, 6), st.sampled_from(STYLES)
SPANS = st.tuples(ROWS, COLUMNS, STYLE, st.text(st.sampled_from("ab │✓"), min_size=1, max_size=6))
# A whole row: pyte cannot draw over half of a wide character, and Textual does not.
WIDE = st.tuples(
    ROWS, st.just(1), STYLE, st.text(st.sampled_from("ab 日本é"), max_size=6).map(lambda one: one + filled(one))
)


def filled(text: str) -> str:
    return " " * (WIDTH - cell_len(text))


def written(spans: list[tuple[int, int, str, str]]) -> str:
    """A frame as Textual writes it."""
    drawn = [
        f"\x1b[{y};{x}H\x1b[{style}m{text}\x1b[0m" if style else f"\x1b[{y};{x}H{text}" for y, x, style, text in spans
    ]
    return "".join(drawn) + "\x1b[1;1H"


def cells(screen: pyte.Screen) -> list[list[tuple[object, ...]]]:
    return [
        [(c.data, c.fg, c.bg, c.bold, c.underscore) for c in (screen.buffer[y][x] for x in range(WIDTH))]
        for y in range(HEIGHT)
    ]


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(*(st.lists(st.lists(spans, min_size=1, max_size=5), min_size=1, max_size=6) for spans in (SPANS, WIDE)))
)
def test_a_terminal_shows_the_same(frames: list[list[tuple[int, int, str, str]]]) -> None:
    straight, frugal, thin = pyte.Screen(WIDTH, HEIGHT), pyte.Screen(WIDTH, HEIGHT), Screen()
    for spans in frames:
        # Spans of one frame never lie upon each other, as Textual's do not.
        free = [span for place, span in enumerate(spans) if span[0] not in {one[0] for one in spans[:place]}]
        frame = written(free)
        pyte.Stream(straight).feed(frame)
        pyte.Stream(frugal).feed(thin.frame(frame))
        assert cells(frugal) == cells(straight)


def test_what_is_there_already_is_not_written() -> None:
    screen = Screen()
    frame = written([(1, 1, "1", "hello"), (2, 1, "", "world")])
    assert "hello" in screen.frame(frame)
    assert screen.frame(frame) == ""


def test_only_the_cells_that_differ_are_written_with_what_is_new_of_their_style() -> None:
    screen = Screen()
    screen.frame(written([(1, 1, "1;38;2;1;2;3;48;2;9;9;9", "cpu 10 %")]))
    assert screen.frame(written([(1, 1, "1;38;2;7;7;7;48;2;9;9;9", "cpu 10 %")])).startswith("\x1b[38;2;7;7;7mcpu 10 %")
    out = screen.frame(written([(1, 1, "1;38;2;7;7;7;48;2;9;9;9", "cpu 20 %")]))
    assert out == "\x1b[4C2\x1b[1;1H"


def test_after_forgetting_all_is_written_anew() -> None:
    screen = Screen()
    frame = written([(1, 1, "", "hello")])
    screen.frame(frame)
    screen.forget()
    assert "hello" in screen.frame(frame)


def test_what_is_not_understood_is_refused() -> None:
    with pytest.raises(ValueError):
        Screen().frame("\x1b[1;1Hab\x1b[K")
