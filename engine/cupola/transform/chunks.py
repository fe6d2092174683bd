"""A file of records cut into chunks that can be worked on apart. The same file is always cut alike."""

import os
from collections.abc import Iterator

import msgspec

from cupola.errors import BadInput
from cupola.runtimes.tables import Form
from cupola.serving import payloads

SIZE = {"MultiRecord": 8 << 20, "SingleRecord": 16 << 10}  # bytes, by the strategy: a second's work or less
OBJECTS = 1 << 20  # bytes where each record becomes an object of Python
LONGEST = 64 << 20  # bytes of one record
HEAD = 1 << 20  # bytes in which a header is looked for


class Chunk(msgspec.Struct, frozen=True):
    """Whole records: their place in the file, in bytes."""

    start: int
    end: int


def cut(descriptor: int, start: int, about: int, quote: bytes = b"", escaped: bool = False) -> Iterator[Chunk]:
    """The chunks of a file from a record's beginning on, each of `about` so many bytes.

    quote: a line end between two of them ends no record (RFC 4180); escaped: one after a backslash is none.
    Raises BadInput for a record that is longer than LONGEST.
    """
    size = os.fstat(descriptor).st_size
    while start < size:
        want = about
        while True:
            block = os.pread(descriptor, want, start)
            if start + len(block) >= size:
                end = len(block)
                break
            end = _last_end(block, quote, escaped)
            if end:
                break
            if want >= LONGEST:
                raise BadInput(f"the record at byte {start:,} is longer than {LONGEST >> 20} MiB, or a quote is open")
            want *= 2
        yield Chunk(start, start + end)
        start += end


def head(descriptor: int, form: Form) -> tuple[bytes, bool, bytes]:
    """The quote of a CSV, whether a backslash takes its meaning away, and the header with its line end (or nothing)."""
    block = os.pread(descriptor, HEAD, 0)
    how = payloads.fitting(payloads.text(whole(block)), form)
    quote = how.quote.encode()
    found = first(block, quote, how.escaped)
    rows = payloads.csv_rows(payloads.text(found), form) if found.strip() else []
    return quote, how.escaped, found if rows and payloads.header(rows[0], form.known) else b""


def names(head: bytes, form: Form) -> list[str] | None:
    """The names in the header of a CSV; None where it has none."""
    return payloads.header(payloads.csv_rows(payloads.text(head), form)[0], form.known) if head else None


def first(block: bytes, quote: bytes, escaped: bool) -> bytes:
    """The first record of a block that begins with one."""
    end = 0
    while end < len(block):
        end = block.find(b"\n", end) + 1 or len(block)
        if not quote or _quotes(block[:end], quote, escaped) % 2 == 0:
            break
    return block[:end]


def whole(block: bytes) -> bytes:
    """A block without what may be the beginning of a character at its end."""
    return block[: block.rfind(b"\n") + 1] or block


def _last_end(block: bytes, quote: bytes, escaped: bool) -> int:
    """The end of the last whole record of a block that begins with one; 0 where none is whole."""
    end = block.rfind(b"\n") + 1
    if not quote or quote not in block:
        return end
    quotes = _quotes(block[:end], quote, escaped)
    while end and quotes % 2:
        before = block.rfind(b"\n", 0, end - 1) + 1
        quotes -= _quotes(block[before:end], quote, escaped)
        end = before
    return end


def _quotes(data: bytes, quote: bytes, escaped: bool) -> int:
    return data.count(quote) - (data.count(b"\\" + quote) if escaped else 0)
