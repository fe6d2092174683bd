"""What a pane is: data, not a widget. One table and one detail pane show whichever pane is in front."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cupola_tui import figures
from cupola_tui.glyphs import STATUSES
from cupola_tui.paint import Line
from cupola_tui.plain import clean
from cupola_tui.widgets.rows import Column, Record

Ask = tuple[str, dict[str, Any]]
"""A request of the bridge: the call and its arguments."""


@dataclass
class Scene:
    """What a tab draws from: the record, the answers to its questions (an error stands for itself), and the room."""

    record: Record
    answers: dict[str, Any]
    width: int
    height: int
    lists: dict[str, list[Record]] = field(default_factory=dict)

    def answer(self, name: str) -> Any:
        """The answer, None while it is on its way or when it is an error."""
        value = self.answers.get(name)
        return None if isinstance(value, Exception) else value


@dataclass(frozen=True)
class Tab:
    """One tab of the details: what it needs to know, and how it is drawn; log: which log it shows instead."""

    name: str
    draw: Callable[[Scene], list[Line]]
    needs: Callable[[Record], dict[str, Ask]] = lambda record: {}
    log: Callable[[Record], Ask | None] | None = None


@dataclass(frozen=True)
class Pane:
    """One kind of record: its table, its details, its words.

    kind: what the bridge calls the list. about: what actions call the kind. feeds: kinds of change that it must follow.
    """

    name: str
    title: str
    kind: str
    about: str
    noun: str
    feeds: frozenset[str]
    ident: Callable[[Record], str]
    ref: Callable[[Record], str]
    columns: Callable[[list[Record]], list[Column]]
    tabs: tuple[Tab, ...]
    empty: tuple[str, ...]
    label: Callable[[Record], str]
    files: Callable[[Record], str]


def text(key: str, title: str, **more: Any) -> Column:
    """A column of plain text."""
    return Column(key, title, lambda one: (figures.short(one.get(key)), ""), lambda one: one.get(key), **more)


def status(key: str = "status", width: int = 12) -> Column:
    """A status with its glyph."""
    return Column(
        key,
        "status",
        badge_of if key == "status" else lambda one: badge(one.get(key)),
        lambda one: one.get(key),
        width=width,
        grow=width + 2,
        priority=8,
    )


def badge(value: Any) -> tuple[str, str]:
    """A status as its glyph and name."""
    glyph, style = STATUSES.get(str(value), ("·", "dim"))
    return (f"{glyph} {clean(value)}" if value else figures.ABSENT), style


def badge_of(record: Record) -> tuple[str, str]:
    """A record's status; one that should be heard of and is not says so instead."""
    silent = figures.silence(record)
    return (f"○ no word {silent}", "warn") if silent else badge(record.get("status"))


def stands(record: Record) -> Line:
    """The first line of the details: the status, and what else there is to it."""
    silent = figures.silence(record)
    more = f"no word for {silent}" if silent else clean(record.get("secondary_status") or "")
    more = "" if more == record.get("status") else more
    return [(" ", ""), badge(record.get("status")), (f"  {more}", "warn" if silent else "dim")]


def age(key: str, title: str = "age", **more: Any) -> Column:
    """How long ago; sorted by time."""
    return Column(
        key,
        title,
        lambda one: (figures.age(one.get(key)), "dim"),
        lambda one: one.get(key),
        width=4,
        grow=5,
        right=True,
        **more,
    )


def facts(pairs: list[tuple[str, Any]], width: int) -> list[Line]:
    """Names and values, one a line, the names aligned; what is absent is left out."""
    shown = [(name, value if isinstance(value, tuple) else (figures.short(value), "")) for name, value in pairs]
    shown = [pair for pair in shown if pair[1][0] not in (figures.ABSENT, "")]
    indent = max((len(name) for name, _ in shown), default=0) + 2
    lines: list[Line] = []
    for name, (value, style) in shown:
        first, *rest = fold_value(value, width - indent - 1)
        lines.append([(f" {name:<{indent}}", "dim"), (first, style)])
        lines += [[(" " * (indent + 1), ""), (more, style)] for more in rest]
    return lines


def fold_value(value: str, width: int) -> list[str]:
    from cupola_tui.paint import fold

    return fold(value, width) if len(value) > width else [value]


def heading(words: str) -> Line:
    return [(f" {words}", "title")]


def pending(scene: Scene, name: str, words: str) -> list[Line]:
    """What stands in for an answer that is not there: an error as it is, or what one waits for."""
    value = scene.answers.get(name)
    if isinstance(value, Exception):
        from cupola_tui.paint import fold

        return [[(" ✗ ", "bad"), (line, "")] for line in fold(clean(value), scene.width - 4)]
    return [[(f" {words}", "dim")]]
