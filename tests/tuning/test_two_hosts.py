"""Workers of one tuning on two hosts, each with its own SSHFS mount of the workspace."""

from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState
from tests.faults import sshfs
from tests.tuning.test_storage import PATIENCE, many, worker

from cupola.experiments import records as experiments
from cupola.store import Store
from cupola.tuning.storage import WorkspaceStorage
from cupola.workspace import Workspace


@pytest.mark.parametrize("waiting", [0, 5])
def test_two_mounts_give_each_number_once_and_lose_no_trial(home: Path, tmp_path: Path, waiting: int) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with sshfs.mounted(tmp_path) as mounts:
        Workspace.init(mounts.a)
        study = many(mounts.a)
        for place in range(waiting):
            study.enqueue_trial({"x": place / 10})
        workers = [worker(mount, f"host{place}", most=16) for place, mount in enumerate((mounts.a, mounts.b))]
        assert [one.wait(PATIENCE) for one in workers] == [0, 0]
        for mount in (mounts.a, mounts.b):
            made = optuna.load_study(study_name="many", storage=WorkspaceStorage(mount)).trials
            assert [one.number for one in made] == list(range(16))
            assert {one.state for one in made} == {TrialState.COMPLETE}
            assert [one.params["x"] for one in made[:waiting]] == [place / 10 for place in range(waiting)]
            runs = experiments.ls(Store.open(mount))
            assert sorted(one.trial for one in runs if one.trial is not None) == list(range(16))
