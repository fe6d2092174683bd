"""What is done with each chunk: its records in, the lines of the output for them."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import jmespath
import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
from jmespath.exceptions import JMESPathError

from cupola.errors import BadInput
from cupola.registry.models import Model, Prediction
from cupola.serving import payloads
from cupola.transform import tables
from cupola.transform.records import Asked
from cupola.transform.rows import Rows

PLAIN = {float, int, str}
_encoder = msgspec.json.Encoder()


class Done(msgspec.Struct, frozen=True):
    """What a chunk has become."""

    text: bytes
    rows: int


class Worker:
    """Transforms chunks of one input. names: of its columns, where they have some; header: of a CSV with names.

    Raises BadInput where the names alone say that it cannot be done.
    """

    def __init__(self, asked: Asked, model: Model, names: list[str] | None, header: bytes = b"") -> None:
        self._asked, self._model, self._header, self.names = asked, model, header, names
        self._classes = model.classes or model.signature.classes
        self._rows = Rows(model.signature, names)
        self._form = self._rows.frames.form
        self._before = asked.input_filter and jmespath.compile(asked.input_filter)
        self._after = asked.output_filter and jmespath.compile(asked.output_filter)

    def head(self) -> bytes:
        """The first line of the output: the names of its columns, where it is a CSV of rows that have names."""
        if self._asked.writes != "csv" or self._after or not self.names:
            return b""
        more = [f"probability_{one}" for one in self._classes or []] if self._model.classes else []
        more += ["score"] if self._model.scored else []
        return _csv([[*(self.names if self._asked.join else []), "prediction", *more]])

    def nothing(self) -> pa.Table:
        """The columns of an output without rows, as a table."""
        values = np.array(self._classes) if self._model.classes else np.zeros(0)
        probabilities = np.zeros((0, len(self._classes or []))) if self._model.classes else None
        scores = np.zeros(0) if self._model.scored else None
        return tables.of(Prediction(values[:0], probabilities, scores), self._classes)

    def transform(self, chunk: bytes | Iterator[pa.Table]) -> Done:
        """What is written for some whole records. Raises BadInput."""
        if isinstance(chunk, bytes):
            return self._of_lines(chunk) if chunk.strip() else Done(b"", 0)
        parts: list[Done] = []
        for table in chunk:
            before = sum(one.rows for one in parts)
            try:
                parts.append(self._of_table(table))
            except BadInput as error:
                further = f"{before:,} rows further on: " if before else ""
                raise BadInput(f"{further}{error.message}", hint=error.hint) from error
        return Done(b"".join(one.text for one in parts), sum(one.rows for one in parts))

    def _of_table(self, table: pa.Table) -> Done:
        records = tables.records(table) if self._wants_records() else []
        frame = self._filtered(records) if self._before else self._rows.of_table(table)
        prediction = self._predicted(frame)
        if self._asked.writes == "parquet":
            said = tables.of(prediction, self._classes)
            return Done(tables.packed(tables.beside(table, said) if self._asked.join else said), len(frame))
        return self._written(records, prediction, len(frame))

    def _wants_records(self) -> bool:
        """Whether each record is needed as an object of its own."""
        as_table = self._asked.join and self._asked.reads == self._asked.writes == "parquet"
        return bool((self._asked.join and not as_table) or self._before or self._after)

    def _of_lines(self, body: bytes) -> Done:
        records: list[Any] = self._records(body) if self._wants_records() else []
        if self._before:
            frame = self._filtered(records)
        elif self._asked.reads == "csv":
            frame = self._rows.frame(self._header + body)
        else:
            frame = self._rows.frames.frame(payloads.read_lines(body))
        prediction = self._predicted(frame)
        if self._asked.writes == "parquet":
            said = tables.of(prediction, self._classes)
            beside = tables.beside(tables.of_texts(records), said) if self._asked.join else said
            return Done(tables.packed(beside), len(frame))
        return self._written(records, prediction, len(frame))

    def _filtered(self, records: list[Any]) -> pd.DataFrame:
        chosen = [_search(self._before, one, "input") for one in records]
        return self._rows.frames.frame(payloads.from_value(chosen, "what the input filter leaves"))

    def _written(self, records: list[Any], prediction: Prediction, rows: int) -> Done:
        if self._asked.writes == "csv" and not records:
            return Done(_csv_of(prediction), rows)
        return Done(self._lines(records, _objects(prediction)), rows)

    def _predicted(self, frame: pd.DataFrame) -> Prediction:
        if self._asked.strategy == "MultiRecord":
            return self._predict(frame)
        single = [self._predict(frame.iloc[place : place + 1]) for place in range(len(frame))]
        values, probabilities, scores = (
            _whole([getattr(one, name) for one in single]) for name in Prediction.__struct_fields__
        )
        return Prediction(values, probabilities, scores)

    def _predict(self, frame: pd.DataFrame) -> Prediction:
        try:
            return self._model.predict(frame)
        except (ValueError, TypeError, OverflowError) as error:
            raise BadInput(f"the model cannot use these values: {str(error).strip()[:300]}") from error

    def _records(self, body: bytes) -> list[Any]:
        """The records as JSON has them: of a CSV with names objects of texts, missing ones null, else lists."""
        if self._asked.reads == "jsonl":
            return _json_lines(body)
        rows = self._texts(body)
        plain = [[value if value != "" else None for value in row] for row in rows]
        if self.names is None:
            return plain
        try:
            return [dict(zip(self.names, row, strict=True)) for row in plain]
        except ValueError:
            place = next(place for place, row in enumerate(plain) if len(row) != len(self.names))
            said = f"row {place + 1} has {len(plain[place])} values where {len(self.names)} are expected"
            raise BadInput(said) from None

    def _texts(self, body: bytes) -> list[list[str]]:
        return payloads.csv_rows(payloads.text(body), self._form)

    def _lines(self, records: list[Any], said: list[dict[str, Any]]) -> bytes:
        if self._asked.writes == "csv" and not self._after:
            return _csv([[*_values(one), *_flat(row)] for one, row in zip(records, said, strict=True)])
        found: list[Any] = said
        if self._asked.join:
            found = [_beside_input(one, row) for one, row in zip(records, said, strict=True)]
        if self._after:
            found = [_search(self._after, one, "output") for one in found]
        return _encoder.encode_lines(found) if self._asked.writes == "jsonl" else _csv([_values(one) for one in found])


def _whole(parts: list[Any]) -> Any:
    return None if parts[0] is None else np.concatenate(parts)


def _json_lines(body: bytes) -> list[Any]:
    found = []
    for number, line in enumerate(body.split(b"\n"), start=1):
        if line.strip():
            try:
                found.append(msgspec.json.decode(line))
            except (msgspec.DecodeError, RecursionError) as error:
                raise BadInput(f"line {number} is not JSON: {error}") from None
    return found


def _search(expression: Any, record: Any, which: str) -> Any:
    try:
        return expression.search(record)
    except JMESPathError as error:
        raise BadInput(f"the {which} filter cannot be used: {' '.join(str(error).split())[:300]}") from None


def _objects(prediction: Prediction) -> list[dict[str, Any]]:
    """What is said of each row, as in an endpoint's JSON Lines."""
    columns = {"prediction": prediction.values, "probabilities": prediction.probabilities, "score": prediction.scores}
    there = {name: one.tolist() for name, one in columns.items() if one is not None}
    return [dict(zip(there, row, strict=True)) for row in zip(*there.values(), strict=True)]


