import pytest
from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color

from cupola_tui import glyphs


@pytest.mark.parametrize(
    ("environment", "plain"),
    [
        ({"LANG": "en_GB.UTF-8"}, False),
        ({"LANG": "C"}, True),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True),
        ({"LC_ALL": "POSIX", "LANG": "en_GB.UTF-8"}, True),
        ({"LANG": "de_DE.ISO-8859-1"}, True),
        ({"TERM": "linux", "LANG": "en_GB.UTF-8"}, True),
        ({}, False),
    ],
)
def test_when_only_ascii_can_be_trusted(environment: dict[str, str], plain: bool) -> None:
    assert glyphs.ascii_only(environment) is plain


def test_everything_drawn_becomes_ascii_of_the_same_width() -> None:
    text = "╭─ ● ✓ ▁▂█ ⢱⠒ 0.8 ± 0.1 日本 …"
    (segment,) = glyphs.Plain().apply([Segment(text)], Color(0, 0, 0))
    assert segment.text.isascii()
    assert len(segment.text) == cell_len(text)


def test_every_status_has_a_glyph_of_its_own_beside_its_colour() -> None:
    assert all(glyph.strip() and style for glyph, style in glyphs.STATUSES.values())
    assert glyphs.STATUSES["Failed"][0] != glyphs.STATUSES["Completed"][0]
