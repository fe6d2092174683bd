"""A log as lines: carriage returns overwrite, colours stay, every other escape is gone, and memory is bounded."""

import re
from collections import deque
from dataclasses import dataclass, field

from rich.color import Color
from rich.style import Style

from cupola_tui.plain import clean

Piece = tuple[str, Style | None]

_ESCAPE = re.compile(
    r"\x1b\[(?P<colour>[0-9;:]*)m|\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1b[\]P_^X][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]|\x1b|\x08"
)
_TIME = re.compile(r"\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?\]?\s?")
_ALARM = re.compile(r"\b(warn|warning|error|critical|fatal|exception|traceback|failed)\b", re.IGNORECASE)
_FLAGS = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse", 9: "strike"}
LONGEST = 4000


@dataclass(frozen=True)
class LogLine:
    """One line: what it says, in its colours."""

    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        return "".join(text for text, _ in self.pieces)

    @property
    def alarming(self) -> bool:
        """Whether it looks like a warning or an error."""
        return _ALARM.search(self.text) is not None

    def without_time(self) -> "LogLine":
        """The line without the time it begins with."""
        match = _TIME.match(self.text)
        return LogLine(_drop(self.pieces, match.end())) if match else self


@dataclass
class LogLines:
    """The newest `most` lines of a log that grows."""

    most: int = 10_000
    lines: deque[LogLine] = field(default_factory=deque)
    partial: str = ""
    dropped: int = 0

    def add(self, text: str) -> int:
        """Takes what was written since; how many lines were completed."""
        *whole, self.partial = (self.partial + text).split("\n")
        # A progress bar may rewrite one line for hours: only what is after its last return still shows.
        if len(self.partial) > LONGEST:
            self.partial = "\r" + self.partial.rstrip("\r").rpartition("\r")[2][-LONGEST:]
        self.lines.extend(parse(line) for line in whole[-self.most :])
        while len(self.lines) > self.most:
            self.lines.popleft()
            self.dropped += 1
        return len(whole)

    def shown(self, alarms: bool = False, times: bool = True) -> list[LogLine]:
        """The lines as they are to be seen, the unfinished one last."""
        found = [*self.lines, *([parse(self.partial)] if self.partial.strip() else [])]
        if alarms:
            found = [line for line in found if line.alarming]
        return found if times else [line.without_time() for line in found]


def parse(line: str) -> LogLine:
    """One line of a log as a terminal would leave it."""
    line = line[: LONGEST * 4].rstrip("\r")
    if "\r" in line:
        line = next((part for part in reversed(line.split("\r")) if _ESCAPE.sub("", part).strip()), "")
    pieces: list[Piece] = []
    style: Style | None = None
    at = 0
    for escape in _ESCAPE.finditer(line):
        if escape.start() > at:
            pieces.append((clean(line[at : escape.start()]), style))
        at = escape.end()
        if escape["colour"] is not None:
            style = _coloured(style, escape["colour"])
    if at < len(line):
        pieces.append((clean(line[at:]), style))
    return LogLine(tuple(pieces))


def _coloured(style: Style | None, codes: str) -> Style | None:
    """The style after an SGR escape; codes that are unknown here change nothing."""
    numbers = [int(code) if code.isdigit() else 0 for code in re.split("[;:]", codes)] or [0]
    while numbers:
        code = numbers.pop(0)
        base = style or Style()
        if code == 0:
            style = None
        elif code in _FLAGS:
            style = base + Style.parse(_FLAGS[code])
        elif 30 <= code <= 37 or 90 <= code <= 97:
            style = base + Style(color=Color.from_ansi(code - 30 if code < 90 else code - 82))
        elif 40 <= code <= 47 or 100 <= code <= 107:
            style = base + Style(bgcolor=Color.from_ansi(code - 40 if code < 100 else code - 92))
        elif code in (38, 48):
            colour = _long_colour(numbers)
            style = base + (Style(color=colour) if code == 38 else Style(bgcolor=colour)) if colour else style
    return style


def _long_colour(numbers: list[int]) -> Color | None:
    """Takes 5;N or 2;R;G;B off the front."""
    kind = numbers.pop(0) if numbers else 0
    if kind == 5 and numbers:
        return Color.from_ansi(min(255, numbers.pop(0)))
    if kind == 2 and len(numbers) >= 3:
        red, green, blue = (min(255, numbers.pop(0)) for _ in range(3))
        return Color.from_rgb(red, green, blue)
    return None


def _drop(pieces: tuple[Piece, ...], count: int) -> tuple[Piece, ...]:
    left = []
    for text, style in pieces:
        left.append((text[count:], style))
        count = max(0, count - len(text))
    return tuple((text, style) for text, style in left if text)
