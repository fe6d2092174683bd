"""CSV, TSV and their relatives, read as texts in batches of bounded size."""

import csv
import io
from collections.abc import Iterator
from typing import NoReturn

import pyarrow as pa
import pyarrow.csv

from cupola.datasets import dialect, headers
from cupola.datasets.dialect import NAMES, NUMBER
from cupola.datasets.records import ImportOptions
from cupola.datasets.source import ChunkFile, Progress, Source, silent
from cupola.errors import BadInput, BadOption

BLOCKS = (1 << 22, 1 << 25, 1 << 28)  # bytes at a time; larger ones are taken when a row does not fit
EMPTY = [""]
ROWS_LOOKED_AT = 20


class Delimited:
    """A delimited text file as a table of texts. `notes` says what was found out; `names` are clean."""

    format = "csv"

    def __init__(self, source: Source, options: ImportOptions) -> None:
        self.source = source
        self.notes: list[str] = [source.note] if source.note else []
        head = source.head_text()
        whole = not source.packed and source.size <= len(source.head)
        self.dialect = dialect.find(head, whole, options.delimiter, options.quote)
        if self.dialect.delimiter == options.decimal:
            raise BadOption("the delimiter and the decimal sign are the same", hint="name another with --delimiter")
        self._missing = [*EMPTY, *options.missing]
        self._skip, first = self._first_row(head)
        self.width = len(first)
        self._doubt_one_column(head, options)
        self.unnamed: list[str] = []
        self.names = self._names(first, options.header)
        if options.header is False:
            self._skip = 0
        self._block = BLOCKS[0]

    @property
    def found(self) -> dict[str, str]:
        """What was found out about the file's dialect, in words."""
        one = self.dialect
        return {
            "delimiter": NAMES.get(one.delimiter, one.delimiter),
            "quote": one.quote + (" escaped by \\" if one.escaped else ""),
            "encoding": self.source.encoding,
        }

    def batches(self, progress: Progress = silent) -> Iterator[pa.RecordBatch]:
        """Every row, all columns as texts, a missing value as null. Raises BadInput with the line that is wrong.

        Raises RowTooLong where a row did not fit into a block: the next reading takes larger ones.
        """
        started = False
        try:
            for batch in self._open(progress):
                started = started or batch.num_rows > 0
                yield batch.rename_columns(self.names)
        except pa.ArrowInvalid as error:
            if "straddling" in str(error):
                self._grow()
            if "Empty CSV file" in str(error) and not started:
                raise self._no_rows() from error
            self._explain(str(error))
        if not started:
            raise self._no_rows()

    def place(self, row: int, column: str) -> str:
        """Where a value stands, for a message; rows count from 0."""
        for number, (line, _) in enumerate(self._rows(strict=False)):
            if number == row:
                return f"line {line}, column {column}"
        return f"row {row + 1}, column {column}"

    def _grow(self) -> NoReturn:
        larger = [size for size in BLOCKS if size > self._block]
        if not larger:
            self._explain("a row is longer than 256 MB")
        self._block = larger[0]
        raise RowTooLong

    def _open(self, progress: Progress) -> Iterator[pa.RecordBatch]:
        columns = [str(number) for number in range(self.width)]
        texts = self.source.text(progress)
        # buffered, since Arrow takes what one read gives for a block, however short
        stream = pa.PythonFile(io.BufferedReader(ChunkFile(_after_lines(texts, self._skip))), mode="r")
        return iter(
            pa.csv.open_csv(
                stream,
                read_options=pa.csv.ReadOptions(use_threads=False, block_size=self._block, column_names=columns),
                parse_options=pa.csv.ParseOptions(
                    delimiter=self.dialect.delimiter,
                    quote_char=self.dialect.quote,
                    double_quote=not self.dialect.escaped,
                    escape_char="\\" if self.dialect.escaped else False,
                    newlines_in_values=True,
                    ignore_empty_lines=self.width > 1,
                ),
                convert_options=pa.csv.ConvertOptions(
                    column_types={name: pa.string() for name in columns},
                    null_values=self._missing,
                    strings_can_be_null=True,
                    check_utf8=False,
                ),
            )
        )

    def _first_row(self, head: str) -> tuple[int, list[str]]:
        """How many lines the first row takes, with blank ones before it, and its fields."""
        reader = self.dialect.rows(io.StringIO(head, newline=""))
        try:
            for row in reader:
                if row and any(field.strip() for field in row):
                    return reader.line_num, row
        except csv.Error as error:
            raise BadInput(f"line {reader.line_num}: {error}", where=self.source.where) from error
        raise BadInput("the file holds only blank lines", where=self.source.where, hint="import a file with rows")

    def _doubt_one_column(self, head: str, options: ImportOptions) -> None:
        """Says so where every line falls into equally many words, as a table does whose fields spaces tell apart."""
        lines = [line for line in head.splitlines()[:ROWS_LOOKED_AT] if line.strip()]
        counts = {len(line.split(" ")) for line in lines}
        if self.width == 1 and options.delimiter is None and len(lines) > 1 and len(counts) == 1 and counts != {1}:
            self.notes.append(f"read as one column; --delimiter space finds {counts.pop()} in its lines")

    def _names(self, first: list[str], header: bool | None) -> list[str]:
        if header is False:
            return [f"column_{number}" for number in range(1, len(first) + 1)]
        if header is None and all(NUMBER.fullmatch(field) for field in first):
            shown = ", ".join(field.strip() for field in first[:5])
            message = f"line {self._skip}, column 1: there are numbers where names belong ({shown})"
            hint = "--no-header calls the columns column_1, column_2, ...; --header takes the numbers as names"
            raise BadInput(message, where=self.source.where, hint=hint)
        names, notes = headers.clean(first, self.source.where, f"line {self._skip}: ")
        self.notes += notes
        self.unnamed = [name for name, given in zip(names, first, strict=True) if not given.strip()]
        return names

    def _no_rows(self) -> BadInput:
        return BadInput(
            "the file holds names of columns and no rows",
            where=self.source.where,
            hint="import a file with at least one row",
        )

    def _rows(self, strict: bool) -> Iterator[tuple[int, list[str]]]:
        """(line, fields) of each row after the header, slowly: only to say where something is wrong."""
        text = io.TextIOWrapper(io.BufferedReader(ChunkFile(self.source.text())), encoding="utf-8", newline="")
        for _ in range(self._skip):
            text.readline()
        reader = self.dialect.rows(text, strict)
        line = self._skip + 1
        for row in reader:
            if row or self.width == 1:
                yield line, row
            line = self._skip + reader.line_num + 1

    def _explain(self, said: str) -> NoReturn:
        """Raises the sentence for a file that Arrow could not parse, with the line where it goes wrong."""
        for line, row in self._rows(strict=False):
            if len(row) != self.width and row:
                if self._stays_open(line):
                    message = f"line {line}, column {len(row)}: a quote is opened that is never closed"
                    hint = "mend the line"
                else:
                    place = f"line {line}, column {min(len(row), self.width) + 1}"
                    message = f"{place}: the line has {_fields(len(row))} where line {self._skip} has {self.width}"
                    hint = f"mend the line; fields are told apart by a {self.found['delimiter']} (--delimiter)"
                raise BadInput(message, where=self.source.where, hint=hint)
        raise BadInput(f"the file cannot be read as CSV: {said.splitlines()[0]}", where=self.source.where)

    def _stays_open(self, at: int) -> bool:
        """Whether a quote that is opened in the row at that line is still open at the end of the file."""
        last = 0
        try:
            for last, _ in self._rows(strict=True):
                if last > at:
                    return False
        except csv.Error as error:
            return "unexpected end of data" in str(error)
        return False


class RowTooLong(Exception):
    """A row did not fit into a block; reading again takes larger blocks."""


def _fields(count: int) -> str:
    return "1 field" if count == 1 else f"{count} fields"


def _after_lines(chunks: Iterator[bytes], lines: int) -> Iterator[bytes]:
    """The text after so many lines, whichever way they end (LF, CRLF or CR)."""
    head = b""
    for chunk in chunks:
        head += chunk
        first = head.splitlines(keepends=True)[: lines + 1]
        if len(first) > lines:
            yield head[sum(map(len, first[:lines])) :]
            break
    yield from chunks
