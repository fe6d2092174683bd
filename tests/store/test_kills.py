"""A process killed at any of its file system calls leaves the old state or the new, and the next one goes on."""

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.faults.kill_at_call import Killer, every_call
from tests.store import operations
from tests.store.operations import Note

from cupola.store import Store, claims, files, journals, records
from cupola.workspace import Workspace

Check = Callable[[Store, bool], None]


def texts(store: Store, path: str) -> set[str]:
    return {records.read(store, path, Note).text} if files.listing(store, path.rpartition("/")[0]) else set()


def record_is_old_or_new(store: Store, killed: bool) -> None:
    found = records.read(store, "notes/one.json", Note)
    assert (found.revision, found.text) in ((1, "old"), (2, "new" * 2000))
    assert killed or found.revision == 2
    records.write(store, "notes/one.json", Note(text="next"), kind="note", ref="one")
    assert records.read(store, "notes/one.json", Note).revision == found.revision + 1


def record_is_there_or_not(store: Store, killed: bool) -> None:
    there = "two.json" in files.listing(store, "notes/deep")
    assert there or killed
    if there:
        assert records.read(store, "notes/deep/two.json", Note).text == "new" * 2000
    else:
        operations.create_record(str(store.root))


def toml_is_old_or_new(store: Store, killed: bool) -> None:
    found = records.read_toml(store, "note.toml", Note)
    assert found.text == "new" or (killed and found.text == "old")
    assert b"# kept" in files.read_bytes(store, "note.toml")
    records.write_toml(store, "note.toml", Note(text="next"), kind="note", ref="toml", expected=found)


def journal_has_whole_lines(store: Store, killed: bool) -> None:
    path = f"journal/{store.writer}.jsonl"
    before, _ = journals.read(store, path)
    assert [one["text"] for one in before] in [["first", *rest] for rest in ([], ["x" * 3000], ["x" * 3000, "last"])]
    assert killed or len(before) == 3
    journals.append(store, path, [{"text": "next"}])
    after, _ = journals.read(store, path)
    assert after[-1]["text"] == "next"
    assert [one["seq"] for one in after] == list(range(1, len(after) + 1))


def metrics_have_whole_lines(store: Store, killed: bool) -> None:
    before, _ = journals.read(store, "metrics.jsonl")
    assert [one["n"] for one in before] == list(range(len(before)))
    assert killed or len(before) == 4
    with journals.Appender(store, "metrics.jsonl") as appender:
        appender.append({"n": "next"})
    after, _ = journals.read(store, "metrics.jsonl")
    assert [one["seq"] for one in after] == list(range(1, len(before) + 2))
    assert after[-1]["n"] == "next"


def version_is_whole_or_not_there(store: Store, killed: bool) -> None:
    found = files.listing(store, "datasets/a")
    assert found == ["1-abc"] or (killed and found == [])
    if found:
        assert files.read_bytes(store, "datasets/a/1-abc/one") == b"whole"
        assert files.read_bytes(store, "datasets/a/1-abc/deep/two") == b"whole"
    operations.publish(str(store.root))
    assert len(files.listing(store, "datasets/a")) == len(found) + 1
    assert files.listing(store, ".cupola/staging") == []


def it_is_here_or_in_the_trash(store: Store, killed: bool) -> None:
    here = "one.json" in files.listing(store, "notes")
    assert here != bool(files.discarded(store))
    assert killed or not here
    if not here:
        operations.untrash(str(store.root))
    assert records.read(store, "notes/one.json", Note).text == "old"


def it_is_back_or_still_in_the_trash(store: Store, killed: bool) -> None:
    here = "one.json" in files.listing(store, "notes")
    assert here != bool(files.discarded(store))
    assert here or killed
    operations.untrash(str(store.root))
    assert records.read(store, "notes/one.json", Note).text == "old"


def the_next_takes_the_claim_at_once(store: Store, killed: bool) -> None:
    last = claims.current(store, "job")
    mine = claims.take(store, "job")
    assert mine is not None and mine.number == (last.number if last else 0) + 1


def the_workspace_is_there_or_can_be_made(store: Store, killed: bool) -> None:
    made = Workspace.init(store.root, "fresh")
    assert made.created == killed or not made.created
    assert made.settings.name == "fresh"
    assert (store.root / ".gitignore").read_text().count("/.cupola/*") == 1


OPERATIONS: dict[str, Check] = {
    "write_record": record_is_old_or_new,
    "create_record": record_is_there_or_not,
    "write_toml": toml_is_old_or_new,
    "append": journal_has_whole_lines,
    "keep_appending": metrics_have_whole_lines,
    "publish": version_is_whole_or_not_there,
    "trash": it_is_here_or_in_the_trash,
    "untrash": it_is_back_or_still_in_the_trash,
    "claim": the_next_takes_the_claim_at_once,
    "init": the_workspace_is_there_or_can_be_made,
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_kill_leaves_the_old_state_or_the_new(home: Path, tmp_path: Path, operation: str) -> None:
    pattern = Workspace.init(tmp_path / "pattern").store
    records.create(pattern, "notes/one.json", Note(text="old"), kind="note", ref="one")
    (pattern.root / "note.toml").write_text('# kept\ntext = "old"\n')
    fresh = (tmp_path / str(n) for n in itertools.count())

    def prepare() -> tuple[Path, list[object]]:
        root = next(fresh)
        if operation == "init":
            root.mkdir()
            return root, []
        shutil.copytree(pattern.root, root)
        store = Store.open(root)
        if operation == "append":
            journals.append(store, f"journal/{store.writer}.jsonl", [{"text": "first"}])
        if operation == "untrash":
            files.trash(store, "notes")
        return root, []

    def check(root: Path, killed: bool) -> None:
        OPERATIONS[operation](Store(root), killed)
        for path in root.rglob("*.json"):
            msgspec.json.decode(path.read_bytes())
        shutil.rmtree(root)

    with Killer(tmp_path, f"tests.store.operations:{operation}") as killer:
        for half in (False, True):
            assert every_call(killer, prepare, check, half=half) >= 2
