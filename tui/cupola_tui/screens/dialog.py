"""What all dialogs share: a box in the middle, esc leaves, y copies what it says."""

from typing import Any, ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from cupola_tui import keymap
from cupola_tui.paint import Line
from cupola_tui.widgets.rows import Record
from cupola_tui.widgets.sheet import Sheet

Result = TypeVar("Result")


class Dialog(ModalScreen[Result]):
    """A box over the screen below."""

    CSS_PATH: ClassVar[Any] = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("dialog")
    heading = ""
    hint = "esc leaves"
    waits = False

    def on_mount(self) -> None:
        """Keys that were typed meanwhile come now, when what takes them has the focus."""
        if not self.waits:
            self.app.call_later(self.app.call_later, self.app.keys.release)  # type: ignore[attr-defined]

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title, box.border_subtitle = Content(self.heading or " "), Content(self.hint or " ")
            yield from self.inside()

    def heard(self, changes: list[Record]) -> None:
        """Somebody has changed something: what is open on a record may want to know."""

    def inside(self) -> ComposeResult:
        """What stands in the box."""
        yield from ()

    def action_close(self) -> None:
        self.dismiss(None)

    def text(self) -> str:
        """What y copies."""
        return ""

    def action_copy(self) -> None:
        text = self.text()
        if text:
            self.app.copy(text)  # type: ignore[attr-defined]


class Lines(Sheet):
    """A sheet as high as its lines, up to what there is room for."""

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return max(1, len(self._draw(width, 0)))


class Opening(Dialog[None]):
    """Stands where a form will be as soon as what it asks for is known; keys wait for the form."""

    waits = True

    def __init__(self, name: str) -> None:
        super().__init__()
        self.heading = name

    def inside(self) -> ComposeResult:
        words = Lines()
        words.can_focus = False
        words.fill(lambda width, height: [[("reading what it takes ...", "dim")]], from_top=False)
        yield words


class Reading(Dialog[None]):
    """A dialog that is only read: a heading and painted lines, drawn for the width there is."""

    AUTO_FOCUS = "Lines"

    def __init__(self, heading: str, hint: str = "y copies, esc leaves", classes: str = "") -> None:
        super().__init__(classes=classes or None)
        self.heading, self.hint = heading, hint
        self.sheet = Lines()

    def inside(self) -> ComposeResult:
        yield self.sheet

    def on_mount(self) -> None:
        self.sheet.fill(lambda width, height: self.lines(width), from_top=True)

    def lines(self, width: int) -> list[Line]:
        return []

    def text(self) -> str:
        return self.sheet.plain
