"""Whatever a killed writer leaves, check finds nothing wrong or mends it."""

from pathlib import Path
from typing import Any

import pytest
from tests.faults.kill_at_call import Killer, every_call
from tests.registry.conftest import finished

from cupola.checking import survey
from cupola.experiments.records import path
from cupola.store import records
from cupola.workspace import Workspace


def test_after_a_registration_that_was_killed_at_any_call_all_is_well_or_mended(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "SETTLE", 0.0)
    made: list[Path] = []
    mended = []

    def prepare() -> tuple[Path, list[Any]]:
        made.append(tmp_path / f"ws{len(made)}")
        store = Workspace.init(made[-1]).store
        run = finished(store, extra={"model.pkl": b"a model"})
        run.dataset = ""
        records.write(store, path(run), run, kind="run", ref=run.id)
        return made[-1], [run.id]

    def check(root: Path, killed: bool) -> None:
        found = Workspace.open(root).action("check", repair=True)
        assert found.problems == []
        mended.extend(found.mended)

    with Killer(tmp_path, "tests.registry.operations:register") as killer:
        assert every_call(killer, prepare, check) > 10
    assert mended
