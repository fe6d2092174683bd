"""The parameters of one step: a field for each, a text area for code; what is typed is told at once."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widgets import Input, TextArea

from cupola.arguments import listed
from cupola_tui.plain import clean
from cupola_tui.widgets.field import FormField
from cupola_tui.widgets.rows import Record

CODE = {"query": "sql", "code": "python", "expression": "sql"}  # parameters that may have lines of their own
OF_COLUMNS = ("expression", "where", "query")  # parameters in whose text columns are named
WORD = re.compile(r"[^\W\d]\w*$")
OFFERED = 24


class Code(TextArea):
    """A text of several lines."""

    def __init__(self, field: Record, value: str) -> None:
        told = f"{clean(field['name'])}: {clean(field.get('help') or '')}"
        super().__init__(value, show_line_numbers=False, tab_behavior="focus", placeholder=told)
        self.field = field
        self.cursor_blink = False
        self.set_class(field["name"] == "expression", "-short")

    @property
    def value(self) -> str:
        return self.text

    @property
    def typed(self) -> str:
        """What stands before the cursor."""
        return self.get_text_range((0, 0), self.cursor_location)

    def put(self, typed: str) -> None:
        """Replaces what stands before the cursor."""
        self.replace(typed, (0, 0), self.cursor_location, maintain_selection_offset=False)


class StepForm(VerticalScroll, can_focus=False, inherit_bindings=False):
    """The fields of a transform. known: what a field can be completed with."""

    class Changed(Message):
        """Something else is typed, or another field is in hand."""

    def __init__(self, transform: Record, values: dict[str, str], known: Callable[[Record], Iterable[str]]) -> None:
        super().__init__(id="stepform")
        self.transform, self.known = transform, known
        self.fields: list[FormField | Code] = [
            Code(one, values.get(one["name"], ""))
            if one["name"] in CODE
            else FormField(one, values.get(one["name"], ""))
            for one in transform["fields"]
        ]
        self.chosen = -1

    def compose(self) -> ComposeResult:
        yield from self.fields

    def on_mount(self) -> None:
        needed = [one for one in self.fields if one.field.get("required") and not one.value]
        self._enter(next(iter([*needed, *self.fields]), None))

    @property
    def values(self) -> dict[str, str]:
        return {one.field["name"]: one.value.strip() for one in self.fields}

    @property
    def here(self) -> FormField | Code | None:
        """The field in hand."""
        focused: Any = self.screen.focused
        return next((one for one in self.fields if focused in (one, getattr(one, "input", None))), None)

    def next(self, by: int) -> None:
        here = self.here
        place = (self.fields.index(here) + by) % len(self.fields) if here else 0
        self._enter(self.fields[place])

    def _enter(self, field: FormField | Code | None) -> None:
        self.chosen = -1
        if isinstance(field, FormField):
            field.enter()
        elif field:
            field.focus()
            self.app.call_later(self.app.keys.release)  # type: ignore[attr-defined]
        self.post_message(self.Changed())

    def offered(self) -> list[str]:
        """What may stand in the field in hand, as a continuation of its last word."""
        here = self.here
        if here is None:
            return []
        word = self._head(here)[1].casefold() if self.chosen < 0 else self._typed
        if here.field["name"] in OF_COLUMNS and not word:
            return []
        every = here.field.get("choices") or (
            ["yes", "no"] if here.field.get("kind") == "boolean" else self.known(here.field)
        )
        found = [listed([str(one)]) if here.field.get("repeated") else str(one) for one in every]
        return [one for one in found if one.strip('"').casefold().startswith(word.strip('"'))][:OFFERED]

    def complete(self) -> None:
        """Puts in the next of what is offered."""
        here = self.here
        if here is None:
            return
        self._begin_anew()
        if self.chosen < 0:
            self._typed = self._head(here)[1].casefold()
        offered = self.offered()
        if offered:
            before = self._head(here)[0]
            self.chosen = (self.chosen + 1) % len(offered)
            kept = self.chosen
            here.put(before + offered[kept])
            self.chosen = kept

    @staticmethod
    def _head(field: FormField | Code) -> tuple[str, str]:
        """What stands before the word that is being typed, and that word: of a list, the one after the last comma; of
        an expression, the name that it ends in."""
        typed = field.typed if isinstance(field, Code) else field.value
        if field.field["name"] in OF_COLUMNS or isinstance(field, Code):
            name = WORD.search(typed)
            return (typed[: name.start()], name[0]) if name else (typed, "")
        if not field.field.get("repeated"):
            return "", typed.strip()
        commas = (at for at, letter in enumerate(typed) if letter == "," and typed.count('"', 0, at) % 2 == 0)
        begin = max(commas, default=-1) + 1
        return typed[:begin], typed[begin:].strip()

    _typed = ""

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._typed_on()

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self._typed_on()

    def _typed_on(self) -> None:
        self._begin_anew()
        self.post_message(self.Changed())

    def _begin_anew(self) -> None:
        """Where something else than what was put in stands before the cursor, another word is completed."""
        here = self.here
        typed = here.typed if isinstance(here, Code) else here.value if here else ""
        if self.chosen >= 0 and not typed.endswith(self._put_in()):
            self.chosen = -1

    def _put_in(self) -> str:
        offered = self.offered()
        return offered[self.chosen] if 0 <= self.chosen < len(offered) else ""

    def on_form_field_entered(self) -> None:
        self.app.keys.release()  # type: ignore[attr-defined]
