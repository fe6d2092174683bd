"""Where the rows of a transform come from: cut into chunks, which are read apart."""

import os
from collections.abc import Iterator
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet

from cupola.errors import BadInput
from cupola.runtimes.tables import Form
from cupola.transform import chunks
from cupola.transform.chunks import Chunk
from cupola.transform.records import Asked

BLOCK = 1 << 20
ROWS = 1 << 16  # of a row group that are worked on at a time


class Source(Protocol):
    """An open input. names: of its columns, where they have some; begin, end: where its chunks begin and end."""

    names: list[str] | None
    begin: int
    end: int

    def cut(self, start: int) -> Iterator[Chunk]:
        """The chunks from one's beginning on. Raises BadInput."""

    def read(self, chunk: Chunk) -> Any:
        """What is in a chunk: bytes, or an iterator of tables."""

    def place(self, chunk: Chunk) -> str:
        """Where a chunk begins, for people."""


class Lines:
    """Records that are lines: CSV, JSON Lines."""

    def __init__(self, descriptor: int, asked: Asked, form: Form) -> None:
        self._descriptor, self._asked = descriptor, asked
        self._quote, self._escaped, self.header = b"", False, b""
        self.names = None
        if asked.reads == "csv":
            self._quote, self._escaped, self.header = chunks.head(descriptor, form)
            self.names = chunks.names(self.header, form)
        self.begin, self.end = len(self.header), os.fstat(descriptor).st_size

    def cut(self, start: int) -> Iterator[Chunk]:
        asked, size = self._asked, chunks.SIZE[self._asked.strategy]
        if asked.reads != "csv" or asked.join or asked.input_filter or asked.output_filter:
            size = min(size, chunks.OBJECTS)
        return chunks.cut(self._descriptor, start, size, self._quote, self._escaped)

    def read(self, chunk: Chunk) -> bytes:
        return os.pread(self._descriptor, chunk.end - chunk.start, chunk.start)

    def place(self, chunk: Chunk) -> str:
        places = range(0, chunk.start, BLOCK)
        blocks = (os.pread(self._descriptor, min(BLOCK, chunk.start - at), at) for at in places)
        return f"in what begins at line {1 + sum(block.count(10) for block in blocks):,}"


class Groups:
    """The row groups of a Parquet file. Raises BadInput for what is none."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._file: tuple[int, Any] | None = None
        self._about = self._open().metadata
        self.names: list[str] | None = self._open().schema_arrow.names
        self.begin, self.end = 0, self._about.num_row_groups

    def cut(self, start: int) -> Iterator[Chunk]:
        return (Chunk(group, group + 1) for group in range(start, self.end))

    def read(self, chunk: Chunk) -> Iterator[pa.Table]:
        for batch in self._open().iter_batches(ROWS, [chunk.start], use_threads=False):
            yield pa.Table.from_batches([batch])

    def place(self, chunk: Chunk) -> str:
        before = sum(self._about.row_group(group).num_rows for group in range(chunk.start))
        return f"in what begins at row {before + 1:,}"

    def _open(self) -> Any:
        """The file, opened by each process itself: forks would share their place in it."""
        if self._file is None or self._file[0] != os.getpid():
            try:
                self._file = os.getpid(), pa.parquet.ParquetFile(f"/proc/self/fd/{self._descriptor}")
            except (pa.ArrowException, OSError) as error:
                raise BadInput(f"this is not a Parquet file that can be read: {str(error)[:200]}") from None
        return self._file[1]


def opened(descriptor: int, asked: Asked, form: Form) -> Source:
    """The input of a transform. Raises BadInput."""
    return Groups(descriptor) if asked.reads == "parquet" else Lines(descriptor, asked, form)
