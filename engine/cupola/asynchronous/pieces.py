"""A payload of any size cut into requests that a server takes, and the answers to them put together again."""

import io
import os
from collections.abc import Iterator
from typing import IO

import msgspec

from cupola.asynchronous.draft import Draft
from cupola.errors import BadInput
from cupola.registry.signature import Signature
from cupola.runtimes.tables import Columns
from cupola.serving.payloads import CSV_TYPES, LIMIT, LINES_TYPES, PARQUET_TYPES
from cupola.transform import chunks

WHOLE = 4 << 20  # bytes up to which a payload is sent as it is
ABOUT = 2 << 20  # bytes of a piece
VALUES = 500_000  # values of a piece of Parquet
BLOCK = 1 << 20
JSON = "application/json"
FOR_ALL = "classes"  # what an answer says once, and not of each row


class Piece(msgspec.Struct, frozen=True):
    """What is sent to a server at once: all of a payload, or a part of it, whose rows begin at byte `start` and have
    `rows` before them (where these are no lines)."""

    body: bytes
    start: int = 0
    rows: int = 0
    part: bool = False


def cut(source: int, content_type: str, signature: Signature | None) -> Iterator[Piece]:
    """The pieces of an open file, each of whole rows and all with the header. Raises BadInput.

    What is small is one piece; so is, up to the limit of a request, what cannot be cut.
    """
    size = os.fstat(source).st_size
    media = _media(content_type)
    if size > WHOLE and media in CSV_TYPES and signature is not None:
        quote, escaped, header = chunks.head(source, Columns(signature).form)
        yield from _pieces(source, header, chunks.cut(source, len(header), ABOUT, quote, escaped))
    elif size > WHOLE and media in LINES_TYPES:
        yield from _pieces(source, b"", chunks.cut(source, 0, ABOUT))
    elif size > WHOLE and media in PARQUET_TYPES:
        yield from _rows_of_parquet(source)
    elif size > LIMIT:
        said = f"a payload of {media or JSON} cannot be cut, and {size:,} bytes are over the limit of {LIMIT:,}"
        raise BadInput(said, hint="send text/csv, application/jsonlines or Parquet")
    else:
        yield Piece(os.pread(source, size, 0))


def place(source: int, piece: Piece) -> str:
    """Where a piece begins, for people; "" for the first."""
    if piece.rows:
        return f"in what begins at row {piece.rows + 1:,}: "
    places = range(0, piece.start, BLOCK)
    lines = 1 + sum(os.pread(source, min(BLOCK, piece.start - at), at).count(b"\n") for at in places)
    return f"in what begins at line {lines:,}: " if piece.start else ""


class Answer:
    """The answer to a payload, made of those to its pieces, in a draft on the disk.

    Lines follow one another. Of JSON, the lists of one name are made one list: their parts are gathered in files
    beside the draft until the last has come.
    """

    def __init__(self, draft: Draft) -> None:
        self.media = ""
        self._draft = draft
        self._first: bytes | None = None
        self._same: dict[str, bytes] = {}
        self._lists: dict[str, IO[bytes]] = {}

    def add(self, content_type: str, body: bytes) -> None:
        """The answer to the next piece. Raises BadInput for one that cannot stand behind another, DiskFull."""
        self.media, begun = content_type, bool(self.media)
        if _media(content_type) in CSV_TYPES | LINES_TYPES:
            self._draft.write(body)
        elif not begun:
            self._first = body
        elif _media(content_type) != JSON:
            said = f"an answer of {content_type} to a payload that is cut cannot be put together"
            raise BadInput(said, hint="accept text/csv, application/jsonlines or application/json")
        else:
            if self._first is not None:
                self._gather(self._first)
                self._first = None
            self._gather(body)

    def end(self) -> None:
        """Completes the draft."""
        if self._first is not None:
            self._draft.write(self._first)
        for place, name in enumerate({**self._lists, **self._same}):
            self._draft.write((b"," if place else b"{") + msgspec.json.encode(name) + b":")
            if name in self._same:
                self._draft.write(self._same[name])
            else:
                self._draft.write(b"[")
                self._lists[name].seek(0)
                while block := self._lists[name].read(BLOCK):
                    self._draft.write(block)
                self._draft.write(b"]")
        if self._lists or self._same:
            self._draft.write(b"}")
        self.close()

    def close(self) -> None:
        for one in self._lists.values():
            one.close()
        self._lists = {}

    def _gather(self, body: bytes) -> None:
        for name, raw in msgspec.json.decode(body, type=dict[str, msgspec.Raw]).items():
            value = bytes(raw).strip()
            if name == FOR_ALL or not value.startswith(b"["):
                self._same[name] = value
            elif value[1:-1].strip():
                if name in self._lists:
                    self._draft.beside(self._lists[name], b",")
                else:
                    self._lists[name] = self._draft.another()
                self._draft.beside(self._lists[name], value[1:-1])


def _rows_of_parquet(source: int) -> Iterator[Piece]:
    import pyarrow as pa
    import pyarrow.parquet

    try:
        file = pa.parquet.ParquetFile(f"/proc/self/fd/{source}")
        at_once, before = max(1, VALUES // max(1, len(file.schema_arrow))), 0
        for batch in file.iter_batches(at_once, use_threads=False):
            text = io.BytesIO()
            pa.parquet.write_table(pa.Table.from_batches([batch]), text)
            yield Piece(text.getvalue(), rows=before, part=True)
            before += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"the payload is not a Parquet file that can be read: {str(error)[:200]}") from None


def _media(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _pieces(source: int, header: bytes, cut: Iterator[chunks.Chunk]) -> Iterator[Piece]:
    for chunk in cut:
        body = os.pread(source, chunk.end - chunk.start, chunk.start)
        if body.strip():
            yield Piece(header + body, chunk.start, part=True)
