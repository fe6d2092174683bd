"""What a pane is: data, not a widget. One table and one detail pane show whichever pane is in front."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rich.cells import cell_len

from cupola_tui import figures
from cupola_tui.glyphs import STATUSES
from cupola_tui.paint import Line, fit, fold
from cupola_tui.plain import clean
from cupola_tui.widgets.rows import Column, Record

WARNING = "warning: "  # begins a note that says what is amiss
Ask = tuple[str, dict[str, Any]]
"""A request of the bridge: the call and its arguments."""


@dataclass
class Scene:
    """What a tab draws from: the record, the answers to its questions (an error stands for itself), and the room.

    turned: what was chosen by keys, which stays when another record is shown.
    """

    record: Record
    answers: dict[str, Any]
    width: int
    height: int
    turned: dict[str, Any] = field(default_factory=dict)

    def answer(self, name: str) -> Any:
        """The answer, None while it is on its way or when it is an error."""
        value = self.answers.get(name)
        return None if isinstance(value, Exception) else value


@dataclass(frozen=True)
class Listing:
    """Records within a record, as a table of their own. leads: the pane that enter leads to, and the name there;
    without it, enter shows the record whole."""

    records: list[Record]
    columns: list[Column]
    ident: Callable[[Record], str]
    leads: Callable[[Record], tuple[str, str]] | None


@dataclass(frozen=True)
class Tab:
    """One tab of the details: what it needs to know, and how it is drawn; log: which log it shows instead, listing:
    which table, where there is anything to be listed. turn: changes what is chosen (`Scene.turned`) of a thing, as many
    steps on (or back) as a key says."""

    name: str
    draw: Callable[[Scene], list[Line]]
    needs: Callable[[Record], dict[str, Ask]] = lambda record: {}
    log: Callable[[Record], Ask | None] | None = None
    listing: Callable[[Scene], Listing | None] | None = None
    turn: Callable[[Scene, str, int], None] | None = None


def id_of(record: Record) -> str:
    return str(record.get("id"))


def name_of(record: Record) -> str:
    return str(record.get("name") or record.get("id"))


@dataclass(frozen=True)
class Pane:
    """One kind of record: its table, its details, its words.

    kind: what the bridge calls the list. about: what actions and people call one of it. ident: what tells a record from
    all others; ref: what actions are given; label: what people read; files: where it lies in the workspace. leads:
    where enter goes, if not to the details: a pane, a record's name there, whether to show what people say of it.
    """

    name: str
    kind: str
    about: str
    columns: Callable[[list[Record]], list[Column]]
    tabs: tuple[Tab, ...]
    empty: tuple[str, ...]
    files: Callable[[Record], str]
    ident: Callable[[Record], str] = id_of
    ref: Callable[[Record], str] = id_of
    label: Callable[[Record], str] = name_of
    leads: Callable[[Record], tuple[str, str, bool]] | None = None

    @property
    def title(self) -> str:
        return self.name.capitalize()


def text(key: str, title: str, **more: Any) -> Column:
    """A column of plain text."""
    return Column(key, title, lambda one: (figures.short(one.get(key)), ""), lambda one: one.get(key), **more)


def figure(
    key: str, title: str, show: Callable[[Any], str], value: Callable[[Record], Any] | None = None, **more: Any
) -> Column:
    """A column of numbers, to the right; `value` finds one in a record, `show` writes it."""
    found = value or (lambda one: one.get(key))
    return Column(
        key, title, lambda one: (show(found(one)), ""), found, **{"width": 6, "grow": 8, "right": True} | more
    )


def status(draw: Callable[[Record], tuple[str, str]] | None = None, **more: Any) -> Column:
    """The status with its glyph."""
    room = {"width": 12, "grow": 14, "priority": 8} | more
    return Column("status", "status", draw or badge_of, lambda one: one.get("status"), **room)


def who() -> Column:
    return text("user", "who", width=5, grow=10, priority=2)


def took(priority: int) -> Column:
    """For how long it ran, or has been running."""
    return Column(
        "took",
        "time",
        lambda one: (figures.span(one.get("started"), one.get("ended")), ""),
        lambda one: figures.seconds(one.get("started"), one.get("ended")),
        width=6,
        grow=8,
        right=True,
        priority=priority,
    )


def metric(name: str, priority: int) -> Column:
    """A metric of a run or a model, titled without its split."""
    title = name.split("_", 1)[-1] if name.startswith(("validation_", "test_")) else name
    return figure(
        name,
        clean(title),
        figures.number,
        lambda one: (one.get("metrics") or {}).get(name),
        width=8,
        grow=14,
        priority=priority,
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
    shown = [(name, value if isinstance(value, tuple) else (figures.given(value), "")) for name, value in pairs]
    shown = [pair for pair in shown if pair[1][0] not in (figures.ABSENT, "")]
    indent = max((cell_len(name) for name, _ in shown), default=0) + 2
    lines: list[Line] = []
    for name, (value, style) in shown:
        first, *rest = fold_value(value, width - indent - 1)
        lines.append([(f" {fit(name, indent)}", "dim"), (first, style)])
        lines += [[(" " * (indent + 1), ""), (more, style)] for more in rest]
    return lines


def fold_value(value: str, width: int) -> list[str]:
    return fold(value, width) if cell_len(value) > width else [value]


def spoilt(record: Record, width: int) -> list[Line]:
    """Which of its data somebody has marked as bad."""
    words = record.get("bad")
    return [*said(f"✗ {words}", width, "bad"), []] if words else []


def bad_data() -> Column:
    """Whether a record is, or came from, bad data; a column for lists in which there is any."""
    return Column(
        "bad",
        "data",
        lambda one: ("✗ bad", "bad") if one.get("bad") else ("", ""),
        lambda one: one.get("bad"),
        width=5,
        grow=5,
        priority=8,
    )


def by(record: Record) -> tuple[str, Any]:
    """Whose it is and where it was made, as one of the facts."""
    return "by", f"{record.get('user')} on {record.get('host')}"


def said(words: Any, width: int, style: str = "", indent: int = 1) -> list[Line]:
    """A text in as many lines as it takes."""
    return [[(" " * indent, ""), (part, style)] for part in fold(clean(words), width - indent - 1)]


def notes(record: Record, width: int) -> list[Line]:
    """What is worth knowing about a record; a warning says so in its first word, and gets a sign in its place."""
    lines: list[Line] = []
    for note in record.get("notes") or []:
        words = clean(note)
        mark = (" ⚠ ", "warn") if words.startswith(WARNING) else (" · ", "dim")
        first, *rest = fold(words.removeprefix(WARNING), width - 4)
        lines += [[mark, (first, "")], *[[("   ", ""), (part, "")] for part in rest]]
    return lines


def heading(words: str) -> Line:
    return [(f" {words}", "title")]


def pending(scene: Scene, name: str, words: str) -> list[Line]:
    """What stands in for an answer that is not there: an error as it is, or what one waits for."""
    value = scene.answers.get(name)
    if isinstance(value, Exception):
        return [[(" ✗ ", "bad"), (line, "")] for line in fold(clean(value), scene.width - 4)]
    return [[(f" {words}", "dim")]]
