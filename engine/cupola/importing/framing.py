"""Files of records with checksums: TensorBoard's event files, and W&B's, which are logs as LevelDB has them.

What was damaged, or cut off when its writer was killed, is passed over and said; the rest is read.
Sources: tensorflow/core/lib/io/record_writer.h; https://github.com/google/leveldb/blob/main/doc/log_format.md. W&B has
7 bytes of its own at the beginning of the first block, and the CRC-32 of zlib.
"""

import os
import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from cupola.errors import BadInput

Trouble = Callable[[str], None]
Progress = Callable[[int], None]  # takes how many bytes more were read
LARGEST = 1 << 28  # bytes of a record
SUMMED = 1 << 16  # bytes: a longer record holds a picture or a graph, which is not imported, and is not summed
HEADER = b":W&B\xe1\xbe\x00"
BLOCK = 1 << 15
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def open_plain(path: Path) -> BinaryIO:
    """A plain file, opened for reading. Raises BadInput for a symlink, a pipe, or what cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise BadInput(f"it cannot be read: {os.strerror(error.errno or 0)}", where=str(path)) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BadInput("it is no plain file", where=str(path))
    return os.fdopen(descriptor, "rb", buffering=1 << 18)


def events(path: Path, trouble: Trouble, progress: Progress) -> Iterator[bytes]:
    """The records of an event file. Raises BadInput where it cannot be opened."""
    with open_plain(path) as file:
        position = told = 0
        while head := file.read(12):
            size, checksum = struct.unpack("<QI", head) if len(head) == 12 else (0, 0)
            if len(head) == 12 and (checksum != masked(head[:8]) or size > LARGEST):
                trouble(f"from byte {position:,} on it is damaged")
                return
            there = len(head) == 12 and os.fstat(file.fileno()).st_size >= position + size + 16
            body = file.read(size + 4) if there else b""
            if len(body) < size + 4:
                trouble(f"it ends within a record, at byte {position:,}: its writer was killed, or still writes")
                return
            if size <= SUMMED and struct.unpack("<I", body[size:])[0] != masked(body[:size]):
                trouble(f"the record at byte {position:,} is damaged")
            else:
                yield body[:size]
            position += size + 16
            if position - told > 1 << 18:
                progress(position - told)
                told = position
        progress(position - told)


def log(path: Path, trouble: Trouble, progress: Progress) -> Iterator[bytes]:
    """The records of a .wandb file. Raises BadInput where it cannot be opened, or is none."""
    with open_plain(path) as file:
        if file.read(len(HEADER)) != HEADER:
            raise BadInput("it is no file of W&B's", where=str(path))
        number, whole, begun = 0, bytearray(), False
        block = file.read(BLOCK - len(HEADER))
        while block:
            for kind, piece in _pieces(block, number * BLOCK, trouble):
                if kind in (FULL, FIRST):
                    if begun:
                        trouble(f"a record before byte {number * BLOCK + len(block):,} has no end")
                    whole, begun = bytearray(piece), kind == FIRST
                elif not begun:
                    continue  # the end of a record whose beginning was damaged
                else:
                    whole += piece
                    begun = kind == MIDDLE
                if not begun:
                    yield bytes(whole)
                elif len(whole) > LARGEST:
                    trouble(f"a record before byte {number * BLOCK + len(block):,} is too large")
                    begun = False
            progress(len(block))
            number += 1
            block = file.read(BLOCK)
        if begun:
            trouble("it ends within a record: its writer was killed, or still writes")


def _pieces(block: bytes, position: int, trouble: Trouble) -> Iterator[tuple[int, bytes]]:
    """The records, and parts of records, in a block; those after a damaged one in the same block are lost."""
    at, end = 0, len(block)
    while end - at >= 7:
        checksum, size, kind = struct.unpack_from("<IHB", block, at)
        if not checksum and not size and not kind:
            return  # what a block is filled up with
        body = block[at + 6 : at + 7 + size]
        if len(body) < size + 1:
            trouble(f"it ends within a record, after byte {position + at:,}: its writer was killed, or still writes")
            return
        if not FULL <= kind <= LAST or zlib.crc32(body) != checksum:
            trouble(f"some of the {end - at:,} bytes after byte {position + at:,} are damaged")
            return
        yield kind, body[1:]
        at += 7 + size


def _table() -> list[int]:
    found = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        found.append(byte)
    return found


_CRC32C = _table()


def masked(data: bytes) -> int:
    """The checksum of a record: CRC-32C, turned and moved as TensorFlow does."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC32C[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
