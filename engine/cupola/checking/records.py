"""What a look over a workspace found, and what became of it."""

from collections.abc import Iterable

import msgspec

SHOWN = 50  # problems of one kind that a person gets to see


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not as it should be. repairable: whether `check --repair` can mend it.

    kind: "torn" (does not decode), "missing", "checksum", "mismatch" (two records contradict each other, or a record
    its place), "newer" (written by a newer Cupola), "journal" (lines torn or lost), "claim" (its owner is dead),
    "dangling" (refers to what is gone), "leftover" (of a killed writer), "queue", "unsigned", "symlink", "unreadable",
    "mode" (breaks the group's share), "stray" (a file where a directory is needed), "replaced" and "differs"
    (notes: what copies of the workspace have made differently, kept).
    """

    kind: str
    path: str
    message: str
    repairable: bool = False


class Mended(msgspec.Struct, frozen=True, kw_only=True):
    """What --repair did about a problem; kept: where that lies now which it moved away."""

    kind: str
    path: str
    message: str
    done: str
    kept: str | None = None


class Checked(msgspec.Struct, kw_only=True):
    """The outcome of `check`. problems: what is left. notes: worth knowing, and nothing to mend. mended: by --repair.

    ok: whether there are no problems. files: how many were read; bytes: how much of them.
    """

    ok: bool = True
    problems: list[Problem] = msgspec.field(default_factory=list)
    notes: list[Problem] = msgspec.field(default_factory=list)
    mended: list[Mended] = msgspec.field(default_factory=list)
    files: int = 0
    bytes: int = 0

    @property
    def text(self) -> str:
        """For people: a line each, by kind."""
        lines = [f"mended: {one.path}: {one.message}; {one.done}" for one in self.mended]
        lines += _grouped(self.problems)
        lines += _grouped(self.notes, "note: ")
        return "\n".join([*lines, self._verdict()])

    def _verdict(self) -> str:
        seen = f"{self.files:,} files read, {self.bytes / 1e6:,.1f} MB"
        if not self.problems:
            return f"{'nothing else is wrong' if self.mended else 'nothing is wrong'} ({seen})"
        count = len(self.problems)
        mendable = sum(one.repairable for one in self.problems)
        hint = f"; `cupola check --repair` mends {mendable} of them" if mendable else ""
        return f"{count} problem{'' if count == 1 else 's'} ({seen}){hint}"


def _grouped(problems: Iterable[Problem], before: str = "") -> list[str]:
    kinds: dict[str, list[Problem]] = {}
    for one in problems:
        kinds.setdefault(one.kind, []).append(one)
    lines = []
    for kind, some in sorted(kinds.items()):
        lines += [f"{before}{kind}: {one.path}: {one.message}" for one in some[:SHOWN]]
        if len(some) > SHOWN:
            lines.append(f"{before}{kind}: {len(some) - SHOWN} more (--json lists them)")
    return lines
