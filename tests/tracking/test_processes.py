"""Runs of real processes: how they end, and how several of them log into one."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.tracking.conftest import Script, only, written
from tests.waiting import until

from cupola.experiments import histories, records
from cupola.experiments.histories import Logged
from cupola.experiments.records import Run
from cupola.jobs import records as jobs
from cupola.workspace import Workspace

CAP = 180.0


def logged(workspace: Workspace, run: Run) -> list[Logged]:
    return histories.of_run(workspace.store, run).logged


def metrics_files(workspace: Workspace, run: Run) -> list[str]:
    return histories.files_of(workspace.store, f"{run.directory}/attempts/{run.attempt}")


@pytest.mark.parametrize(
    ("last_line", "status", "reason"),
    [
        ("pass", "Completed", ""),
        ("raise ValueError('no rows')", "Failed", "ValueError: no rows"),
        ("raise KeyboardInterrupt", "Stopped", "it was interrupted from the keyboard"),
    ],
)
def test_a_run_that_is_left_open_ends_with_its_script(
    workspace: Workspace, script: Script, last_line: str, status: str, reason: str
) -> None:
    done = script(f"import cupola\nrun = cupola.run()\nrun.log_metric('loss', 0.5)\n{last_line}\n")
    assert (done.returncode == 0) == (status == "Completed"), done.stderr
    found = only(workspace)
    assert (found.status, found.reason) == (status, reason)
    assert [one.value for one in logged(workspace, found)] == [0.5]
    if status == "Failed":
        assert done.stderr.strip().endswith("ValueError: no rows") and "cupola" not in done.stderr


def test_a_script_that_is_killed_is_seen_as_interrupted_and_keeps_what_it_logged(workspace: Workspace) -> None:
    path = written(
        workspace,
        """
        import cupola
        run = cupola.run()
        for step in range(1000):
            run.log_metric("loss", step)
        run.flush()
        print("ready", flush=True)
        while True:
            run.log_metric("loss", 0)
        """,
    )
    process = subprocess.Popen([sys.executable, path], cwd=workspace.root, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    assert only(workspace).status == "InProgress"
    process.kill()
    process.wait()
    found = only(workspace)
    assert (found.status, found.secondary_status) == ("Failed", "Interrupted")
    assert "its process is gone" in found.reason
    values = [one.value for one in logged(workspace, found)]
    assert values[:1000] == list(range(1000)) and not any(values[1000:])


FORKS = """
import os, cupola
with cupola.run() as run:
    run.log_metric("parent", 0)
    children = []
    for number in range(3):
        child = os.fork()
        if child == 0:
            for step in range(100):
                run.log_metric(f"child_{number}", step)
            run.log_param(f"of_{number}", number)
            run.end()
            os._exit(0)
        children.append(child)
    for step in range(100):
        run.log_metric("parent", step + 1)
    for child in children:
        os.waitpid(child, 0)
"""

POOL = """
import multiprocessing, sys, cupola
def work(number):
    with cupola.run() as run:
        for step in range(100):
            run.log_metric(f"child_{number}", step)
        run.log_param(f"of_{number}", number)
def left_open(number):
    run = cupola.run()
    run.log_metric(f"open_{number}", number)
if __name__ == "__main__":
    run = cupola.run()
    for step in range(101):
        run.log_metric("parent", step)
    context = multiprocessing.get_context(sys.argv[1] if sys.argv[1:] else METHOD)
    for target in (work, left_open):
        workers = [context.Process(target=target, args=(number,)) for number in range(3)]
        for one in workers:
            one.start()
        for one in workers:
            one.join()
"""

LOKY = """
import cupola
from joblib import Parallel, delayed
def work(run, number):
    for step in range(100):
        run.log_metric(f"child_{number}", step)
    run.log_param(f"of_{number}", number)
    run.flush()
if __name__ == "__main__":
    with cupola.run() as run:
        for step in range(101):
            run.log_metric("parent", step)
        Parallel(n_jobs=2)(delayed(work)(run, number) for number in range(3))
"""


def test_check_finds_nothing_wrong_with_the_files_of_all_processes_and_a_torn_one_of_any(
    workspace: Workspace, script: Script
) -> None:
    assert script(FORKS).returncode == 0
    assert workspace.action("check").problems == []
    found = only(workspace)
    file = next(name for name in metrics_files(workspace, found) if name != "metrics.jsonl")
    path = workspace.root / found.directory / "attempts/1" / file
    path.write_bytes(path.read_bytes()[:-5])
    assert [(one.kind, one.path) for one in workspace.action("check").problems] == [
        ("journal", str(path.relative_to(workspace.root)))
    ]


@pytest.mark.parametrize(
    "text",
    [FORKS, POOL.replace("METHOD", "'fork'"), POOL.replace("METHOD", "'spawn'"), LOKY],
    ids=["fork", "multiprocessing-fork", "multiprocessing-spawn", "joblib"],
)
def test_the_processes_of_a_script_log_into_its_run_each_into_a_file_of_its_own(
    workspace: Workspace, script: Script, text: str
) -> None:
    done = script(text)
    assert done.returncode == 0 and not done.stderr, done.stderr
    found = only(workspace)
    assert found.status == "Completed"
    assert found.params == {"of_0": 0, "of_1": 1, "of_2": 2}
    assert found.metrics.items() >= {"parent": 100, "child_0": 99, "child_1": 99, "child_2": 99}.items()
    every = logged(workspace, found)
    for name, count in (("parent", 101), ("child_0", 100), ("child_1", 100), ("child_2", 100)):
        mine = [one for one in every if one.name == name]
        assert [one.step for one in mine] == list(range(count)), name
        assert len({one.process for one in mine}) == 1
    if "left_open" in text:
        assert {one.name for one in every} >= {"open_0", "open_1", "open_2"}
    for file in metrics_files(workspace, found):
        lines = (workspace.root / found.directory / "attempts/1" / file).read_bytes()
        assert lines.endswith(b"\n")


RANK = """
import cupola, os
with cupola.run(params={"lr": 0.1}) as run:
    run.log_metric("loss", int(os.environ["RANK"]))
