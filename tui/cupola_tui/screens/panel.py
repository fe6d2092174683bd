"""An error, a result or a text, in a panel that can be copied."""

from cupola.errors import CupolaError
from cupola_tui.paint import Line, fold
from cupola_tui.plain import clean, lines
from cupola_tui.screens.dialog import Reading


class Panel(Reading):
    """What happened, where, and what to do."""

    def __init__(
        self, heading: str, message: str, where: str | None = None, hint: str | None = None, bad: bool = True
    ) -> None:
        super().__init__(heading, classes="-bad" if bad else "")
        self.message, self.where, self.to_do = message, where, hint

    @classmethod
    def of(cls, error: CupolaError, verb: str = "") -> "Panel":
        """The panel of an error; `verb` is what was tried."""
        return cls(verb or "That did not work", error.message, error.where, error.hint)

    def lines(self, width: int) -> list[Line]:
        found: list[Line] = [[(part, "")] for line in lines(self.message) or [""] for part in fold(line, width - 1)]
        for words, said in (("where", self.where), ("what to do", self.to_do)):
            if said:
                first, *rest = fold(clean(said), width - 13)
                found += [[], [(f"{words:<12}", "dim"), (first, "")], *[[(" " * 12 + part, "")] for part in rest]]
        return found

    def text(self) -> str:
        return "\n".join(
            part
            for part in (
                self.message,
                self.where and f"where: {self.where}",
                self.to_do and f"what to do: {self.to_do}",
            )
            if part
        )
