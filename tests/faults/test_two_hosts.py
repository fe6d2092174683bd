"""Two hosts share the queue of one user: own names, boot ids and clocks (600 s apart), pids that collide, one $HOME.

Each job is done by one attempt that all believe, whatever hangs or dies. What the hosts did is written down and checked
against a model (`tests.faults.history`). The long form is `python -m tests.torture.two_hosts`.
"""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.faults import history, hosts, sshfs
from tests.faults.hosts import Host
from tests.torture import two_hosts
from tests.waiting import until

from cupola.experiments import records as experiments
from cupola.jobs import attempts, wish
from cupola.jobs import records as jobs
from cupola.jobs.attempts import AttemptEnd, Started
from cupola.jobs.records import JobState
from cupola.store import Store, files

LEASE = 5.0  # more than what is seen as a host that stood still (`elsewhere.AWAY`) and a renewal
TWICE = "[ $CUPOLA_ATTEMPT = 2 ] || sleep 280"  # what a job does that is still there when its host dies


class Two(NamedTuple):
    """The hosts, and the workspace as this process sees it."""

    a: Host
    b: Host
    store: Store


@pytest.fixture(scope="module")
def two() -> Iterator[Two]:
    """Two hosts that see one workspace at different places; all that they did is checked in the end."""
    hosts.need()
    with tempfile.TemporaryDirectory(prefix="cu-", dir="/tmp") as name:
        home = Path(name)
        a, b = home / "a", home / "elsewhere" / "b"
        for directory in (a, b):
            directory.mkdir(parents=True)
        subprocess.run(["mount", "--bind", a, b], check=True)
        try:
            with hosts.pair(home, a, b, LEASE) as (first, second, past):
                first.cupola("init")
                for host in (first, second):
                    host.cupola("agent", "start")
                for host in (first, second):  # a job that its own host is slow to take is taken by the other
                    until(lambda host=host: len(host.processes("cupola.agent.starter")) > 1, "it can fork")  # type: ignore[misc]
                yield Two(first, second, Store.open(a))
                assert history.wrong(history.read(past), LEASE) == []
        finally:
            subprocess.run(["umount", "--lazy", b], check=True)


def begun(two: Two, name: str, number: int = 1) -> Started:
    """The attempt of the job of that name, once it has begun."""
    path = f"{jobs.find(two.store, name).attempt(number)}/started.json"
    found: Started = until(lambda: attempts.optional(two.store, path, Started), f"attempt {number} of {name} begins")
    return found


def ended(two: Two, name: str) -> JobState:
    until(lambda: jobs.state(two.store, name).over, f"{name} ends")
    return jobs.state(two.store, name)


def submit(host: Host, name: str, script: str, *options: str) -> None:
    host.cupola("job", "submit", "--name", name, *options, "--", "sh", "-c", script)


def test_a_job_is_taken_where_it_was_filed_and_elsewhere_when_that_host_has_no_room(two: Two) -> None:
    submit(two.a, "long", "sleep 280", "--cpus", str(len(os.sched_getaffinity(0))))
    submit(two.a, "other", "pwd; echo $HOME; hostname")
    assert begun(two, "long").host == two.a.name
    other = ended(two, "other")
    assert (other.status, other.host) == ("Completed", two.b.name)
    log = (two.store.root / jobs.log_path(two.store, "other")).read_text()
    assert log == f"{two.b.directory}\n{two.b.home}\n{two.b.name}\n", "it runs in the workspace as that host sees it"
    two.b.cupola("job", "stop", "long")
    assert ended(two, "long").reason.startswith(f"root on {two.b.name} stopped it")


def test_a_host_that_hangs_loses_its_training_and_publishes_nothing_late(two: Two) -> None:
    rows = "\n".join(f"{n % 7},{n % 5},{'yes' if (n % 7) * (n % 5) > 8 else 'no'}" for n in range(8000))
    (two.store.root / "t.csv").write_text(f"x,y,z\n{rows}\n")
    two.a.cupola("dataset", "import", "t.csv", "--name", "t", "--wait")
    estimator = ["--estimator", "HistGradientBoostingClassifier", "-p", "max_iter=400"]
    two.a.cupola("train", "--dataset", "t", "--target", "z", *estimator, "--name", "fit", "--register", "m")
    assert begun(two, "fit").host == two.a.name
    frozen = two.a.processes()
    two.a.signal(signal.SIGSTOP, frozen)
    assert not jobs.state(two.store, "fit").over
    after = ended(two, "fit")
    two.a.signal(signal.SIGCONT, frozen)
    assert (after.status, after.attempt, after.host) == ("Completed", 2, two.b.name)
    job = jobs.find(two.store, "fit")
    lost: AttemptEnd = attempts.ends(two.store, job, [1])[0]
    assert (lost.cause, lost.secondary_status) == ("lost", "Interrupted")
    assert f"{two.b.name} took the job over" in lost.reason
    late = f"{job.attempt(1)}/late.json"
    until(lambda: attempts.optional(two.store, late, AttemptEnd), "the late one says that it has lost the job")
    run = experiments.find(two.store, "fit")
    versions = files.listing(two.store, "models/m")
    assert (run.status, run.attempt, len(versions)) == ("Completed", 2, 1)
    assert run.model == f"m@{versions[0]}"


