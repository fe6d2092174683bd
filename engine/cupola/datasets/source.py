"""The bytes of a file that is being imported: opened once, hashed as they pass, unpacked, handed on as UTF-8 text."""

import codecs
import hashlib
import io
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from cupola.errors import BadInput, BadOption

CHUNK = 1 << 22
HEAD = 1 << 18
GZIP = b"\x1f\x8b"
MARKS = [
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
]
# What people do hand over, and what it is called: a sentence that names it helps more than "not a text file".
FOREIGN = [
    (b"PK\x03\x04", "a zip file (an Excel workbook is one, too); save the sheet as CSV, or unpack it"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file; save the sheet as CSV"),
    (b"SQLite format 3\x00", "an SQLite database; write the table to a CSV file"),
    (b"ARROW1", "an Arrow (Feather) file; write it as Parquet"),
    (b"\x89HDF", "an HDF5 file; write the table as Parquet"),
    (b"\x93NUMPY", "a NumPy array; write it as CSV or Parquet"),
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"%PDF", "a PDF document"),
    (b"\x7fELF", "a program"),
    (b"BZh", "packed with bzip2; unpack it first, or pack it with gzip"),
    (b"\xfd7zXZ", "packed with xz; unpack it first, or pack it with gzip"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd; unpack it first, or pack it with gzip"),
    (b"7z\xbc\xaf", "packed with 7-Zip; unpack it first"),
    (b"\x80\x04\x95", "a Python pickle; write the table as Parquet"),
]

Progress = Callable[[float], None]


def silent(_: float) -> None:
    return


class Source:
    """One open file. Every pass over it reads the same descriptor, so a file that is renamed meanwhile does no harm.

    head: its first bytes, unpacked; encoding: of its text; note: what was found out that a user should be told.
    """

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        self.path = path
        self.where = str(path)
        self.sha256 = ""
        self.note: str | None = None
        self._file = _open(path)
        self.size = os.fstat(self._file.fileno()).st_size
        if self.size == 0:
            raise BadInput("the file is empty", where=self.where, hint="import a file with at least one row")
        self.packed = self._read(0)[:2] == GZIP
        self.head = self._head()
        self._refuse_foreign()
        self.encoding, self._skip = self._find_encoding(encoding)

    def close(self) -> None:
        self._file.close()

    @property
    def is_parquet(self) -> bool:
        return self.head[:4] == b"PAR1"

    def raw(self, progress: Progress = silent) -> Iterator[bytes]:
        """The bytes as they lie on the disk; once they are through, `sha256` is known, and that of any pass before."""
        digest, done = hashlib.sha256(), 0
        while chunk := self._read(done):
            digest.update(chunk)
            done += len(chunk)
            progress(min(1.0, done / self.size))
            yield chunk
        if self.sha256 and self.sha256 != digest.hexdigest():
            raise BadInput("the file changed while it was being imported", where=self.where, hint="import it again")
        self.sha256 = digest.hexdigest()

    def seekable(self) -> io.BufferedReader:
        """The open file itself, for a format that is read by its end first."""
        self._file.seek(0)
        return self._file

    def text(self, progress: Progress = silent) -> Iterator[bytes]:
        """The text as UTF-8 without a mark, checked: a byte that is no text is refused with its line."""
        if self.encoding == "utf-8":
            yield from self._checked(self._unpacked(progress))
        else:
            yield from self._transcoded(self._unpacked(progress))

    def head_text(self) -> str:
        """The beginning of the text; a last character that is cut in two is left off."""
        decoder = codecs.getincrementaldecoder(self.encoding)()
        return self._decode(decoder, self.head[self._skip :], Here(), False)

    def _read(self, offset: int) -> bytes:
        """Reads by place: Arrow's threads may still be busy with an earlier pass when the next one begins."""
        try:
            return os.pread(self._file.fileno(), CHUNK, offset)
        except OSError as error:
            raise BadInput(f"the file cannot be read ({error.strerror})", where=self.where) from error

    def _unpacked(self, progress: Progress) -> Iterator[bytes]:
        if not self.packed:
            yield from self.raw(progress)
            return
        unpack, done = zlib.decompressobj(wbits=31), 0
        for chunk in self.raw(progress):
            done += len(chunk)
            while chunk:
                if unpack.eof:  # a gzip file may be several, one after the other, and end in zeros
                    chunk = chunk.lstrip(b"\0")
                    if not chunk:
                        break
                    unpack = zlib.decompressobj(wbits=31)
                try:
                    yield unpack.decompress(chunk, CHUNK)
                except zlib.error as error:
                    message = f"the gzip data is damaged about byte {done} of {self.size}"
                    raise BadInput(message, where=self.where, hint="fetch or pack the file again") from error
                chunk = unpack.unused_data if unpack.eof else unpack.unconsumed_tail
        if not unpack.eof:
            message = f"the gzip file is cut short: it ends after {self.size} bytes, in the middle of its data"
            raise BadInput(message, where=self.where, hint="fetch or pack the file again")

    def _head(self) -> bytes:
        head = b""
        try:
            for chunk in self._unpacked(silent):
                head += chunk[: HEAD - len(head)]
                if len(head) >= HEAD:
                    break
        finally:
            self.sha256 = ""
        return head

    def _refuse_foreign(self) -> None:
        if not self.head:
            raise BadInput("the gzip file holds nothing", where=self.where)
        for magic, what in FOREIGN:
            if self.head.startswith(magic):
                raise BadInput(f"this is {what}", where=self.where, hint="CSV, Parquet and JSON Lines can be imported")
        if self.packed and self.is_parquet:
            raise BadInput("this is a Parquet file packed with gzip", where=self.where, hint="unpack it: gunzip FILE")

    def _find_encoding(self, asked: str | None) -> tuple[str, int]:
        """The encoding and the length of the mark before the text."""
        wanted = _encoding(asked) if asked else None
        for mark, name in MARKS:
            if self.head.startswith(mark) and (wanted is None or wanted.startswith("utf")):
                return name, len(mark)
        if wanted:
            return wanted, 0
        if b"\0" in self.head and not self.is_parquet:
            for name, at in (("utf-16-le", 1), ("utf-16-be", 0)):
                letters = self.head[at ^ 1 :: 2]
                if self.head[at::2].count(b"\0") > len(self.head) // 4 and b"\0" not in letters:
                    self.note = f"read as {name}, which the file does not say of itself"
                    return name, 0
            here = Here()
            here.pass_over(self.head[: self.head.find(b"\0")].decode("utf-8", "replace"))
            raise self._not_text(here)
        return "utf-8", 0

    def _not_text(self, here: "Here") -> BadInput:
        message = f"{here}: there is a NUL byte, so this is not a text file"
        return BadInput(message, where=self.where, hint="CSV, Parquet and JSON Lines can be imported")

    def _checked(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        decoder, here, skip = codecs.getincrementaldecoder("utf-8")(), Here(), self._skip
        for chunk in chunks:
            chunk, skip = chunk[skip:], max(0, skip - len(chunk))
            self._decode(decoder, chunk, here, False)
            yield chunk
        self._decode(decoder, b"", here, True)

    def _transcoded(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        decoder, here, skip = codecs.getincrementaldecoder(self.encoding)(), Here(), self._skip
        for chunk in chunks:
            chunk, skip = chunk[skip:], max(0, skip - len(chunk))
            yield self._decode(decoder, chunk, here, False).encode("utf-8")
        yield self._decode(decoder, b"", here, True).encode("utf-8")

    def _decode(self, decoder: codecs.IncrementalDecoder, chunk: bytes, here: "Here", final: bool) -> str:
        try:
            text = decoder.decode(chunk, final)
        except UnicodeDecodeError as error:
            here.pass_over(bytes(error.object[: error.start]).decode(self.encoding, "replace"))
            advice = "--encoding latin-1 or cp1252 reads files of older Western European programs"
            message = f"{here}: byte 0x{error.object[error.start]:02x} is not {self.encoding.upper()} text"
            raise BadInput(message, where=self.where, hint=advice) from error
        at = text.find("\0")
        if at >= 0:
            here.pass_over(text[:at])
            raise self._not_text(here)
        here.pass_over(text)
        return text


class Here:
    """How far a text has been read; as a text, the place of the next character as people count."""

    def __init__(self) -> None:
        self._lines = self._characters = 0

    def __str__(self) -> str:
        return f"line {self._lines + 1}, character {self._characters + 1}"

    def pass_over(self, text: str) -> None:
        newlines = text.count("\n")
        self._characters = len(text) - text.rfind("\n") - 1 if newlines else self._characters + len(text)
        self._lines += newlines


class ChunkFile(io.RawIOBase):
    """Chunks of bytes as a file that can be read once."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._left:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._left = memoryview(chunk)
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


def _open(path: Path) -> io.BufferedReader:
    """The file, opened without waiting for a pipe's other end; anything but a plain file is refused."""
    where = str(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise BadInput("there is no such file", where=where, hint="look at the path") from None
    except PermissionError:
        raise BadInput("you may not read this file", where=where, hint="look at its mode with ls -l") from None
    except OSError as error:
        raise BadInput(f"the file cannot be opened ({error.strerror})", where=where) from error
    kind = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(kind):
        os.close(descriptor)
        what = "a directory" if stat.S_ISDIR(kind) else "not a plain file"
        raise BadInput(f"this is {what}", where=where, hint="name one file: CSV, Parquet or JSON Lines")
    return os.fdopen(descriptor, "rb")


def _encoding(name: str) -> str:
    try:
        found = codecs.lookup(name)
        b"a".decode(name, "ignore")
    except (LookupError, ValueError):
        raise BadOption(
            f"there is no encoding called {name!r}", hint="for example utf-8, latin-1, cp1252, utf-16"
        ) from None
    return found.name
