"""What clients send: bytes of a request read into rows, with or without the names of their columns."""

import contextlib
import csv
import io
import re
import zlib
from collections.abc import Set
from typing import Any

import msgspec

from cupola.datasets import headers
from cupola.errors import BadInput
from cupola.registry.signature import PLAIN, Writing
from cupola.runtimes.tables import Form, Table

LIMIT = 25 * 1024 * 1024
WIDEST = 100_000  # columns
CELLS = 8_000_000  # values, and rows of them
SEPARATORS = (b",", b"\n", b";", b"\t", b"|", b"[", b"{")
JSON_TYPES = frozenset({"", "application/json", "application/vnd.sagemaker.params+json"})
LINES_TYPES = frozenset(
    {"application/jsonlines", "application/x-jsonlines", "application/x-ndjson", "application/jsonl"}
)
CSV_TYPES = frozenset({"text/csv", "application/csv"})
NPY_TYPES = frozenset({"application/x-npy"})
PARQUET_TYPES = frozenset({"application/x-parquet", "application/vnd.apache.parquet"})
READ = ("application/json", "text/csv", "application/jsonlines", "application/x-npy", "application/x-parquet")
KEY = re.compile(rb'"\s*:')


class Unsupported(BadInput):
    """A content type, an encoding or an Accept that is not spoken here."""


class TooLarge(BadInput):
    """A body over the limit."""


class Split(msgspec.Struct, forbid_unknown_fields=True):
    columns: list[str]
    data: list[list[Any]]
    index: Any = None


class Payload(msgspec.Struct, forbid_unknown_fields=True):
    """The four shapes of JSON; exactly one of them is there. `params` are for models that have some; ours have none."""

    dataframe_split: Split | None = None
    dataframe_records: list[dict[str, Any]] | None = None
    instances: Any = None
    inputs: Any = None
    params: dict[str, Any] | None = None


_json = msgspec.json.Decoder(Payload)
_line = msgspec.json.Decoder(Any)


def read(body: bytes, content_type: str, form: Form) -> Table:
    """The rows of a request; the first line of a CSV is its header when it names some of the model's columns.

    Raises Unsupported for a content type that is not spoken, BadInput for a body that is not what it says.
    """
    media, _, options = content_type.partition(";")
    media = media.strip().lower()
    if media in JSON_TYPES:
        refuse_too_many(body)
        return read_json(body)
    if media in CSV_TYPES:
        refuse_too_many(body)
        return read_csv(text(body, options), form)
    if media in LINES_TYPES:
        refuse_too_many(body)
        return read_lines(body)
    if media in NPY_TYPES or media in PARQUET_TYPES:
        from cupola.serving import columnar

        return columnar.read_npy(body) if media in NPY_TYPES else columnar.read_parquet(body)
    hint = f"send {', '.join(READ[:-1])} or {READ[-1]}"
    raise Unsupported(f"the content type {media[:100]!r} is not spoken here", hint=hint)


def refuse_too_many(body: bytes) -> None:
    """Raises TooLarge for a text of so many values that these would take many times its own memory."""
    if len(body) > CELLS and sum(map(body.count, SEPARATORS)) > CELLS:
        raise TooLarge(f"the body has more than {CELLS:,} values; send fewer rows a request")


def inflate(body: bytes, encoding: str) -> bytes:
    """The body without its Content-Encoding (gzip, deflate). Raises Unsupported, TooLarge, BadInput."""
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise Unsupported(f"the content encoding {encoding!r} is not spoken here", hint="send gzip, deflate or none")
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        unpacked = unpacker.decompress(body, LIMIT + 1)
    except zlib.error as error:
        raise BadInput(f"the body is not {encoding}: {error}") from error
    if len(unpacked) > LIMIT:
        raise TooLarge(f"the body unpacks to more than {LIMIT:,} bytes")
    if not unpacker.eof:
        raise BadInput(f"the {encoding} body ends too early")
    return unpacked


def read_json(body: bytes) -> Table:
    """One of {"dataframe_split"}, {"dataframe_records"}, {"instances"}, {"inputs"}."""
    payload = _decode(_json, body, "the body")
    given = [
        name
        for name in ("dataframe_split", "dataframe_records", "instances", "inputs")
        if getattr(payload, name) is not None
    ]
    if len(given) != 1:
        raise BadInput("the body must hold exactly one of dataframe_split, dataframe_records, instances and inputs")
    _refuse_repeated_keys(body, payload)
    if payload.dataframe_split is not None:
        split = payload.dataframe_split
        _refuse_repeated(split.columns)
        return _from_lists(split.data, split.columns, "dataframe_split.data")
    if payload.dataframe_records is not None:
        return _from_records(payload.dataframe_records, "dataframe_records")
    return from_value(getattr(payload, given[0]), given[0])


