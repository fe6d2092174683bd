"""A line to type in: no border, no blinking, since an idle screen writes nothing."""

from textual.geometry import Size
from textual.reactive import Reactive
from textual.widgets import Input


class Entry(Input):
    """Textual's input, of one line and quiet."""

    virtual_size = Reactive(Size(0, 0))  # Textual's lays out the whole screen at each letter: 15 ms

    def __init__(self, value: str = "", placeholder: str = "", id: str | None = None) -> None:
        super().__init__(value, placeholder=placeholder, id=id, compact=True, select_on_focus=False)
        self.cursor_blink = False
