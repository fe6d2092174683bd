"""Messages of protocol buffers, field by field, without what generated them.

The packages that own the formats read here (wandb, tensorboard) bring servers of a hundred megabytes.
Source: https://protobuf.dev/programming-guides/encoding/
"""

import struct
from collections.abc import Iterator

Value = int | bytes  # a varint is an int, everything else its bytes
VARINT, DOUBLE, BYTES, FLOAT = 0, 1, 2, 5


class Malformed(ValueError):
    """What should be a message is none, or a field of it is of another kind."""


def fields(message: bytes) -> Iterator[tuple[int, Value]]:
    """The number and the value of each field, in the order of the bytes. Raises Malformed."""
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at, end)
        kind = key & 7
        if kind == VARINT:
            number, at = _varint(message, at, end)
            yield key >> 3, number
            continue
        if kind == BYTES:
            size, at = _varint(message, at, end)
        elif kind == FLOAT:
            size = 4
        elif kind == DOUBLE:
            size = 8
        else:
            raise Malformed(f"a field of kind {kind}")
        if at + size > end:
            raise Malformed("a field ends after its message")
        yield key >> 3, message[at : at + size]
        at += size


def text(value: Value) -> str:
    """A string; what is no UTF-8 in it is replaced. Raises Malformed."""
    return data(value).decode("utf-8", "replace")


def data(value: Value) -> bytes:
    """The bytes of a message or a string. Raises Malformed."""
    if isinstance(value, bytes):
        return value
    raise Malformed("a number where a message should be")


def whole(value: Value) -> int:
    """An int64. Raises Malformed."""
    if isinstance(value, bytes):
        raise Malformed("bytes where a number should be")
    return value - (1 << 64) if value >> 63 else value


def zigzag(value: Value) -> int:
    """A sint64. Raises Malformed."""
    raw = value if isinstance(value, int) else whole(value)
    return raw >> 1 ^ -(raw & 1)


def real(value: Value) -> float:
    """A float or a double. Raises Malformed."""
    if isinstance(value, bytes) and len(value) in (4, 8):
        return float(struct.unpack("<f" if len(value) == 4 else "<d", value)[0])
    raise Malformed("no number of a fixed size")


def packed(value: Value) -> Iterator[int]:
    """The varints of a repeated field, packed or single. Raises Malformed."""
    if isinstance(value, int):
        yield value
        return
    at, end = 0, len(value)
    while at < end:
        number, at = _varint(value, at, end)
        yield number


def _varint(message: bytes, at: int, end: int) -> tuple[int, int]:
    result = shift = 0
    while at < end and shift < 70:
        byte = message[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result & 0xFFFFFFFFFFFFFFFF, at
        shift += 7
    raise Malformed("a number that does not end")
