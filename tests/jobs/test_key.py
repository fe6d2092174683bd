"""A user's key goes to another host, and nowhere else."""

from pathlib import Path

import pytest

from cupola import actions
from cupola.errors import Refused
from cupola.jobs import filing, wish
from cupola.store import secret
from cupola.workspace import Workspace


def test_a_job_is_this_users_on_every_host_that_has_the_key(
    workspace: Workspace, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filing.agents, "ensure", lambda: None)
    monkeypatch.setattr(filing.agents, "tell", lambda *_: None)
    job = filing.file(workspace.store, kind="command", command=["true"])
    shown = actions.run(workspace, "key export", path=str(tmp_path / "key"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "another"))
    assert not wish.verified(job)
    taken = actions.run(workspace, "key import", path=str(tmp_path / "key"))
    assert wish.verified(job)
    assert taken.fingerprint == shown.fingerprint == actions.run(workspace, "key show").fingerprint
    assert taken.before and Path(taken.before).exists()


def test_it_is_never_written_into_the_workspace(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="others can read"):
        actions.run(workspace, "key export", path=str(workspace.root / "key"))
    printed = actions.run(workspace, "key export")
    actions.run(workspace, "key export", path=str(tmp_path / "key"))
    actions.run(workspace, "key import", path=str(tmp_path / "key"))
    assert printed == secret.secret().hex()
    written = [path for path in workspace.root.rglob("*") if path.is_file()]
    assert not [path for path in written if printed.encode() in path.read_bytes() or b"key" in path.name.encode()]
    assert "key import" not in "".join(path.read_text(errors="replace") for path in written)
