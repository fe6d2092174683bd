import stat
from pathlib import Path

import pytest

from cupola.errors import Corrupt
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
