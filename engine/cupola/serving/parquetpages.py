"""How many rows a Parquet file has and how many bytes its pages unpack to, before anything is unpacked.

The footer of a file may claim anything; it is the page headers that a reader allocates by. Both are Thrift structs
(https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift) in the compact protocol
(https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md). They are read here, and not by
Arrow: its Python face ends the whole process on a footer with wrong statistics (seen with pyarrow 26).
"""

from collections.abc import Iterator

import msgspec

MAGIC = b"PAR1"
FOOTER = 4 << 20  # bytes that a footer may have
PAGES = 100_000
TRUE, FALSE, BYTE, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12
INTEGERS = (4, I32, I64)
DEEPEST = 32


class Size(msgspec.Struct):
    """What a file holds: its rows, its pages, and the bytes that these unpack to."""

    rows: int = 0
    pages: int = 0
    unpacked: int = 0


class Chunk(msgspec.Struct):
    """Where the pages of one column lie in one group of rows."""

    values: int = 0
    packed: int = 0
    data: int = 0
    dictionary: int = 0


class Compact:
    """Reads Thrift's compact protocol from `place` on. Raises ValueError, IndexError."""

    def __init__(self, body: bytes, place: int) -> None:
        self.body = body
        self.place = place

    def fields(self) -> Iterator[tuple[int, int]]:
        """The number and the type of each field of a struct; whoever takes one reads or skips its value."""
        field = 0
        while head := self._byte():
            field = field + (head >> 4) if head >> 4 else self.integer()
            yield field, head & 15

    def integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def length(self) -> int:
        """How many elements a list has."""
        return self._list()[0]

    def skip(self, kind: int, depth: int = DEEPEST) -> None:
        if not depth or self.place > len(self.body):
            raise ValueError("its headers are nested too deeply, or end too late")
        if kind == BYTE:
            self.place += 1
        elif kind in INTEGERS:
            self._varint()
        elif kind == DOUBLE:
            self.place += 8
        elif kind == BINARY:
            length = self._varint()
            self.place += length
        elif kind in (LIST, SET):
            length, inner = self._list()
            for _ in range(length):
                self.skip(BYTE if inner in (TRUE, FALSE) else inner, depth - 1)
        elif kind == STRUCT:
            for _, inner in self.fields():
                self.skip(inner, depth - 1)
        elif kind not in (TRUE, FALSE):
            raise ValueError("its headers hold what Parquet does not have")

    def _list(self) -> tuple[int, int]:
        head = self._byte()
        return (head >> 4 if head >> 4 < 15 else self._varint()), head & 15

    def _varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise ValueError("its headers hold a number that is too long")

    def _byte(self) -> int:
        self.place += 1
        return self.body[self.place - 1]


def measure(body: bytes) -> Size:
    """The size of a file, by the headers of its pages. Raises ValueError, IndexError where they cannot be followed."""
    if len(body) < 12 or body[:4] != MAGIC or body[-4:] != MAGIC:
        raise ValueError("it does not begin and end as one")
    length = int.from_bytes(body[-8:-4], "little")
    if length > min(FOOTER, len(body) - 12):
        raise ValueError("its footer is too large")
    size, told = Size(), 0
    reader = Compact(body, len(body) - 8 - length)
    for field, kind in reader.fields():
        if (field, kind) == (4, LIST):
            for _ in range(reader.length()):
                _group(reader, size)
        elif (field, kind) == (3, I64):
            told = reader.integer()
        else:
            reader.skip(kind)
    size.rows = max(size.rows, told)
    return size


def _group(reader: Compact, size: Size) -> None:
    for field, kind in reader.fields():
        if (field, kind) == (1, LIST):
            for _ in range(reader.length()):
                _column(reader, size)
        elif (field, kind) == (3, I64):
            size.rows += reader.integer()
        else:
            reader.skip(kind)


def _column(reader: Compact, size: Size) -> None:
    """Adds the pages of one column in one group of rows."""
    chunk = Chunk()
    for field, kind in reader.fields():
        if (field, kind) == (3, STRUCT):
            chunk = _chunk(reader)
        else:
            reader.skip(kind)
    if not chunk.values:  # no reader looks for its pages, and its offsets may be anything
        return
    place = chunk.dictionary if 0 < chunk.dictionary < chunk.data else chunk.data
    if place < len(MAGIC):
        raise ValueError("its pages begin nowhere")
    end = place + chunk.packed
    while place < end:
        page = Compact(reader.body, place)
        unpacked, packed = _page(page)
        size.unpacked += unpacked
        size.pages += 1
        if size.pages > PAGES:
            raise ValueError(f"it has more than {PAGES:,} pages")
        place = page.place + packed


def _chunk(reader: Compact) -> Chunk:
    found = Chunk()
    names = {5: "values", 7: "packed", 9: "data", 11: "dictionary"}
    for field, kind in reader.fields():
        if field in names and kind == I64:
            setattr(found, names[field], reader.integer())
        else:
            reader.skip(kind)
    return found


def _page(reader: Compact) -> tuple[int, int]:
    """The sizes of a page, unpacked and packed; the reader then stands at its first byte."""
    sizes = {2: -1, 3: -1}
    for field, kind in reader.fields():
        if field in sizes and kind == I32:
            sizes[field] = reader.integer()
        else:
            reader.skip(kind)
    if min(sizes.values()) < 0:
        raise ValueError("a page has no size")
    return sizes[2], sizes[3]
