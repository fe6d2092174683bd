import stat
from pathlib import Path

import pytest

from cupola.errors import BadInput, Corrupt, DiskTrouble, NotFound
from cupola.store import secret


def test_the_secret_is_made_once_and_only_its_owner_may_read_it(home: Path) -> None:
    first = secret.secret()
    assert len(first) == 32 and secret.secret() == first
    assert stat.S_IMODE((home / "config" / "cupola" / "secret").stat().st_mode) == 0o600
    assert [one.name for one in (home / "config" / "cupola").iterdir()] == ["secret"]


def test_what_was_signed_is_verified_and_nothing_else(home: Path) -> None:
    mac = secret.sign(b"run this")
    assert secret.verify(b"run this", mac)
    assert not secret.verify(b"run that", mac)
    for wrong in ("", "é", mac[:-1], mac.upper(), "\ud800"):
        assert not secret.verify(b"run this", wrong)


def test_another_users_secret_does_not_verify(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mac = secret.sign(b"run this")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "another"))
    assert not secret.verify(b"run this", mac)


def test_a_secret_that_others_may_read_is_refused(home: Path) -> None:
    secret.secret()
    (home / "config" / "cupola" / "secret").chmod(0o640)
    with pytest.raises(Corrupt, match="chmod 600"):
        secret.secret()


def test_a_secret_that_is_none_is_refused(home: Path) -> None:
    secret.secret()
    (home / "config" / "cupola" / "secret").write_text("")
    with pytest.raises(Corrupt):
        secret.sign(b"")


def test_the_token_is_another_one(home: Path) -> None:
    assert len(secret.token()) == 64 and secret.token() == secret.token() != secret.secret().hex()


def test_a_secret_is_taken_to_another_host_and_the_one_there_is_kept(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, kept = secret.secret(), tmp_path / "key"
    print_of_mine = secret.fingerprint()
    secret.export(kept)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert secret.replace(kept) is None, "it is the same"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "another"))
    theirs = secret.secret()
    assert secret.fingerprint() != print_of_mine
    before = secret.replace(kept)
    assert (secret.secret(), secret.fingerprint()) == (mine, print_of_mine)
    assert before and bytes.fromhex(before.read_text().strip()) == theirs
    assert {stat.S_IMODE(one.stat().st_mode) for one in before.parent.iterdir()} == {0o600}


def test_a_secret_is_exported_over_nothing_and_taken_from_nothing_else(home: Path, tmp_path: Path) -> None:
    kept = tmp_path / "key"
    kept.write_text("notes")
    mine = secret.secret()
    with pytest.raises(DiskTrouble, match="exists"):
        secret.export(kept)
    with pytest.raises(BadInput, match="not a key"):
        secret.replace(kept)
    with pytest.raises(NotFound):
        secret.replace(tmp_path / "nowhere")
    assert secret.secret() == mine
