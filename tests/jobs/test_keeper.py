"""What a keeper promises of a job: its environment, its limits, its end in a sentence. Real processes, one agent."""

import errno
import itertools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.waiting import until

from cupola.jobs import attempts, checkpoints, tree
from cupola.jobs import records as jobs
from cupola.jobs.attempts import Started
from cupola.jobs.keeper import Grant, Keeper
from cupola.jobs.records import JobState
from cupola.store import Store, journals, runtime
from cupola.workspace import Workspace

Run = Callable[..., JobState]
Log = Callable[..., str]


def started(store: Store, job: jobs.Job, number: int = 1) -> Started:
    path = f"{job.attempt(number)}/started.json"
    found: Started = until(lambda: attempts.optional(store, path, Started), "the attempt starts")
    return found


def test_a_command_runs_where_it_was_filed_and_its_output_is_kept_as_it_was_written(run: Run, log: Log, ws: Workspace):
    ended = run("sh", "-c", r"pwd; printf 'a\rb\n'; echo oops >&2; printf end")
    assert (ended.status, ended.exit_code, ended.reason) == ("Completed", 0, "")
    assert log(ended) == f"{ws.root}\na\rb\noops\nend"
    assert ended.usage["wall_seconds"] > 0
    assert ended.started is not None
    assert ended.ended is not None
    assert ended.submitted <= ended.started <= ended.ended


def test_only_allowed_variables_go_along_and_the_job_learns_of_itself(
    run: Run, log: Log, ws: Workspace, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    monkeypatch.setenv("CUPOLA_API_TOKEN", "hush")
    monkeypatch.setenv("CONDA_PREFIX", "/opt/conda")
    ended = run("env")
    seen = dict(line.split("=", 1) for line in log(ended).splitlines())
    assert "hush" not in log(ended)
    assert b"hush" not in b"".join(path.read_bytes() for path in ws.root.rglob("job.json"))
    assert seen["CONDA_PREFIX"] == "/opt/conda"
    assert seen["CUPOLA_WORKSPACE"] == str(ws.root)
    assert seen["CUPOLA_ATTEMPT"] == "1"
    assert Path(seen["CUPOLA_ATTEMPT_DIR"], "started.json").exists()
    assert seen["OMP_NUM_THREADS"] == "1"
    assert seen["CUDA_VISIBLE_DEVICES"] == ""


def test_it_says_with_which_status_or_signal_it_ended(run: Run):
    ended = run("sh", "-c", "exit 3")
    assert (ended.status, ended.exit_code, ended.reason) == ("Failed", 3, "it ended with exit status 3")
    ended = run("sh", "-c", "kill -SEGV $$")
    assert (ended.status, ended.exit_code) == ("Failed", None)
    assert "signal 11 (SIGSEGV)" in ended.reason


def test_a_command_that_does_not_exist_or_cannot_be_started_says_so(run: Run, ws: Workspace):
    ended = run("no-such-command", "--x")
    assert (ended.status, ended.exit_code) == ("Failed", None)
    assert "there is no command 'no-such-command'" in ended.reason
    broken = ws.root / "broken"
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o755)
    ended = run(str(broken), live=True)
    assert ended.status == "Failed"
    assert "could not be started" in ended.reason


def test_a_job_over_its_memory_is_ended_and_says_so(run: Run, store: Store):
    hog = "x = bytearray(400 << 20); import time; time.sleep(600)"
    ended = run(sys.executable, "-c", hog, memory=150 << 20)
    assert (ended.status, ended.secondary_status) == ("Failed", "MemoryLimitExceeded")
    assert "more than its 150 MB" in ended.reason
    assert started(store, jobs.find(store, ended.id)).memory_held_by in ("watch", "cgroup")


def test_memory_of_all_its_processes_counts(run: Run):
    child = "x = bytearray(100 << 20); import time; time.sleep(600)"
    ended = run("sh", "-c", f"{sys.executable} -c '{child}' & {sys.executable} -c '{child}' & wait", memory=150 << 20)
    assert ended.secondary_status == "MemoryLimitExceeded"


def test_a_job_that_runs_too_long_is_ended(run: Run):
    ended = run("sleep", "600", max_runtime=0.3)
    assert (ended.status, ended.secondary_status) == ("Stopped", "MaxRuntimeExceeded")
    assert "longer than its 0.3 s" in ended.reason


