"""Help for the pane in front, from the table of keys."""

from cupola_tui import keymap
from cupola_tui.paint import Line, fold, width_of
from cupola_tui.screens.dialog import Reading

GROUPS = (
    *("Verbs", "Table", "Details", "Log", "Filter", "Compare", "Plots", "Report", "Cells", "Grid", "Flow", "Graph"),
    *("Go to", "Forms", "Program"),
)


class Help(Reading):
    """Every key that means something in this pane, as it is mapped now; of a screen above the pane its own keys first.

    own: the groups of such a screen's keys. The pane's own keys mean nothing there, and are left out.
    """

    def __init__(self, pane: str, remapped: dict[str, str], own: tuple[str, ...] = (), title: str = "") -> None:
        super().__init__(f"Keys in {title or pane}", "j k move, y copies, esc leaves", classes="-large")
        self.pane, self.remapped = pane, remapped
        self.groups = (*own, "Forms", "Program") if own else GROUPS
        self.beside = self.groups[: len(own) or 3]

    def lines(self, width: int) -> list[Line]:
        if width < 84:
            return [line for group in self.groups for line in self._group(group, width)]
        half = width // 2
        left = [line for group in self.beside for line in self._group(group, half - 1)]
        right = [line for group in self.groups[len(self.beside) :] for line in self._group(group, width - half)]
        return [
            _beside(left[row] if row < len(left) else [], right[row] if row < len(right) else [], half)
            for row in range(max(len(left), len(right)))
        ]

    def _group(self, group: str, width: int) -> list[Line]:
        keys = [key for key in keymap.TABLE if key.group == group and keymap.applies(key, self.pane)]
        if not keys:
            return []
        return [[(group, "title")], *[line for key in keys for line in self._lines(key, width)], []]

    def _lines(self, key: keymap.Key, width: int) -> list[Line]:
        """A key and what it does, in as many lines as that takes."""
        shown = " ".join(keymap.display(one) for one in self.remapped.get(key.id, key.keys).split(","))
        head = f"  {shown:<15}"
        first, *rest = fold(key.words, width - len(head))
        return [[(head, "key"), (first, "")], *[[(" " * len(head), ""), (part, "")] for part in rest]]


def _beside(left: Line, right: Line, half: int) -> Line:
    return [*left, (" " * (half - width_of(left)), ""), *right]
