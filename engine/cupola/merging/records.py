"""What came of a merge: what was taken over, what differs, and what was left."""

import msgspec

SHOWN = 50  # paths of one sort that a person gets to see
WORDS = {
    "dataset": ("version of a dataset", "versions of datasets"),
    "model": ("version of a model", "versions of models"),
    "run": ("run", "runs"),
    "tuning": ("tuning", "tunings"),
    "job": ("job", "jobs"),
    "endpoint": ("endpoint", "endpoints"),
    "execution": ("execution", "executions"),
    "schedule": ("schedule", "schedules"),
    "line": ("line of journals", "lines of journals"),
    "settings": ("settings file", "settings files"),
    "history": ("older version of settings", "older versions of settings"),
    "record": ("file of records", "files of records"),
    "file": ("file of yours", "files of yours"),
}


class Differs(msgspec.Struct, frozen=True, kw_only=True):
    """Something that both copies have, each another one: which counts here now, and where the other is kept."""

    path: str
    counts: str
    kept: str


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """Something of the other copy that could not be taken over, and why."""

    path: str
    why: str


class Merged(msgspec.Struct, kw_only=True):
    """The outcome of `merge`. taken: how many of each kind came over (with dry_run: would come).

    A new version of a dataset or model, run, tuning, job, endpoint, execution or schedule counts as one, with all its
    files; "record" counts files that came to those that were here. ok: whether nothing was left.
    """

    source: str
    dry_run: bool = False
    ok: bool = True
    taken: dict[str, int] = msgspec.field(default_factory=dict)
    differs: list[Differs] = msgspec.field(default_factory=list)
    left: list[Left] = msgspec.field(default_factory=list)

    @property
    def text(self) -> str:
        """For people: a line for what came, and one for each path that they may want to look at."""
        lines = [f"differs: {one.path}: {one.counts} counts, the other is kept in {one.kept}" for one in self.differs]
        left = [f"left: {one.path}: {one.why}" for one in self.left]
        return "\n".join([*_some(lines, "differ"), *_some(left, "were left"), self._verdict()])

    def _verdict(self) -> str:
        counts = [f"{count:,} {WORDS[kind][count != 1]}" for kind in WORDS if (count := self.taken.get(kind, 0))]
        if not counts:
            return "nothing else to take" if self.left or self.differs else "nothing to take: all is here"
        return f"{'would take' if self.dry_run else 'took'} {', '.join(counts)}"


def _some(lines: list[str], what: str) -> list[str]:
    more = len(lines) - SHOWN
    return [*lines[:SHOWN], f"{more} more {what} (--json lists them)"] if more > 0 else lines
