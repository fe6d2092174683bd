"""JSON Lines: one object a line, read as texts with a memory of which kind of JSON each value was."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pyarrow as pa

from cupola.datasets import headers
from cupola.datasets.records import ImportOptions
from cupola.datasets.source import Progress, Source, silent
from cupola.errors import BadInput

LINES, BYTES = 20_000, 1 << 24  # of a batch
LONGEST = 1 << 28
# Which kinds of column the kinds of JSON values allow; any mixture but that of integers and floats stays text.
ALLOWED = {
    frozenset({"int"}): {"integer", "number"},
    frozenset({"int", "float"}): {"number"},
    frozenset({"float"}): {"number"},
    frozenset({"bool"}): {"boolean"},
    frozenset({"str"}): {"date", "month", "datetime", "moment", "dmy", "dmy time", "mdy", "mdy time"},
}


class JsonLines:
    """A JSON Lines file as a table of texts; a key that a line does not have is a missing value.

    names: the keys in the order in which they first appear, known after one pass. kinds: of JSON values, by name.
    """

    format = "jsonl"

    def __init__(self, source: Source, options: ImportOptions) -> None:
        self.source = source
        self.notes: list[str] = [source.note] if source.note else []
        self.names: list[str] = []
        self.kinds: dict[str, set[str]] = {}
        self._keys: dict[str, str] = {}
        self._asked = options.types
        self._missing = set(options.missing)

    @property
    def found(self) -> dict[str, str]:
        return {"encoding": self.source.encoding}

    def allowed(self, name: str) -> set[str]:
        """What a column can be, by the kinds of its JSON values."""
        return ALLOWED.get(frozenset(self.kinds[name]), set())

    def batches(self, progress: Progress = silent) -> Iterator[pa.RecordBatch]:
        """Every line's values as texts. Raises BadInput with the line that is no JSON object."""
        some: list[tuple[int, bytes]] = []
        empty, size = True, 0
        for number, line in self._lines(progress):
            some.append((number, line))
            size += len(line)
            if len(some) == LINES or size >= BYTES:
                yield self._batch(some)
                some, empty, size = [], False, 0
        if some:
            yield self._batch(some)
        elif empty:
            message = "the file holds no rows"
            raise BadInput(message, where=self.source.where, hint="import a file with at least one row")

    def place(self, row: int, column: str) -> str:
        for count, (number, _) in enumerate(self._lines(silent)):
            if count == row:
                return f"line {number}, column {column}"
        return f"row {row + 1}, column {column}"

    def _batch(self, lines: list[tuple[int, bytes]]) -> pa.RecordBatch:
        """The lines as columns, in the order of the keys' first appearance."""
        rows = _decoded([line for _, line in lines]) or [self._row(number, line) for number, line in lines]
        if new := [key for key in dict.fromkeys(itertools.chain.from_iterable(rows)) if key not in self._keys]:
            self._add(new, next(lines[place][0] for place, row in enumerate(rows) if new[0] in row))
        columns = [self._column(key, [row.get(key) for row in rows]) for key in self._keys]
        return pa.record_batch(columns, names=self.names)

    def _column(self, key: str, values: list[Any]) -> pa.StringArray:
        """The values as texts; remembers of which kinds they were."""
        name = self._keys[key]
        if self._missing:
            values = [None if isinstance(value, str) and value in self._missing else value for value in values]
        kinds = set(map(type, values)) - {type(None)}
        self.kinds[name] |= {kind.__name__ for kind in kinds if kind not in (list, dict)}
        if kinds <= {str}:
            return pa.array(values, pa.string())
        if kinds & {list, dict}:
            self.kinds[name].add("str")
            if name not in self._asked and (note := nested(name)) not in self.notes:
                self.notes.append(note)
        return pa.array([value if value is None else _text(value) for value in values], pa.string())

    def _lines(self, progress: Progress) -> Iterator[tuple[int, bytes]]:
        """(number, line) of each line that is not blank."""
        number, rest = 0, b""
        for chunk in self.source.text(progress):
            *whole, rest = (rest + chunk).split(b"\n")
            if len(rest) > LONGEST:
                raise BadInput(f"line {number + len(whole) + 1} is longer than 256 MB", where=self.source.where)
            for line in whole:
                number += 1
                if line and not line.isspace():
                    yield number, line
        if rest and not rest.isspace():
            yield number + 1, rest

    def _row(self, number: int, line: bytes) -> dict[str, Any]:
        value = self._decode(number, line)
        if not isinstance(value, dict):
            hint = "write one object a line: jq -c '.[]' does it" if isinstance(value, list) else "one object a line"
            message = f"line {number} holds {_called(value)} where an object belongs"
            raise BadInput(message, where=self.source.where, hint=hint)
        self._refuse_twice(number, line)
        return value

    def _decode(self, number: int, line: bytes) -> Any:
        try:
            return msgspec.json.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            hint = "each line is one whole JSON object" if number == 1 else "mend the line"
            reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
            message = f"line {number} is not valid JSON: {reason}"
            raise BadInput(message, where=self.source.where, hint=hint) from error

    def _refuse_twice(self, number: int, line: bytes) -> None:
        def pairs(found: list[tuple[str, Any]]) -> None:
            seen: set[str] = set()
            for key, _ in found:
                if key in seen:
                    message = f"line {number} has the key {key!r} twice"
                    raise BadInput(message, where=self.source.where, hint="mend the line")
                seen.add(key)

        json.loads(line, object_pairs_hook=pairs)

    def _add(self, new: list[str], number: int) -> None:
        """Makes columns of keys that were not there before that line."""
        cleaned, notes = headers.clean([*self._keys, *new], self.source.where, f"line {number}: ")
        self.notes += [note for note in notes if note not in self.notes]
        for key, name in zip(new, cleaned[len(self._keys) :], strict=True):
            self._keys[key] = name
            self.names.append(name)
            self.kinds[name] = set()


def nested(name: str) -> str:
    """The note on a column of lists or objects, which goes on as text."""
    return (
        f"column {name}: its lists and objects are kept as JSON text; unnest and explode, steps of flows, take it apart"
    )


def _decoded(lines: list[bytes]) -> list[dict[str, Any]] | None:
    """All lines at once, which is several times faster; None where each has to be looked at by itself.

    No text can span two lines, since JSON has no line ends in texts; the number of keys tells of one that comes twice.
    """
    lines = [line.strip() for line in lines]
    if not all(line.startswith(b"{") and line.endswith(b"}") for line in lines):
        return None
    joined = b",\n".join(lines)
    try:
        rows = msgspec.json.decode(b"[" + joined + b"]")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    plain = len(rows) == len(lines) and set(map(type, rows)) == {dict}
    return rows if plain and joined.count(b'":') == sum(map(len, rows)) else None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else repr(value)


def _called(value: Any) -> str:
    names = {list: "a list", dict: "an object", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
