"""A forecast that is killed goes on from what it had found out."""

import sys
from pathlib import Path
from typing import Any

import pytest
from tests.forecasting.series import monthly

import cupola
from cupola.experiments import records as experiments
from cupola.forecasting import actions
from cupola.jobs import attempts, checkpoints
from cupola.jobs import records as jobs
from cupola.store import files
from cupola.training import filing
from cupola.workspace import Workspace

KILLED = """
import os, signal
from cupola.forecasting import job, lagged
from cupola.forecasting.candidates import Local
from cupola.jobs import attempt

linear, local = lagged.Linear.fit, Local.fit

def fit(self, panel):
    if os.environ["CUPOLA_ATTEMPT"] == "1" and len(panel.series[0].values) > 30:
        os.kill(os.getpid(), signal.SIGKILL)
    print("fitted linear", flush=True)
    linear(self, panel)

def fitted(self, panel):
    print("fitted", self.method, flush=True)
    local(self, panel)

lagged.Linear.fit, Local.fit = fit, fitted
attempt.work(job.work)
"""


def test_a_killed_forecast_goes_on_after_the_candidates_and_windows_that_were_done(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ws = cupola.init(home / "ws")
    monthly(36).to_csv(home / "sales.csv", index=False)
    ws.dataset.import_(home / "sales.csv", name="sales", target="y", role={"t": "time"})
    (home / "killed.py").write_text(KILLED)
    file = jobs.file

    def with_a_kill(store: Any, **given: Any) -> Any:
        return file(store, **given | {"command": [sys.executable, str(home / "killed.py")]})

    monkeypatch.setattr(filing.jobs, "file", with_a_kill)
    workspace = Workspace.open(home / "ws")
    filed = actions.forecast(
        workspace, dataset="sales", horizon=3, windows=3, quantile=[0.5], budget="10m", name="killed"
    )
    store, job = workspace.store, jobs.find(workspace.store, filed.job)
    assert jobs.wait(store, job.id, timeout=180).status == "Completed"
    ends = attempts.ends(store, job, [1, 2])
    assert [(one.attempt, one.cause) for one in ends] == [(1, "signal"), (2, "end")]
    first, second = (_fits(workspace, job.attempt(number)) for number in (1, 2))
    assert {"seasonal-naive", "ets"} < set(first) and "linear" in first, "it was killed between two windows"
    assert set(second) == {"linear"}, "what had ended is not done again"
    assert len(first) + len(second) == 4 * len(set(first)), "three windows and the whole, of each once"
    said = actions.show(workspace, "killed")
    assert any("it went on after an interruption" in one for one in said.notes)
    by_name = {one.name: experiments.find(store, one.run) for one in said.leaderboard}
    assert (by_name["ets"].attempt, by_name["linear"].attempt) == (1, 2)
    assert {one.status for one in by_name.values()} == {"Completed"}
    assert len(experiments.ls(store, "")) == len(by_name) + 1, "a candidate is the same run"
    assert not files.listing(store, checkpoints.path(job, 2)), "what was kept for a kill is gone"


def _fits(workspace: Workspace, attempt: str) -> list[str]:
    log = (workspace.root / attempt / "log.txt").read_text()
    return [line.removeprefix("fitted ") for line in log.splitlines() if line.startswith("fitted ")]
