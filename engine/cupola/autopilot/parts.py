"""Rows of folds as a flow and a preparation make them: made by the first fit that needs them, read by later ones.

They lie in files without names, which fits have as they are forked, and which are gone with the last of them.
"""

import os
import pickle
import tempfile
from typing import IO, Any

MOST = 512 << 20  # bytes in all; what comes then is made anew by each fit
Key = tuple[str, int]


class Parts:
    """By (style, fold). A fit `begin`s one; once it has ended well, what it has written is there for others."""

    def __init__(self) -> None:
        self._there: dict[Key, IO[bytes]] = {}
        self._written: dict[Any, tuple[Key, IO[bytes]]] = {}

    def begin(self, tag: Any, key: Key) -> "Part":
        """What the fit of that tag reads, or what it writes where nobody does so yet."""
        if key in self._there:
            return Part(self._there[key], is_there=True)
        sizes = sum(os.fstat(one.fileno()).st_size for one in self._there.values())
        if sizes > MOST or any(key == each for each, _ in self._written.values()):
            return Part(None, is_there=False)
        file = tempfile.TemporaryFile()  # noqa: SIM115  it stays open
        self._written[tag] = key, file
        return Part(file, is_there=False)

    def end(self, tag: Any, *, well: bool) -> None:
        """The fit of that tag has ended."""
        key, file = self._written.pop(tag, (None, None))
        if key and file:
            if well and os.fstat(file.fileno()).st_size:
                self._there[key] = file
            else:
                file.close()


class Part:
    """One of them, in the process of a fit."""

    def __init__(self, file: IO[bytes] | None, *, is_there: bool) -> None:
        self._file, self.is_there = file, is_there

    def read(self) -> Any:
        """What an earlier fit has written. Others read it too, so that no place in the file is moved."""
        assert self._file is not None
        descriptor = self._file.fileno()
        data, size = bytearray(), os.fstat(descriptor).st_size
        while len(data) < size:
            data += os.pread(descriptor, size - len(data), len(data))
        return pickle.loads(data)  # from a process of the same search

    def write(self, rows: Any) -> None:
        """Leaves the rows for others; where the disk takes them not, these make them anew."""
        if self._file is None:
            return
        try:
            self._file.write(pickle.dumps(rows, protocol=5))
            self._file.flush()
        except OSError:
            os.truncate(self._file.fileno(), 0)
