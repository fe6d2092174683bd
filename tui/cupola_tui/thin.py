"""Writes to the terminal only what differs from what it shows already: a slow link has to carry every byte.

Textual writes whole lines, each span with its whole style and a reset behind it: 30 KB for another pane at 120x40, 250
bytes for a gauge that moves by one cell. This driver remembers the cells and sends those that are others, with the
part of the style that is another: 6 KB and 30 bytes. It costs about 3 ms for a whole screen.
"""

import codecs
import re
from collections.abc import Callable
from functools import lru_cache, partial

from rich.cells import cell_len
from textual.drivers import linux_driver
from textual.drivers.linux_driver import LinuxDriver

_PART = re.compile(r"\x1b\[(\d+);(\d+)H|\x1b\[([0-9;]*)m|\n|([^\x1b\n]+)")
_FRAME = re.compile(r"\x1b\[\d+;\d+H")
# What is written besides frames and moves nothing on the screen: modes, questions, the title, the clipboard, the bell.
_HARMLESS = re.compile(r"(?:\x1b\[[?<>=][0-9;$]*[a-zA-Z]|\x1b[\]P].*|\x07)+\Z", re.DOTALL)
_SYNC, _SYNCED = "\x1b[?2026h", "\x1b[?2026l"
_ALTERNATE = "\x1b[?1049"
GAP = 5  # cells that are the same are written all the same where a move past them would take as many bytes

Style = tuple[frozenset[str], str, str]
Cell = tuple[str, str]
"""A character and its style as Textual writes it; a wide text stands in its first cell, and "" in the others."""


class Screen:
    """What a terminal shows, as far as it is known, and the bytes that make it show something else."""

    def __init__(self) -> None:
        self._rows: dict[int, dict[int, Cell]] = {}
        self._at: tuple[int, int] | None = None
        self._style: Style | None = None

    def forget(self) -> None:
        """Nothing is known any more: all that comes is written."""
        self.__init__()  # type: ignore[misc]

    def frame(self, data: str) -> str:
        """The bytes for a frame as Textual writes it; raises ValueError for one that is not understood."""
        touched, end = self._read(data)
        out: list[str] = []
        for y, row in touched.items():
            self._row(y, row, out)
        if out and end is not None and self._at != end:
            out.append(self._move(*end))
        return "".join(out)

    def _read(self, data: str) -> tuple[dict[int, dict[int, Cell]], tuple[int, int] | None]:
        """The cells that a frame sets, and where it leaves the cursor."""
        touched: dict[int, dict[int, Cell]] = {}
        row: dict[int, Cell] = {}
        x, style, at, place = 0, "", 0, None
        for part in _PART.finditer(data):
            if part.start() != at:
                raise ValueError(data[at : part.start()])
            at = part.end()
            if part[4]:
                text = part[4]
                place = None
                if text.isascii() or cell_len(text) == len(text) == sum(map(cell_len, text)):
                    for character in text:
                        row[x] = (character, style)
                        x += 1
                else:
                    x = _wide(row, x, text, style)
            elif part[1]:
                y, x = int(part[1]), int(part[2])
                row, place = touched.setdefault(y, {}), (y, x)
            elif part[3] is not None:
                style = part[3]
        if at != len(data):
            raise ValueError(data[at:])
        return {y: row for y, row in touched.items() if row}, place

    def _row(self, y: int, row: dict[int, Cell], out: list[str]) -> None:
        shown = self._rows.setdefault(y, {})
        different = sorted(x for x, cell in row.items() if shown.get(x) != cell)
        if not different:
            return
        shown.update(row)
        if any(len(text) != 1 for text, _ in row.values()):
            different = sorted(row)  # what is not one cell wide is written with all around it
        begin = last = different[0]
        for x in different[1:]:
            if x - last > GAP or any(one not in row for one in range(last + 1, x)):
                self._run(y, begin, last, row, out)
                begin = x
            last = x
        self._run(y, begin, last, row, out)

    def _run(self, y: int, first: int, last: int, row: dict[int, Cell], out: list[str]) -> None:
        """Writes neighbouring cells."""
        for x in range(first, last + 1):
            text, style = row[x]
            if not text:
                continue
            if self._at != (y, x):
                out.append(self._move(y, x))
            out.append(self._turn(style))
            out.append(text)
            # Terminals differ in how wide they draw the rest of the world: what follows is placed anew.
            self._at = (y, x + 1) if len(text) == 1 and row.get(x + 1, " ")[0] else None

    def _move(self, y: int, x: int) -> str:
        before, self._at = self._at, (y, x)
        if before and before[0] == y and x > before[1]:
            return f"\x1b[{x - before[1]}C"
        return f"\x1b[{y};{x}H"

    def _turn(self, written: str) -> str:
        """The change from the style in force to that one."""
        before, now = self._style, _parsed(written)
        if now == before:
            return ""
        self._style = now
        attributes, colour, ground = now
        if before is None or before[0] - attributes or (before[1] and not colour) or (before[2] and not ground):
            return f"\x1b[0;{written}m" if written else "\x1b[0m"
        parts = [*sorted(attributes - before[0])]
        parts += [colour] * (colour != before[1]) + [ground] * (ground != before[2])
        return f"\x1b[{';'.join(parts)}m"


