"""The lines at the top and the bottom: who and what is here, the panes, the keys."""

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from cupola_tui import figures, keymap
from cupola_tui.keymap import Key
from cupola_tui.paint import Line, Painter, Span, fit, width_of
from cupola_tui.plain import clean

GAUGE = 6
ROOMY = 100  # columns from which on it is said who is here


@dataclass(frozen=True)
class Facts:
    """What the header says. agent: None while unknown. silent: for how many seconds the mount has not answered.

    late: up to how many seconds old views are on this mount, and the options that mend it; None where that is well.
    gone: why there is no workspace to be seen any more. trouble: what else is wrong.
    """

    name: str = ""
    path: str = ""
    mount: str = ""
    readonly: bool = False
    late: tuple[int, str] | None = None
    agent: bool | None = None
    jobs: int = 0
    endpoints: int = 0
    cpu: tuple[float, ...] = ()
    gpus: tuple[tuple[float, float], ...] = field(default=())
    people: str = ""
    unread: int = 0
    silent: int = 0
    gone: str = ""
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
    """Workspace, agent, jobs, endpoints, gauges, who is here; people and paths fall away first when it is narrow."""

    facts: reactive[Facts] = reactive(Facts())

    def say(self, **facts: Any) -> None:
        """Says these facts; the others stay."""
        self.facts = replace(self.facts, **facts)

    def opened(self, workspace: dict[str, Any]) -> None:
        """Says which workspace this is, and on what it lies."""
        mount = workspace.get("mount")
        self.say(
            name=workspace.get("name") or "",
            path=workspace.get("path") or self.facts.path,
            mount=clean((mount.get("kind") if isinstance(mount, dict) else mount) or ""),
            readonly=bool(workspace.get("readonly")),
            late=(round(workspace["late"]), clean(workspace["mend"])) if workspace.get("mend") else None,
        )

    def measured(self, host: dict[str, Any]) -> None:
        """Shows how busy the host is now, beside how it was."""
        gpus = tuple(
            (float(one.get("busy") or 0), 100 * (one.get("memory_used") or 0) / (one.get("memory_total") or 1))
            for one in host.get("gpus") or []
        )
        self.say(cpu=(*self.facts.cpu, float(host.get("cpu") or 0))[-GAUGE:], gpus=gpus)

    def watch_facts(self) -> None:
        self.renew()

    def renew(self) -> None:
        facts, width = self.facts, self.size.width
        right, gauges = self._right(facts), self._gauges(facts)
        left: Line = [(" cupola ", "title")]
        late, right = self._late(facts, right, gauges, width - width_of(left))
        if facts.people and width >= ROOMY:
            people = [*right, (f" {facts.people} ", "accent")]
            right = people if width_of([*left, *self._left(facts)[:1], *late, *people]) + 2 <= width else right
        for span in self._left(facts):
            if width_of([*left, span, *late, *right]) + 2 <= width:
                left.append(span)
        left += late
        if facts.silent:
            left = [
                (" cupola ", "title"),
                (f" the mount has not answered for {facts.silent} s", "bad"),
                ("  it goes on by itself", "dim"),
            ]
        elif facts.gone or facts.trouble:
            left = [(" cupola ", "title"), (f" {facts.gone or facts.trouble}", "bad")]
        if (facts.silent or facts.gone or facts.trouble) and width_of(left) + width_of(right) >= width:
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

    def _late(self, facts: Facts, right: Line, gauges: Line, room: int) -> tuple[Line, Line]:
        """That views are late, in as many words as there is room for, and what stands to the right of it."""
        if facts.late is None:
            return [], [*right, *gauges]
        seconds, mend = facts.late
        words = (
            f"  views are up to {seconds} s old: mount with -o {mend}",
            f"  views {seconds} s old: {mend.partition(',')[0]}",
        )
        ends = ([*right, *gauges], [*right, (" ", "")])
        choices = [(text, end) for text in words for end in ends]
        wanted = room - 2 - len(clean(facts.name)) - 1  # with the name beside it, as long as that can be had
        fits = (
            (text, end) for most in (wanted, room - 2) for text, end in choices if len(text) + width_of(end) <= most
        )
        text, end = next(fits, choices[-1])
        return [(text, "warn")], end

    def _right(self, facts: Facts) -> Line:
        line: Line = [(f"@{facts.unread}  ", "accent bold")] if facts.unread else []
        if facts.agent is not None:
            line += [("● agent" if facts.agent else "○ no agent", "good" if facts.agent else "dim")]
        line.append((f"  {facts.jobs} job{'s' * (facts.jobs != 1)}", "accent" if facts.jobs else "dim"))
        line.append(
            (f"  {facts.endpoints} endpoint{'s' * (facts.endpoints != 1)}", "accent" if facts.endpoints else "dim")
        )
        return line

    def _gauges(self, facts: Facts) -> Line:
        line: Line = []
        if facts.cpu:
            line += [
                ("  cpu ", "dim"),
                (figures.sparkline([0.0] * (GAUGE - len(facts.cpu)) + list(facts.cpu), 100), "good"),
            ]
        for number, (busy, memory) in enumerate(facts.gpus):
            line += [
                (f"  gpu{number} ", "dim"),
                (figures.sparkline([busy, memory], 100), "good"),
                (f" {busy:.0f}%", ""),
            ]
        return [*line, (" ", "")]


