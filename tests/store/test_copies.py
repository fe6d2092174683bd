import shutil
from pathlib import Path

import pytest

from cupola.store import Store
from cupola.store.copies import copy_id
from cupola.workspace import Workspace


def test_each_copy_on_each_host_has_a_writer_of_its_own(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (Workspace.init(tmp_path / name).store for name in ("one", "two"))
    assert first.writer != second.writer
    assert Store.open(first.root).writer == first.writer
    monkeypatch.setenv("CUPOLA_HOST", "elsewhere")
    assert Store.open(first.root).copy != first.copy
    assert Store.open(first.root).writer.startswith("elsewhere-")


def test_a_workspace_reached_by_a_symlink_is_the_same_copy(home: Path, tmp_path: Path) -> None:
    store = Workspace.init(tmp_path / "one").store
    (tmp_path / "link").symlink_to(tmp_path / "one")
    assert Store.open(tmp_path / "link").writer == store.writer


def test_a_home_that_cannot_be_written_still_gives_one_name(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "file"))
    assert copy_id(tmp_path) == copy_id(tmp_path)


def test_a_copy_in_the_place_of_one_that_was_moved_away_is_another(home: Path, tmp_path: Path) -> None:
    store = Workspace.init(tmp_path / "here").store
    writer = store.writer
    shutil.copytree(store.root, tmp_path / "copy")
    store.root.rename(tmp_path / "moved")
    (tmp_path / "copy").rename(store.root)
    names = {Store.open(tmp_path / name).writer for name in ("here", "moved")}
    assert len(names | {writer}) == 3
