"""A file as a table, whatever it is: its content decides, never its name."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pyarrow as pa

from cupola.datasets.columnar import Columnar
from cupola.datasets.delimited import Delimited, RowTooLong
from cupola.datasets.guessing import Guess
from cupola.datasets.jsonlines import JsonLines
from cupola.datasets.records import ColumnType, ImportOptions
from cupola.datasets.source import Progress, Source, silent
from cupola.datasets.values import ASKED, ASKED_COMMA, ASKED_DATES, TEXT, Kind
from cupola.errors import BadInput, BadOption

GUESSED = ("integer", "number", "boolean", "date", "month", "datetime", "moment")
# How JSON's arrays begin, and not a header such as [id],[age].
ARRAY = re.compile(r'\[\s*([\[{"\]]|$|(-?\d[\d.eE+-]*|true|false|null)\s*(,|\]\s*([\r\n]|$)))')
WRITTEN = ("dmy", "dmy time", "mdy", "mdy time")


class Table(Protocol):
    """A file that is read in batches of bounded size, as often as it takes."""

    format: str
    names: list[str]
    notes: list[str]
    source: Source

    @property
    def found(self) -> dict[str, str]: ...
    def batches(self, progress: Progress = silent) -> Iterator[pa.RecordBatch]: ...
    def place(self, row: int, column: str) -> str: ...


class Plan(msgspec.Struct):
    """How each column's values are read: None leaves them as the file has them."""

    kinds: dict[str, Kind | None]
    notes: list[str]


def table(path: Path, options: ImportOptions) -> Table:
    """Opens a file for import. Raises BadInput for what is no table, BadOption for options that do not fit it."""
    source = Source(path, options.encoding)
    format = options.format or _format(source)
    if format == "parquet":
        if not source.is_parquet:
            raise BadInput("this is not a Parquet file", where=source.where, hint="leave --format out")
        for name, given in (("delimiter", options.delimiter), ("quote", options.quote), ("encoding", options.encoding)):
            if given:
                raise BadOption(f"--{name} is for text files, and {path.name} is Parquet")
        return Columnar(source, options)
    return JsonLines(source, options) if format == "jsonl" else Delimited(source, options)


def plan(found: Table, options: ImportOptions, progress: Progress = silent) -> Plan:
    """Decides every column's type; for files without types this reads all of it.

    Raises BadOption for a target, role or type of a column that is not there.
    """
    if isinstance(found, Columnar):
        _check_columns(found, options)
        return _typed_plan(found, options)
    kinds = GUESSED + tuple(one for one in WRITTEN if one.startswith(options.dates or ""))
    if isinstance(found, Delimited):
        _check_columns(found, options)
        if found.dialect.delimiter != "," and options.decimal != ".":
            kinds += ("comma",)
    guesses = _guesses(found, options, kinds, progress)
    if not found.names:
        raise BadInput("the rows hold no values", where=found.source.where, hint="each object has its columns as keys")
    _check_columns(found, options)
    return _guessed_plan(found, options, guesses)


def _guesses(found: Table, options: ImportOptions, kinds: tuple[str, ...], progress: Progress) -> dict[str, Guess]:
    """Looks at every value of the columns whose type is not named."""
    guesses: dict[str, Guess] = {}
    try:
        for batch in found.batches(progress):
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                if name not in options.types:
                    guesses.setdefault(name, Guess(name, kinds)).see(column)
    except RowTooLong:
        return _guesses(found, options, kinds, progress)
    return guesses


def converted(found: Table, how: Plan, progress: Progress = silent) -> Iterator[pa.RecordBatch]:
    """Every row with the columns' types as planned. Raises BadInput with the place of a value that does not fit."""
    before = 0
    for batch in found.batches(progress):
        columns, names = [], []
        for name, kind in how.kinds.items():
            index = batch.schema.get_field_index(name)
            column = pa.nulls(batch.num_rows, pa.string()) if index < 0 else batch.column(index)
            columns.append(column if kind is None else _convert(found, name, kind, column, before))
            names.append(name)
        yield pa.record_batch(columns, names=names)
        before += batch.num_rows


