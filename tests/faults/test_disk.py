"""A disk that is really full or really read-only is one sentence, leaves nothing half-written, and work goes on."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.faults import disk

from cupola.errors import CupolaError, DiskTrouble, ReadOnly
from cupola.jobs import agents, filing
from cupola.store import Store, claims, files, journals, records
from cupola.workspace import Workspace

Verb = Callable[[Store], object]


class Note(records.Record, kw_only=True):
    text: str = ""


def publish(store: Store) -> None:
    staged = files.staging(store)
    try:
        (staged / "data").write_bytes(bytes(100_000))
        files.publish_dir(store, staged, "datasets/a/1-abc")
    except OSError:
        raise DiskTrouble("as the importer would say it") from None
    finally:
        files.discard(staged)


VERBS: dict[str, Verb] = {
    "write": lambda store: records.write(store, "n/a.json", Note(text="x" * 50_000), kind="note", ref="a"),
    "create": lambda store: records.create(store, "n/b.json", Note(text="x" * 50_000), kind="note", ref="b"),
    "toml": lambda store: records.write_toml(store, "a.toml", Note(text="x" * 50_000), kind="note", ref="c"),
    "append": lambda store: journals.append(store, f"j/{store.writer}.jsonl", [{"text": "x" * 50_000}]),
    "publish": publish,
}


@pytest.fixture
def point(home: Path, tmp_path: Path) -> Iterator[Path]:
    with disk.small(tmp_path / "disk") as point:
        yield point


@pytest.mark.parametrize("verb", VERBS)
def test_a_full_disk_keeps_what_there_was(point: Path, verb: str) -> None:
    store = Workspace.init(point).store
    records.write(store, "n/a.json", Note(text="old"), kind="note", ref="a")
    (point / "a.toml").write_text('text = "old"\n')
    journals.append(store, f"j/{store.writer}.jsonl", [{"text": "old"}])
    before = {path: path.read_bytes() for path in seen(point)}
    ballast = disk.fill(point, left=20_000)
    with pytest.raises(DiskTrouble) as told:
        VERBS[verb](store)
    assert "\n" not in str(told.value)
    ballast.unlink()
    assert {path: path.read_bytes() for path in seen(point)} == before
    VERBS[verb](store)


def seen(point: Path) -> list[Path]:
    """All files but the store's own notes on who is at work."""
    own = (point / ".cupola" / "claims", point / ".cupola" / "feed", point / ".cupola" / "history")
    return [path for path in point.rglob("*") if path.is_file() and not any(path.is_relative_to(one) for one in own)]


def test_an_appender_loses_nothing_over_a_full_disk(point: Path) -> None:
    store = Workspace.init(point).store
    with journals.Appender(store, "m.jsonl") as appender:
        appender.append({"n": 0})
        ballast = disk.fill(point)
        told = 0
        for n in range(1, 30):
            try:
                appender.append({"n": n, "text": "x" * 500})
            except DiskTrouble:
                told += 1
        assert told
        assert (point / "m.jsonl").read_bytes().endswith(b"\n")
        ballast.unlink()
        appender.append({"n": 30})
    assert [one["n"] for one in journals.read(store, "m.jsonl")[0]] == list(range(31))


@pytest.mark.parametrize("verb", [*VERBS, "claim"])
def test_a_read_only_disk_says_so(point: Path, verb: str) -> None:
    store = Workspace.init(point).store
    disk.remount(point, "ro")
    try:
        assert Workspace.open(point).settings.name == "disk"
        with pytest.raises(ReadOnly, match="read-only"):
            VERBS.get(verb, lambda store: claims.take(store, "job"))(store)
    finally:
        disk.remount(point, "rw")


def test_a_full_disk_makes_no_workspace_by_half(home: Path, tmp_path: Path) -> None:
    with disk.small(tmp_path / "disk") as point:
        ballast = disk.fill(point)
        with pytest.raises(CupolaError, match="full"):
            Workspace.init(point)
        ballast.unlink()
        assert Workspace.init(point).created


def test_a_job_that_does_not_fit_is_not_filed(point: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace.init(point / "ws")
    monkeypatch.setattr(agents, "ensure", lambda *_: None)
    disk.fill(point)
    with pytest.raises(DiskTrouble, match="full"):
        filing.file(workspace.store, kind="command", command=["true"], spec={"text": "x" * 50_000})
    assert files.listing(workspace.store, ".cupola/staging") == []
    assert files.listing(workspace.store, ".cupola/queue") == []
