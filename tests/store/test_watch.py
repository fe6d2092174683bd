import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from cupola.errors import DiskTrouble
from cupola.store import Store, feed, files, journals, records, watch
from cupola.store.watch import Change

CAP = 180.0


class Watching:
    """A watcher at work in a thread, and all that it has told."""

    def __init__(self, store: Store, extra: Callable[[], list[str]] = list) -> None:
        self.told: list[Change] = []
        self._came = threading.Condition()
        self._stop = threading.Event()
        changes = watch.watch(store, self._stop, extra)
        self._thread = threading.Thread(target=self._follow, args=(changes,))
        self._thread.start()

    def _follow(self, changes: Iterator[set[Change]]) -> None:
        for some in changes:
            with self._came:
                self.told += some
                self._came.notify_all()

    def wait_for(self, wanted: Change | Callable[[list[Change]], bool]) -> None:
        fits = wanted if callable(wanted) else lambda told: wanted in told
        with self._came:
            assert self._came.wait_for(lambda: fits(self.told), CAP), self.told

    def close(self) -> None:
        self._stop.set()
        self._thread.join(CAP)
        assert not self._thread.is_alive()


@pytest.fixture(params=["local", "network"])
def either(request: pytest.FixtureRequest, store: Store, distant: Store) -> Store:
    """The store as one on a local disk (inotify), and as one on a network mount (looks by itself)."""
    return store if request.param == "local" else distant


@pytest.fixture
def watching(either: Store) -> Iterator[Callable[..., Watching]]:
    made: list[Watching] = []

    def make(extra: Callable[[], list[str]] = list) -> Watching:
        made.append(Watching(either, extra))
        return made[-1]

    yield make
    for one in made:
        one.close()


WRITE = """
import sys
from cupola.store import Store, records
records.write(Store.open(sys.argv[1]), "runs/a.json", records.Record(), kind="run", ref="a")
"""


def test_a_record_written_by_another_process_is_told(either: Store, watching: Callable[..., Watching]) -> None:
    watcher = watching()
    subprocess.run([sys.executable, "-c", WRITE, either.root], check=True)
    watcher.wait_for(Change("run", "a", 1, "runs/a.json"))


def test_nothing_from_before_is_told_and_all_since(either: Store, watching: Callable[..., Watching]) -> None:
    for n in range(5):
        records.write(either, f"runs/before{n}.json", records.Record(), kind="run", ref=f"before{n}")
    watcher = watching()
    for n in range(50):
        records.write(either, f"runs/{n}.json", records.Record(), kind="run", ref=str(n))
    watcher.wait_for(lambda told: {one.ref for one in told} == {str(n) for n in range(50)})


def test_a_change_between_the_call_and_the_first_look_is_told(either: Store) -> None:
    stop = threading.Event()
    changes = watch.watch(either, stop)
    records.write(either, "runs/a.json", records.Record(), kind="run", ref="a")
    assert Change("run", "a", 1, "runs/a.json") in next(iter(changes))
    stop.set()
    assert list(changes) == []


def test_a_rotated_feed_is_followed(
    either: Store, watching: Callable[..., Watching], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "ROTATE", 4000)
    watcher = watching()
    for n in range(100):
        feed.announce(either, "run", f"r{n}" + "x" * 100, n)
        if n % 20 == 0:
            watcher.wait_for(lambda told, n=n: any(one.revision == n for one in told))  # type: ignore[misc]
    watcher.wait_for(lambda told: any(one.revision == 99 for one in told))


def test_an_edit_by_hand_is_told(
    either: Store, watching: Callable[..., Watching], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "SWEEP", 0.3)
    files.write_bytes(either, "flows/a.toml", b"x = 1")
    watcher = watching(lambda: ["flows", "not-there"])
    (either.root / "flows" / "a.toml").write_text("x = 20")  # of another size: it may bear the same time
    watcher.wait_for(Change("file", "flows/a.toml"))
    (either.root / "flows" / "b.toml").write_text("")
    watcher.wait_for(Change("file", "flows/b.toml"))
    count = len(watcher.told)
    (either.root / "flows" / "a.toml").unlink()
    watcher.wait_for(lambda told: Change("file", "flows/a.toml") in told[count:])


