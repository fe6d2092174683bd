"""A worker of a tuning, apart from the trainings (these are in `test_actions.py`)."""

from types import SimpleNamespace
from typing import Any

import pytest

from cupola.errors import Corrupt
from cupola.store import names
from cupola.tuning import job, records
from cupola.tuning.records import Tuning
from cupola.workspace import Workspace


def test_a_worker_does_no_other_tuning_than_was_filed(workspace: Workspace) -> None:
    tuning = Tuning(
        id=names.new_id(), name="edited", experiment="edited", user="ana", host="h", submitted=names.now(),
        directions=["maximize"], register="late",
    )  # fmt: skip
    records.create(workspace.store, tuning)
    filed = records.seal(tuning)
    assert records.seal(records.read(workspace.store, tuning.id)) == filed
    path = workspace.root / tuning.directory / "tuning.json"
    path.write_bytes(path.read_bytes().replace(b'"late"', b'"champion"'))
    attempt: Any = SimpleNamespace(store=workspace.store, spec={"tuning": tuning.id, "seal": filed})
    with pytest.raises(Corrupt, match="not what was filed"):
        job.work(attempt)
