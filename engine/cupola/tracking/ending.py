"""The end of a script: by itself, by an exception, in a process that multiprocessing has started."""

import atexit
import os
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

End = Callable[[BaseException | None], None]
_watched: End | None = None
_died: BaseException | None = None


def of(error: BaseException | None) -> tuple[str, str]:
    """The status and the reason of a run that ended with this exception, or without one."""
    if error is None or isinstance(error, GeneratorExit) or _is_success(error):
        return "Completed", ""
    if isinstance(error, KeyboardInterrupt):
        return "Stopped", "it was interrupted from the keyboard"
    if isinstance(error, SystemExit):
        return "Failed", f"the script ended with exit status {error.code}"
    text = str(error).strip()
    return "Failed", f"{type(error).__name__}: {text}"[:2000] if text else type(error).__name__


def watch(end: End) -> None:
    """Calls `end` when the script is over, with the exception that it died of; asked for once a process."""
    global _watched
    if _watched is not None:
        return
    _watched = end
    sys.excepthook = _Hook(sys.excepthook)
    atexit.register(_over)
    pool = sys.modules.get("multiprocessing.util")
    if pool is not None:  # its processes end without atexit
        pool.Finalize(None, _over, exitpriority=10)


class _Hook:
    """The hook that was there, and a look at what it is called with."""

    def __init__(self, before: Callable[..., Any]) -> None:
        self.before = before

    def __call__(self, kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        global _died
        _died = error
        self.before(kind, error, traceback)


def _is_success(error: BaseException) -> bool:
    return isinstance(error, SystemExit) and error.code in (None, 0)


def _over() -> None:
    if _watched is not None:
        _watched(_died)


def _in_child() -> None:
    global _watched
    _watched = None


os.register_at_fork(after_in_child=_in_child)
