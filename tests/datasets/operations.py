"""What the tests of kills call in a child."""

from pathlib import Path

from cupola.datasets import importing
from cupola.datasets.records import ImportOptions
from cupola.store import Store


def import_file(root: str, source: str) -> None:
    importing.run(Store.open(root), "cities", Path(source), ImportOptions(target="b"), lambda *_: None)
