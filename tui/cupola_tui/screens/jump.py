"""A letter over each pane and field; pressing it goes there."""

from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

LETTERS = "asdfghjklqwertyuiop"


class Jump(ModalScreen[Widget]):
    """Shows the letters where the targets are."""

    CSS = """
    Jump { background: $background 40%; }
    Jump Static {
        width: 3; height: 1; position: absolute; background: $warning; color: $background; text-style: bold;
    }
    """

    def __init__(self, targets: list[Widget]) -> None:
        super().__init__()
        self.targets = dict(zip(LETTERS, targets, strict=False))

    def compose(self) -> ComposeResult:
        for letter, target in self.targets.items():
            label = Static(f" {letter} ", markup=False)
            label.styles.offset = (target.region.x + 1, target.region.y)
            yield label

    def on_mount(self) -> None:
        self.app.call_later(self.app.keys.release)  # type: ignore[attr-defined]

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        self.dismiss(self.targets.get(event.character or ""))