def _wide(row: dict[int, Cell], x: int, text: str, style: str) -> int:
    """Takes a text whose characters are not all one cell wide: it stands whole in its first cell."""
    row[x] = (text, style)
    width = cell_len(text)
    for place in range(x + 1, x + width):
        row[place] = ("", style)
    return x + width


@lru_cache(maxsize=4096)
def _parsed(written: str) -> Style:
    """(attributes, colour, background) of the numbers of an SGR sequence."""
    numbers, at = written.split(";") if written else [], 0
    attributes: set[str] = set()
    colours = {"3": "", "4": ""}
    while at < len(numbers):
        number = numbers[at]
        if number in ("38", "48"):
            length = 5 if numbers[at + 1 : at + 2] == ["2"] else 3
            colours[number[0]] = ";".join(numbers[at : at + length])
            at += length
            continue
        at += 1
        if len(number) == 2 and number[0] in "34":
            colours[number[0]] = number
        elif len(number) == 2 and number[0] == "9":
            colours["3"] = number
        elif len(number) == 3 and number[:2] == "10":
            colours["4"] = number
        elif number not in ("", "0"):
            attributes.add(number)
    return frozenset(attributes), colours["3"], colours["4"]


class ThinDriver(LinuxDriver):
    """Textual's driver, frugal."""

    _shown: Screen | None = None
    _held = ""

    @property
    def shown(self) -> Screen:
        """What the terminal shows."""
        if self._shown is None:
            self._shown = Screen()
        return self._shown

    def forget(self) -> None:
        """What the terminal shows may be anything: after a resize, or when the user asks for it."""
        self.shown.forget()

    def run_input_thread(self) -> None:
        """As Textual's, which ends the app at a byte that is no UTF-8: such a byte becomes a replacement sign."""
        linux_driver.getincrementaldecoder = _forgiving  # type: ignore[attr-defined, assignment]
        super().run_input_thread()

    def write(self, data: str) -> None:
        """Writes what there is to write of it."""
        if data == _SYNC:
            self._held = data
        elif data == _SYNCED:
            if not self._held:
                super().write(data)
            self._held = ""
        elif _FRAME.match(data):
            try:
                data = self.shown.frame(data)
            except ValueError:
                self.forget()
            if data:
                super().write(self._held + data)
                self._held = ""
        else:
            if data.startswith(_ALTERNATE) or not _HARMLESS.match(data):
                self.forget()
            super().write(self._held + data)
            self._held = ""


def _forgiving(encoding: str) -> Callable[[], codecs.IncrementalDecoder]:
    return partial(codecs.getincrementaldecoder(encoding), errors="replace")
