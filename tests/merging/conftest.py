"""Two copies of a workspace, each with a writer of its own."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cupola.merging.merge import merge
from cupola.merging.records import Merged
from cupola.workspace import Workspace

Merging = Callable[..., Merged]


@pytest.fixture
def here(workspace: Workspace) -> Workspace:
    return workspace


@pytest.fixture
def there(here: Workspace, tmp_path: Path) -> Callable[[], Workspace]:
    """Makes the other copy, of what there is by now."""

    def copy() -> Workspace:
        shutil.copytree(here.root, tmp_path / "there", symlinks=True)
        return Workspace.open(tmp_path / "there")

    return copy


@pytest.fixture
def merges() -> Merging:
    """Merges the second workspace into the first."""

    def run(into: Workspace, other: Workspace, *, dry_run: bool = False) -> Merged:
        return merge(into.store, other.root, dry_run=dry_run, tell=lambda share, path: None)

    return run
