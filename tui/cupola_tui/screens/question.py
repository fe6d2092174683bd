"""A question before something is lost: answered with y, or by typing the name; enter stands on no."""

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.widgets import Input

from cupola_tui.paint import Line, fold
from cupola_tui.plain import clean
from cupola_tui.screens.dialog import Dialog, Lines
from cupola_tui.widgets.entry import Entry


class Question(Dialog[bool]):
    """Asks whether to do it; True when the answer was y, or the name typed in full."""

    def __init__(self, asked: str, losses: Sequence[str], name: str = "") -> None:
        super().__init__(classes="-bad")
        self.heading = clean(asked)
        self.losses, self.typed_name = losses, name
        self.hint = "esc or enter: no" if name else "y: yes   anything else: no"
        self.sheet = Lines()

    def inside(self) -> ComposeResult:
        yield self.sheet
        if self.typed_name:
            yield Entry(placeholder=f"type {clean(self.typed_name)} to do it", id="name")

    def on_mount(self) -> None:
        self.sheet.fill(lambda width, height: self.lines(width), from_top=True)
        (self.query_one(Input) if self.typed_name else self.sheet).focus()

    def lines(self, width: int) -> list[Line]:
        return [[(part, "")] for said in self.losses for part in fold(clean(said), width - 1)]

    def on_key(self, event: events.Key) -> None:
        if not self.typed_name:
            event.stop()
            event.prevent_default()
            self.dismiss(event.character == "y")

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.value == self.typed_name:
            self.dismiss(True)

    def on_input_submitted(self) -> None:
        self.dismiss(False)

    def action_close(self) -> None:
        self.dismiss(False)
