"""The sources and steps of a flow, one under the other; branches stand in lanes of their own."""

from dataclasses import dataclass

from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from cupola_tui import keymap
from cupola_tui.paint import Line, Painter, fit
from cupola_tui.plain import clean

LINES = 2  # of each


@dataclass(frozen=True)
class Node:
    """A source or a step: its name, a word beside it, and what is said below it."""

    id: str
    is_source: bool
    beside: str
    below: str
    lane: int = 0
    wrong: bool = False


class StepList(Painter, can_focus=True, inherit_bindings=False):
    """Shows the nodes; the cursor stays with its node."""

    BINDINGS = keymap.bindings("steps")
    COMPONENT_CLASSES = Painter.COMPONENT_CLASSES

    class Moved(Message):
        """The cursor is on another node."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, StepList.Moved)

    class Opened(Message):
        """Enter, or a second click."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.nodes: list[Node] = []
        self.row = 0
        self.top = 0

    def show(self, nodes: list[Node], cursor: str = "") -> None:
        """Other nodes; the cursor goes to that one, or stays with its own."""
        wanted = cursor or (self.node.id if self.node else "")
        self.nodes = nodes
        place = next((at for at, one in enumerate(nodes) if one.id == wanted), min(self.row, len(nodes) - 1))
        self.go(max(0, place))

    @property
    def node(self) -> Node | None:
        return self.nodes[self.row] if self.row < len(self.nodes) else None

    def go(self, row: int) -> None:
        self.row = max(0, min(row, len(self.nodes) - 1))
        room = max(1, self.size.height // LINES)
        self.top = min(max(self.top, self.row - room + 1), self.row)
        self.refresh(Region(0, 0, self.size.width, self.size.height))
        self.post_message(self.Moved())

    @property
    def plain(self) -> str:
        return "\n".join("".join(text for text, _ in self._line(y)).rstrip() for y in range(LINES * len(self.nodes)))

    def render_line(self, y: int) -> Strip:
        return self.strip(self._line(y + self.top * LINES), self.size.width)

    def _line(self, y: int) -> Line:
        place, below = divmod(y, LINES)
        if place >= len(self.nodes):
            return []
        node, width = self.nodes[place], self.size.width
        here = " cursor" if place == self.row else ""
        rails = "│ " * min(node.lane, 5)
        if below:
            return [(f" {rails}  {fit(clean(node.below), max(1, width - len(rails) - 3))}", f"dim{here}")]
        glyph, style = ("✗", "bad") if node.wrong else ("◇", "accent") if node.is_source else ("●", "good")
        mark = "reverse" if place == self.row and self.has_focus else f"bold{here}"
        room = max(1, width - len(rails) - 3)
        name = clean(node.id)[:room]
        beside = fit(f" {clean(node.beside)}", max(0, room - len(name)))
        return [(f" {rails}", f"dim{here}"), (f"{glyph} ", f"{style}{here}"), (name, mark), (beside, f"dim{here}")]

    def action_move(self, by: int) -> None:
        self.go(self.row + by)

    def action_top(self) -> None:
        self.go(0)

    def action_bottom(self) -> None:
        self.go(len(self.nodes) - 1)

    def action_open(self) -> None:
        self.post_message(self.Opened())

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        row = self.top + event.y // LINES
        if row < len(self.nodes):
            same = row == self.row
            self.go(row)
            if same and event.chain > 1:
                self.post_message(self.Opened())