def test_stop_ends_the_whole_tree_even_what_has_a_session_of_its_own_and_does_not_listen(store: Store, ws: Workspace):
    script = "trap '' TERM; setsid sh -c 'trap \"\" TERM; sleep 601' & sleep 602"
    job = jobs.file(store, kind="command", command=["sh", "-c", script], directory=ws.root)
    keeper = started(store, job).keeper
    until(lambda: len(tree.descendants(keeper.pid)) >= 4, "the tree is there")
    below = tree.descendants(keeper.pid)
    jobs.stop(store, job.id, "enough")
    ended = jobs.wait(store, job.id, timeout=180)
    assert (ended.status, ended.secondary_status) == ("Stopped", "Stopped")
    assert "stopped it: enough" in ended.reason
    until(lambda: not any(runtime.alive(process) for process in below), "all of it is gone")


def test_what_a_job_leaves_running_ends_with_it(run: Run, log: Log):
    ended = run("sh", "-c", "setsid sleep 603 & echo $!; sleep 0.2")
    assert ended.status == "Completed"
    left = runtime.of(int(log(ended)))
    assert left is None or Path(f"/proc/{left.pid}/comm").read_text() != "sleep\n"


def test_a_queued_job_can_be_stopped(store: Store, ws: Workspace):
    have = len(os.sched_getaffinity(0))
    first = jobs.file(store, kind="command", command=["sleep", "600"], cpus=have, directory=ws.root)
    second = jobs.file(store, kind="command", command=["echo", "never"], directory=ws.root)
    started(store, first)
    jobs.stop(store, second.id)
    ended = jobs.wait(store, second.id, timeout=180)
    assert (ended.status, ended.started) == ("Stopped", None)
    jobs.stop(store, first.id)
    assert jobs.wait(store, first.id, timeout=180).status == "Stopped"


def test_failures_are_tried_again_as_often_as_asked(run: Run, ws: Workspace, log: Log):
    count = ws.root / "count"
    ended = run("sh", "-c", f"echo x >> {count}; test $(wc -l < {count}) = 3", retries=4)
    assert (ended.status, ended.attempt) == ("Completed", 3)
    ended = run("sh", "-c", "echo again; exit 1", retries=1)
    assert (ended.status, ended.attempt) == ("Failed", 2)
    assert log(ended, 1) == log(ended, 2) == "again\n"


def test_retry_by_hand_is_a_new_attempt_of_the_same_job(run: Run, store: Store, ws: Workspace):
    flag = ws.root / "flag"
    ended = run("test", "-e", str(flag))
    assert ended.status == "Failed"
    flag.touch()
    jobs.retry(store, ended.id)
    again = jobs.wait(store, ended.id, timeout=180)
    assert (again.status, again.attempt) == ("Completed", 2)


def test_metrics_are_found_in_the_output(run: Run, store: Store):
    pattern = {"loss": r"loss=([\d.]+)", "seen": r"\d+ rows"}
    text = r"printf 'epoch 1 loss=0.5\repoch 2 loss=0.25\n12 rows loss=bad\nloss=0.125'"
    ended = run("sh", "-c", text, metrics=pattern)
    job = jobs.find(store, ended.id)
    found, _ = journals.read(store, f"{job.attempt(1)}/metrics.jsonl")
    assert [(one["name"], one["value"], one["step"]) for one in found] == [
        ("loss", 0.5, 0),
        ("loss", 0.25, 1),
        ("loss", 0.125, 2),
    ]


def test_code_is_as_of_filing_unless_live(run: Run, store: Store, ws: Workspace, log: Log):
    (ws.root / "src").mkdir(exist_ok=True)
    (ws.root / "src" / "kit.py").write_text("WORD = 'old'\n")
    script = ws.root / "say.py"
    script.write_text("import kit; print('old', kit.WORD)\n")
    have = len(os.sched_getaffinity(0))
    blocker = jobs.file(store, kind="command", command=["sleep", "600"], cpus=have, directory=ws.root)
    started(store, blocker)
    options = {"kind": "command", "directory": ws.root, "command": [sys.executable, "say.py"]}
    copied, live = jobs.file(store, **options), jobs.file(store, **options, live=True)
    cold = jobs.file(store, **options | {"command": [sys.executable, "-W", "default", "say.py"]})
    script.write_text("import kit; print('new', kit.WORD)\n")
    (ws.root / "src" / "kit.py").write_text("WORD = 'new'\n")
    jobs.stop(store, blocker.id)
    assert log(jobs.wait(store, copied.id, timeout=180)) == "old old\n"
    assert log(jobs.wait(store, live.id, timeout=180)) == "new new\n"
    assert log(jobs.wait(store, cold.id, timeout=180)) == "old old\n"


BESIDE = "import pathlib, beside; print(beside.WORD, (pathlib.Path(__file__).parent / 'data.csv').read_text())\n"