class Tabs(Bar):
    """A line of names, one of them in front; a click chooses.

    Where not all of them fit, those about the one in front are shown, and marks at the ends lead to the others.
    """

    names: reactive[tuple[str, ...]] = reactive(())
    chosen: reactive[int] = reactive(0)

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
        self.line = [span for _, spans in self._parts() for span in spans]

    def _parts(self) -> list[tuple[int, Line]]:
        """What is drawn from left to right, and which name a click on it chooses."""
        every, room = range(len(self.names)), self.size.width
        gap = 2 if self._width(every, 2) <= room else 1
        shown = every if self._width(every, gap) <= room or not room else self._about_the_chosen(room)
        parts: list[tuple[int, Line]] = [(shown.start - 1, [("‹ ", "key")])] if shown.start else [(0, [(" ", "")])]
        for place in shown:
            parts.append((place, [*self._written(place), (" " * gap, "")]))
        return parts if shown.stop == len(self.names) else [*parts, (shown.stop, [("›", "key")])]

    def _written(self, place: int) -> Line:
        """What stands for a name."""
        return [(self.names[place], "title" if place == self.chosen else "dim")]

    def _about_the_chosen(self, room: int) -> range:
        """As many names as fit, whole: from the first on, as long as the one in front is among them."""
        starts = (start for start in range(self.chosen) if self._width(range(start, self.chosen + 1), 1) <= room)
        start = stop = next(starts, self.chosen)
        while stop < len(self.names) and (stop == start or self._width(range(start, stop + 1), 1) <= room):
            stop += 1
        return range(start, stop)

    def _width(self, shown: range, gap: int) -> int:
        """How many cells these names take, with what stands at the ends."""
        names = sum(width_of(self._written(place)) for place in shown)
        ends = (2 if shown.start else 1) + 2 * (shown.stop < len(self.names))
        return names + gap * (len(shown) - 1) + ends

    def on_click(self, event: events.Click) -> None:
        edge = 0
        for place, spans in self._parts():
            edge += width_of(spans)
            if event.x < edge:
                self.post_message(self.Chosen(self, place))
                return


class PaneTabs(Tabs):
    """The panes, each with its key; where there is no room for a name, the key stands alone."""

    KEYS: ClassVar[tuple[str, ...]] = tuple(
        keymap.named(f"pane_{name}").label for name in (*keymap.PANES, keymap.ACTIVITY)
    )

    def _written(self, place: int) -> Line:
        key = self.KEYS[place]
        return [(f"{key} ", "key"), *super()._written(place)] if place in self._named() else [(key, "key")]

    def _named(self) -> set[int]:
        """Whose names there is room for, whole: that in front, and from the left those that still fit."""
        room, named = self.size.width - sum(len(key) + 1 for key in self.KEYS), set()
        for place in sorted(range(len(self.names)), key=lambda one: one != self.chosen):
            if len(self.names[place]) < room:
                named.add(place)
                room -= len(self.names[place]) + 1
        return named


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
