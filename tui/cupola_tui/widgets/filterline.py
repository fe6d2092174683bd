"""The line one filters with, and below it what may stand at its cursor, or a pointer at what is wrong."""

from rich.cells import cell_len
from textual.message import Message

from cupola.errors import CupolaError
from cupola_tui import keymap
from cupola_tui.paint import Line, width_of
from cupola_tui.plain import clean
from cupola_tui.widgets.bars import Bar
from cupola_tui.widgets.entry import Entry

LEFT = 1  # cells before the text of the line


class FilterEntry(Entry):
    """The line itself: tab puts in what is offered, one after the other."""

    BINDINGS = keymap.bindings("filter")

    class Completing(Message):
        """The next of what is offered (by: 1), or the one before (-1)."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    def action_complete(self, by: int) -> None:
        self.post_message(self.Completing(by))

    def put(self, text: str, cursor: int) -> None:
        """Another text, as if nobody had typed it."""
        with self.prevent(self.Changed):
            self.value = text
        self.cursor_position = cursor

    def begin(self, text: str) -> None:
        """With a text that the first letter replaces, and that a key which moves about in it keeps."""
        self.put(text, len(text))
        self.select_all()


class FilterHints(Bar):
    """What is offered, or what is wrong and where; it remembers what it offers while one goes through it."""

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self.forget()

    def forget(self) -> None:
        """Nothing is offered and nothing wrong."""
        self.text, self.start, self.end, self.candidates = "", 0, 0, list[str]()
        self.fault: CupolaError | None = None
        self.chosen, self.left = -1, 0
        self.renew()

    def offer(
        self, text: str, start: int, end: int, candidates: list[str], fault: CupolaError | None, left: int
    ) -> None:
        """Offers what may stand in `text` from `start` to `end`. fault: what is wrong; left: what has scrolled away."""
        self.text, self.start, self.end, self.candidates = text, start, end, candidates
        self.fault, self.left, self.chosen = fault, left, -1
        self.renew()

    def next(self, by: int) -> tuple[str, int] | None:
        """The text with the next candidate in it, and where the cursor goes; None where nothing is offered."""
        if not self.candidates:
            return None
        self.chosen = (
            (self.chosen + by) % len(self.candidates) if self.chosen >= 0 or by > 0 else len(self.candidates) - 1
        )
        self.renew()
        head = self.text[: self.start] + self.candidates[self.chosen]
        rest = self.text[self.end :]
        head += "" if rest[:1] in (" ", ",", ")", "]") and rest else " "
        return head + rest, len(head)

    def renew(self) -> None:
        self.line = self._pointer() if self._is_pointed_at() else self._offered()

    def _is_pointed_at(self) -> bool:
        """Whether what is wrong is more urgent: it lies before what is being typed, or nothing is offered."""
        at = getattr(self.fault, "at", -1)
        return self.fault is not None and (not self.candidates or 0 <= at < min(self.start, len(self.text.rstrip())))

    def _pointer(self) -> Line:
        assert self.fault is not None
        hint = f" ({clean(self.fault.hint)})" if self.fault.hint else ""
        words = clean(self.fault.message).partition(", at character")[0] + hint
        at = getattr(self.fault, "at", -1)
        column = LEFT + cell_len(clean(self.text[: max(at, 0)])) - self.left
        if at < 0 or column < LEFT:
            return [(f" ✗ {words}", "bad")]
        if column + cell_len(words) + 2 > self.size.width and column > cell_len(words) + 1:
            return [(" " * (column - cell_len(words) - 1), ""), (f"{words} ^", "bad")]
        return [(" " * column, ""), (f"^ {words}", "bad")]

    def _offered(self) -> Line:
        """As many as there is room for, the chosen one among them."""
        line: Line = [(" ", "")]
        for place, one in enumerate(self.candidates):
            part = (clean(one), "reverse" if place == self.chosen else "accent")
            if width_of([*line, part]) > self.size.width - 3:
                if place > self.chosen:
                    return [*line, ("…", "dim")]
                line = [(" ", "")]
            line += [part, ("  ", "")]
        return line
