"""A workspace is copied away, two people work in the two copies at the same time, and the copies are brought together.

With real users, real rsync and real git; each side has a host name and homes of its own.
"""

import contextlib
import hashlib
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.team.people import GROUP, Person, possible

pytestmark = [
    pytest.mark.skipif(not possible(), reason="becoming other users needs root"),
    pytest.mark.timeout(900),  # dozens of commands, one after the other
]

ROWS = "hour,late\n" + "\n".join(f"{n % 24},{'yes' if n % 24 > 12 else 'no'}" for n in range(120)) + "\n"
TRAIN = ("train", "--estimator", "DecisionTreeClassifier", "--wait", "--dataset")
SETTINGS = "datasets/churn/dataset.toml"
SHARED = (".cupola/claims/", SETTINGS)  # what several write by design
OLD = 1e9  # a time of files, long ago
HERS = "import time\r\nwhile True:\r\n    time.sleep(1)\r\n"


@pytest.fixture
def sides() -> Iterator[tuple[Person, Person]]:
    """Ana with a workspace in which something was done, and raj with an empty place for his copy."""
    base = Path(tempfile.mkdtemp(prefix="cu-", dir="/tmp"))
    base.chmod(0o755)
    (base / "slots").mkdir()
    (base / "slots").chmod(0o1777)
    (base / "git.ini").write_text("[safe]\n\tdirectory = *\n[user]\n\temail = one@example.org\n\tname = one\n")
    people = []
    for uid, host in ((41_001, "anahost"), (41_002, "rajhost")):
        share = base / host / "workspace"
        share.mkdir(parents=True)
        os.chown(share, uid, GROUP)
        person = Person(base, uid, "022", share)
        person.environment |= {"CUPOLA_HOST": host, "GIT_CONFIG_GLOBAL": str(base / "git.ini")}
        people.append(person)
    ana, raj = people
    try:
        ana.does("init", ".")
        for name, more in (("churn", ""), ("old", "1,no\n")):
            ana.does("dataset", "import", rows(ana, more), "--name", name, "--target", "late")
        ana.does("model", "register", ana.does(*TRAIN, "churn", "--name", "first")["run"], "--name", "late")
        ana.does("comment", "first", "from before")
        yield ana, raj
    finally:
        for one in people:
            one.runs(*one.cupola("agent", "stop", "--jobs"))
        shutil.rmtree(base, ignore_errors=True)


def rows(person: Person, more: str) -> str:
    """A table of the person's own."""
    path = person.home / "rows.csv"
    path.write_text(ROWS + more)
    path.chmod(0o644)
    return str(path)


def work(one: Person, says: str) -> None:
    """What each of the two does: the same things under the same names, and each with another content."""
    imported = one.does("dataset", "import", rows(one, f"3,{says}\n"), "--name", "churn", "--target", "late")
    assert imported["version"] == 2
    run = one.does(*TRAIN, "churn@2", "--name", f"of-{one.name}")["run"]
    assert one.does("model", "register", run, "--name", "late")["version"] == 2
    one.does("comment", "first", f"{one.name} says {says}")
    one.does("tag", "late@1", f"+{one.name}")
    one.does("model", "approve" if says == "yes" else "reject", "late@1", "--note", says)
    one.does("model", "alias", "late@1", f"best-of-{one.name}")
    one.does("model", "alias", "late@2", "champion")
    one.does("endpoint", "deploy", "late@1", "--name", f"of-{one.name}", "--wait")


def stop(one: Person, job: str) -> None:
    """Stops a job and waits until it has ended."""
    one.does("job", "stop", job)
    one.runs(*one.cupola("job", "wait", job))


