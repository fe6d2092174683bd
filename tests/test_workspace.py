import errno
import os
import stat
import subprocess
from pathlib import Path

import pytest

from cupola.errors import BadInput, BadName, Corrupt, CupolaError, DiskTrouble, NotFound, ReadOnly
from cupola.store import files, records, root
from cupola.store.filesystem import Mount
from cupola.workspace import Workspace


def test_a_new_directory_becomes_a_workspace(home: Path, tmp_path: Path) -> None:
    made = Workspace.init(tmp_path / "deep" / "churn")
    assert made.created and made.settings.name == "churn" and made.root == tmp_path / "deep" / "churn"
    assert sorted(os.listdir(made.root)) == [".gitattributes", ".gitignore", "workspace.toml"]  # noqa: PTH208


def test_a_second_init_changes_nothing_and_says_so(workspace: Workspace) -> None:
    before = {path: path.read_bytes() for path in workspace.root.iterdir()}
    again = Workspace.init(workspace.root, "another-name")
    assert not again.created and again.settings.name == "workspace"
    assert {path: path.read_bytes() for path in workspace.root.iterdir()} == before


def test_files_that_are_there_stay(home: Path, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("print()")
    (tmp_path / ".gitignore").write_text("*.pyc\n/.cupola/*")
    made = Workspace.init(tmp_path, "mine")
    assert (tmp_path / "train.py").read_text() == "print()"
    lines = (tmp_path / ".gitignore").read_text().splitlines()
    assert lines[0] == "*.pyc" and lines.count("/.cupola/*") == 1 and "!/.cupola/notes/" in lines
    assert made.settings.name == "mine"


@pytest.mark.parametrize("name", ["Ünïcode dir", "--help", "...", "a" * 200, "x.tmp"])
def test_any_directory_name_gives_a_valid_workspace_name(home: Path, tmp_path: Path, name: str) -> None:
    made = Workspace.init(tmp_path / name)
    assert made.settings.name and made.settings.name.isascii()


def test_a_bad_name_makes_nothing(home: Path, tmp_path: Path) -> None:
    with pytest.raises(BadName):
        Workspace.init(tmp_path / "new", "../x")
    assert not (tmp_path / "new").exists()


def test_a_file_in_the_way_is_said(home: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="not a directory"):
        Workspace.init(tmp_path / "file")
    with pytest.raises(CupolaError, match="file stands"):
        Workspace.init(tmp_path / "file" / "below")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_cannot_be_written_is_said(home: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(CupolaError, match="permissions"):
        Workspace.init(tmp_path)


def test_what_is_no_workspace_is_not_opened(home: Path, tmp_path: Path) -> None:
    for opening in (Workspace.open, Workspace.find):
        with pytest.raises(NotFound, match="cupola init"):
            opening(tmp_path)


def test_a_workspace_is_found_from_below(workspace: Workspace) -> None:
    below = workspace.root / "src" / "deep"
    below.mkdir(parents=True)
    assert Workspace.find(below).root == workspace.root
    assert Workspace.find(workspace.root, readonly=True).readonly


def test_settings_follow_the_file(workspace: Workspace) -> None:
    path = workspace.root / "workspace.toml"
    path.write_text(path.read_text().replace("approval = false", "approval = true").replace("# cpus = 8", "cpus = 3"))
    assert workspace.settings.deployments_need_approval and workspace.settings.slots.cpus == 3
    settings = workspace.settings
    settings.description = "who leaves"
    records.write_toml(workspace.store, "workspace.toml", settings, kind="workspace", ref=settings.name)
    assert workspace.settings.description == "who leaves" and "# true: a model version" in path.read_text()


def test_an_empty_workspace_file_is_enough(home: Path, tmp_path: Path) -> None:
    (tmp_path / "workspace.toml").write_text("")
    assert Workspace.open(tmp_path).settings.name == ""


def test_with_a_broken_workspace_file_all_can_be_read_and_nothing_changed(workspace: Workspace) -> None:
    path = workspace.root / "workspace.toml"
    before = path.read_bytes()
    path.write_text('name = "x"\nslots = -1\n')
    opened = Workspace.open(workspace.root)
    assert "workspace.toml: line 2, column 9" in opened.notices[0]
    assert opened.action("dataset ls") == []
    with pytest.raises(Corrupt, match="line 2, column 9"):
        opened.action("tag", ref="x", tags=["x"])
    assert path.read_text().endswith("slots = -1\n")
    path.write_bytes(before)
    with pytest.raises(NotFound):
        opened.action("tag", ref="x", tags=["x"])


def test_where_a_newer_format_cannot_be_read_at_all_the_rest_can(workspace: Workspace) -> None:
    (workspace.root / "workspace.toml").write_text("format = 99\nroles = 1\n")
    opened = Workspace.open(workspace.root)
    assert opened.readonly and "newer Cupola" in opened.notices[0]
    with pytest.raises(ReadOnly, match="newer Cupola"):
        opened.action("tag", ref="x", tags=["x"])


def test_a_newer_format_opens_for_reading_and_says_so(workspace: Workspace) -> None:
    path = workspace.root / "workspace.toml"
    path.write_text(path.read_text().replace("format = 1", "format = 99"))
    opened = Workspace.open(workspace.root)
    assert opened.readonly and "newer Cupola" in opened.notices[0]
    with pytest.raises(ReadOnly):
        files.write_bytes(opened.store, "a", b"")


def test_a_group_can_share_what_init_makes(home: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o2775)
    before = os.umask(0o077)
    try:
        made = Workspace.init(tmp_path, "shared")
        files.write_bytes(made.store, "jobs/2026-11/a/job.json", b"")
    finally:
        os.umask(before)
    for path in tmp_path.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o2775 if path.is_dir() else 0o664), path


def test_git_carries_facts_and_notes_and_not_what_one_copy_holds_for_a_while(workspace: Workspace) -> None:
    for path in ("runs/a.json", ".cupola/notes/tags/a.jsonl"):
        files.write_bytes(workspace.store, path, b"carried")
    for path in (".cupola/claims/a/1", ".cupola/queue/a", "endpoints/e/status.json", "runs/.tmp-x"):
        files.write_bytes(workspace.store, path, b"left")
    git = ["git", "-C", str(workspace.root)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    listed = subprocess.run([*git, "ls-files"], check=True, capture_output=True, text=True).stdout.split()
    assert listed == [".cupola/notes/tags/a.jsonl", ".gitattributes", ".gitignore", "runs/a.json", "workspace.toml"]


def test_one_that_was_just_made_says_what_one_that_is_opened_says(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(root, "mount_of", lambda _: Mount("sshfs", "/", {}))
    made = Workspace.init(tmp_path / "far")
    assert made.created and "dcache_timeout=1" in made.notices[0]
    assert Workspace.open(tmp_path / "far").notices == made.notices


@pytest.mark.parametrize(("code", "said"), [(errno.EIO, "input/output error"), (errno.ENOTCONN, "mount is broken")])
def test_a_disk_that_does_not_answer_is_no_place_without_a_workspace(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, code: int, said: str
) -> None:
    real = os.open

    def failing(path: object, *arguments: object, **more: object) -> int:
        if str(path).endswith("workspace.toml"):
            raise OSError(code, os.strerror(code))
        return real(path, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", failing)
    for look in (Workspace.find, Workspace.open, Workspace.init):
        with pytest.raises(DiskTrouble, match=said):
            look(workspace.root)
