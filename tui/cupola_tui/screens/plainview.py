"""A plain screen: nothing but text from edge to edge, the mouse given to the terminal, so that it can be selected."""

from cupola_tui.paint import Line, fold
from cupola_tui.plain import lines
from cupola_tui.screens.dialog import Reading


class PlainView(Reading):
    """Shows a text as it is; `below` is a word of ours that is not copied with it."""

    def __init__(self, text: str, below: str = "") -> None:
        super().__init__("", "", classes="-full")
        self.whole, self.below = text, below

    def lines(self, width: int) -> list[Line]:
        shown: list[Line] = [
            [(part, "")] for line in lines(self.whole) for part in (fold(line, width) if len(line) > width else [line])
        ]
        return [*shown, [], [(self.below, "dim")]] if self.below else shown

    def on_mount(self) -> None:
        super().on_mount()
        self.app.release_mouse(True)  # type: ignore[attr-defined]

    def on_unmount(self) -> None:
        self.app.release_mouse(False)  # type: ignore[attr-defined]

    def text(self) -> str:
        return self.whole