def contents(root: Path) -> dict[str, str]:
    """A checksum of every file but those that somebody writes or removes at this moment."""
    found = {}
    for path in names(root):
        with contextlib.suppress(FileNotFoundError):
            found[str(path.relative_to(root))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return {path: checksum for path, checksum in found.items() if ".git/" not in path and ".tmp-" not in path}


def names(root: Path) -> list[Path]:
    """Every file, in the order of names. Processes are at work there: one may be gone by the time it is looked at."""
    return sorted(Path(directory, name) for directory, _, below in os.walk(root) for name in below)


def changed(one: Person, before: dict[str, str]) -> set[str]:
    return {path for path, checksum in contents(one.share).items() if before.get(path) != checksum}


def nothing_is_lost(sides: tuple[Person, Person]) -> None:
    """All that either did is there for both, and both see the same."""
    ana, raj = sides
    for one in sides:
        first = one.does("run", "show", "first")
        said = {comment["text"] for comment in first["comments"]}
        assert said == {"from before", f"{ana.name} says yes", f"{raj.name} says no"}
        assert {run["name"] for run in one.does("run", "ls")} == {"first", f"of-{ana.name}", f"of-{raj.name}"}
        version = one.does("model", "show", "late@1")
        assert {(word["user"], word["status"]) for word in version["approvals"]} == {
            (ana.name, "Approved"),
            (raj.name, "Rejected"),
        }
        assert set(version["aliases"]) == {f"best-of-{ana.name}", f"best-of-{raj.name}"}
        for kind, name in (("dataset", "churn"), ("model", "late")):
            refused = one.runs(*one.cupola(kind, "show", f"{name}@2"))
            assert refused.returncode == 1
            exact = [word.strip(".,\n") for word in refused.stderr.split() if word.startswith(f"{name}@2-")]
            assert {one.does(kind, "show", ref)["user"] for ref in exact} == {ana.name, raj.name}
        served = {found["name"]: found["status"] for found in one.does("endpoint", "ls")}
        assert served[f"of-{one.name}"] == "InService"
        assert served.keys() == {f"of-{ana.name}", f"of-{raj.name}"}
    for what in (("run", "ls"), ("dataset", "ls"), ("activity", "--limit", "500")):
        assert ana.does(*what) == raj.does(*what), what
    models = [one.does("model", "ls") for one in sides]
    hosts = [{model.pop("runtime")["host"] for model in seen if model["runtime"]} for seen in models]
    assert hosts == [{"anahost"}, {"rajhost"}]  # each sees what was measured where it is
    assert models[0] == models[1]


def check(one: Person) -> list[dict[str, Any]]:
    """The notes of a check that finds nothing wrong."""
    found = one.does("check")
    assert found["problems"] == []
    notes: list[dict[str, Any]] = found["notes"]
    return notes


def rsync(one: Person, source: Path) -> None:
    """Takes over what is newer there, as docs/promises.md says: of journals the longer ones, then what is later.

    A file that the processes there replace meanwhile may be listed and gone, which rsync says with the status 24.
    """
    ours = [f"/{room}/" for room in (".cupola", "experiments", "models", "tunings")]
    journals = [*(f"--include={room}" for room in ours), "--exclude=/*", "--include=*/", "--include=*.jsonl"]
    for words in (
        ("-rlpt", "--append-verify", *journals, "--exclude=*"),
        ("-rlptu", "--exclude=.tmp-*", *(f"--exclude={room}**.jsonl" for room in ours)),
    ):
        done = one.runs("rsync", *words, f"{source}/", "./")
        assert done.returncode in (0, 24), done.stderr


def date(root: Path, *moments: float, only: str = "*") -> None:
    """Gives each file one of these times, whatever was done when: a test must not lean on the clock."""
    draw = random.Random(root.parts[-2])
    for path in names(root):
        if path.match(only) and not path.is_symlink():
            moment = draw.choice(moments)
            with contextlib.suppress(FileNotFoundError):
                os.utime(path, (moment, moment))


def part(sides: tuple[Person, Person]) -> str:
    """Raj gets a copy, and both go on; gives the job of ana's that was open, and has ended since."""
    ana, raj = sides
    open_job: str = ana.does("job", "submit", "--", "sleep", "600")["job"]
    ana.does("dataset", "set", "churn", "--description", "of the first week")
    date(ana.share, OLD)
    rsync(raj, ana.share)
    before = contents(raj.share)
    for one, says in ((ana, "yes"), (raj, "no")):
        work(one, says)
        one.does("dataset", "set", "churn", "--description", f"{one.name} was here")
    raj.does("dataset", "rm", "old@1")
    stop(ana, open_job)
    ana.does("comment", "old@1", "still needed")
    both = changed(ana, before) & changed(raj, before)
    assert [path for path in both if not path.startswith(SHARED)] == []
    return open_job


def brought_together(sides: tuple[Person, Person], open_job: str, described: Person, noted: Person) -> None:
    """Both have all of both; one has described the dataset for both, and what the other said of it is noted."""
    nothing_is_lost(sides)
    for one in sides:
        assert one.does("dataset", "show", "churn@1")["description"] == f"{described.name} was here"
        [note] = check(one)
        assert note["kind"] == "replaced"
        assert f'description = "{noted.name} was here"' in (one.share / note["path"]).read_text()
        assert one.does("job", "show", open_job)["status"] == "Stopped"
        assert one.does("dataset", "show", "old@1")["rows"] == 121  # a removal is not carried: nothing is lost


def test_copies_that_rsync_brings_together_lose_nothing(sides: tuple[Person, Person]) -> None:
    ana, raj = sides
    open_job = part(sides)
    os.utime(ana.share / SETTINGS, (OLD + 2, OLD + 2))
    for one in sides:
        date(one.share, OLD, OLD + 0.4, 2 * OLD, only="*.jsonl")
    rsync(ana, raj.share)
    rsync(raj, ana.share)
    brought_together(sides, open_job, described=raj, noted=ana)  # his is the later


def test_copies_that_are_merged_lose_nothing_whatever_the_times_of_files(sides: tuple[Person, Person]) -> None:
    ana, raj = sides
    open_job = part(sides)
    for one in sides:
        date(one.share, OLD, OLD + 0.4, 2 * OLD, 0.5)
    [differs] = ana.does("merge", str(raj.share))["differs"]
    assert (differs["path"], differs["counts"]) == (SETTINGS, "what is here")
    assert raj.does("merge", str(ana.share))["differs"] == []  # she has seen his, and stays with hers
    brought_together(sides, open_job, described=ana, noted=raj)
    for one, other in (sides, sides[::-1]):
        assert one.does("merge", str(other.share))["taken"] == {}


def git(one: Person, *words: str) -> str:
    done = one.runs("git", *words)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


def commit(one: Person) -> None:
    git(one, "add", "--all")
    git(one, "commit", "--quiet", "-m", "work")


def test_copies_that_git_brings_together_lose_nothing(sides: tuple[Person, Person]) -> None:
    ana, raj = sides
    (ana.share / "ends.py").write_bytes(b"print('hello')\r\n")
    ended = ana.does("job", "submit", "--wait", "--", sys.executable, "ends.py")["job"]
    git(ana, "init", "--quiet", "-b", "main")
    commit(ana)
    git(raj, "clone", "--quiet", "-c", "core.autocrlf=true", str(ana.share), ".")
    for one, says in ((ana, "yes"), (raj, "no")):
        work(one, says)
    raj.does("dataset", "rm", "old@1")
    open_job = ana.does("job", "submit", "--", "sleep", "600")["job"]
    commit(ana)
    commit(raj)
    git(ana, "pull", "--quiet", "--no-rebase", "--no-edit", str(raj.share), "main")
    git(raj, "pull", "--quiet", "--no-rebase", "--no-edit", str(ana.share), "main")
    nothing_is_lost(sides)
    assert check(ana) == []
    assert [(note["kind"], note["path"].rpartition("/")[2]) for note in check(raj)] == [("queue", open_job)]
    for one in sides:
        assert one.does("job", "log", ended)["text"] == "hello\n"
        assert one.runs(*one.cupola("dataset", "show", "old@1")).returncode == 1  # a removal is a change as any
    stop(ana, open_job)
    commit(ana)
    git(raj, "pull", "--quiet", "--no-rebase", "--no-edit", str(ana.share), "main")
    assert raj.does("job", "show", open_job)["status"] == "Stopped"
    assert check(raj) == []