def test_directories_that_come_on_screen_later_are_watched_too(
    either: Store, watching: Callable[..., Watching], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "SWEEP", 0.3)
    files.make_dir(either, "flows")
    shown: list[str] = []
    watcher = watching(lambda: list(shown))
    shown.append("flows")
    deadline = time.monotonic() + CAP
    n = 0
    while not any(one.ref.startswith("flows/") for one in watcher.told):
        assert time.monotonic() < deadline
        n += 1
        (either.root / "flows" / f"{n}.toml").write_text("")
        time.sleep(0.05)


def test_temporary_names_are_not_told(store: Store) -> None:
    watcher = Watching(store, lambda: [""])
    try:
        files.write_bytes(store, "a.toml", b"")
        watcher.wait_for(Change("file", "a.toml"))
        assert not [one for one in watcher.told if ".tmp-" in one.ref]
    finally:
        watcher.close()


def test_a_record_is_told_when_this_host_sees_the_revision_named(
    distant: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    records.write(distant, "runs/a.json", records.Record(), kind="run", ref="a")
    old, real = files.read_bytes(distant, "runs/a.json"), watch.read_bytes
    released = threading.Event()
    monkeypatch.setattr(watch, "PATIENCE", CAP)
    monkeypatch.setattr(watch, "read_bytes", lambda store, path: real(store, path) if released.is_set() else old)
    watcher = Watching(distant)
    try:
        records.write(distant, "runs/a.json", records.Record(), kind="run", ref="a")
        records.write(distant, "runs/b.json", records.Record(), kind="run", ref="b")
        watcher.wait_for(Change("run", "b", 1, "runs/b.json"))
        assert Change("run", "a", 2, "runs/a.json") not in watcher.told
        released.set()
        watcher.wait_for(Change("run", "a", 2, "runs/a.json"))
    finally:
        watcher.close()


def test_a_line_of_a_journal_is_told_when_it_can_be_seen(distant: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "PATIENCE", CAP)
    one = Watching(distant)
    path = f"notes/{distant.writer}.jsonl"
    journals.append(distant, path, [{"text": "here"}])
    feed.announce(distant, "note", "run/r1", 2, path)
    late = Change("note", "run/r1", 2, path)
    time.sleep(3 * watch.EVERY)
    before = list(one.told)
    assert journals.append(distant, path, [{"text": "and now"}]) == 2
    one.wait_for(late)
    one.close()
    assert late not in before


def test_a_mount_that_breaks_is_told_and_the_next_watcher_starts_with_a_sign(
    distant: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = threading.Event()
    changes = watch.watch(distant, stop)
    assert next(iter(changes)) == set()
    with monkeypatch.context() as patch:
        patch.setattr(watch, "listing", broken)
        with pytest.raises(DiskTrouble):
            next(iter(changes))
        with pytest.raises(DiskTrouble):
            watch.watch(distant, stop)
    assert next(iter(watch.watch(distant, stop))) == set()


def broken(*_: object) -> list[str]:
    raise DiskTrouble("the mount is broken")


def test_torn_and_foreign_lines_of_a_feed_are_passed_over(store: Store) -> None:
    watcher = Watching(store)
    try:
        files.write_bytes(store, f"{feed.FEED}/other.1.jsonl", b'\xff\n[]\n{"kind": 1}\n\0\0\n{"kind": "run", "ref"')
        feed.announce(store, "run", "a", 1)
        watcher.wait_for(Change("run", "a", 1))
        path = store.root / feed.FEED / "other.1.jsonl"
        path.write_bytes(path.read_bytes() + b': "whole"}\n')
        watcher.wait_for(Change("run", "whole"))
    finally:
        watcher.close()


def test_without_the_feed_directory_the_watcher_lives(store: Store) -> None:
    reading = Store.open(store.root, readonly=True)
    watcher = Watching(reading)
    try:
        records.write(store, "runs/a.json", records.Record(), kind="run", ref="a")
        watcher.wait_for(Change("run", "a", 1, "runs/a.json"))
    finally:
        watcher.close()
