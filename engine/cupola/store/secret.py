"""This user's own secret, what it signs, and the token for HTTP."""

import contextlib
import os
import stat
from pathlib import Path

from cupola.errors import BadInput, Corrupt
from cupola.store.names import new_id
from cupola.store.trouble import disk


def secret() -> bytes:
    """The key with which this user signs wishes; made once, in $XDG_CONFIG_HOME/cupola/secret (0600)."""
    return bytes.fromhex(_kept("secret"))


def token() -> str:
    """The token that this user's own HTTP clients show; made once, in $XDG_CONFIG_HOME/cupola/token (0600)."""
    return _kept("token")


def sign(data: bytes) -> str:
    """The MAC of `data` under this user's secret."""
    import hmac

    return hmac.digest(secret(), data, "sha256").hex()


def verify(data: bytes, mac: str) -> bool:
    """Whether this user has signed exactly `data`."""
    import hmac

    return hmac.compare_digest(sign(data).encode(), mac.encode("utf-8", "surrogatepass"))


def fingerprint() -> str:
    """What tells this user's secret from another, and nothing of it."""
    import hashlib

    return hashlib.sha256(b"fingerprint\0" + secret()).hexdigest()[:16]


def export(path: Path) -> None:
    """Writes the secret to a new file that only this user can read. Raises DiskTrouble, also where there is one."""
    with disk(str(path)):
        _write(path, _kept("secret"))


def replace(path: Path) -> Path | None:
    """Takes the secret in a file as this user's; where the one before it is kept, if there was another.

    Raises BadInput where that is no secret, NotFound, DiskTrouble.
    """
    with disk(str(path)), path.open("rb") as file:
        text = file.read(100).decode("ascii", "replace").strip()
    if not _is_secret(text):
        raise BadInput("this is not a key", where=str(path), hint="`cupola key export FILE` on another host writes one")
    own = config_dir() / "secret"
    with disk(str(own)):
        there = own.exists()
        if there and own.read_text().strip() == text:
            return None
        own.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft, before = own.with_name(f".tmp-{new_id()}"), own.with_name(f"secret.{new_id(4)}")
        _write(draft, text)
        if there:
            os.link(own, before)
        draft.replace(own)
    return before if there else None


def config_dir() -> Path:
    """$XDG_CONFIG_HOME/cupola."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "cupola"


def _kept(name: str) -> str:
    path = config_dir() / name
    with disk(str(path)):
        if not path.exists():
            _make(path)
        with path.open() as file:
            found = os.fstat(file.fileno())
            text = file.read().strip()
    if found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise Corrupt("others may read this secret, or it is not yours", where=str(path), hint=f"chmod 600 {path}")
    if not _is_secret(text):
        raise Corrupt("this is not a secret", where=str(path), hint="remove it, and a new one is made")
    return text


def _is_secret(text: str) -> bool:
    return len(text) == 64 and set(text) <= set("0123456789abcdef")


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".tmp-{new_id()}")
    try:
        _write(draft, os.urandom(32).hex())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w") as file:  # noqa: PTH123
        file.write(text + "\n")
        file.flush()
        os.fsync(descriptor)
