"""Tunings as they lie on the disk: found by name, looked over by `cupola check`, with damage that hides no other."""

from pathlib import Path

import optuna
import pytest

from cupola.errors import Ambiguous, NotFound
from cupola.tuning import records
from cupola.tuning.storage import WorkspaceStorage
from cupola.tuning.trials import COMPLETED, Trial
from cupola.workspace import Workspace


@pytest.fixture
def ws(workspace: Workspace) -> Workspace:
    """A workspace with the studies `first` and `second`, of two trials each."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for name in ("first", "second"):
        storage = WorkspaceStorage(workspace.store)
        study = optuna.create_study(study_name=name, storage=storage, directions=["minimize", "maximize"])
        study.optimize(lambda trial: (trial.suggest_float("x", 0, 1), 1.0), n_trials=2)
        storage.close()
    return workspace


def place(ws: Workspace, name: str) -> Path:
    return ws.root / records.find(ws.store, name).directory


def test_a_tuning_is_found_by_its_name_and_by_the_beginning_of_its_id(ws: Workspace) -> None:
    first = records.find(ws.store, "first")
    assert records.find(ws.store, first.id) == records.find(ws.store, first.id[:9]) == first
    assert [one.name for one in records.ls(ws.store)] == ["second", "first"]
    with pytest.raises(NotFound, match="no tuning 'third'"):
        records.find(ws.store, "third")
    (ws.root / "tunings" / f"{first.id}x").mkdir()
    with pytest.raises(Ambiguous):
        records.find(ws.store, first.id[:9])


def test_a_script_s_study_shows_its_front_and_no_worker_goes_on_with_it(ws: Workspace) -> None:
    now = records.state(ws.store, "first")
    shown = records.table(ws.store, records.find(ws.store, "first"))
    best = min(shown, key=lambda one: one.params["x"])
    assert (now.status, now.completed, now.front) == ("Completed", 2, [best.run])
    assert [one.run for one in shown if one.best] == [best.run]
    assert now.best_params == best.params


def test_nothing_is_wrong_with_tunings_and_what_is_lost_is_found(ws: Workspace) -> None:
    assert ws.action("check").problems == []
    (journal,) = (place(ws, "first") / "trials").iterdir()
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:1] + lines[2:]))
    (place(ws, "second") / "tuning.json").write_bytes(b"{")
    found = {(one.kind, one.path.split("/")[0]) for one in Workspace.open(ws.root).action("check").problems}
    assert found == {("journal", "tunings"), ("torn", "tunings")}
    assert [one.name for one in records.ls(ws.store)] == ["first"]


def test_a_trial_with_too_few_or_too_many_values_is_in_no_front_and_breaks_none() -> None:
    made = [
        Trial(number=number, owner="w", state=COMPLETED, values=values)
        for number, values in enumerate([[1.0], [2.0, 3.0], [0.0, 9.0, 9.0], None, [1.0, 3.0]])
    ]
    assert [one.number for one in records.front(made, ["minimize", "maximize"])] == [4]
