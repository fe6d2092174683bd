"""Event streams as the hosted service sends them: application/vnd.amazon.eventstream.

A message is its length, the length of its headers and their CRC, the headers, the payload, and a CRC of all before:
https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html#streaming-event-stream
"""

import struct
import zlib

import msgspec

MEDIA = "application/vnd.amazon.eventstream"
TEXT = 7  # the type of a header's value
BROKEN, TOO_LONG = "StreamBroken", "ModelInvocationTimeExceeded"  # the hosted service's codes of a ModelStreamError


def part(data: bytes) -> bytes:
    """A PayloadPart event with a piece of the answer."""
    headers = {":message-type": "event", ":event-type": "PayloadPart", ":content-type": "application/octet-stream"}
    return _message(headers, data)


def model_error(message: str, code: str) -> bytes:
    """A ModelStreamError event, which ends the stream."""
    return _exception("ModelStreamError", {"Message": message, "ErrorCode": code})


def internal_failure(message: str) -> bytes:
    """An InternalStreamFailure event, which ends the stream."""
    return _exception("InternalStreamFailure", {"Message": message})


def whole(data: bytes) -> int:
    """How many of the bytes, which begin with a message, are whole messages."""
    end = 0
    while end + 4 <= len(data):
        length = int.from_bytes(data[end : end + 4], "big")
        if not length or end + length > len(data):
            break
        end += length
    return end


def _exception(kind: str, fields: dict[str, str]) -> bytes:
    headers = {":message-type": "exception", ":exception-type": kind, ":content-type": "application/json"}
    return _message(headers, msgspec.json.encode(fields))


def _message(headers: dict[str, str], payload: bytes) -> bytes:
    named = b"".join(
        struct.pack(f">B{len(name)}sBH{len(value)}s", len(name), name.encode(), TEXT, len(value), value.encode())
        for name, value in headers.items()
    )
    lengths = struct.pack(">II", 16 + len(named) + len(payload), len(named))
    message = lengths + struct.pack(">I", zlib.crc32(lengths)) + named + payload
    return message + struct.pack(">I", zlib.crc32(message))