@pytest.mark.parametrize("options", [(), ("-W", "default")], ids=["warm", "cold"])
def test_a_script_finds_what_lies_beside_it(run: Run, ws: Workspace, log: Log, options: tuple[str, ...]):
    place = ws.root / "my code"
    place.mkdir(exist_ok=True)
    (place / "data.csv").write_text("1,2")
    (place / "beside.py").write_text("WORD = 'beside'\n")
    (place / "read.py").write_text(BESIDE)
    assert log(run(sys.executable, *options, "my code/read.py")) == "beside 1,2\n"
    assert log(run(sys.executable, *options, "read.py", directory=place)) == "beside 1,2\n"
    assert log(run(sys.executable, *options, str(place / "read.py"), directory=Path("/"))) == "beside 1,2\n"


def test_a_script_in_the_shell_runs_in_place_until_it_is_edited(run: Run, store: Store, ws: Workspace, log: Log):
    script = ws.root / "say.sh"
    script.write_text('#!/bin/sh\necho old "$(dirname "$0")"\n')
    script.chmod(0o755)
    assert log(run("./say.sh")) == f"old {ws.root}\n"
    assert log(run("sh", "say.sh")) == "old .\n"
    have = len(os.sched_getaffinity(0))
    blocker = jobs.file(store, kind="command", command=["sleep", "600"], cpus=have, directory=ws.root)
    started(store, blocker)
    commands = ["./say.sh"], ["sh", "say.sh"]
    filed = [jobs.file(store, kind="command", command=list(one), directory=ws.root) for one in commands]
    script.write_text("#!/bin/sh\necho new\n")
    jobs.stop(store, blocker.id)
    for job in filed:
        assert log(jobs.wait(store, job.id, timeout=180)).startswith("old ")


def test_a_job_is_held_to_its_cpus(run: Run, log: Log):
    seen = "import os; print(len(os.sched_getaffinity(0)), os.environ['OMP_NUM_THREADS'])"
    assert log(run(sys.executable, "-c", seen, cpus=1)) == "1 1\n"
    have = len(os.sched_getaffinity(0))
    assert log(run(sys.executable, "-c", seen, cpus=have)) == f"{have} {have}\n"


def test_twenty_jobs_on_few_slots_all_end_and_never_more_run_than_fit(store: Store, ws: Workspace):
    seen = ws.root / "comings-and-goings"
    script = f"echo 1 >> {seen}; sleep 0.1; echo -1 >> {seen}"
    filed = [jobs.file(store, kind="command", command=["sh", "-c", script], directory=ws.root) for _ in range(20)]
    assert {jobs.wait(store, job.id, timeout=180).status for job in filed} == {"Completed"}
    running = list(itertools.accumulate(map(int, seen.read_text().split())))
    assert len(running) == 40
    assert max(running) <= len(os.sched_getaffinity(0))
    until(lambda: not list((ws.root / ".cupola/queue").iterdir()), "the queue is empty")


def test_a_job_that_was_edited_by_hand_does_not_run_until_its_user_confirms(store: Store, ws: Workspace, log: Log):
    have = len(os.sched_getaffinity(0))
    blocker = jobs.file(store, kind="command", command=["sleep", "600"], cpus=have, directory=ws.root)
    started(store, blocker)
    job = jobs.file(store, kind="command", command=["echo", "meant"], directory=ws.root)
    path = ws.root / job.directory_in_store / "job.json"
    data = msgspec.json.decode(path.read_bytes())
    path.write_bytes(msgspec.json.encode(data | {"command": ["echo", "sly"]}))
    jobs.stop(store, blocker.id)
    jobs.wait(store, blocker.id, timeout=180)
    other = jobs.file(store, kind="command", command=["true"], directory=ws.root)
    jobs.wait(store, other.id, timeout=180)
    state = jobs.state(store, job.id)
    assert (state.status, state.secondary_status) == ("Queued", "Pending")
    assert "job confirm" in state.message
    assert not (ws.root / job.attempt(1) / "started.json").exists()
    jobs.confirm(store, job.id)
    assert log(jobs.wait(store, job.id, timeout=180)) == "sly\n"


def test_copied_code_that_was_changed_is_not_run(store: Store, ws: Workspace):
    (ws.root / "plain.py").write_text("print(1)\n")
    have = len(os.sched_getaffinity(0))
    blocker = jobs.file(store, kind="command", command=["sleep", "600"], cpus=have, directory=ws.root)
    started(store, blocker)
    job = jobs.file(store, kind="command", command=[sys.executable, "plain.py"], directory=ws.root)
    (ws.root / job.directory_in_store / "code" / "plain.py").write_text("print(2)\n")
    jobs.stop(store, blocker.id)
    ended = jobs.wait(store, job.id, timeout=180)
    assert ended.status == "Failed"
    assert "code/plain.py is not what was filed" in ended.reason


