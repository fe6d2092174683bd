"""JSON Lines: one object a line, read as texts with a memory of which kind of JSON each value was."""

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
    frozenset({"str"}): {"date", "datetime", "moment"},
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
        self._nested = {name for name, type in options.types.items() if type in ("text", "category")}
        self._missing = set(options.missing)

    @property
    def found(self) -> dict[str, str]:
        return {"encoding": self.source.encoding}

    def allowed(self, name: str) -> set[str]:
        """What a column can be, by the kinds of its JSON values."""
        return ALLOWED.get(frozenset(self.kinds[name]), set())

    def batches(self, progress: Progress = silent) -> Iterator[pa.RecordBatch]:
        """Every line's values as texts. Raises BadInput with the line that is no flat JSON object."""
        rows: list[dict[str, str | None]] = []
        empty, size = True, 0
        for number, line in self._lines(progress):
            rows.append(self._row(number, line))
            size += len(line)
            if len(rows) == LINES or size >= BYTES:
                yield self._batch(rows)
                rows, empty, size = [], False, 0
        if rows:
            yield self._batch(rows)
        elif empty:
            raise BadInput(
                "the file holds no rows", where=self.source.where, hint="import a file with at least one row"
            )

    def place(self, row: int, column: str) -> str:
        for count, (number, _) in enumerate(self._lines(silent)):
            if count == row:
                return f"line {number}, column {column}"
        return f"row {row + 1}, column {column}"

    def _batch(self, rows: list[dict[str, str | None]]) -> pa.RecordBatch:
        return pa.record_batch(
            [pa.array([row.get(name) for row in rows], pa.string()) for name in self.names], names=self.names
        )

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

    def _row(self, number: int, line: bytes) -> dict[str, str | None]:
        value = self._decode(number, line)
        if not isinstance(value, dict):
            hint = "write one object a line: jq -c '.[]' does it" if isinstance(value, list) else "one object a line"
            message = f"line {number} holds {_called(value)} where an object belongs"
            raise BadInput(message, where=self.source.where, hint=hint)
        if line.count(b'":') != len(value):
            self._refuse_twice(number, line)
        return {self._name(key, number): self._text(key, one, number) for key, one in value.items()}

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

    def _name(self, key: str, number: int) -> str:
        known = self._keys.get(key)
        if known is None:
            others = list(self._keys)
            cleaned, notes = headers.clean([*others, key], self.source.where, f"line {number}: ")
            known = self._keys[key] = cleaned[-1]
            self.notes += [note for note in notes if note not in self.notes]
            self.names.append(known)
            self.kinds[known] = set()
        return known

    def _text(self, key: str, value: Any, number: int) -> str | None:
        if value is None:
            return None
        name = self._keys[key]
        if isinstance(value, str):
            if value in self._missing:
                return None
            self.kinds[name].add("str")
            return value
        if isinstance(value, bool):
            self.kinds[name].add("bool")
            return "true" if value else "false"
        if isinstance(value, int | float):
            self.kinds[name].add(type(value).__name__)
            return repr(value)
        if name in self._nested:
            self.kinds[name].add("str")
            return json.dumps(value, ensure_ascii=False)
        message = f"line {number}: {name!r} holds {_called(value)}, and a column holds plain values"
        raise BadInput(
            message, where=self.source.where, hint=f"flatten it, or keep it as JSON text: --type {name}=text"
        )


def _called(value: Any) -> str:
    names = {list: "a list", dict: "an object", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
