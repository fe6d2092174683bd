"""What the tests of kills let a child do in a store."""

import tomlkit  # noqa: F401 - once, and not in each child

from cupola.store import Store, claims, files, journals, records


class Note(records.Record, kw_only=True):
    text: str


def write_record(root: str) -> None:
    store = Store.open(root)
    records.write(store, "notes/one.json", Note(text="new" * 2000), kind="note", ref="one")


def create_record(root: str) -> None:
    records.create(Store.open(root), "notes/deep/two.json", Note(text="new" * 2000), kind="note", ref="two")


def write_toml(root: str) -> None:
    store = Store.open(root)
    records.write_toml(store, "note.toml", Note(text="new"), kind="note", ref="toml")


def append(root: str) -> None:
    store = Store.open(root)
    journals.append(store, f"journal/{store.writer}.jsonl", [{"text": "x" * 3000}, {"text": "last"}])


def keep_appending(root: str) -> None:
    with journals.Appender(Store.open(root), "metrics.jsonl") as appender:
        for n in range(4):
            appender.append({"text": "x" * 1000, "n": n}, durable=n % 2 == 1)


def publish(root: str) -> None:
    store = Store.open(root)
    staged = files.staging(store)
    (staged / "deep").mkdir()
    for name in ("one", "deep/two"):
        (staged / name).write_text("whole")
    number = claims.take_number(store, "datasets/a")
    files.publish_dir(store, staged, f"datasets/a/{number}-abc")


def trash(root: str) -> None:
    files.trash(Store.open(root), "notes")


def untrash(root: str) -> None:
    store = Store.open(root)
    for token in files.discarded(store):
        files.untrash(store, token)


def claim(root: str) -> None:
    store = Store.open(root)
    mine = claims.take(store, "job")
    assert mine is not None and claims.renew(store, mine)
    claims.release(store, mine)


def init(root: str) -> None:
    from cupola.workspace import Workspace

    Workspace.init(root, "fresh")
