"""What two hosts with one directory may rely on, whatever it is mounted with."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.store import folded, views
from tests.store.folded import NOTES, direct, listed
from tests.store.test_claims import HOLD
from tests.waiting import until

from cupola.errors import Conflict, NotFound
from cupola.store import Store, claims, digests, files, journals, records, watch
from cupola.store.folding import Folder

CAP = 180.0  # seconds: a listing may be 60 s late on NFS with its own defaults
ROUNDS = 12
Two = tuple[Store, Store]


class Note(records.Record, kw_only=True):
    text: str = ""


@pytest.fixture(params=list(views.PLACES))
def two(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Iterator[Two]:
    with views.PLACES[request.param](tmp_path) as given:
        yield views.two_hosts(given)


def both(first: Callable[[], object], second: Callable[[], object]) -> None:
    """Runs the two at once."""
    with ThreadPoolExecutor() as pool:
        for one in [pool.submit(first), pool.submit(second)]:
            one.result(CAP)


def test_what_one_writes_the_others_watcher_tells(two: Two) -> None:
    a, b = two
    stop = threading.Event()
    told: set[watch.Change] = set()
    changes = watch.watch(b, stop)
    for n in range(1, 4):
        records.write(a, "notes/a.json", Note(text=str(n)), kind="note", ref="a")
        deadline = time.monotonic() + CAP
        while watch.Change("note", "a", n, "notes/a.json") not in told:
            assert time.monotonic() < deadline
            told |= next(changes)
        assert records.read(b, "notes/a.json", Note).text == str(n)
    stop.set()


def test_a_claim_of_one_keeps_the_other_out(two: Two) -> None:
    a, b = two
    mine = claims.take(a, "job")
    assert mine is not None and claims.take(b, "job") is None
    assert claims.renew(a, mine)
    claims.release(a, mine)
    until(lambda: claims.take(b, "job") is not None)
    theirs = claims.current(b, "job")
    assert theirs is not None and theirs.number == 2
    until(lambda: not claims.renew(a, mine))


@pytest.mark.skipif(views.VARIABLE not in os.environ, reason="it waits for a lease to end: `make torture` does")
def test_a_claim_of_a_host_that_died_ends_with_its_lease(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = two
    variables = os.environ | {"CUPOLA_HOST": "host-a"}
    holder = subprocess.Popen([sys.executable, "-c", HOLD, a.root], env=variables, stdout=subprocess.PIPE, text=True)
    assert holder.stdout and holder.stdout.readline() == "1\n"
    monkeypatch.setenv("CUPOLA_HOST", "host-b")
    until(lambda: claims.is_held(b, "job"))
    since = time.monotonic()
    holder.kill()
    holder.wait()
    until(lambda: claims.take(b, "job") is not None)
    assert time.monotonic() - since > b.mount.lease_seconds * 0.9
    found = claims.current(b, "job")
    assert found is not None and found.number == 2 and found.owner.host == "host-b"


def test_both_add_to_a_journal_and_both_see_one_order(two: Two) -> None:
    def say(store: Store) -> None:
        for n in range(ROUNDS):
            journals.append(store, f"tags/{store.writer}.jsonl", [{"n": n}])

    both(lambda: say(two[0]), lambda: say(two[1]))
    until(lambda: all(len(journals.folded(store, "tags")) == 2 * ROUNDS for store in two))
    seen = [journals.folded(store, "tags") for store in two]
    assert seen[0] == seen[1]
    for store in two:
        assert [one["n"] for one in seen[0] if one["writer"] == store.writer] == list(range(ROUNDS))


def test_a_file_that_both_edit_loses_no_edit(two: Two) -> None:
    def edit(store: Store) -> None:
        for n in range(ROUNDS):
            change(store, f"{store.writer}-{n}")

    def change(store: Store, name: str) -> None:
        deadline = time.monotonic() + CAP
        while True:
            shown = records.read_toml(store, "names.toml", Note)
            with contextlib.suppress(Conflict):
                new = Note(text=f"{shown.text} {name}")
                return records.write_toml(store, "names.toml", new, kind="note", ref="names", expected=shown)
            assert time.monotonic() < deadline
            time.sleep(0.01)

    records.write_toml(two[0], "names.toml", Note(text="begun"), kind="note", ref="names")
    until(lambda: "names.toml" in files.listing(two[1], ""))
    both(lambda: edit(two[0]), lambda: edit(two[1]))
    wanted = {"begun", *(f"{store.writer}-{n}" for store in two for n in range(ROUNDS))}
    for store in two:
        until(lambda store=store: set(records.read_toml(store, "names.toml", Note).text.split()) == wanted)  # type: ignore[misc]


def test_a_version_is_seen_whole_or_not_at_all(two: Two) -> None:
    a, b = two
    done = threading.Event()
    seen: set[str] = set()

    def publish() -> None:
        try:
            for _ in range(ROUNDS):
                staged = files.staging(a)
                for name in ("one", "two"):
                    (staged / name).write_text("whole")
                files.publish_dir(a, staged, f"datasets/a/{claims.take_number(a, 'datasets/a')}-abc")
        finally:
            done.set()

    def look() -> None:
        while not done.is_set() or len(seen) < ROUNDS:
            for name in files.listing(b, "datasets/a"):
                for part in ("one", "two"):
                    assert files.read_bytes(b, f"datasets/a/{name}/{part}") == b"whole"
                seen.add(name)
            time.sleep(0.01)

    both(publish, look)
    assert seen == {f"{number}-abc" for number in range(1, ROUNDS + 1)}


def test_a_record_is_made_by_one_of_two(two: Two) -> None:
    made: list[tuple[str, str]] = []

    def make(store: Store) -> None:
        for n in range(ROUNDS):
            with contextlib.suppress(Conflict):
                records.create(store, f"notes/{n}.json", Note(text=store.writer), kind="note", ref=str(n))
                made.append((str(n), store.writer))

    both(lambda: make(two[0]), lambda: make(two[1]))
    assert sorted(n for n, _ in made) == sorted(map(str, range(ROUNDS)))
    for store in two:
        until(lambda store=store: len(files.listing(store, "notes")) == ROUNDS)  # type: ignore[misc]
        assert {(n, records.read(store, f"notes/{n}.json", Note).text) for n, _ in made} == set(made)


def test_the_number_of_a_version_is_given_to_one(two: Two) -> None:
    numbers: list[int] = []

    def count(store: Store) -> None:
        numbers.extend(claims.take_number(store, "models/a") for _ in range(ROUNDS))

    both(lambda: count(two[0]), lambda: count(two[1]))
    assert sorted(numbers) == list(range(1, 2 * ROUNDS + 1))


def test_what_one_puts_into_a_digest_the_other_lists_as_it_is_now(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "UNSETTLED", folded.UNSETTLED)
    a, b = two
    for number in range(ROUNDS):
        folded.write(a, f"n{number}", "old")
    until(lambda: len(folded.places(b)) == ROUNDS)
    time.sleep(folded.UNSETTLED / 1e9 + 0.005)
    assert Folder(a, NOTES).fold() == ROUNDS
    folded.write(b, "n1", "new")
    files.trash(b, "notes/n2")
    folded.write(b, f"n{ROUNDS}", "new")

    def as_it_is(store: Store) -> bool:
        found = listed(store)
        return found == direct(store) and found["notes/n1"].text == "new" and "notes/n2" not in found

    for store in two:
        until(lambda store=store: len(folded.places(store)) == ROUNDS and as_it_is(store))  # type: ignore[misc]


def test_what_one_throws_away_and_brings_back_the_other_sees(two: Two) -> None:
    a, b = two
    records.write(a, "notes/a.json", Note(text="kept"), kind="note", ref="a")
    token = files.trash(a, "notes")
    until(lambda: token in files.discarded(b) and not files.listing(b, "notes"))
    assert files.untrash(b, token) == "notes"
    until(lambda: files.listing(a, "notes") == ["a.json"])
    assert records.read(a, "notes/a.json", Note).text == "kept"
    with pytest.raises(NotFound):
        files.untrash(a, token)
