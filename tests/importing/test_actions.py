"""The imports as people have them: jobs with progress, which can be interrupted and done again."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cupola.errors import BadInput
from cupola.store import files
from cupola.waiting import progress_to
from cupola.workspace import Workspace

from .test_tensorboard import event


@pytest.fixture
def workspace(host: Path, tmp_path: Path) -> Workspace:
    """A workspace of its own for each test; one agent does the jobs of all."""
    return Workspace.init(tmp_path / "workspace")


@pytest.mark.parametrize(
    ("tool", "place", "runs", "tunings"),
    [("wandb", "wandb", 4, 0), ("tensorboard", "logs", 3, 0), ("optuna", "studies.db", 28, 3)],
)
def test_an_import_is_a_job_that_says_how_far_it_is(
    workspace: Workspace, kept: Path, tool: str, place: str, runs: int, tunings: int
) -> None:
    told = []
    with progress_to(lambda state: told.append((state.kind, state.progress, state.message))):
        done = workspace.action(f"import {tool}", path=kept / place)
    assert (done.runs, done.tunings) == (runs, tunings)
    assert {kind for kind, _, _ in told} == {"import"}
    assert any(share and message for _, share, message in told)
    [job] = workspace.action("job ls")
    assert (job.kind, job.status, job.output["runs"]) == ("import", "Completed", runs)


def test_what_is_not_there_or_none_of_theirs_is_one_sentence(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("nothing\n")
    for tool, path in [("wandb", "empty"), ("tensorboard", "empty"), ("optuna", "file"), ("wandb", "nowhere")]:
        with pytest.raises(BadInput, match=r"there (is|are) no"):
            workspace.action(f"import {tool}", path=tmp_path / path)
    assert workspace.action("run ls") == []


def test_one_that_is_interrupted_leaves_whole_runs_and_goes_on(workspace: Workspace, tmp_path: Path) -> None:
    logs = tmp_path / "logs"

    def write(number: int, times: int) -> None:
        values = [event(step, 1.0, time=1.7e9 + number) for step in range(300)]
        (logs / f"{number:02}").mkdir(parents=True, exist_ok=True)
        (logs / f"{number:02}" / "events.out.tfevents.1.h").write_bytes(b"".join(values) * times)

    for number in range(16):
        write(number, times=1 if number < 3 else 400)  # the fourth takes longer than anybody to interrupt it
    command = [sys.executable, "-m", "cupola_tui", "import", "tensorboard", str(logs)]
    process = subprocess.Popen(command, cwd=workspace.root, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 180
    while len(files.listing(workspace.store, "experiments/logs")) < 3:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.wait(180) == 130
    deadline = time.monotonic() + 180
    while not all(job.over for job in workspace.action("job ls")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    found = workspace.action("run ls")
    assert 3 <= len(found) < 16 and {one.status for one in found} == {"Completed"}
    assert files.listing(workspace.store, files.STAGING) == []
    for number in {*range(16)} - {int(one.name) for one in found}:
        write(number, times=1)
    done = workspace.action("import tensorboard", path=logs)
    assert done.runs == 16 - len(found)
    assert {one.metrics["loss"] for one in workspace.action("run ls")} == {1.0}
    assert workspace.action("check").ok
