"""Two members with different uids and umasks work in one setgid directory: each with what the other has made."""

import os
import shutil
import stat
import tempfile
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
filing._write(store, job)
print(job.id)
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
    assert ana.does("activity", "--limit", "500") == raj.does("activity", "--limit", "500")


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


def test_all_that_was_made_is_the_groups(people: tuple[Person, Person]) -> None:
    """Last: whatever the umask, all that lies in the workspace can be read and replaced by both."""
    share = people[0].share
    closed = []
    for directory, below, files in os.walk(share):
        for name in (*below, *files):
            found = (Path(directory) / name).lstat()
            needed = 0o2070 if stat.S_ISDIR(found.st_mode) else 0o040
            if found.st_gid != GROUP or found.st_mode & needed != needed:
                closed.append(f"{stat.filemode(found.st_mode)} {found.st_gid} {Path(directory) / name}")
    assert [one for one in closed if "rows.csv" not in one] == []
