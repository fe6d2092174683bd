"""Optuna's own tests of storages, on one over a workspace; and what they do not ask: processes of several hosts."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
from optuna.storages import BaseStorage
from optuna.testing.pytest_storages import StorageTestCase
from optuna.trial import TrialState

from cupola.experiments import histories
from cupola.experiments import records as experiments
from cupola.store import Store
from cupola.tuning import records, trials
from cupola.tuning.storage import NoMore, WorkspaceStorage
from cupola.workspace import Workspace

PATIENCE = 180.0
WORKER = """
import sys, time, optuna
from cupola.tuning.storage import NoMore, WorkspaceStorage
optuna.logging.set_verbosity(optuna.logging.ERROR)
root, most, pause = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
storage = WorkspaceStorage(root, most=lambda fold: most)
study = optuna.load_study(study_name="many", storage=storage, sampler=optuna.samplers.RandomSampler())
def objective(trial):
    x = trial.suggest_float("x", -1, 1)
    trial.report(x, 0)
    time.sleep(pause)
    return x * x
try:
    study.optimize(objective)
except NoMore:
    pass
"""


@pytest.fixture
def storage(workspace: Workspace) -> BaseStorage:
    return WorkspaceStorage(workspace.root)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


class TestStorage(StorageTestCase):
    pass


def worker(root: Path, host: str, *, most: int, pause: float = 0.0) -> "subprocess.Popen[bytes]":
    """A process that makes trials of the study `many`, as if on another host."""
    words = [sys.executable, "-c", WORKER, str(root), str(most), str(pause)]
    return subprocess.Popen(words, env=os.environ | {"CUPOLA_HOST": host})


def many(root: Path) -> optuna.Study:
    return optuna.create_study(study_name="many", storage=WorkspaceStorage(root))


def test_processes_of_several_hosts_share_the_numbers_and_make_no_trial_too_many(workspace: Workspace) -> None:
    study = many(workspace.root)
    workers = [worker(workspace.root, f"host{place % 2}", most=60) for place in range(4)]
    assert [one.wait(PATIENCE) for one in workers] == [0, 0, 0, 0]
    made = study.trials
    assert [one.number for one in made] == list(range(60))
    assert {one.state for one in made} == {TrialState.COMPLETE}
    assert all(
        one.value == one.params["x"] * one.params["x"] and one.intermediate_values == {0: one.params["x"]}
        for one in made
    )
    runs = experiments.ls(workspace.store)
    assert sorted(one.trial for one in runs if one.trial is not None) == list(range(60))
    assert {one.status for one in runs} == {"Completed"}


def test_a_waiting_trial_is_taken_by_one_process(workspace: Workspace) -> None:
    study = many(workspace.root)
    for place in range(20):
        study.enqueue_trial({"x": place / 100})
    assert {one.status for one in experiments.ls(workspace.store)} == {"Queued"}
    workers = [worker(workspace.root, f"host{place}", most=24) for place in range(3)]
    assert [one.wait(PATIENCE) for one in workers] == [0, 0, 0]
    made = study.trials
    assert [one.params["x"] for one in made[:20]] == [place / 100 for place in range(20)]
    assert [one.state for one in made] == [TrialState.COMPLETE] * 24


def test_a_killed_process_loses_the_trial_that_it_was_at_and_no_other(workspace: Workspace) -> None:
    study = many(workspace.root)
    killed = worker(workspace.root, "", most=100, pause=0.2)
    storage = study._storage
    assert isinstance(storage, WorkspaceStorage)
    deadline = time.monotonic() + PATIENCE
    while len(storage.fold(study._study_id).numbers) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    killed.kill()
    killed.wait()
    running = [one.number for one in study.trials if one.state == TrialState.RUNNING]
    storage.bury(study._study_id)
    fold = storage.fold(study._study_id)
    lost = [one.number for one in records.own(fold) if one.why == trials.LOST]
    assert lost == running
    assert records.lost(fold) == len(lost)
    assert {one.state for one in study.trials} <= {TrialState.COMPLETE, TrialState.FAIL}
    by_number = {one.trial: one for one in experiments.ls(workspace.store)}
    assert [by_number[number].secondary_status for number in lost] == ["Interrupted"] * len(lost)


def test_a_number_whose_maker_died_before_it_could_say_so_is_a_lost_trial(workspace: Workspace) -> None:
    study = many(workspace.root)
    made = subprocess.run(
        [sys.executable, "-c", f"""
import os
from cupola.store import Store
from cupola.tuning import records
from cupola.tuning.runs import Runs
store = Store.open({str(workspace.root)!r})
assert Runs(store, records.find(store, "many"), "w", None).claim(0)
os._exit(0)
"""],
        check=True,
    )  # fmt: skip
    assert made.returncode == 0
    study.optimize(lambda trial: 1.0, n_trials=1)
    assert [one.number for one in study.trials] == [1]
    storage = study._storage
    assert isinstance(storage, WorkspaceStorage)
    storage.bury(study._study_id)
    assert [(one.number, one.state) for one in study.trials] == [(0, TrialState.FAIL), (1, TrialState.COMPLETE)]


def test_a_trial_is_a_run_with_its_parameters_values_and_history(workspace: Workspace) -> None:
    study = many(workspace.root)

    def objective(trial: optuna.Trial) -> float:
        trial.suggest_categorical("kind", ["a", None, True])
        for step in range(3):
            trial.report(float("nan") if step else 0.5, step)
        if trial.number == 1:
            raise optuna.TrialPruned
        return 0.25

    study.optimize(objective, n_trials=2)
    pruned, first = experiments.ls(workspace.store)
    assert (first.name, first.experiment, first.status) == ("many-0", "many", "Completed")
    assert (first.metrics, first.params) == ({"value": 0.25}, study.trials[0].params)
    assert [one.value for one in histories.of_run(workspace.store, first).logged] == [0.5, "NaN", "NaN"]
    assert (pruned.status, pruned.secondary_status) == ("Stopped", "Pruned")
    now = records.state(workspace.store, "many")
    assert (now.completed, now.pruned, now.best_run, now.metrics) == (1, 1, first.id, {"value": 0.25})


def test_each_file_of_a_tuning_has_one_writer(workspace: Workspace) -> None:
    study = many(workspace.root)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    other = optuna.load_study(study_name="many", storage=WorkspaceStorage(workspace.root))
    other.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    tuning = records.find(workspace.store, "many")
    files = sorted(Path(workspace.root, tuning.journals).iterdir())
    assert len(files) == 2
    owners = {one.owner for one in records.own(trials.read(workspace.store, tuning.journals))}
    assert owners == {one.stem for one in files}


def test_at_most_so_many_trials_are_made_whoever_asks(workspace: Workspace) -> None:
    many(workspace.root)
    store = Store.open(workspace.root)
    first, second = (
        optuna.load_study(study_name="many", storage=WorkspaceStorage(store, most=lambda fold: 3)) for _ in range(2)
    )
    for study in (first, second, first):
        study.ask()
    for study in (first, second):
        with pytest.raises(NoMore):
            study.ask()