def read_lines(body: bytes) -> Table:
    """JSON Lines: an object or an array a line."""
    values = []
    for number, line in enumerate(body.split(b"\n"), start=1):
        if line.strip():
            value = _decode(_line, line, f"line {number}")
            _refuse_repeated_keys(line, value)
            values.append(value)
    return from_value(values, "the body")


def read_csv(text: str, form: Form) -> Table:
    """CSV as in RFC 4180, or as the source was written; line ends of any kind, quotes with line breaks in them.

    An empty field is a missing value.
    """
    rows = csv_rows(text, form)
    if not rows:
        raise BadInput("the body is empty; send at least one row")
    names = header(rows[0], form.known)
    if names is not None:
        del rows[0]
    found, count = _columns(rows, len(names) if names is not None else None, "the CSV")
    columns = [[value if value != "" else None for value in column] for column in found]
    if names is not None:
        empty = [name not in form.known and not any(column) for name, column in zip(names, columns, strict=True)]
        names = [name for name, out in zip(names, empty, strict=True) if not out]
        columns = [column for column, out in zip(columns, empty, strict=True) if not out]
    elif len(columns) - 1 in form.widths and len(columns) not in form.widths and not any(columns[-1]):
        columns.pop()  # each line ends in a delimiter, as it did in the source
    return Table(names, columns, count)


def csv_rows(text: str, form: Form) -> list[list[str]]:
    """The rows of a CSV as they stand there, the header among them. Raises BadInput."""
    reader = _reader(text, fitting(text, form))
    try:
        return [row for row in reader if row]
    except csv.Error as error:
        raise BadInput(f"line {reader.line_num} is not CSV: {error}") from error


def header(first: list[str], known: Set[str]) -> list[str] | None:
    """The names in the first row of a CSV, called as at an import, or None where they are values."""
    hits = sum(field.strip() in known for field in first)
    named = sum(bool(field.strip()) for field in first)
    return headers.clean(first, "the CSV")[0] if hits and 2 * hits >= named else None


def fitting(text: str, form: Form) -> Writing:
    """The way of writing in which the first line makes more sense: the standard one or the source's."""
    if form.writing == PLAIN:
        return PLAIN

    def sense(how: Writing) -> tuple[bool, bool, int]:
        first: list[str] = []
        with contextlib.suppress(csv.Error):
            first = next((row for row in _reader(text, how) if row), first)
        return any(field.strip() in form.known for field in first), len(first) in form.widths, len(first)

    return max(PLAIN, form.writing, key=sense)


def _reader(text: str, how: Writing) -> Any:
    return csv.reader(
        io.StringIO(text, newline=""),
        delimiter=how.delimiter,
        quotechar=how.quote,
        escapechar="\\" if how.escaped else None,
        doublequote=not how.escaped,
        strict=True,
    )


def text(body: bytes, options: str = "") -> str:
    """The text of a body, by the charset among the options of its content type. Raises Unsupported, BadInput."""
    charset = re.search(r"charset\s*=\s*\"?([\w-]+)", options, re.IGNORECASE)
    encoding = charset.group(1).lower() if charset else "utf-8"
    if encoding not in ("utf-8", "utf8", "us-ascii", "iso-8859-1", "latin-1"):
        raise Unsupported(f"the charset {encoding!r} is not spoken here", hint="send UTF-8")
    try:
        return body.decode("utf-8-sig" if encoding in ("utf-8", "utf8") else encoding)
    except UnicodeDecodeError as error:
        raise BadInput(f"the body is not {encoding}: byte {error.start} does not decode") from error


def _decode(decoder: msgspec.json.Decoder[Any], body: bytes, what: str) -> Any:
    if not body.strip():
        raise BadInput(f"{what} is empty; send at least one row")
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise unknown(what, error, "a payload that is known here") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise not_json(what, error, body) from error
    except RecursionError:
        raise BadInput(f"{what} is nested too deeply") from None


