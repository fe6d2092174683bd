"""A listing from digests and caches is the listing of the records themselves, whatever happened meanwhile."""

import contextlib
import itertools
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.faults.kill_at_call import Killer, every_call
from tests.store import folded
from tests.store.folded import NOTES, direct, host, listed, write

from cupola.store import Store, cache, digests, feed, files, folding, reading, records
from cupola.store.folding import Folder
from cupola.workspace import Workspace

NAMES = ["a", "b", "c", "d", "e"]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything happens early: segments are merged, caches are written, the feed is rotated."""
    monkeypatch.setattr(digests, "UNSETTLED", folded.UNSETTLED)
    monkeypatch.setattr(folding, "BATCH", 2)
    monkeypatch.setattr(folding, "SMALL", 1)
    monkeypatch.setattr(folding, "GROWTH", 2)
    monkeypatch.setattr(cache, "MANY", 1)
    monkeypatch.setattr(feed, "ROTATE", 700)


def settle() -> None:
    """What was just changed gets no seal; the next moment it may."""
    time.sleep(digests.UNSETTLED / 1e9 + 0.002)


class Killed(Exception):
    pass


@contextlib.contextmanager
def killed_at(call: int) -> Iterator[None]:
    """Ends a fold at one of its writes and removals, before it or after it."""
    with pytest.MonkeyPatch.context() as patch:
        left = itertools.count(call, -1)
        for name in ("write_bytes", "remove"):
            real = getattr(folding, name)

            def dying(*arguments: object, real: object = real, **options: object) -> None:
                now = next(left)
                if now == 1:
                    raise Killed
                real(*arguments, **options)  # type: ignore[operator]
                if now == 0:
                    raise Killed

            patch.setattr(folding, name, dying)
        with contextlib.suppress(Killed):
            yield


class World:
    """One workspace, two hosts that write and fold, and the readers."""

    def __init__(self, root: Path, network: bool) -> None:
        self.network = network
        self.store = Workspace.init(root).store
        self.names = [f"one{next(fresh)}", f"two{next(fresh)}"]
        self.hosts = [host(self.store, name, network) for name in self.names]
        self.folders = [Folder(one, NOTES) for one in self.hosts]
        self.trash: list[str] = []
        self.copies: list[Path] = []
        self.count = itertools.count()

    def write(self, who: int, name: str) -> None:
        write(self.hosts[who], name, f"text {next(self.count)}")

    def write_and_die(self, who: int, name: str) -> None:
        """The writer is killed when the record is in its place, before it can tell."""
        said = itertools.count()
        real = records._announce
        with pytest.MonkeyPatch.context() as patch:
            first_only = lambda *arguments: real(*arguments) if next(said) == 0 else None  # noqa: E731
            patch.setattr(records, "_announce", first_only)
            self.write(who, name)

    def edit(self, who: int, name: str) -> None:
        """By hand: no revision, no line."""
        path = self.store.root / folded.path(f"notes/{name}")
        if path.exists() and not self.network:
            path.write_text(path.read_text().replace("text", "TEXT"))

    def say(self, who: int, name: str) -> None:
        feed.announce(self.hosts[who], "run", name, 0)

    def discard(self, who: int, name: str) -> None:
        if f"notes/{name}" in folded.places(self.store):
            self.trash.append(files.trash(self.hosts[who], f"notes/{name}"))

    def restore(self, who: int, name: str) -> None:
        if self.trash:
            with contextlib.suppress(files.Conflict):
                files.untrash(self.hosts[who], self.trash.pop())

    def fold(self, who: int, name: str) -> None:
        settle()
        self.folders[who].fold(sweep=name == "a")

    def fold_and_die(self, who: int, name: str) -> None:
        settle()
        with killed_at(NAMES.index(name) + 1):
            self.folders[who].fold()
        self.folders[who] = Folder(self.hosts[who], NOTES)

    def lose_the_feed(self, who: int, name: str) -> None:
        shutil.rmtree(self.store.root / feed.FEED, ignore_errors=True)

    def damage(self, who: int, name: str) -> None:
        """A digest or a cache is cut short, gets other bytes, or goes."""
        kept = [*(self.store.root / digests.DIRECTORY).rglob("*.jsonl"), cache.path(self.hosts[who], "run")]
        path = sorted(kept)[NAMES.index(name) % len(kept)]
        if not path.exists():
            return
        data = path.read_bytes()
        if name in "ab":
            path.unlink()
        else:
            path.write_bytes(data[: len(data) // 2] if name == "c" else data.replace(b"text", b"tixt"))

    def copy_away(self, who: int, name: str) -> None:
        notes = self.store.root / "notes" / name
        if notes.exists():
            self.copies.append(self.store.root.parent / f"copy-{next(self.count)}" / name)
            shutil.copytree(notes, self.copies[-1])

    def copy_back(self, who: int, name: str) -> None:
        """A part of an older copy over what is here; on a network mount that is seen when the folders look it over."""
        if not self.copies:
            return
        source = self.copies.pop()
        target = self.store.root / "notes" / source.name
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / "note.json", target / ".note.json")
        (target / ".note.json").replace(target / "note.json")
        if self.network:
            for one, folder in zip(self.hosts, self.folders, strict=True):
                cache.path(one, "run").unlink(missing_ok=True)
                folder.fold(sweep=True)

    def look(self, who: int, name: str) -> None:
        reader = host(self.store, self.names[who], self.network)
        settle()
        assert listed(reader) == direct(Store(self.store.root))


OPERATIONS = [name for name, one in vars(World).items() if not name.startswith("_") and callable(one)]
WEIGHTS = [*OPERATIONS, "write", "write", "fold", "fold", "look", "look"]
STEPS = st.lists(
    st.tuples(st.sampled_from(WEIGHTS), st.integers(0, 1), st.sampled_from(NAMES)), min_size=5, max_size=30
)
fresh = itertools.count()


@pytest.mark.parametrize("network", [False, True], ids=["local", "network"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_a_listing_is_the_same_with_digests_and_without(
    home: Path, tmp_path: Path, small: None, network: bool, steps: list[tuple[str, int, str]]
) -> None:
    world = World(tmp_path / f"world-{next(fresh)}" / "workspace", network)
    for operation, who, name in steps:
        getattr(world, operation)(who, name)
    for who in (0, 1):
        world.look(who, "a")
    shutil.rmtree(world.store.root.parent)


def test_a_fold_killed_at_any_call_leaves_the_listing_right(home: Path, tmp_path: Path) -> None:
    pattern = Workspace.init(tmp_path / "pattern").store
    for name in NAMES:
        write(pattern, name, "old")
    time.sleep(0.06)
    numbers = itertools.count()

    def prepare() -> tuple[Path, list[object]]:
        root = tmp_path / str(next(numbers))
        shutil.copytree(pattern.root, root)
        store = Store.open(root)
        time.sleep(0.06)
        Folder(store, NOTES).fold()
        write(store, "b", "new")
        files.trash(store, "notes/c")
        time.sleep(0.06)
        return root, []

    def check(root: Path, killed: bool) -> None:
        for network in (False, True):
            assert listed(host(Store(root), "reader", network)) == direct(Store(root))
        store = Store(root)
        Folder(store, NOTES).fold()
        assert len(digests.held(store, NOTES, folded.places(store)).entries) == 4
        shutil.rmtree(root)

    with Killer(tmp_path, "tests.store.folded:fold") as killer:
        for half in (False, True):
            assert every_call(killer, prepare, check, half=half) >= 3


def test_a_warm_digest_spares_the_records(store: Store, distant: Store, small: None) -> None:
    for name in NAMES:
        write(store, name, name)
    settle()
    folder = Folder(store, NOTES)
    assert folder.fold() == len(NAMES)
    assert folder.fold() == 0
    expected = direct(store)
    for reader in (Store(store.root), distant):
        read = []
        counting = digests.Kind(**vars(NOTES) | {"read": lambda at, place, read=read: read.append(place)})
        assert reading.read(reader, counting, folded.places(reader)) == expected
        assert read == []


def test_segments_stay_few(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "UNSETTLED", 0)
    folder = Folder(store, NOTES)
    for number in range(60):
        write(store, f"n{number}", "text")
        folder.fold()
        assert len(digests.numbers(store, "run", store.writer)) <= 2
    assert len(digests.held(store, NOTES, folded.places(store)).entries) == 60


def test_what_another_holds_is_not_folded_twice(store: Store, small: None) -> None:
    one, two = host(store, "one", True), host(store, "two", True)
    write(one, "a", "text")
    assert Folder(one, NOTES).fold() == 1
    assert Folder(two, NOTES).fold() == 0


def test_what_has_not_ended_is_not_folded(store: Store, small: None) -> None:
    note = folded.Note(text="text", open=True)
    records.write(store, folded.path("notes/a"), note, kind="run", ref="a")
    settle()
    folder = Folder(store, NOTES)
    assert folder.fold() == 0
    note.open = False
    records.write(store, folded.path("notes/a"), note, kind="run", ref="a")
    settle()
    assert folder.fold() == 1


def test_a_record_that_json_does_not_keep_is_left_alone(store: Store, small: None) -> None:
    write(store, "a", "text")
    settle()
    kind = digests.Kind(**vars(NOTES) | {"read": lambda at, place: folded.Note(text=float("nan"))})  # type: ignore[arg-type]
    assert Folder(store, kind).fold() == 0


def test_an_older_revision_than_was_shown_is_not_taken_from_a_digest(store: Store, small: None) -> None:
    reader = host(store, "one", True)
    write(store, "a", "old")
    Folder(host(store, "two", True), NOTES).fold()
    feed_then = shutil.copytree(store.root / feed.FEED, store.root / "feed")
    write(store, "a", "new")
    assert listed(reader)["notes/a"].text == "new"
    shutil.rmtree(store.root / feed.FEED)
    shutil.copytree(feed_then, store.root / feed.FEED)
    assert listed(reader)["notes/a"].text == "new"


def test_a_workspace_that_cannot_be_written_can_be_listed(store: Store, small: None) -> None:
    write(store, "a", "text")
    settle()
    Folder(store, NOTES).fold()
    assert listed(Store(store.root, readonly=True)) == direct(store)


@pytest.mark.parametrize("network", [False, True], ids=["local", "network"])
def test_a_new_record_in_the_place_of_a_discarded_one_is_seen(store: Store, small: None, network: bool) -> None:
    for _ in range(3):
        write(store, "a", "old")
    settle()
    Folder(store, NOTES).fold()
    Folder(host(store, "one", network), NOTES).fold()
    files.trash(store, "notes/a")
    reader = host(store, "two", network)
    assert listed(reader) == {}
    write(store, "a", "new")
    assert listed(reader)["notes/a"].text == "new"


@pytest.mark.parametrize("network", [False, True], ids=["local", "network"])
def test_a_record_that_is_about_to_be_replaced_is_not_folded(store: Store, small: None, network: bool) -> None:
    writer = host(store, "one", network)
    write(writer, "a", "old")
    feed.announce(writer, "run", "a", 2, folded.path("notes/a"))
    settle()
    assert Folder(writer, NOTES).fold() == 0
    write(writer, "a", "new")
    settle()
    assert Folder(writer, NOTES).fold() == 1


def test_of_two_digests_the_newer_revision_counts(store: Store, small: None) -> None:
    one, two = host(store, "one", True), host(store, "two", True)
    write(store, "a", "old")
    Folder(one, NOTES).fold()
    path = store.root / folded.path("notes/a")
    path.write_text(path.read_text().replace("old", "new").replace('"revision": 1', '"revision": 2'))
    first = store.root / digests.DIRECTORY / one.writer
    first.rename(store.root / "aside")  # so that the second does not leave it to the first
    Folder(two, NOTES).fold()
    (store.root / "aside").rename(first)
    assert listed(host(store, "three", True))["notes/a"].text == "new"


@pytest.mark.parametrize("network", [False, True], ids=["local", "network"])
def test_the_digest_of_a_writer_that_is_gone_is_removed_and_folded_by_others(
    store: Store, small: None, network: bool
) -> None:
    for number in range(4):
        write(store, f"n{number}", "text")
    time.sleep(digests.UNSETTLED / 1e9 + 0.002)
    gone, lives, folds = (host(store, name, network) for name in ("gone", "lives", "folds"))
    Folder(gone, NOTES).fold()
    Folder(lives, NOTES).fold()
    (store.root / digests.DIRECTORY / lives.writer).mkdir(exist_ok=True)
    past = time.time() - 2 * folding.GONE
    os.utime(store.root / digests.DIRECTORY / gone.writer, (past, past))
    Folder(folds, NOTES).fold()
    assert digests.writers(store) == sorted([folds.writer, lives.writer])
    assert len(digests.held(folds, NOTES, folded.places(store)).entries) == 4
    assert listed(host(store, "reader", network)) == direct(store)
