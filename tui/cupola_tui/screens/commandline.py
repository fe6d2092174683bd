"""The `:` line: any action by name, as on the command line, completed from what exists."""

import asyncio
import re
from typing import Any

from textual import events, work
from textual.app import ComposeResult
from textual.widgets import Input

from cupola.errors import CupolaError
from cupola_tui.live import Bridge
from cupola_tui.paint import Line, fit
from cupola_tui.plain import clean
from cupola_tui.screens.dialog import Dialog, Lines
from cupola_tui.widgets.entry import Entry
from cupola_tui.widgets.rows import Record

SHOWN = 9
# A filter that is being typed: what lies behind a quotation mark that is not closed yet.
FILTER = re.compile(r"""(?P<option>--[\w-]+)?[ =](?P<quote>['"])(?P<typed>(?:(?!(?P=quote)).)*)$""")


class CommandLine(Dialog[str]):
    """Asks for a command; tab completes, up brings earlier ones back."""

    def __init__(
        self,
        bridge: Bridge,
        actions: dict[str, Record],
        words: dict[str, str],
        history: list[str],
        forms: dict[str, Record],
    ) -> None:
        super().__init__(classes="-command")
        self.bridge, self.actions, self.words, self.history = bridge, actions, words, history
        self.list = Lines()
        self.list.can_focus = False
        self.typed = Entry(placeholder="an action or a screen: deploy churn@3 --name churn")
        self.found: list[tuple[str, str]] = []
        self.chosen = -1
        self.back = 0
        self._forms = forms
        self.hint = self.heading = ""

    def inside(self) -> ComposeResult:
        yield self.list
        yield self.typed

    def on_mount(self) -> None:
        self.typed.focus()
        self.complete()

    def on_input_changed(self) -> None:
        if self.chosen < 0:
            self.complete()
        self.chosen = -1

    @work(exclusive=True, group="complete", exit_on_error=False)
    async def complete(self) -> None:
        """What may follow what is typed so far."""
        text = self.typed.value
        try:
            self.found = await self._following(text)
        except CupolaError as error:
            self.found = [("", clean(error))]
        self._tell()

    async def _following(self, text: str) -> list[tuple[str, str]]:
        """(the whole line after completing, a word on it)."""
        name = next((one for one in sorted(self.actions, key=len, reverse=True) if text.startswith(one + " ")), "")
        if not name:
            known = {**self.words, **{one: form.get("summary") or "" for one, form in self.actions.items()}}
            begins = [one for one in known if one.startswith(text)]
            holds = [one for one in known if text and text in one and one not in begins]
            return [(f"{one} " if one in self.actions else one, known[one]) for one in [*begins, *holds]]
        if name not in self._forms:
            self._forms[name] = await asyncio.wrap_future(self.bridge.ask("describe", name=name))
        return await self._values(text, self._forms[name])

    async def _values(self, text: str, form: Record) -> list[tuple[str, str]]:
        before, _, word = text.rpartition(" ")
        fields = form.get("fields") or []
        if (found := FILTER.search(text)) and (kind := _filtered(found["option"], fields)):
            known = await self._complete(kind, found["typed"])
            return [(f"{text[: found.start('typed')]}{one} ", "") for one in known]
        if word.startswith("-"):
            return [
                (f"{before} {one['option']} ", one.get("help") or "")
                for one in fields
                if not one["positional"] and one["option"].startswith(word)
            ]
        last = before.rpartition(" ")[2]
        field = next((one for one in fields if one["option"] == last), None)
        if field is None:
            place = len([part for part in before[len(form["name"]) :].split() if not part.startswith("-")])
            positional = [one for one in fields if one["positional"]]
            field = positional[place] if place < len(positional) else None
        if field is None:
            return [
                (f"{before} {one['option']} ", one.get("help") or "")
                for one in fields
                if not one["positional"] and one["option"] not in before
            ]
        if field.get("choices"):
            values = [one for one in field["choices"] if str(one).startswith(word)]
        elif field.get("completes"):
            values = await self._complete(field["completes"], word)
        else:
            return [(text, f"{field['name']}: {field.get('help') or ''}")]
        return [(f"{before} {one} ", field.get("help") or "" if place == 0 else "") for place, one in enumerate(values)]

    async def _complete(self, kind: str, prefix: str) -> list[str]:
        asked = self.bridge.ask("complete", kind=kind, prefix=prefix, arguments={})
        return await asyncio.wrap_future(asked) or []

    def _tell(self) -> None:
        def draw(width: int, height: int) -> list[Line]:
            first = max(0, min(self.chosen, len(self.found) - SHOWN))
            return [
                [
                    (
                        f" {fit(clean(text), min(50, width // 2))}",
                        "reverse" if first + place == self.chosen else "accent",
                    ),
                    (f" {clean(said)}", "dim"),
                ]
                for place, (text, said) in enumerate(self.found[first : first + SHOWN])
            ]

        self.list.fill(draw, from_top=True)
        self.list.refresh(layout=True)

    def on_key(self, event: events.Key) -> None:
        moves: dict[str, Any] = {
            "tab": lambda: self._cycle(1),
            "shift+tab": lambda: self._cycle(-1),
            "up": lambda: self._recall(1),
            "down": lambda: self._recall(-1),
        }
        if event.key in moves:
            event.stop()
            event.prevent_default()
            moves[event.key]()

    def _cycle(self, by: int) -> None:
        if self.found:
            self.chosen = (self.chosen + by) % len(self.found)
            self._put(self.found[self.chosen][0], self.chosen)
            if len(self.found) == 1:
                self.chosen = -1
                self.complete()
            self._tell()

    def _recall(self, by: int) -> None:
        self.back = max(0, min(len(self.history), self.back + by))
        self._put(self.history[-self.back] if self.back else "", -1)

    def _put(self, text: str, chosen: int) -> None:
        with self.prevent(Input.Changed):
            self.typed.value = text
        self.typed.cursor_position = len(text)
        self.chosen = chosen

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip() or None)


def _filtered(option: str | None, fields: list[Record]) -> str:
    """What completes the filter that this option takes, or that stands without one; "" where it is none."""
    taken = [one for one in fields if (one["option"] == option if option else one["positional"])]
    return next((kind for one in taken if (kind := str(one.get("completes"))).endswith(" filter")), "")
