"""Choosing from a list: the menu of verbs, the copy menu, the palette."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.geometry import Offset
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from cupola_tui.paint import fit, fold
from cupola_tui.plain import clean
from cupola_tui.screens.dialog import Dialog
from cupola_tui.widgets.entry import Entry

MOST = 200
LINES = 5  # of a row, beyond the first


@dataclass(frozen=True)
class Choice:
    """One row: what it says, the key that does it without the menu, why it cannot be now, and a word on what it is."""

    id: str
    words: str
    key: str = ""
    why_not: str = ""
    kind: str = ""


class Menu(Dialog[str]):
    """A menu at the pointer or in the middle; a dimmed row says why when it is chosen."""

    def __init__(self, heading: str, choices: Sequence[Choice], at: tuple[int, int] | None = None) -> None:
        super().__init__(classes="-menu")
        self.heading, self.hint = clean(heading), "enter does it, esc leaves"
        self.choices, self.at = choices, at
        width = max((len(one.words) for one in choices), default=0)
        self.options = OptionList(*(Option(_row(choice, min(max(width, 24), 40)), id=choice.id) for choice in choices))

    def inside(self) -> ComposeResult:
        yield self.options

    def on_mount(self) -> None:
        self.options.focus()
        if self.at:
            x, y = self.at
            width = max((len(one.words) for one in self.choices), default=10) + 16
            self.styles.align = ("left", "top")
            self.query_one("#box").styles.offset = Offset(
                max(0, min(x, self.app.size.width - width - 4)),
                max(0, min(y, self.app.size.height - len(self.choices) - 2)),
            )

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        chosen = next(one for one in self.choices if one.id == event.option.id)
        if chosen.why_not:
            self.app.say(f"{chosen.words}: {chosen.why_not}", "warning")  # type: ignore[attr-defined]
        else:
            self.dismiss(chosen.id)

    def on_key(self, event: events.Key) -> None:
        """The key that a row shows works here too."""
        found = next((one for one in self.choices if one.key and one.key == event.character), None)
        if found and not found.why_not:
            event.stop()
            self.dismiss(found.id)

    def on_click(self, event: events.Click) -> None:
        if event.widget is self:
            self.dismiss(None)


def _row(choice: Choice, width: int) -> Content:
    words = Content(f"{fit(clean(choice.words), width)} {choice.key:>5} ")
    return words.stylize("dim") if choice.why_not else words


class Palette(Dialog[str]):
    """Everything there is, found by a few of its letters; `empty` says what would be here, where there is nothing."""

    def __init__(
        self,
        choices: Sequence[Choice],
        heading: str = "Go to or do",
        placeholder: str = "a few letters of an action, a record, a screen",
        empty: str = "",
    ) -> None:
        super().__init__(classes="-palette")
        self.heading, self.hint = heading, "enter does it, esc leaves"
        self.choices, self.empty = choices, empty
        self.typed = Entry(placeholder=placeholder)
        self.options = OptionList()
        self.options.can_focus = False

    def inside(self) -> ComposeResult:
        yield self.typed
        yield self.options

    def on_mount(self) -> None:
        self.typed.focus()
        self._fill("")

    def on_input_changed(self, event: Input.Changed) -> None:
        self._fill(event.value)

    def _fill(self, typed: str) -> None:
        found = fuzzy(typed, self.choices, lambda one: f"{one.kind} {one.words}")[:MOST]
        self.options.clear_options()
        room = max(20, self.app.size.width * 9 // 10 - 20 if self.app.size.width < 84 else 56)
        self.options.add_options(Option(_row_of(one, room, 12), id=str(place)) for place, one in enumerate(found))
        if not found:
            words = self.empty if not self.choices else "nothing here has these letters"
            self.options.add_option(Option(Content.assemble((words, "dim")), disabled=True))
        self._found = found
        self.options.highlighted = 0 if found else None

    def on_key(self, event: events.Key) -> None:
        moves = {"down": 1, "up": -1, "ctrl+n": 1, "ctrl+p": -1}
        if event.key in moves:
            event.stop()
            (self.options.action_cursor_down if moves[event.key] > 0 else self.options.action_cursor_up)()

    def on_input_submitted(self) -> None:
        place = self.options.highlighted
        if place is not None and place < len(self._found):
            self._choose(self._found[place])

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self._choose(self._found[int(event.option.id or 0)])

    def _choose(self, one: Choice) -> None:
        if one.why_not:
            self.app.say(f"{one.words}: {one.why_not}", "warning")  # type: ignore[attr-defined]
        else:
            self.dismiss(one.id)


def _row_of(one: Choice, room: int, aside: int) -> Content:
    """What a row says, in as many lines as it takes, and at the end of the first its key or kind."""
    first, *rest = fold(clean(one.words), room)
    below = "".join(f"\n  {line}" for line in rest[:LINES])
    return Content.assemble(f"{fit(first, room)} ", (fit(one.key or one.kind, aside, True), "dim"), below)


def fuzzy(typed: str, choices: Sequence[Choice], text: Callable[[Choice], str]) -> list[Choice]:
    """The choices that hold the typed letters in their order, the closest first."""
    wanted = typed.casefold().split()
    if not wanted:
        return list(choices)
    scored = []
    for place, one in enumerate(choices):
        scores = [_score(word, text(one).casefold()) for word in wanted]
        if None not in scores:
            scored.append((sum(score or 0 for score in scores), place, one))
    return [one for _, _, one in sorted(scored, key=lambda found: found[:2])]


def _score(word: str, text: str) -> int | None:
    """How far the letters lie apart; a whole word's beginning is best."""
    at = text.find(word)
    if at >= 0:
        return at if at == 0 or not text[at - 1].isalnum() else 50 + at
    at, gaps = -1, 0
    for letter in word:
        found = text.find(letter, at + 1)
        if found < 0:
            return None
        gaps += found - at - 1
        at = found
    return 200 + gaps
