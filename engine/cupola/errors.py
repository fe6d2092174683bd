"""Every error that is a fact for the user, in one tree; anything else that is raised is a bug.

CupolaError
├── Usage            exit 2: the command itself is wrong
│   ├── BadName      a name with a separator, a leading dot, control characters, ...
│   └── BadOption    an option that does not exist, or whose value does not fit
│       └── BadFilter    a query that cannot be read; it points at the character
├── BadInput         a file, a row, a payload that cannot be used
├── NotFound         a reference that names nothing here
│   └── Ambiguous    a reference that names several things
├── Conflict         the record is not what it was when the user looked at it
├── NotReady         a record that is not yet in the state that the verb needs
├── Refused          the answer is no (exit 3): not approved, conditions not met
├── ReadOnly         the workspace was opened with --readonly, or its disk is read-only
├── NewerFormat      a record was written by a newer Cupola
├── Corrupt          a checksum, a signature or a record does not hold
├── DiskTrouble      full, failing or silent file system
│   └── DiskFull     no room left, or a quota used up: what failed can be done when there is room
├── AgentTrouble     the agent cannot be started or does not answer
└── WorkFailed       a job ended without success
"""

from collections.abc import Iterable
from typing import Any

import msgspec

LONGEST = 1200  # characters of a message
LONGEST_NAME = 100  # characters of a name that is compared with others


class ErrorInfo(msgspec.Struct, kw_only=True):
    """An error as data: what `--json` prints, what a job leaves behind, what crosses a process."""

    kind: str
    message: str
    where: str | None = None
    hint: str | None = None


class CupolaError(Exception):
    """A fact for the user: what happened, where, and what to do. Shown as it is; everything else is a bug.

    What is longer than a sentence can be (it quotes a value of a megabyte) is cut in its middle.
    """

    exit_status = 1

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        self.message = _short(message)
        self.where = where and _short(where)
        self.hint = _short(hint) if hint else None
        super().__init__(self.message)

    def info(self) -> ErrorInfo:
        return ErrorInfo(kind=type(self).__name__, message=self.message, where=self.where, hint=self.hint)

    @property
    def said(self) -> str:
        """What happened and what to do, without where: for a place that is where."""
        return self.message if self.hint is None else f"{self.message} ({self.hint})"

    def __str__(self) -> str:
        return self.said if self.where is None else f"{self.where}: {self.said}"

    def __reduce__(self) -> tuple[Any, ...]:
        return (from_info, (self.info(),))


class Usage(CupolaError):
    exit_status = 2


class BadName(Usage):
    pass


class BadOption(Usage):
    pass


class BadFilter(BadOption):
    """A query that cannot be read: `text` is what was given, `at` the place in it that is wrong (-1: it has none)."""

    def __init__(
        self, message: str, *, where: str | None = None, hint: str | None = None, text: str = "", at: int = -1
    ) -> None:
        super().__init__(message, where=where, hint=hint)
        self.text, self.at = text, at


class BadInput(CupolaError):
    pass


class NotFound(CupolaError):
    pass


class Ambiguous(NotFound):
    pass


class Conflict(CupolaError):
    pass


class NotReady(CupolaError):
    pass


class Refused(CupolaError):
    exit_status = 3


class ReadOnly(CupolaError):
    pass


class NewerFormat(CupolaError):
    pass


class Corrupt(CupolaError):
    pass


class DiskTrouble(CupolaError):
    pass


class DiskFull(DiskTrouble):
    pass


class AgentTrouble(CupolaError):
    pass


class WorkFailed(CupolaError):
    pass


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST * 2 // 3]} ... {text[-LONGEST // 3 :]}"


def meant(name: str, known: Iterable[str], otherwise: str = "", most: int = 1) -> str:
    """The hint on a name that is not known: which may have been meant, however they are cased, else `otherwise`."""
    import difflib

    plain, wanted = {one.casefold(): one for one in known}, name.casefold()[:LONGEST_NAME]
    near = [wanted] if wanted in plain else difflib.get_close_matches(wanted, plain, most, 0.65)
    return f"did you mean {' or '.join(plain[one] for one in near)}?" if near else otherwise


def from_info(info: ErrorInfo) -> CupolaError:
    """The error that `info` describes; a kind that is unknown here (a newer writer) becomes a plain CupolaError."""
    kinds = {kind.__name__: kind for kind in _tree(CupolaError)}
    return kinds.get(info.kind, CupolaError)(info.message, where=info.where, hint=info.hint)


def _tree(kind: type[CupolaError]) -> list[type[CupolaError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in _tree(child))]