def _flat(said: dict[str, Any]) -> list[Any]:
    return [one for value in said.values() for one in (value if isinstance(value, list) else [value])]


def _beside_input(record: Any, said: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(record, dict):
        return {"input": record} | said
    taken = next((name for name in said if name in record), None)
    if taken:
        raise BadInput(f"the records have a field {taken!r} already, which --join would replace")
    return record | said


def _values(record: Any) -> list[Any]:
    return list(record.values()) if isinstance(record, dict) else record if isinstance(record, list) else [record]


def _csv_of(prediction: Prediction) -> bytes:
    """The predictions, and the probabilities or the scores after them; numbers read back to the last bit."""
    if prediction.values.dtype == object and any(isinstance(one, dict | list) for one in prediction.values):
        return _csv([[one] for one in prediction.values])  # objects, as JSON
    columns = [pa.array(prediction.values)]
    if prediction.probabilities is not None:
        columns += [pa.array(np.ascontiguousarray(one)) for one in prediction.probabilities.T]
    if prediction.scores is not None:
        columns.append(pa.array(prediction.scores))
    table = pa.table(columns, names=[str(place) for place in range(len(columns))])
    try:
        return _text(table, "none")
    except pa.ArrowInvalid:  # a text that has to be quoted; then all of them are
        return _text(table, "needed")


def _text(table: pa.Table, quoting: str) -> bytes:
    text = io.BytesIO()
    pa.csv.write_csv(table, text, pa.csv.WriteOptions(include_header=False, quoting_style=quoting))
    return text.getvalue()


def _csv(rows: list[list[Any]]) -> bytes:
    """Rows of any values; numbers read back to the last bit."""
    text = io.StringIO(newline="")
    plain = ([one if type(one) in PLAIN else _field(one) for one in row] for row in rows)
    csv.writer(text, lineterminator="\n").writerows(plain)
    return text.getvalue().encode()


def _field(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return _encoder.encode(value).decode() if isinstance(value, dict | list) else value
