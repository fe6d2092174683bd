"""Plain ASCII where the terminal or the locale has nothing else, and what each status looks like."""

import os
from collections.abc import Mapping

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

# Status -> (glyph, style): the glyph says it too, so that colour never carries the meaning alone.
STATUSES = {
    "Completed": ("✓", "good"),
    "InService": ("●", "good"),
    "Approved": ("✓", "good"),
    "InProgress": ("●", "accent"),
    "Creating": ("◐", "accent"),
    "Updating": ("◐", "accent"),
    "Stopping": ("◑", "warn"),
    "Deleting": ("◑", "warn"),
    "Queued": ("○", "dim"),
    "PendingManualApproval": ("?", "warn"),
    "Stopped": ("■", "warn"),
    "OutOfService": ("■", "dim"),
    "Failed": ("✗", "bad"),
    "Rejected": ("✗", "bad"),
    "ActivatingTraffic": ("◐", "accent"),
    "Baking": ("◐", "accent"),
    "RollingBack": ("◑", "warn"),
    "RolledBack": ("■", "warn"),
    "UpdateRollbackFailed": ("✗", "bad"),
    "Executing": ("●", "accent"),
    "Succeeded": ("✓", "good"),
    "Waiting": ("○", "dim"),
    "Skipped": ("–", "dim"),
    "Active": ("●", "good"),
    "Paused": ("■", "dim"),
    "Pending": ("?", "warn"),
    "Over": ("·", "dim"),
    "Started": ("✓", "good"),
    "Starting": ("◐", "accent"),
    "Missed": ("○", "warn"),
    "OK": ("✓", "good"),
    "ALARM": ("✗", "bad"),
}

_ASCII = {
    "✓": "+",
    "✗": "x",
    "●": "*",
    "○": "o",
    "◐": "%",
    "◑": "%",
    "■": "#",
    "□": "_",
    "—": "-",
    "–": "-",
    "·": ".",
    "…": "~",
    "▾": "v",
    "▴": "^",
    "↓": "v",
    "↑": "^",
    "→": ">",
    "←": "<",
    "›": ">",
    "‹": "<",
    "±": "~",
    "×": "x",
    "⚠": "!",
    "↵": "|",
    "␍": "|",
    "▁": "_",
    "▂": "_",
    "▃": ".",
    "▄": "-",
    "▅": "=",
    "▆": "+",
    "▇": "*",
    "█": "#",
    "░": ".",
    "▒": ":",
    "▓": "#",
    "▌": "|",
    "▐": "|",
    "▎": "|",
    "▏": "|",
    "▊": "|",
    "╳": "X",
    "★": "*",
    "≈": "~",
    "≠": "!",
    "▔": "-",
    "│": "|",
    "┃": "|",
    "║": "|",
    "─": "-",
    "━": "-",
    "═": "=",
    "╸": "-",
    "╺": "-",
    "’": "'",
    "“": '"',
    "”": '"',
    "┤": "|",
    "•": "*",
    "▶": ">",
    "▼": "v",
    "▲": "^",
    "◆": "*",
}


def ascii_only(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this terminal can be trusted with ASCII alone: TERM=linux, or a locale that is not UTF-8.

    Python itself sets LC_CTYPE to C.UTF-8 where it finds the C locale, so that alone is no sign of a user's wish.
    """
    if environment.get("TERM") in ("linux", "vt100", "vt220"):
        return True
    kind = environment.get("LC_CTYPE", "")
    locale = environment.get("LC_ALL") or ("" if kind == "C.UTF-8" else kind) or environment.get("LANG", "")
    return bool(locale) and "utf" not in locale.lower()


class _Table(dict[int, str]):
    """A translation that works out an unknown character when it meets it, keeping its width."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if code < 127:
            plain = character
        elif 0x2800 <= code < 0x2900:
            plain = _dots(code - 0x2800)
        elif 0x2500 <= code < 0x2580:
            plain = "+"
        else:
            plain = _ASCII.get(character, "?") * max(1, cell_len(character))
        self[code] = plain
        return plain


def _dots(bits: int) -> str:
    """A braille cell by which of its halves holds dots."""
    above, below = bits & 0b00011011, bits & 0b11100100
    return ":" if above and below else "'" if above else "." if below else " "


class Plain(LineFilter):
    """Turns whatever is about to be drawn, Textual's own borders included, into ASCII of the same width."""

    def __init__(self) -> None:
        super().__init__()
        self.table = _Table({ord(glyph): plain for glyph, plain in _ASCII.items() if cell_len(glyph) == 1})

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment
            if segment.text.isascii()
            else Segment(segment.text.translate(self.table), segment.style, segment.control)
            for segment in segments
        ]
