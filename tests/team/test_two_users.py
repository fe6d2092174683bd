"""Two members with different uids and umasks work in one setgid directory: each with what the other has made."""

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.team.people import GROUP, Person, possible

pytestmark = pytest.mark.skipif(not possible(), reason="becoming other users needs root")

ROWS = "hour,late\n" + "\n".join(f"{n % 24},{'yes' if n % 24 > 12 else 'no'}" for n in range(120)) + "\n"
FORGE = """
import sys
from cupola.jobs import filing, wish
from cupola.store import Store, names, secret
store = Store.open(".")
name, marker = sys.argv[1:]
job = wish.Job(id=names.new_id(), kind="command", name="forged", command=["touch", marker], directory="/tmp",
    interpreter="/usr/bin/touch", user=name, host=names.who()[1], submitted=names.now())
job.mac = secret.sign(job.payload())
filing._write(store, job, copied=False)
print(job.id)
"""

# Somebody's signed job once more, under its own id and another, by way of a symlink; an endpoint in their name.
REPLANT = """
import os, shutil, sys
from pathlib import Path
from cupola.serving import records as serving
from cupola.serving.records import Endpoint, Variant
from cupola.store import Store, names
job, user = sys.argv[1:]
(old,) = Path("jobs").glob(f"*/{job}")
shutil.copytree(old, old.with_name("bbbbbbbbbb"), ignore=shutil.ignore_patterns("attempts"))
shutil.rmtree(old / "attempts")
Path(".cupola/queue", job).write_text(str(old))
Path(".cupola/queue/bbbbbbbbbb").write_text(str(old.with_name("bbbbbbbbbb")))
Path(".cupola/queue/cccccccccc").symlink_to("/etc/passwd")
old.with_name("dddddddddd").symlink_to(old.name)
Path(".cupola/queue/dddddddddd").write_text(str(old.with_name("dddddddddd")))
host = names.who()[1]
variants = [Variant(name="AllTraffic", model="late@1")]
serving.save(Store.open("."), Endpoint(name="planted", host=host, user=user, variants=variants))
"""


@pytest.fixture(scope="module")
def base() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="cu-", dir="/tmp"))
    directory.chmod(0o755)
    (directory / "slots").mkdir()
    (directory / "slots").chmod(0o1777)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def people(base: Path) -> Iterator[tuple[Person, Person]]:
    share = base / "share"
    share.mkdir()
    os.chown(share, 0, GROUP)
    share.chmod(0o2770)
    ana, raj = Person(base, 41_001, "077", share), Person(base, 41_002, "022", share)
    ana.does("init", ".")
    (share / "rows.csv").write_text(ROWS)
    (share / "rows.csv").chmod(0o644)
    try:
        yield ana, raj
    finally:
        for one in (ana, raj):
            one.runs(*one.cupola("agent", "stop", "--jobs"))


def test_each_goes_on_with_what_the_other_has_made(people: tuple[Person, Person]) -> None:
    ana, raj = people
    imported = [one.does("dataset", "import", "rows.csv", "--name", one.name, "--target", "late") for one in people]
    for one, other in ((ana, raj), (raj, ana)):
        one.does("dataset", "set", other.name, "--description", f"seen by {one.name}")
    assert [one["user"] for one in imported] == [ana.name, raj.name]
    train = ("train", "--dataset", ana.name, "--estimator", "DecisionTreeClassifier")
    filed = {one.name: one.does(*train) for one in people}
    for one, other in ((ana, raj), (raj, ana)):
        assert one.does("job", "wait", filed[other.name]["job"])["status"] == "Completed"
    runs = {name: one["run"] for name, one in filed.items()}
    for one, other in ((ana, raj), (raj, ana)):
        one.does("run", "note", runs[other.name], "looks right")
        one.does("run", "tag", runs[other.name], one.name)
        version = one.does("model", "register", runs[other.name], "--name", "late")
        other.does("comment", version["name"] + f"@{version['version']}", f"good, @{one.name}")
        other.does("tag", f"late@{version['version']}", f"+{other.name}")
        other.does("model", "approve", f"late@{version['version']}", "--note", "fine")
        other.does("model", "alias", f"late@{version['version']}", "champion")
        assert one.does("activity", "--mentions")["ref"].startswith("late@")
    assert [one.does("model", "show", "late@2")["status"] for one in people] == ["Approved", "Approved"]
    acts = [one.does("activity", "--limit", "500") for one in people]
    assert [act | {"unread": None} for act in acts[0]] == [act | {"unread": None} for act in acts[1]]


