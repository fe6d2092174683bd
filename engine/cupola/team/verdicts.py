"""What people say of the versions of datasets: that one is bad, or good after all, who said so and why.

A line among the notes on datasets (`cupola.team.notes`), `op` "bad" or "good"; the last one counts. All that was made
from such data says so too, in its field `bad`: runs, models, endpoints.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

from cupola.store import Store
from cupola.team import notes

BAD, GOOD = "bad", "good"


class Verdict(msgspec.Struct, kw_only=True, frozen=True):
    """That a version of a dataset is bad, as somebody said."""

    ref: str
    user: str
    host: str
    time: str
    note: str = ""

    @property
    def words(self) -> str:
        """The sentence that stands beside what was made from it."""
        return f"{self.ref} is marked as bad by {self.user}" + (f": {self.note}" if self.note else "")


class Made(Protocol):
    """What was made from a version of a dataset: a run, a version of a model."""

    dataset: str
    bad: str


class Judged(Protocol):
    """What says itself whether it is bad."""

    bad: str


def mark(store: Store, ref: str, verdict: str, note: str) -> None:
    """Writes down that the version is BAD or GOOD."""
    notes.say(store, "dataset", ref, verdict, [note])


def bad(store: Store) -> dict[str, Verdict]:
    """The versions that are marked as bad, by their exact names."""
    found: dict[str, Verdict] = {}
    for entry in notes.entries(store, "dataset"):
        ref = str(entry.get("ref"))
        if entry.get("op") == GOOD:
            found.pop(ref, None)
        elif entry.get("op") == BAD:
            said = {name: str(entry.get(name, "")) for name in ("user", "host", "time")}
            found[ref] = Verdict(ref=ref, note=str(entry.get("value", "")), **said)
    return found


def put(store: Store, records: Mapping[str, Judged]) -> None:
    """Says of versions of datasets, which are keyed by their exact names, that they are bad."""
    for ref, verdict in bad(store).items():
        if ref in records:
            records[ref].bad = verdict.words


def put_on_made(store: Store, made: Iterable[Made]) -> None:
    """Says of what was made from bad data that it was."""
    if found := bad(store):
        for one in made:
            one.bad = words(found, data(one)) or one.bad


def data(made: Made) -> list[str]:
    """The versions of datasets behind it: its own, what its flow looks up, and of a chain those of its members."""
    return [made.dataset, *getattr(made, "looked_up", ()), *(one.dataset for one in getattr(made, "members", ()))]


def words(bad: Mapping[str, Verdict], data: Iterable[str]) -> str:
    """What is bad about versions of datasets; "" where nothing is."""
    return "; ".join(dict.fromkeys(bad[ref].words for ref in data if ref in bad))
