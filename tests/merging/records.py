"""What people and programs write into a copy, by the store's own means; and what lies there."""

import random
from pathlib import Path

import msgspec

from cupola.merging import other
from cupola.store import Store, files, journals, records
from cupola.store.records import Record

TOML = "datasets/d/dataset.toml"
NOTES = ".cupola/notes/datasets"


class Settings(Record, kw_only=True):
    description: str = ""


class Run(Record, kw_only=True):
    said: str = ""


def comments(store: Store, text: str) -> None:
    journals.append(store, f"{NOTES}/{store.writer}.jsonl", [{"op": "comment", "ref": "d", "value": text}])


def describes(store: Store, text: str) -> None:
    settings = Settings(description=text)
    records.write_toml(store, TOML, settings, kind="dataset", ref="d")


def imports(store: Store, version: str, text: str) -> None:
    directory(store, f"datasets/d/{version}", {"version.json": text, "data.parquet": text * 3})


def directory(store: Store, path: str, content: dict[str, str]) -> None:
    """Publishes a directory with these files."""
    staged = files.staging(store)
    for name, text in content.items():
        (staged / name).parent.mkdir(parents=True, exist_ok=True)
        (staged / name).write_text(text)
    files.publish_dir(store, staged, path)


def goes_on(store: Store, run: str, text: str) -> None:
    """A run of the script that is its one writer: a metric, an artifact that it writes anew, its record."""
    place = f"experiments/e/{run}"
    with journals.Appender(store, f"{place}/attempts/1/metrics.jsonl") as metrics:
        metrics.append({"name": "loss", "said": text}, durable=True)
    files.write_bytes(store, f"{place}/attempts/1/artifacts/last.txt", text.encode())
    records.write(store, f"{place}/run.json", Run(said=text), kind="run", ref=run)


def carried(root: Path) -> dict[str, bytes]:
    """All that a merge carries over, by path."""
    store = Store(root, readonly=True)
    found = [path for path, kind in other.below(store, "") if kind == "file"]
    return {path: (root / path).read_bytes() for path in found}


def everything(root: Path) -> dict[str, bytes]:
    """Every file but the feed and the claims."""
    paths = [one for one in root.rglob("*") if one.is_file() and not {"feed", "claims"} & set(one.parts)]
    return {str(one.relative_to(root)): one.read_bytes() for one in paths}


def scramble(root: Path, seed: int) -> None:
    """Gives every file some time: equal ones, reversed ones, of the year 1970 and of the next."""
    import os

    draw = random.Random(seed)
    times = [draw.choice([0.5, 1e9, 1e9 + 0.4, 2e9, draw.uniform(0, 2e9)]) for _ in range(3)]
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            moment = draw.choice(times)
            os.utime(path, (moment, moment))


def said(store: Store) -> list[str]:
    """The comments, in the order that every reader sees."""
    return [str(entry["value"]) for entry in journals.folded(store, NOTES)]


def settings(store: Store) -> list[str]:
    """What dataset.toml says, and what versions of it are kept."""
    kept = [f"{other.HISTORY}/{TOML}/{one}" for one in files.listing(store, f"{other.HISTORY}/{TOML}")]
    return [records.read_toml(store, path, Settings).description for path in (TOML, *kept)]


def decoded(store: Store, path: str) -> dict[str, object]:
    return msgspec.json.decode(files.read_bytes(store, path), type=dict[str, object])
