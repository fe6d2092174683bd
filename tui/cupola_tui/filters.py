"""What a filter that a person types means: words that a record holds, or the search language."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any

from cupola_tui import figures
from cupola_tui.plain import clean
from cupola_tui.widgets.rows import Column, Record, Rows, holding

if TYPE_CHECKING:
    from cupola.search.completing import Completion
    from cupola.search.fields import Fields

SEARCHED = 2000  # records that show which fields there are
OPERATORS = ("=", ">", "<", " contains ", " exists", " in ", " and ", " or ", "not ")


def test(text: str, rows: Rows, columns: Iterable[Column]) -> Callable[[Record], bool] | None:
    """The test that a record must pass; None for no filter. Raises CupolaError for what cannot be understood."""
    if not text.strip():
        return None
    if is_words(text):
        return None if _begins_a_field(text.strip(), rows, columns) else holding(text, rows.said)
    from cupola.search import evaluating

    return evaluating.compiled(text, fields(rows, columns))


def is_words(text: str) -> bool:
    """Whether it is words that a record holds, and nothing of the search language."""
    return not any(sign in text for sign in OPERATORS)


def _begins_a_field(text: str, rows: Rows, columns: Iterable[Column]) -> bool:
    """Whether it is the beginning of a comparison, and no word to be looked for: "metrics.validation_roc"."""
    return "." in text and any(name.startswith(text) for name in fields(rows, columns).names)


def complete(text: str, at: int, rows: Rows, columns: Iterable[Column]) -> "Completion":
    """What may stand at that place of a filter that is being typed."""
    from cupola.search import completing

    return completing.complete(text, at, fields(rows, columns))


def fields(rows: Rows, columns: Iterable[Column]) -> "Fields":
    """The fields of these records for the search language: their own, what lies in them, and what is in a column by its
    title."""
    from cupola.search.fields import Fields

    columns = list(columns)
    titles = tuple(one.title for one in columns)
    if rows.fields is None or rows.fields[0] != titles:
        records = list(islice(rows.records.values(), SEARCHED))
        own = Fields(records).plain
        rows.fields = titles, Fields(records, {one.title: own.get(one.key, one.value) for one in columns})
    return rows.fields[1]


def column(field: str, columns: Iterable[Column]) -> Column | None:
    """The column that shows a field, by its key or title; None where none does."""
    names = (field, field.removeprefix("metrics."))
    return next((one for one in columns if one.key in names or one.title == field), None)


def columns(fields: Iterable[str], records: list[Record], known: list[Column]) -> list[Column]:
    """Columns for these fields: those that the pane knows, and plain ones for the others that there are."""
    from cupola.errors import BadFilter
    from cupola.search.fields import Fields

    every, found = Fields(records[:SEARCHED]), []
    for field in fields:
        if one := column(field, known):
            found.append(one)
            continue
        try:
            get = every.find(field)
        except BadFilter:
            get = None
        if get is not None:
            found.append(_plain(field, get, records[:SEARCHED]))
    return found


def _plain(field: str, get: Callable[[Record], Any], records: list[Record]) -> Column:
    number = any(isinstance(get(one), int | float) for one in records[:100])
    title = clean(field.rpartition(".")[2])
    return Column(
        field, title, lambda one: (figures.short(get(one)), ""), get, width=6, grow=24, priority=6, right=number
    )


def field(key: str, rows: Rows, columns: Iterable[Column]) -> str:
    """The field that the column of that key shows, as a view names it; "" where it is none of a record's fields."""
    known = fields(rows, columns)
    if key in known.plain or "." in key:
        return key
    return f"metrics.{key}" if key in known.inner.get("metrics", ()) else ""
