"""This user's own secret, what it signs, and the token for HTTP."""

import contextlib
import os
import stat
from pathlib import Path

from cupola.errors import Corrupt
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
    if len(text) != 64 or not set(text) <= set("0123456789abcdef"):
        raise Corrupt("this is not a secret", where=str(path), hint="remove it, and a new one is made")
    return text


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".tmp-{new_id()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w") as file:  # noqa: PTH123
            file.write(os.urandom(32).hex() + "\n")
            file.flush()
            os.fsync(descriptor)
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