def test_a_host_that_dies_loses_its_job_unless_it_was_to_run_nowhere_else(two: Two) -> None:
    keep = 'echo "$(hostname) $CUPOLA_ATTEMPT" >> $CUPOLA_CHECKPOINTS/n'
    submit(two.a, "anywhere", f"{keep}; cat $CUPOLA_CHECKPOINTS/n; {TWICE}", "--checkpoints")
    submit(two.b, "only-here", "sleep 280", "--host", two.a.name)
    assert [begun(two, name).host for name in ("anywhere", "only-here")] == [two.a.name] * 2
    said = two.store.root / jobs.log_path(two.store, "anywhere")
    until(lambda: said.exists() and said.read_text(), "it has left something")
    two.a.crash()
    anywhere = ended(two, "anywhere")
    assert (anywhere.status, anywhere.attempt, anywhere.host) == ("Completed", 2, two.b.name)
    log = (two.store.root / jobs.log_path(two.store, "anywhere")).read_text()
    assert log == f"{two.a.name} 1\n{two.b.name} 2\n", "it goes on from what it had left"
    assert jobs.state(two.store, "only-here").status == "InProgress"
    two.a.boot()
    two.a.cupola("agent", "start")
    here = ended(two, "only-here")
    assert (here.secondary_status, here.reason) == ("Interrupted", "the host went down while it ran")


def test_after_a_reboot_a_job_with_checkpoints_goes_on_with_the_next_command(two: Two) -> None:
    script = f"cat $CUPOLA_CHECKPOINTS/n; echo $CUPOLA_ATTEMPT >> $CUPOLA_CHECKPOINTS/n; {TWICE}"
    submit(two.b, "goes-on", script, "--checkpoints", "--host", two.a.name)
    begun(two, "goes-on")
    left = two.store.root / jobs.find(two.store, "goes-on").attempt(1) / "checkpoints" / "n"
    until(left.exists, "it has left something")
    two.a.crash()
    two.a.boot()
    assert "goes-on" in two.a.cupola("job", "ls")
    goes_on = ended(two, "goes-on")
    assert (goes_on.status, goes_on.attempt, goes_on.host) == ("Completed", 2, two.a.name)
    assert (two.store.root / jobs.log_path(two.store, "goes-on")).read_text() == "1\n"


def test_a_killed_agent_loses_nothing_while_its_keepers_live(two: Two) -> None:
    submit(two.a, "kept", f"sleep {LEASE + 1.5}")
    assert begun(two, "kept").host == two.a.name
    two.a.signal(signal.SIGKILL, two.a.processes("cupola.agent "))
    kept = ended(two, "kept")
    assert (kept.status, kept.attempt, kept.host) == ("Completed", 1, two.a.name)
    two.a.cupola("agent", "start")


def test_stopping_all_of_a_host_touches_no_process_of_another(two: Two) -> None:
    submit(two.b, "theirs", "sleep 3", "--host", two.b.name)
    submit(two.a, "ours", "sleep 280", "--host", two.a.name)
    theirs, ours = begun(two, "theirs"), begun(two, "ours")
    assert theirs.keeper.boot != ours.keeper.boot
    two.a.cupola("agent", "stop", "--jobs")
    assert ended(two, "ours").status == "Stopped"
    until(lambda: not two.a.processes(), "all of it has ended, what the starter had forked in advance too")
    assert ended(two, "theirs").status == "Completed"
    assert wish.find(two.store, "theirs").only_on == two.b.name
    two.a.cupola("agent", "start")


def test_a_host_that_never_served_the_workspace_is_refused(two: Two) -> None:
    said = two.a.run(*hosts.CUPOLA, "job", "submit", "--host", "nowhere", "--", "true", check=False)
    assert said == ""
    assert "nowhere" not in {job.host for job in jobs.ls(two.store)}


def test_a_storm_over_two_mounts(tmp_path: Path) -> None:
    hosts.need()
    with tempfile.TemporaryDirectory(prefix="cu-", dir="/tmp") as home, sshfs.mounted(tmp_path) as mounts:
        said: list[str] = []
        found = two_hosts.run(Path(home), mounts.a, mounts.b, seconds=8, lease=4, seed=1, say=said.append)
        assert found == [], said
