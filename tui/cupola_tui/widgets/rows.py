"""Which records a table shows and in which order: a model apart from any widget, keyed by record, never by row."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cupola.search.fields import Fields

Record = dict[str, Any]
WORDS = re.compile(r'"([^"]+)"|(\S+)')


@dataclass(frozen=True)
class Column:
    """A column: `draw` gives a record's cell (text, style), `value` what it is sorted and filtered by.

    priority: the lowest falls away first when there is no room; 9 never does. width: cells at least; grow: at most.
    """

    key: str
    title: str
    draw: Callable[[Record], tuple[str, str]]
    value: Callable[[Record], Any]
    width: int = 6
    grow: int = 24
    priority: int = 5
    right: bool = False


@dataclass
class Rows:
    """The records of one pane, their order, marks and filter. applied: the text of the filter.

    fields: what a filter can name, and with which titles.
    """

    ident: Callable[[Record], str]
    records: dict[str, Record] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    marks: set[str] = field(default_factory=set)
    waiting: set[str] = field(default_factory=set)
    sort: str = ""
    backwards: bool = False
    wanted: Callable[[Record], bool] | None = None
    loaded: bool = False
    applied: str = ""
    fields: tuple[tuple[str, ...], "Fields"] | None = None
    _places: dict[str, int] = field(default_factory=dict)
    _said: dict[str, tuple[Record, str]] = field(default_factory=dict)
    _whole: tuple[dict[str, Record], Column, bool, list[str]] | None = None

    def put(self, records: Iterable[Record], columns: list[Column], hold: bool = False) -> None:
        """Takes the newest records; with `hold`, rows that are new to a sorted table wait until `release`."""
        fresh = {self.ident(record): record for record in records}
        if hold and self.loaded and self.sort:
            self.waiting = {one for one in fresh if one not in self.records or one in self.waiting}
        else:
            self.waiting = set()
        self.records = fresh
        self.fields = None
        self._said = {one: kept for one, kept in self._said.items() if one in fresh}
        self.marks &= fresh.keys()
        self.loaded = True
        self.arrange(columns)

    def release(self, columns: list[Column]) -> None:
        """Lets the waiting rows in."""
        self.waiting.clear()
        self.arrange(columns)

    def arrange(self, columns: list[Column]) -> None:
        """Filters and sorts anew."""
        wanted, waiting, records = self.wanted, self.waiting, self.records
        column = next((one for one in columns if one.key == self.sort), None)
        whole = list(records) if column is None else self._sorted(column)
        self.order = [one for one in whole if one not in waiting and (wanted is None or wanted(records[one]))]
        self._places = {one: place for place, one in enumerate(self.order)}

    def said(self, record: Record) -> str:
        """What the record says, worked out once: 10,000 of them are looked through at each key."""
        ident = self.ident(record)
        kept = self._said.get(ident)
        if kept is None or kept[0] is not record:
            kept = self._said[ident] = record, texts_of(record)
        return kept[1]

    def place(self, ident: str | None) -> int | None:
        """The row of that record, None when it is not shown."""
        return None if ident is None else self._places.get(ident)

    def at(self, place: int) -> Record | None:
        return self.records[self.order[place]] if 0 <= place < len(self.order) else None

    def _sorted(self, column: Column) -> list[str]:
        """All records by the column, sorted once: a filter changes with each key. What has no value comes last."""
        kept = self._whole
        if kept and kept[0] is self.records and kept[1] is column and kept[2] == self.backwards:
            return kept[3]
        keyed = [(_rank(column.value(record)), one) for one, record in self.records.items()]
        present = [pair for pair in keyed if pair[0] is not None]
        present.sort(key=lambda pair: pair[0], reverse=self.backwards)  # type: ignore[arg-type, return-value]
        found = [one for _, one in present] + [one for key, one in keyed if key is None]
        self._whole = (self.records, column, self.backwards, found)
        return found


def _rank(value: Any) -> tuple[int, Any] | None:
    if value is None or value != value:
        return None
    if isinstance(value, bool | int | float):
        return (0, value)
    return (1, str(value).casefold()) if value != "" else None


def holding(text: str, said: Callable[[Record], str] | None = None) -> Callable[[Record], bool]:
    """The plain filter: every word of `text` stands in one of the record's texts, tags or numbers."""
    words, said = words_of(text.casefold()), said or texts_of

    def wanted(record: Record) -> bool:
        texts = said(record)
        return all(word in texts for word in words)

    return wanted


def words_of(text: str) -> list[str]:
    """What a plain filter looks for: words, and phrases between quotation marks."""
    return [phrase or word for phrase, word in WORDS.findall(text)]


def texts_of(record: Record) -> str:
    """What a record says, without its inner records."""
    said = []
    for value in record.values():
        if type(value) is str:
            said.append(value)
        elif type(value) is int or type(value) is float:
            said.append(str(value))
        elif type(value) is list:
            said += [one for one in value if type(one) is str]
    return "\0".join(said).casefold()