"""

LAUNCHER = """
import os, subprocess, sys
ranks = [
    subprocess.Popen([sys.executable, "train.py"], env=os.environ | {"RANK": str(rank), "WORLD_SIZE": "3"})
    for rank in range(3)
]
sys.exit(sum(one.wait() for one in ranks))
"""


def test_the_ranks_of_a_distributed_training_share_a_run(workspace: Workspace) -> None:
    written(workspace, RANK)
    launcher = written(workspace, LAUNCHER, "launcher.py")
    for _ in range(2):
        subprocess.run([sys.executable, launcher], cwd=workspace.root, timeout=CAP, check=True)
    found = records.ls(workspace.store)
    assert [one.status for one in found] == ["Completed", "Completed"]
    for run in found:
        assert sorted((one.process, one.value) for one in logged(workspace, run)) == [
            ("", 0),
            ("rank1", 1),
            ("rank2", 2),
        ]


def test_ranks_on_several_hosts_are_told_how_to_share_a_run(workspace: Workspace, script: Script) -> None:
    several = {"RANK": "0", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2"}
    done = script(RANK, **several)
    assert done.returncode == 1 and "start it with CUPOLA_RUN=EXPERIMENT/ID" in done.stderr
    assert script(RANK, CUPOLA_RUN="nightly/2026-11-29", **several).returncode == 0
    found = only(workspace)
    assert (found.id, found.experiment, found.status) == ("2026-11-29", "nightly", "Completed")


JOB = """
import cupola, os, sys
with cupola.run(params={"attempt": int(os.environ["CUPOLA_ATTEMPT"])}) as run:
    run.log_metric("loss", 1 / int(os.environ["CUPOLA_ATTEMPT"]))
    if os.environ["CUPOLA_ATTEMPT"] == "1":
        sys.exit(3)
with cupola.run("second") as run:
    run.log_metric("loss", 7)
"""


def test_in_a_job_the_run_is_the_jobs_and_goes_on_with_its_attempts(workspace: Workspace) -> None:
    path = written(workspace, JOB)
    filed = jobs.file(
        workspace.store, kind="command", name="nightly", command=[sys.executable, str(path)],
        directory=workspace.root, retries=1,
    )  # fmt: skip
    ended = jobs.wait(workspace.store, filed.id, timeout=CAP)
    assert (ended.status, ended.attempt) == ("Completed", 2), ended
    first, second = sorted(records.ls(workspace.store), key=lambda one: one.submitted)
    assert (first.name, first.job, first.status, first.attempt) == ("nightly", filed.id, "Completed", 2)
    assert (first.params, first.metrics) == ({"attempt": 2}, {"loss": 0.5})
    assert [one.value for one in logged(workspace, first)] == [0.5]
    before = histories.History(workspace.store, f"{first.directory}/attempts/1").refresh()
    assert [one.value for one in before.logged] == [1]
    assert (second.name, second.status, second.job, second.metrics) == ("second", "Completed", filed.id, {"loss": 7})


def test_what_a_job_logs_is_seen_while_it_runs_and_a_stopped_job_stops_its_run(workspace: Workspace) -> None:
    path = written(
        workspace,
        """
        import cupola, time
        run = cupola.run()
        while True:
            run.log_metric("loss", 1)
            time.sleep(0.05)
        """,
    )
    command = [sys.executable, str(path)]
    filed = jobs.file(workspace.store, kind="command", command=command, directory=workspace.root)
    until(lambda: [one for run in records.ls(workspace.store) for one in logged(workspace, run)], "a metric")
    assert only(workspace).status == "InProgress"
    jobs.stop(workspace.store, filed.id)
    assert jobs.wait(workspace.store, filed.id, timeout=CAP).status == "Stopped"
    assert only(workspace).status == "Stopped"


def test_a_job_that_is_filed_by_a_script_with_an_open_run_is_not_part_of_it(workspace: Workspace) -> None:
    from cupola.jobs.environment import allowed

    assert allowed({"CUPOLA_RUN": "default/a", "CUPOLA_RUN_DIR": "/x", "CUPOLA_HOST": "box"}) == {"CUPOLA_HOST": "box"}


def test_a_process_that_hears_of_its_end_only_by_a_signal_has_lost_at_most_a_moment(workspace: Workspace) -> None:
    path = written(
        workspace,
        """
        import cupola, time
        run = cupola.run()
        run.log_metric("loss", 1)
        time.sleep(280)
        """,
    )
    process = subprocess.Popen([sys.executable, path], cwd=workspace.root)
    until(lambda: [one for run in records.ls(workspace.store) for one in logged(workspace, run)], "a metric")
    process.send_signal(signal.SIGTERM)
    process.wait(CAP)
    assert only(workspace).secondary_status == "Interrupted"


def test_a_run_of_another_host_says_when_it_was_heard_of(workspace: Workspace, tmp_path: Path, script: Script) -> None:
    assert script("import cupola, os\ncupola.run('far').flush()\nos._exit(0)\n", CUPOLA_HOST="far-away").returncode == 0
    found = only(workspace)
    assert (found.status, found.secondary_status) == ("InProgress", "Running")
    assert found.heard and found.heard.endswith("Z")