def unknown(what: str, error: msgspec.ValidationError, wanted: str) -> BadInput:
    """The error of a body of JSON that is not what was wanted, or holds a number that no computer would."""
    said, _, place = str(error).partition(" - at ")
    if said == "Number out of range":
        hint = "numbers end at 1.8e308; send null for a missing value"
        return BadInput(
            f"{what} holds a number that is too large, at {place.strip('`$.') or 'its only value'}", hint=hint
        )
    return BadInput(f"{what} is not {wanted}: {error}")


def not_json(what: str, error: Exception, body: bytes) -> BadInput:
    """The error of a body that is not JSON; JSON has no word for NaN, and many a client writes one."""
    hint = "NaN and Infinity are not JSON; send null for a missing value"
    return BadInput(f"{what} is not JSON: {error}", hint=hint if re.search(rb"NaN|Infinity", body) else None)


def from_value(value: Any, what: str) -> Table:
    """A list of records, of rows or of single values; or an object of columns; or an object that is one row."""
    if isinstance(value, dict):
        if not value:
            raise BadInput(f"{what} holds no column")
        if not any(isinstance(column, list) for column in value.values()):
            return _from_records([value], what)
        lengths = {name: len(column) if isinstance(column, list) else -1 for name, column in value.items()}
        if len(set(lengths.values())) > 1:
            shown = ", ".join(f"{name}: {'no list' if length < 0 else length}" for name, length in lengths.items())
            raise BadInput(f"the columns of {what} must be lists of one length, and are not ({shown[:300]})")
        return _filled(Table(list(value), list(value.values()), next(iter(lengths.values()))), what)
    if not isinstance(value, list):
        raise BadInput(f"{what} must be a list of rows or an object of columns, not {_kind(value)}")
    if value and isinstance(value[0], dict):
        return _from_records(value, what)
    if value and not isinstance(value[0], list):
        value = [[one] for one in value]
    return _from_lists(value, None, what)


def _from_lists(rows: list[Any], names: list[str] | None, what: str) -> Table:
    columns, count = _columns(rows, len(names) if names is not None else None, what)
    return Table(names, columns, count)


def _columns(rows: list[Any], width: int | None, what: str) -> tuple[list[list[Any]], int]:
    if not rows:
        raise BadInput(f"{what} holds no row; send at least one")
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, list):
            raise BadInput(f"row {number} of {what} is {_kind(row)}, not a list of values")
        if width is None:
            width = len(row)
            if width > WIDEST:
                raise TooLarge(f"{what} has {width:,} columns; there may be {WIDEST:,}")
        if len(row) != width:
            raise BadInput(f"row {number} of {what} has {len(row)} values where {width} are expected")
    return [list(column) for column in zip(*rows, strict=True)], len(rows)


def _from_records(records: list[Any], what: str) -> Table:
    """Columns in the order in which they first come up; a record that lacks one has a missing value there."""
    names: dict[str, None] = {}
    for number, record in enumerate(records, start=1):
        if not isinstance(record, dict):
            raise BadInput(f"row {number} of {what} is {_kind(record)}, not an object")
        names.update(dict.fromkeys(record))
    columns = [[record.get(name) for record in records] for name in names]
    return _filled(Table(list(names), columns, len(records)), what)


def _filled(table: Table, what: str) -> Table:
    if not table.rows:
        raise BadInput(f"{what} holds no row; send at least one")
    if not table.columns:
        raise BadInput(f'the rows of {what} hold no values; send each with its columns, as in {{"age": 41}}')
    return table


def _refuse_repeated(names: list[str]) -> None:
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadInput(f"the column {twice!r} is there twice")


def _refuse_repeated_keys(body: bytes, value: Any) -> None:
    """A key that is there twice would silently lose one of its values.

    The decoder keeps the last. Counting `":` in the body gives at least the number of keys, so that only a body
    where the two counts differ is read again, slowly, with every pair in hand.
    """
    found = len(KEY.findall(body))
    own = isinstance(value, Payload) and sum(getattr(value, name) is not None for name in value.__struct_fields__)
    if found != own and found != _count_keys(value):
        import json

        def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            _refuse_repeated([name for name, _ in pairs])
            return dict(pairs)

        json.loads(body, object_pairs_hook=once)


def _count_keys(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(_count_keys(one) for one in value.values() if isinstance(one, dict | list))
    if isinstance(value, list):
        return sum(_count_keys(one) for one in value if isinstance(one, dict | list))
    if isinstance(value, Payload | Split):
        return sum(
            1 + _count_keys(one) for name in value.__struct_fields__ if (one := getattr(value, name)) is not None
        )
    return 0


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
