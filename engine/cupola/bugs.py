"""Where the traceback of a bug goes: never to a screen, always to one file of the user's."""

import os
import traceback
from datetime import UTC, datetime
from pathlib import Path

from cupola.errors import ErrorInfo

LIMIT = 1_000_000


def log_path() -> Path:
    """The user's log: $XDG_STATE_HOME/cupola/cupola.log, by default below ~/.local/state."""
    home = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(home) / "cupola" / "cupola.log"


def told(error: BaseException) -> ErrorInfo:
    """Writes the traceback down, and gives what to say instead."""
    path = write_down(error)
    message = f"a bug in Cupola: {type(error).__name__}: {error}"
    return ErrorInfo(kind="Bug", message=message, hint=f"the traceback is in {path}")


def write_down(error: BaseException) -> Path:
    """Adds the traceback of `error` to the log, and says where it is. A log that cannot be written is no second bug."""
    path = log_path()
    text = "".join(traceback.format_exception(error))
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.exists() and path.stat().st_size > LIMIT:
            path.replace(path.with_suffix(".log.1"))
        with path.open("a", encoding="utf-8", errors="backslashreplace") as log:
            log.write(f"--- {datetime.now(UTC).isoformat(timespec='seconds')} pid {os.getpid()}\n{text}")
    except OSError:
        pass
    return path
