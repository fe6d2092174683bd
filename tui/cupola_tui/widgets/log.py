"""The log view: follows, wraps, searches; reads the end of a log of any size and keeps a bounded part of it."""

import os

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from cupola_tui import keymap
from cupola_tui.paint import PaintedScroll
from cupola_tui.plain import clean
from cupola_tui.widgets.loglines import LogLine, LogLines, Piece

RANGES = (100, 1_000, 10_000, 100_000)
BYTES_A_LINE = 200
MOST_BYTES = 16_000_000
FIRST_BYTES = 256_000
STEP_BYTES = 1_000_000
EVERY = 0.7


class LogView(PaintedScroll, can_focus=True, inherit_bindings=False):
    """Shows one log at a time. It asks for more by a message and is given it by `take`."""

    BINDINGS = keymap.bindings("log") + keymap.bindings("detail")
    following: reactive[bool] = reactive(True, init=False)
    wrapped: reactive[bool] = reactive(False, init=False)
    times: reactive[bool] = reactive(True, init=False)
    alarms: reactive[bool] = reactive(False, init=False)

    class Wanted(Message):
        """More of a log: from `offset` (negative: from its end), at most `limit` bytes."""

        def __init__(self, log: "LogView", kind: str, ref: str, offset: int, limit: int) -> None:
            super().__init__()
            self.log, self.kind, self.ref, self.offset, self.limit = log, kind, ref, offset, limit

    class Search(Message):
        """The search is to be asked for."""

        def __init__(self, log: "LogView") -> None:
            super().__init__()
            self.log = log

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.kind = self.ref = ""
        self.range = 2
        self._lines = LogLines(RANGES[self.range])
        self._rows: list[tuple[Piece, ...]] = []
        self._next: int | None = None
        self._asking = False
        self._below = 0
        self._wanted = ""
        self._said = ""
        self._resting = 0

    def on_mount(self) -> None:
        self.set_interval(EVERY, self._later)

    def show(self, kind: str, ref: str) -> None:
        """Shows that log from its end."""
        if (kind, ref) != (self.kind, self.ref):
            self.kind, self.ref = kind, ref
            self._begin()

    def _begin(self) -> None:
        self._lines = LogLines(RANGES[self.range])
        self._next, self._asking, self._below, self._said = None, False, 0, ""
        self.following = True
        self._renew()
        self.more()

    def _later(self) -> None:
        """A log that fills the pane each time is asked for less often: a slow link has to carry it all."""
        if self._resting:
            self._resting -= 1
        else:
            self.more()

    def more(self) -> None:
        """Asks for what was written since, when it is in sight and nothing is on its way."""
        if not self.ref or self._asking or not self.is_on_screen or not self.display:
            return
        self._asking = True
        most = min(MOST_BYTES, max(FIRST_BYTES, RANGES[self.range] * BYTES_A_LINE))
        offset, limit = (-most, most) if self._next is None else (self._next, STEP_BYTES)
        # Its own sender: what is sent by a parent, in whose handler this may run, goes no further than that.
        self.post_message(self.Wanted(self, self.kind, self.ref, offset, limit).set_sender(self))

    def take(self, kind: str, ref: str, answer: object) -> None:
        """Takes an answer; one about another log is dropped, an error is said in place of an empty log."""
        if (kind, ref) != (self.kind, self.ref):
            return
        self._asking = False
        if isinstance(answer, Exception):
            self._said = clean(answer)
            self.refresh()
            return
        assert isinstance(answer, dict)
        text, first = answer.get("text") or "", self._next is None
        self._next = answer.get("next", 0)
        if first and answer.get("offset"):
            text = text.partition("\n")[2]  # the tail begins in the middle of a line
        if not text:
            self._said = "" if self._lines.lines or self._lines.partial else "nothing has been written"
            if first:
                self.refresh()
            return
        new = self._lines.add(text)
        self._resting = (1 if new * 4 > self.size.height else 0) + (2 if os.environ.get("SSH_CONNECTION") else 0)
        if not self.following:
            self._below += new
        self._renew()
        if self._next < answer.get("size", 0):
            self.more()

    @property
    def plain(self) -> str:
        """What is kept of the log, as text."""
        return "\n".join(line.text for line in self._lines.shown(self.alarms, self.times))

    # Drawing.

    def _renew(self) -> None:
        lines = self._lines.shown(self.alarms, self.times)
        width = max(8, self.size.width)
        self._rows = (
            [part for line in lines for part in _wrap(line, width)] if self.wrapped else [line.pieces for line in lines]
        )
        widest = width if self.wrapped else max((cell_len(line.text) for line in lines), default=0)
        self.virtual_size = Size(widest, len(self._rows))
        if self.following:
            self.scroll_to(
                0 if self.wrapped else self.scroll_x,
                max(0, len(self._rows) - self.size.height),
                animate=False,
                force=True,
            )
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width, height, left = self.size.width, self.size.height, round(self.scroll_x)
        if not self._rows:
            return self.strip([(" " + self._said, "dim")] if y == 0 else [], width)
        if self._below and not self.following and y == height - 1:
            return self.strip([(f" +{self._below} lines, f follows ", "mark reverse")], width)
        row = y + round(self.scroll_y)
        pieces = self._rows[row] if row < len(self._rows) else ()
        base = self.rich_style
        segments = [Segment(text, base + style if style else base) for text, style in pieces]
        strip = Strip(segments)
        if self._wanted:
            strip = self._lit(strip)
        return strip.crop(left, left + width).adjust_cell_length(width, base)

    def _lit(self, strip: Strip) -> Strip:
        """The strip with what was searched for in another colour."""
        text, found, at, places = strip.text, self.ink("found"), 0, []
        while (at := text.casefold().find(self._wanted, at)) >= 0:
            places.append((cell_len(text[:at]), cell_len(text[: at + len(self._wanted)])))
            at += len(self._wanted)
        for start, end in places:
            middle = Strip([Segment(segment.text, found) for segment in strip.crop(start, end)])
            strip = Strip.join([strip.crop(0, start), middle, strip.crop(end, strip.cell_length)])
        return strip

    def on_resize(self, event: events.Resize) -> None:
        self._renew()
        self.more()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        at_end = round(new_value) >= len(self._rows) - self.size.height
        if new_value < old_value and not at_end:
            self.following = False
        elif at_end:
            self.following, self._below = True, 0

    # Keys.

    def action_follow(self) -> None:
        self.following, self._below = not self.following, 0
        self._renew()

    def action_wrap(self) -> None:
        self.wrapped = not self.wrapped
        self._renew()

    def action_times(self) -> None:
        self.times = not self.times
        self._renew()

    def action_levels(self) -> None:
        self.alarms = not self.alarms
        self._renew()

    def action_range(self) -> None:
        """The next longer part of the log; after the longest the shortest."""
        self.range = (self.range + 1) % len(RANGES)
        self._begin()

    def action_search(self) -> None:
        self.post_message(self.Search(self))

    def search(self, text: str) -> None:
        """Lights up what contains `text` and goes to the last of it."""
        self._wanted = text.casefold()
        self.refresh()
        if self._wanted:
            self.action_find(-1)

    def action_find(self, by: int) -> None:
        if not self._wanted:
            return
        hits = [
            row
            for row, pieces in enumerate(self._rows)
            if self._wanted in "".join(text for text, _ in pieces).casefold()
        ]
        here = round(self.scroll_y)
        onward = [row for row in hits if row > here] if by > 0 else [row for row in reversed(hits) if row < here]
        if onward or hits:
            self.following = False
            self.scroll_to(y=onward[0] if onward else hits[0 if by > 0 else -1], animate=False, force=True)

    def action_line(self, by: int) -> None:
        self.scroll_to(y=self.scroll_y + by, animate=False, force=True)

    def action_page(self, pages: int) -> None:
        self.scroll_to(y=self.scroll_y + pages * max(1, self.size.height // 2), animate=False, force=True)

    def action_top(self) -> None:
        self.scroll_to(y=0, animate=False, force=True)

    def action_bottom(self) -> None:
        self.following, self._below = True, 0
        self._renew()


def _wrap(line: LogLine, width: int) -> list[tuple[Piece, ...]]:
    """The line in rows of at most `width` cells, broken where it is full."""
    strip = Strip([Segment(text, style) for text, style in line.pieces])
    length = strip.cell_length
    if length <= width:
        return [line.pieces]
    return [
        tuple((part.text, part.style) for part in strip.crop(at, min(at + width, length)))
        for at in range(0, length, width)
    ]
