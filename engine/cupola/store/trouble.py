"""What an operating system says when it will not read or write, as one sentence for the user."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from cupola.errors import BadName, CupolaError, DiskFull, DiskTrouble, NotFound, ReadOnly

SENTENCES = {
    errno.ENOSPC: ("the disk is full", "free some space and try again"),
    errno.EDQUOT: ("your quota on this disk is used up", "free some space and try again"),
    errno.EIO: ("the disk reports an input/output error", "look at the disk or the mount"),
    errno.EACCES: ("the permissions of this file or directory do not allow it", "look at its owner, group and mode"),
    errno.EPERM: ("the file system does not allow it", "look at its owner, group and mode"),
    errno.ENOTCONN: ("the mount is broken", "mount it again"),
    errno.ECONNABORTED: ("the mount is broken", "mount it again"),
    errno.ESTALE: ("the mount has lost this file", "try again; mount it again if it stays"),
    errno.ETIMEDOUT: ("the mount does not answer", "try again when the server is back"),
    errno.EHOSTDOWN: ("the mount does not answer", "try again when the server is back"),
    errno.EMFILE: ("this process has too many files open", "raise `ulimit -n`"),
    errno.ENFILE: ("this host has too many files open", "close some programs"),
    errno.ENOTDIR: ("a file stands where a directory is needed", "move it away"),
    errno.EISDIR: ("a directory stands where a file is needed", "move it away"),
}
FULL = (errno.ENOSPC, errno.EDQUOT)


def trouble(error: OSError, where: str) -> CupolaError:
    """The error for the user that says what the system said about `where`."""
    if error.errno == errno.EROFS:
        return ReadOnly("the disk is mounted read-only", where=where)
    if error.errno == errno.ENOENT:
        return NotFound("there is no such file or directory", where=where)
    if error.errno == errno.ENAMETOOLONG:
        return BadName("the name is too long for this disk", where=where)
    sentence, hint = SENTENCES.get(error.errno or 0, (error.strerror or f"the system says: {error}", None))
    kind = DiskFull if error.errno in FULL else DiskTrouble
    return kind(sentence, where=where, hint=hint)


@contextmanager
def disk(where: str) -> Iterator[None]:
    """Turns what the system says inside the block into an error for the user."""
    try:
        yield
    except OSError as error:
        raise trouble(error, where) from error
