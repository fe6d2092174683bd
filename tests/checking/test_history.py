"""What check says of the versions that are kept of files which people edit."""

import shutil
from pathlib import Path

import pytest

import cupola
from cupola.workspace import Workspace

TOML = "datasets/flights/dataset.toml"


@pytest.fixture
def ws(still: Path, tmp_path: Path) -> Workspace:
    shutil.copytree(still, tmp_path / "ws", symlinks=True)
    return Workspace.open(tmp_path / "ws")


def says(ws: Workspace, description: str) -> None:
    cupola.open(ws.root).dataset.set_("flights", description=description)


def edit(ws: Workspace, old: str, new: str) -> None:
    text = (ws.root / TOML).read_text()
    assert old in text
    (ws.root / TOML).write_text(text.replace(old, new))


def replaced(ws: Workspace) -> list[str]:
    """The descriptions in the versions that check notes as replaced."""
    notes = Workspace.open(ws.root).action("check").notes
    assert all("a copy of this workspace had changed" in one.message for one in notes)
    texts = ((ws.root / one.path).read_text() for one in notes if one.kind == "replaced")
    return [text.partition('description = "')[2].partition('"')[0] for text in texts]


def test_edits_by_hand_between_changes_by_commands_follow_them(ws: Workspace) -> None:
    edit(ws, "to be checked", "by hand")
    says(ws, "by command")
    assert replaced(ws) == []
    edit(ws, "by command", "by hand again")
    assert replaced(ws) == []
    says(ws, "by command again")
    says(ws, "once more")
    assert replaced(ws) == []


@pytest.mark.parametrize("edited", [False, True])
def test_what_a_copy_had_changed_is_noted_also_after_an_edit_before(
    ws: Workspace, tmp_path: Path, edited: bool
) -> None:
    if edited:
        edit(ws, "to be checked", "by hand")
    shutil.copytree(ws.root, tmp_path / "copy", symlinks=True)
    copy = Workspace.open(tmp_path / "copy")
    says(ws, "here")
    says(copy, "there")
    shutil.copytree(copy.root, ws.root, symlinks=True, dirs_exist_ok=True)
    assert replaced(ws) == ["here"]
    says(ws, "after that")
    assert replaced(ws) == ["here"]


def test_an_older_version_that_was_put_back_is_noted(ws: Workspace) -> None:
    before = (ws.root / TOML).read_text()
    says(ws, "thought better of")
    (ws.root / TOML).write_text(before)
    says(ws, "the other way")
    assert replaced(ws) == ["thought better of"]
