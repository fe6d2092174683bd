import os
from pathlib import Path

import pytest

from cupola.errors import DiskTrouble
from cupola.store import files, settling
from cupola.workspace import Workspace


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was synced, by its path."""
    found: list[str] = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        found.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    return found


def test_what_was_written_without_a_sync_has_none_and_is_settled_with_its_names(
    workspace: Workspace, synced: list[str]
) -> None:
    files.write_bytes(workspace.store, "a/b/c.json", b"{}", durable=False)
    assert synced == []
    settling.settle(workspace.store, ["a/b/c.json", "a/gone.json"])
    root = workspace.root
    assert synced == [str(one) for one in (root / "a/b/c.json", root / "a/b", root / "a", root)]


def test_many_are_settled_by_one_call(workspace: Workspace, synced: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[Path] = []

    class Libc:
        def syncfs(self, descriptor: int) -> int:
            called.append(Path(f"/proc/self/fd/{descriptor}").readlink())
            return 0 if len(called) == 1 else -1

    monkeypatch.setattr(settling, "libc", Libc())
    paths = [f"many/{number}.json" for number in range(settling.SEVERAL)]
    for path in paths:
        files.write_bytes(workspace.store, path, b"{}", durable=False)
    settling.settle(workspace.store, paths)
    assert (called, synced) == ([workspace.root], [])
    with pytest.raises(DiskTrouble):
        settling.settle(workspace.store, paths)
