"""Text from files is data: here it loses whatever a terminal would act upon, and keeps what a person can read."""

import unicodedata
from typing import Any

# Characters that show nothing or turn the reading direction round: none of them may hide what a name really is.
_HIDDEN = {*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF, 0x00AD, 0x061C}
_TABLE: dict[int, str] = dict.fromkeys((*range(32), 127, *range(128, 160), *_HIDDEN), "�")
_TABLE |= {9: "    ", 10: "↵", 13: "␍", 0x2028: "↵", 0x2029: "↵"}


def clean(value: Any) -> str:
    """`value` as one line of text without control characters; what was there shows as a replacement sign."""
    text = value if type(value) is str else str(value)
    if text.isascii() and text.isprintable():
        return text
    text = text.translate(_TABLE)
    return text if text.isprintable() else "".join(map(_visible, text))


def lines(value: Any) -> list[str]:
    """The lines of `value`, each one clean."""
    return [clean(line) for line in str(value).splitlines()]


def _visible(character: str) -> str:
    """Surrogates, unassigned and private characters have no agreed width, and would shift all that follows."""
    category = unicodedata.category(character)
    return " " if category[0] == "Z" else "\N{REPLACEMENT CHARACTER}" if category[0] == "C" else character