def test_a_killed_keeper_takes_its_job_along_and_the_attempt_says_so(store: Store, ws: Workspace):
    script = "setsid sleep 604 & sleep 605"
    job = jobs.file(store, kind="command", command=["sh", "-c", script], directory=ws.root)
    keeper = started(store, job).keeper
    until(lambda: len(tree.descendants(keeper.pid)) == 3, "the tree is there")
    below = tree.descendants(keeper.pid)
    runtime.send(keeper, signal.SIGKILL)
    ended = jobs.wait(store, job.id, timeout=180)
    assert (ended.status, ended.secondary_status) == ("Failed", "Interrupted")
    assert "its keeper was killed" in ended.reason
    until(lambda: not any(runtime.alive(process) for process in below), "nothing of it runs on")


def test_an_interruption_is_tried_again_where_retries_allow_it(store: Store, ws: Workspace):
    once = ws.root / "once"
    script = f"if [ -e {once} ]; then exit 0; fi; touch {once}; sleep 606"
    job = jobs.file(store, kind="command", command=["sh", "-c", script], directory=ws.root, retries=1)
    keeper = started(store, job).keeper
    until(once.exists, "the first attempt is under way")
    runtime.send(keeper, signal.SIGKILL)
    ended = jobs.wait(store, job.id, timeout=180)
    assert (ended.status, ended.attempt) == ("Completed", 2)


def test_a_keeper_that_is_told_to_end_says_that_the_host_goes_down(store: Store, ws: Workspace):
    job = jobs.file(store, kind="command", command=["sleep", "607"], directory=ws.root)
    runtime.send(started(store, job).keeper, signal.SIGTERM)
    ended = jobs.wait(store, job.id, timeout=180)
    assert (ended.status, ended.secondary_status) == ("Failed", "Interrupted")


def test_what_a_job_keeps_goes_from_attempt_to_attempt(store: Store, ws: Workspace, log: Log):
    script = (
        'cd "$CUPOLA_CHECKPOINTS"; cat n; echo "$CUPOLA_ATTEMPT" >> n; '
        'if [ "$CUPOLA_ATTEMPT" = 3 ]; then exit 0; fi; touch ready$CUPOLA_ATTEMPT; sleep 608'
    )
    command = ["sh", "-c", script]
    job = jobs.file(store, kind="command", command=command, directory=ws.root, checkpoints=True)
    for number in (1, 2):
        keeper = started(store, job, number).keeper
        until((ws.root / checkpoints.path(job, number) / f"ready{number}").exists, "it has left something")
        runtime.send(keeper, signal.SIGKILL)
    ended = jobs.wait(store, job.id, timeout=180)
    assert (ended.status, ended.attempt) == ("Completed", 3)
    assert log(ended) == "1\n2\n"
    assert not (ws.root / checkpoints.path(job, 1)).exists(), "moved, not copied"


def test_what_a_job_that_was_lost_has_left_is_copied(store: Store, ws: Workspace):
    job = jobs.file(store, kind="command", command=["true"], directory=ws.root, checkpoints=True)
    jobs.wait(store, job.id, timeout=180)
    until(lambda: not (ws.root / ".cupola/queue" / job.id).exists(), "the agent is done with it")
    left = ws.root / job.attempt(1) / "checkpoints"
    (left / "deep").mkdir()
    (left / "deep" / "n").write_text("7")
    result = ws.root / job.attempt(1) / "result.json"
    result.write_bytes(msgspec.json.encode(msgspec.json.decode(result.read_bytes()) | {"cause": "lost", "revision": 2}))
    origin = checkpoints.prepare(store, job, 2)
    assert origin == str(left)
    checkpoints.fill(origin, str(ws.root / checkpoints.path(job, 2)))
    assert (ws.root / checkpoints.path(job, 2) / "deep" / "n").read_text() == (left / "deep" / "n").read_text() == "7"


def test_a_link_that_is_cut_is_no_workspace_that_is_gone(store: Store, monkeypatch: pytest.MonkeyPatch):
    job = jobs.Job(
        id="j", kind="command", name="n", command=["x"], directory="/", user="u", host="h", submitted="2026-11"
    )
    keeper = Keeper(store, job, 1, Grant())
    assert keeper._may_be_there()
    for code in (errno.EIO, errno.ENOTCONN, errno.ESTALE):
        with monkeypatch.context() as cut:
            cut.setattr(os, "stat", lambda *_, code=code, **__: _fail(code))
            assert keeper._may_be_there()
    gone = Keeper(Store(store.root / "gone"), job, 1, Grant())
    assert not gone._may_be_there()


def _fail(code: int) -> None:
    raise OSError(code, os.strerror(code))
