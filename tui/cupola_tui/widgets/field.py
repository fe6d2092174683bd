"""One field of a form: painted, until it is gone to; a form of twenty inputs would take half a second to open."""

from rich.cells import cell_len
from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from cupola_tui import figures
from cupola_tui.paint import Line, Painter, fit
from cupola_tui.plain import clean
from cupola_tui.widgets.entry import Entry
from cupola_tui.widgets.rows import Record

NAME = 18


class Typed(Entry):
    """An input that leaves `!` to the form while it is empty."""

    async def _on_key(self, event: events.Key) -> None:
        if event.character == "!" and not self.value:
            return
        await super()._on_key(event)


class FormField(Painter, can_focus=True):
    """One parameter: its name, its value (and the first that it had), and a note on what it is for or what is wrong."""

    wrong: reactive[str] = reactive("", init=False)

    class Entered(Message):
        """What is typed goes to this field now."""

    def __init__(self, field: Record, value: str) -> None:
        super().__init__()
        self.field = field
        self.input: Typed | None = None
        self._begun = self.first = value

    @property
    def value(self) -> str:
        """What is typed in."""
        return self._begun if self.input is None else self.input.value

    def put(self, value: str) -> None:
        """Replaces what is typed in."""
        if self.input is None:
            self._begun = value
            self.refresh()
        else:
            self.input.value = value
            self.input.cursor_position = len(value)

    def on_focus(self) -> None:
        self.enter()

    def enter(self) -> None:
        """Takes what is typed from now on."""
        if self.input is None:
            self.input = Typed(self._begun, placeholder=_placeholder(self.field))
            self.mount(self.input)
        self.input.focus()
        self.app.call_later(self.post_message, self.Entered())

    def render_line(self, y: int) -> Strip:
        required = " *" if self.field.get("required") else ""
        label = self.field.get("label") or self.field["name"].rstrip("_").replace("_", "-")
        name = f" {clean(label)}"
        name = name if cell_len(name) < NAME else fit(name, NAME - 1)
        width = self.size.width
        room = width // 2
        value, empty = self.value, not self.value
        line: Line = [
            (name, ""),
            (fit(required, max(0, NAME - cell_len(name))), "mark"),
            (fit(clean(value or _placeholder(self.field)), room), "field dim" if empty else "field"),
            (f" {'✗ ' if self.wrong else ''}{clean(self.wrong or self.field.get('help') or '')}", ""),
        ]
        note = fit(line[3][0], max(0, width - NAME - room))
        return self.strip([*line[:3], (note, "bad" if self.wrong else "dim")], width)


def _placeholder(field: Record) -> str:
    default = field.get("default")
    shown = figures.short(default) if default not in (None, "", [], {}) else ""
    unsaid = {"pairs": "NAME=VALUE ...", "boolean": "no" if default is False else "yes or no"}
    return unsaid.get(field.get("kind", ""), "") or shown
