"""Who may do what, explained: owner, group, modes."""

import os
import stat
from pathlib import Path

import pytest

from cupola.team import access
from cupola.workspace import Workspace


@pytest.mark.parametrize(("mode", "shared"), [(0o2770, True), (0o2775, True), (0o770, False), (0o2750, False)])
def test_shared_is_what_a_group_may_change_and_inherits(workspace: Workspace, mode: int, shared: bool) -> None:
    workspace.root.chmod(mode)
    found = workspace.action("access")
    assert (found.shared, found.mode) == (shared, stat.filemode(stat.S_IFDIR | mode))
    assert ("whatever their umask" in found.notes[0]) == shared
    assert ("chmod g+s" in found.notes[0]) == (not shared)
    assert "guidance" in found.notes[-1]


def test_what_everybody_may_change_is_warned_of(workspace: Workspace) -> None:
    workspace.root.chmod(0o777)
    assert any("every user of this host may write here" in one for one in workspace.action("access").notes)


def test_owners_without_a_name_are_numbers(workspace: Workspace) -> None:
    if os.getuid() != 0:
        pytest.skip("giving a file away needs root")
    os.chown(workspace.root, 49_999, 49_998)
    found = workspace.action("access")
    assert (found.owner, found.group) == ("uid49999", "49998")


def test_a_role_that_does_not_exist_is_shown_and_not_a_bug(workspace: Workspace) -> None:
    settings = workspace.settings
    settings.roles = {access.who()[0]: "king"}
    assert access.of(workspace.store, settings).role == "king"


def test_it_can_be_asked_of_a_directory_with_odd_characters(home: Path, tmp_path: Path) -> None:
    ws = Workspace.init(tmp_path / "odd name")
    assert f"chmod -R g+rwX '{ws.root}'" in ws.action("access").notes[0]
