"""Workspaces to import into, and files as tables without one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cupola.datasets import reading
from cupola.datasets.records import ImportOptions
from cupola.store import Store
from cupola.workspace import Workspace

Read = Callable[..., "Seen"]


class Seen(msgspec.Struct):
    """What reading a file gave: values by column, the kind each column was read as, the notes."""

    values: dict[str, list[Any]]
    kinds: dict[str, str]
    notes: list[str]


@pytest.fixture
def store(home: Path, tmp_path: Path) -> Store:
    return Workspace.init(tmp_path / "workspace", "test").store


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads bytes as a file with some options."""

    def reads(content: bytes, **options: Any) -> Seen:
        return read_bytes(tmp_path / "given", content, **options)

    return reads


def read_bytes(path: Path, content: bytes, **options: Any) -> Seen:
    path.write_bytes(content)
    chosen = ImportOptions(**options)
    table = reading.table(path, chosen)
    plan = reading.plan(table, chosen)
    values: dict[str, list[Any]] = {name: [] for name in plan.kinds}
    for batch in reading.converted(table, plan):
        for name, column in batch.to_pydict().items():
            values[name] += column
    kinds = {name: kind.type if kind else "as it is" for name, kind in plan.kinds.items()}
    return Seen(values, kinds, [*table.notes, *plan.notes])
