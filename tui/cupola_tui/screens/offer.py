"""The offer to make a directory a workspace."""

from pathlib import PurePath
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.widgets import Input

from cupola_tui.paint import Line, fold
from cupola_tui.plain import clean
from cupola_tui.screens.dialog import Dialog, Lines
from cupola_tui.widgets.entry import Entry
from cupola_tui.widgets.rows import Record

if TYPE_CHECKING:
    from cupola_tui.screens.main import Main


class Offer(Dialog[str]):
    """Asks for the workspace's name; None leaves the directory as it is."""

    heading = "Not a workspace yet"
    hint = "enter makes it one, esc leaves it as it is"

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self.sheet = Lines()
        self.sheet.can_focus = False
        usable = "".join(
            letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-"
            for letter in PurePath(path).name
        )
        self.typed = Entry(usable.lstrip("._-") or "workspace")

    def inside(self) -> ComposeResult:
        yield self.sheet
        yield self.typed

    def on_mount(self) -> None:
        self.sheet.fill(lambda width, height: self._lines(width), from_top=True)
        self.typed.focus()

    def _lines(self, width: int) -> list[Line]:
        said = (
            f"{clean(self.path)} is no workspace. Cupola can make it one: it adds workspace.toml and .cupola/, "
            "and leaves what is there alone. Its name:"
        )
        return [[(part, "")] for part in fold(said, width - 1)]

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip() or None)


async def make(main: "Main", error: Record | None) -> Record | None:
    """The workspace that was made of the directory, as it is when it is opened; None where it is left as it is, or
    where it is one that is broken, which is said."""
    said = clean((error or {}).get("message") or "this directory is no workspace yet")
    main.header.say(trouble=said)
    main.table.busy = said
    if error and error.get("kind") != "NotFound":
        return None
    name = await main.app.push_screen_wait(Offer(main.root))
    if not name:
        main.table.busy = f"{said}: `:init` makes it one, q leaves"
        return None
    made: Record = await main.app.ask("init", name=name)
    main.header.say(trouble="")
    return made
