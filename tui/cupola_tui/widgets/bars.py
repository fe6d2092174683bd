"""The lines at the top and the bottom: who and what is here, the panes, the keys."""

from dataclasses import dataclass, field
from typing import ClassVar

from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from cupola_tui import figures
from cupola_tui.keymap import Key
from cupola_tui.paint import Line, Painter, Span, fit, width_of
from cupola_tui.plain import clean


@dataclass(frozen=True)
class Facts:
    """What the header says. agent: None while unknown. silent: for how many seconds the mount has not answered."""

    name: str = ""
    path: str = ""
    mount: str = ""
    readonly: bool = False
    agent: bool | None = None
    jobs: int = 0
    endpoints: int = 0
    cpu: tuple[float, ...] = ()
    gpus: tuple[tuple[float, float], ...] = field(default=())
    silent: int = 0
    trouble: str = ""


class Bar(Painter):
    """One painted line."""

    line: reactive[Line] = reactive(list, always_update=False)

    def render_line(self, y: int) -> Strip:
        return self.strip(self.line, self.size.width)

    def on_resize(self, event: events.Resize) -> None:
        self.renew()

    def renew(self) -> None:
        """Works the line out anew; nothing is written where it is the same."""


class Header(Bar):
    """Workspace, agent, jobs, endpoints, gauges; names and paths fall away first when it is narrow."""

    facts: reactive[Facts] = reactive(Facts())

    def watch_facts(self) -> None:
        self.renew()

    def renew(self) -> None:
        facts, width = self.facts, self.size.width
        right = self._right(facts)
        left: Line = [(" cupola ", "title")]
        for span in self._left(facts):
            if width_of([*left, span, *right]) + 2 <= width:
                left.append(span)
        if facts.silent:
            left = [
                (" cupola ", "title"),
                (f" the mount has not answered for {facts.silent} s", "bad"),
                ("  :reader replace gives it up", "dim"),
            ]
        elif facts.trouble:
            left = [(" cupola ", "title"), (f" {facts.trouble}", "bad")]
        if (facts.silent or facts.trouble) and width_of(left) + width_of(right) >= width:
            right = []  # what is wrong matters more than what is well
        space = width - width_of(left) - width_of(right)
        if space < 1:
            left = [(fit("".join(text for text, _ in left), max(8, width - width_of(right))), left[-1][1])]
            space = 0
        self.line = [*left, (" " * space, ""), *right]

    def _left(self, facts: Facts) -> list[Span]:
        kind = f" ({facts.mount})" if facts.mount and facts.mount != "local" else ""
        spans: list[Span] = [(f" {clean(facts.name)}", "bold")] if facts.name else []
        if facts.readonly:
            spans.append((" read-only ", "warn"))
        if facts.path:
            spans.append((f" · {clean(facts.path)}{kind}", "dim"))
        return spans

    def _right(self, facts: Facts) -> Line:
        line: Line = []
        if facts.agent is not None:
            line += [("● agent" if facts.agent else "○ no agent", "good" if facts.agent else "dim")]
        line.append((f"  {facts.jobs} job{'s' * (facts.jobs != 1)}", "accent" if facts.jobs else "dim"))
        line.append(
            (f"  {facts.endpoints} endpoint{'s' * (facts.endpoints != 1)}", "accent" if facts.endpoints else "dim")
        )
        if facts.cpu:
            line += [
                ("  cpu ", "dim"),
                (figures.sparkline([0.0] * (6 - len(facts.cpu)) + list(facts.cpu), 100), "good"),
            ]
        for number, (busy, memory) in enumerate(facts.gpus):
            line += [
                (f"  gpu{number} ", "dim"),
                (figures.sparkline([busy, memory], 100), "good"),
                (f" {busy:.0f}%", ""),
            ]
        return [*line, (" ", "")]


class Tabs(Bar):
    """A line of names, one of them in front; a click chooses."""

    names: reactive[tuple[str, ...]] = reactive(())
    chosen: reactive[int] = reactive(0)
    numbered: ClassVar[bool] = False

    class Chosen(Message):
        def __init__(self, tabs: "Tabs", place: int) -> None:
            super().__init__()
            self.tabs, self.place = tabs, place

        @property
        def control(self) -> "Tabs":
            return self.tabs

    def watch_names(self) -> None:
        self.renew()

    def watch_chosen(self) -> None:
        self.renew()

    def renew(self) -> None:
        line: Line = [(" ", "")]
        for place, name in enumerate(self.names):
            if self.numbered:
                line.append((f"{place + 1} ", "key"))
            line += [(name, "title" if place == self.chosen else "dim"), ("  ", "")]
        if width_of(line) - 1 > self.size.width > 0:
            line = [(" " if text == "  " else text, style) for text, style in line]
        if self.names and width_of(line) - 1 > self.size.width > 0:
            # The one in front keeps its whole name; the others are cut as far as they must be.
            spare = self.size.width - 1 - len(self.names) - len(self.names[self.chosen])
            room = max(2, spare // max(1, len(self.names) - 1))
            cut = [
                text if place == self.chosen or text.isspace() else text[:room] for place, text in enumerate(self.names)
            ]
            line = [
                (" ", ""),
                *(
                    span
                    for place, text in enumerate(cut)
                    for span in ((text, "title" if place == self.chosen else "dim"), (" ", ""))
                ),
            ]
        self.line = line

    def on_click(self, event: events.Click) -> None:
        edge, place = 0, 0
        for text, _ in self.line:
            edge += len(text)
            if event.x < edge:
                break
            place += text.isspace() and edge > 1 and place < len(self.names)
        if place < len(self.names):
            self.post_message(self.Chosen(self, place))


class PaneTabs(Tabs):
    """The panes, each with the number that is its key."""

    numbered = True


class Footer(Bar):
    """The keys that do something here, most wanted first; help always has its place."""

    keys: reactive[tuple[Key, ...]] = reactive(())
    dimmed: reactive[frozenset[str]] = reactive(frozenset())

    class Pressed(Message):
        def __init__(self, key: Key) -> None:
            super().__init__()
            self.key = key

    def watch_keys(self) -> None:
        self.renew()

    def watch_dimmed(self) -> None:
        self.renew()

    def renew(self) -> None:
        line: Line = [(" ", "")]
        help_ = [key for key in self.keys if key.id == "help"]
        rest = [key for key in self.keys if key.id != "help"]
        room = self.size.width - sum(len(key.label) + len(key.words) + 3 for key in help_)
        for key in rest:
            part: Line = [(key.label, "dim" if key.id in self.dimmed else "key"), (f" {key.words}  ", "dim")]
            if width_of([*line, *part]) > room:
                continue
            line += part
        for key in help_:
            line += [(key.label, "key"), (f" {key.words}", "dim")]
        self.line = line

    def on_click(self, event: events.Click) -> None:
        edge = 0
        for text, _ in self.line:
            edge += len(text)
            if event.x < edge:
                words = text.strip()
                found = next((key for key in self.keys if words in (key.label, key.words)), None)
                if found:
                    self.post_message(self.Pressed(found))
                return
