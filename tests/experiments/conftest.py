"""Runs as training leaves them."""

from collections.abc import Callable
from typing import Any

import pytest

from cupola.experiments import records
from cupola.experiments.records import Run
from cupola.store import Store, names
from cupola.store import records as store_records
from cupola.workspace import Workspace

Leave = Callable[..., Run]


def run(number: int = 0, **fields: Any) -> Run:
    """A completed run; later numbers were filed later."""
    made: dict[str, Any] = {
        "id": f"run{number:07d}",
        "name": f"brave-otter-{number}",
        "experiment": "default",
        "status": "Completed",
        "user": "ana",
        "host": "box",
        "submitted": f"2026-11-{number % 28 + 1:02d}T10:00:{number // 28 % 60:02d}.000000Z",
        "estimator": "Ridge",
        "dataset": "flights@1-abcd",
        "target": "late",
        "attempt": 1,
    }
    return Run(**(made | fields))


def leave(store: Store, one: Run) -> Run:
    store_records.create(store, records.path(one), one, kind="run", ref=one.id)
    return one


@pytest.fixture
def keep(workspace: Workspace) -> Leave:
    """Writes a run with these fields into the workspace."""

    def write(number: int = 0, **fields: Any) -> Run:
        return leave(workspace.store, run(number, **fields))

    assert names.who()
    return write