def _convert(found: Table, name: str, kind: Kind, column: pa.Array, before: int) -> pa.Array:
    texts = column if pa.types.is_string(column.type) else column.cast(pa.string())
    try:
        return kind.parse(texts).cast(kind.arrow)
    except pa.ArrowInvalid:
        row = kind.first_unreadable(texts)
    value = texts[row].as_py()
    shown = repr(value if len(value) <= 40 else value[:40] + "…")
    a = "an" if kind.type[0] in "aeiou" else "a"
    message = f"{found.place(before + row, name)}: {shown} cannot be read as {a} {kind.type}"
    hint = f"leave --type {name}={kind.type} out, or name it with --missing"
    hint += "; --dates dmy (or mdy) reads days such as 03/04/2024" if kind.type in ("date", "datetime") else ""
    raise BadInput(message, where=found.source.where, hint=hint)


def _guessed_plan(found: Table, options: ImportOptions, guesses: dict[str, Guess]) -> Plan:
    kinds: dict[str, Kind | None] = {}
    notes = []
    commas = options.decimal == "," or any(guess.clear_commas for guess in guesses.values())
    for name in found.names:
        if name in options.types:
            asked = options.types[name]
            kinds[name] = ASKED_COMMA if asked == "number" and options.decimal == "," else _asked(asked, options)
            continue
        guess = guesses[name]
        chosen = guess.settle(found.allowed(name) if isinstance(found, JsonLines) else None)
        if chosen.name == "comma" and not commas:
            notes.append(
                f"column {name}: the commas may be of thousands or of decimals, so it stays text; --decimal , "
                "reads them as decimal commas"
            )
            chosen = TEXT
        kinds[name] = chosen
        notes += guess.notes()
    if isinstance(found, Delimited):
        notes += _drop_unnamed(kinds, guesses, found.unnamed)
    return Plan(kinds, notes)


def _asked(type: ColumnType, options: ImportOptions) -> Kind:
    return ASKED_DATES.get((type, options.dates or ""), ASKED[type])


def _typed_plan(found: Columnar, options: ImportOptions) -> Plan:
    kinds: dict[str, Kind | None] = {}
    for name, type in zip(found.names, found.types, strict=True):
        asked = _asked(options.types[name], options) if name in options.types else None
        kinds[name] = None if asked is None or asked.arrow.id == type.id else asked
    return Plan(kinds, [])


def _drop_unnamed(kinds: dict[str, Kind | None], guesses: dict[str, Guess], unnamed: list[str]) -> list[str]:
    """Leaves out columns with neither name nor value, which a delimiter at the end of each line makes."""
    dropped = [name for name in unnamed if name in guesses and not guesses[name].values]
    for name in dropped:
        del kinds[name]
    return [f"{name} has neither a name nor a value and was left out" for name in dropped]


def _check_columns(found: Table, options: ImportOptions) -> None:
    """Raises BadInput where an option names a column that the file does not have."""
    named: list[tuple[str, Any]] = [("--target", options.target)]
    named += [("--role", name) for name in options.roles] + [("--type", name) for name in options.types]
    for option, name in named:
        if name is not None and name not in found.names:
            shown = ", ".join(found.names[:12]) + (", …" if len(found.names) > 12 else "")
            raise BadInput(
                f"{option} names the column {name!r}, which is not there",
                where=found.source.where,
                hint=f"its columns: {shown}",
            )


def _format(source: Source) -> str:
    if source.is_parquet:
        return "parquet"
    start = source.head_text().lstrip()
    if ARRAY.match(start):
        raise BadInput(
            "this is one JSON array",
            where=source.where,
            hint="write one object a line: jq -c '.[]' FILE > FILE.jsonl; --format csv reads it as text",
        )
    return "jsonl" if start.startswith("{") else "csv"
