"""Help for the pane in front, from the table of keys."""

from cupola_tui import keymap
from cupola_tui.paint import Line
from cupola_tui.screens.dialog import Reading

GROUPS = ("Verbs", "Table", "Details", "Log", "Go to", "Forms", "Program")


class Help(Reading):
    """Every key that means something in this pane, as it is mapped now."""

    def __init__(self, pane: str, remapped: dict[str, str]) -> None:
        super().__init__(f"Keys in {pane}", "j k move, y copies, esc leaves", classes="-large")
        self.pane, self.remapped = pane, remapped

    def lines(self, width: int) -> list[Line]:
        blocks = [self._group(group) for group in GROUPS]
        if width < 84:
            return [line for block in blocks for line in block]
        left = [line for block in blocks[:3] for line in block]
        right = [line for block in blocks[3:] for line in block]
        half = width // 2
        return [
            _beside(left[row] if row < len(left) else [], right[row] if row < len(right) else [], half)
            for row in range(max(len(left), len(right)))
        ]

    def _group(self, group: str) -> list[Line]:
        keys = [key for key in keymap.TABLE if key.group == group and keymap.applies(key, self.pane)]
        return [[(group, "title")], *[self._line(key) for key in keys], []]

    def _line(self, key: keymap.Key) -> Line:
        shown = " ".join(keymap.display(one) for one in self.remapped.get(key.id, key.keys).split(","))
        return [(f"  {shown:<15}", "key"), (key.words, "")]


def _beside(left: Line, right: Line, half: int) -> Line:
    from cupola_tui.paint import width_of

    return [*left, (" " * max(1, half - width_of(left)), ""), *right]