def test_one_may_stop_and_remove_what_the_other_began(people: tuple[Person, Person]) -> None:
    ana, raj = people
    job = ana.does("job", "submit", "--", "sleep", "600")["job"]
    raj.does("job", "stop", job, "--reason", "too long")
    assert ana.runs(*ana.cupola("job", "wait", job)).returncode == 1  # it was stopped
    assert ana.does("job", "show", job)["status"] == "Stopped"
    assert [one["user"] for one in raj.does("activity", job)] == [raj.name, ana.name]
    removed = raj.does("dataset", "rm", ana.name, "--all")
    ana.does("dataset", "restore", removed["trash"])


def test_a_wish_that_its_user_did_not_file_is_never_run(people: tuple[Person, Person], base: Path) -> None:
    ana, raj = people
    marker = base / "slots" / "forged"
    job = raj.python(FORGE, ana.name, str(marker)).strip()
    assert ana.does("job", "submit", "--wait", "--", "true")["exit_code"] == 0
    shown = ana.does("job", "show", job)
    assert (shown["status"], shown["secondary_status"], marker.exists()) == ("Queued", "Pending", False)


def test_one_serves_what_the_other_has_made_and_each_may_take_it_away(people: tuple[Person, Person]) -> None:
    ana, raj = people
    raj.does("endpoint", "deploy", "late@1", "--name", "late", "--wait")
    assert raj.does("endpoint", "invoke", "late", "--data", '{"inputs": [[20]]}')["answer"]["predictions"]
    assert ana.does("endpoint", "show", "late")["user"] == raj.name
    removed = ana.does("endpoint", "rm", "late")
    raj.does("endpoint", "restore", removed["trash"])
    raj.does("endpoint", "rm", "late")


def test_a_claim_that_the_other_left_behind_keeps_nobody(people: tuple[Person, Person]) -> None:
    ana, raj = people
    name = f"edit/datasets/{raj.name}/dataset.toml"
    ana.python(f"from cupola.store import Store, claims; assert claims.take(Store.open('.'), {name!r})")
    raj.does("dataset", "set", raj.name, "--description", "after a claim of the dead")
    found = raj.does("check")
    assert [one for one in found["problems"] if one["kind"] not in ("unsigned", "queue")] == []


def test_what_another_plants_is_neither_run_nor_served_nor_in_the_way(
    people: tuple[Person, Person], base: Path
) -> None:
    ana, raj = people
    seen = base / "slots" / "seen"
    job = ana.does("job", "submit", "--wait", "--", "sh", "-c", f"echo x >> {seen}")["job"]
    while (ana.share / ".cupola" / "queue" / job).exists():  # ana's agent is done with it
        time.sleep(0.05)
    raj.python(REPLANT, job, ana.name)
    assert ana.does("job", "submit", "--wait", "--", "true")["exit_code"] == 0
    deadline = time.monotonic() + 180
    while not list(ana.share.glob(f"jobs/*/{job}/attempts/1/result.json")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert seen.read_text() == "x\n"
    assert ana.does("endpoint", "show", "planted")["status"] == "Creating"
    assert "signs it" in ana.does("endpoint", "show", "planted")["reason"]
    for word in ("job", "run", "dataset", "model", "endpoint"):
        ana.does(word, "ls")


def test_all_that_was_made_is_the_groups(people: tuple[Person, Person]) -> None:
    """Last: whatever the umask, all that lies in the workspace can be read and replaced by both."""
    share = people[0].share
    for one in people:
        one.does("agent", "stop", "--jobs")  # so that nobody is writing a file, or removes one that was just seen
    closed = []
    for directory, below, files in os.walk(share):
        for name in (*below, *files):
            found = (Path(directory) / name).lstat()
            needed = 0o2070 if stat.S_ISDIR(found.st_mode) else 0o040
            if found.st_gid != GROUP or found.st_mode & needed != needed:
                closed.append(f"{stat.filemode(found.st_mode)} {found.st_gid} {Path(directory) / name}")
    assert [one for one in closed if "rows.csv" not in one] == []
