"""What an action answered, readable and ready to copy."""

from typing import Any

import msgspec

from cupola_tui import figures
from cupola_tui.paint import Line
from cupola_tui.plain import clean
from cupola_tui.screens.dialog import Reading
from cupola_tui.screens.pane import facts


class Result(Reading):
    """A record as names and values, a list of them as a table."""

    def __init__(self, name: str, result: Any) -> None:
        super().__init__(clean(name), classes="-large" if isinstance(result, list) else "")
        self.result = result

    def lines(self, width: int) -> list[Line]:
        if isinstance(self.result, dict):
            return facts([(clean(key), value) for key, value in self.result.items()], width) or [[("done", "")]]
        if isinstance(self.result, list) and self.result and isinstance(self.result[0], dict):
            return [[("  ".join(figures.short(value) for value in one.values()), "")] for one in self.result]
        return [[(figures.short(self.result), "")]]

    def text(self) -> str:
        return msgspec.json.format(msgspec.json.encode(self.result)).decode()
