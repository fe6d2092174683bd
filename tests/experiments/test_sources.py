"""The code of runs: of a real repository, its uncommitted changes and what jobs have copied."""

import subprocess
from pathlib import Path

import pytest
from tests.experiments.conftest import Leave

from cupola.experiments import sources
from cupola.experiments.records import Code, Run
from cupola.experiments.sources import Source
from cupola.store import files
from cupola.workspace import Workspace


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    made = tmp_path / "repository"
    made.mkdir()
    git(made, "init", "-q")
    return made


def git(place: Path, *words: str) -> str:
    who = ("-c", "user.name=ana", "-c", "user.email=ana@example.org", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *who, *words], cwd=place, check=True, capture_output=True, text=True).stdout.strip()


def commit(place: Path, content: str) -> str:
    (place / "fit model.py").write_text(content)
    git(place, "add", ".")
    git(place, "commit", "-q", "-m", "x")
    return git(place, "rev-parse", "HEAD")


def test_commits_are_compared_where_the_repository_is(workspace: Workspace, repository: Path, tmp_path: Path) -> None:
    one, other = (Source(commit=commit(repository, content)) for content in ("a = 1\n", "a = 2\n"))
    found = sources.changes(workspace.store, one, other, (tmp_path, repository))
    assert [(each.where, each.path) for each in found] == [("commit", "fit model.py")]
    assert "-a = 1\n+a = 2\n" in found[0].diff
    assert sources.changes(workspace.store, one, other, (tmp_path,)) == []
    assert sources.changes(workspace.store, one, one, (repository,)) == []


def test_a_commit_that_is_none_is_never_an_option_of_git(workspace: Workspace, repository: Path) -> None:
    known = Source(commit=commit(repository, "a = 1\n"))
    trick = Source(commit="--output=stolen")
    assert sources.changes(workspace.store, known, trick, (repository,)) == []
    assert not (repository / "stolen").exists()


def kept(workspace: Workspace, keep: Leave, number: int, patch: str) -> Run:
    one = keep(number, code=Code(commit="c" * 40, dirty=True, patch="code.patch"))
    files.write_bytes(workspace.store, f"{one.directory}/code.patch", patch.encode())
    return one


def test_uncommitted_changes_are_compared_file_by_file(workspace: Workspace, keep: Leave, repository: Path) -> None:
    commit(repository, "a = 1\n")
    patches = []
    for content in ("a = 2\n", "a = 3\n"):
        (repository / "fit model.py").write_text(content)
        patches.append(git(repository, "diff", "HEAD") + "\n")
    one, same, other = (kept(workspace, keep, place, patches[number]) for place, number in ((1, 0), (2, 0), (3, 1)))
    found = [sources.of_run(workspace.store, each) for each in (one, same, other)]
    assert found[0].hashes()["uncommitted"] == found[1].hashes()["uncommitted"] != found[2].hashes()["uncommitted"]
    assert sources.changes(workspace.store, found[0], found[1], ()) == []
    change = sources.changes(workspace.store, found[0], found[2], ())[0]
    assert (change.where, change.path) == ("uncommitted", "fit model.py")
    assert "-+a = 2\n++a = 3\n" in change.diff


def test_a_patch_that_is_gone_or_binary_is_left_out(workspace: Workspace, keep: Leave) -> None:
    gone = keep(1, code=Code(commit="c" * 40, dirty=True, patch="code.patch"))
    assert sources.of_run(workspace.store, gone).patch is None
    assert sources.of_run(workspace.store, kept(workspace, keep, 2, "\0")).patch is None
    assert sources.of_run(workspace.store, keep(3, job="gone")).hashes() == {}


def test_what_jobs_have_copied_is_compared_by_its_lines(workspace: Workspace) -> None:
    for name, content in (("one", b"x = 1\n"), ("two", b"x = 2\n"), ("three", b"\0")):
        files.write_bytes(workspace.store, f"jobs/{name}/code/src/model.py", content)
    copies = {
        name: Source(files={"src/model.py": name}, directory=f"jobs/{name}/code") for name in ("one", "two", "three")
    }
    found = sources.changes(workspace.store, copies["one"], copies["two"], ())
    assert [(each.where, each.path) for each in found] == [("job", "src/model.py")]
    assert "-x = 1\n+x = 2\n" in found[0].diff
    assert "no text" in sources.changes(workspace.store, copies["one"], copies["three"], ())[0].diff
    assert "-x = 1" in sources.changes(workspace.store, copies["one"], Source(), ())[0].diff
