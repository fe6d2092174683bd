"""Stores for the tests of the store."""

from pathlib import Path

import pytest

from cupola.store import Store
from cupola.store.filesystem import Mount
from cupola.workspace import Workspace


@pytest.fixture
def store(workspace: Workspace) -> Store:
    """The store of a new workspace."""
    return workspace.store


@pytest.fixture
def distant(workspace: Workspace) -> Store:
    """The same directory as a store that believes to lie on a network mount with views that are 0.3 s late."""
    store = Store(workspace.root)
    mount = Mount("sshfs", str(workspace.root), {"dcache_timeout": "0.3"})
    store.__dict__["mount"] = mount
    return store


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory beside the workspace that nothing may reach."""
    path = tmp_path / "outside"
    path.mkdir()
    (path / "secret.txt").write_text("secret")
    return path
