"""Waiting, with its progress on standard error."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cupola import waiting
from cupola.actions import Action
from cupola.references import reference
from cupola.workspace import Workspace
from cupola_tui import plain

BAR = 24


class Progress:
    """Where a piece of work stands: one line that renews itself on a terminal, a line for each change elsewhere."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._alive = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._said = ""
        self._began = time.monotonic()

    def __call__(self, state: Any) -> None:
        """Takes the state of a job or an endpoint."""
        if self.quiet:
            return
        what = f"{state.kind} {state.name}" if hasattr(state, "kind") else f"endpoint {state.name}"
        stands = plain.clean(f"{what}: {state.status}")
        if not self._alive:
            self.say(stands)
            return
        part, message = getattr(state, "progress", None), getattr(state, "message", "")
        bar = "" if part is None else f" {'━' * round(part * BAR):·<{BAR}} {part:4.0%}"
        line = plain.clean(f"{stands}{bar} {time.monotonic() - self._began:.0f}s {message}")
        sys.stderr.write(f"\r\x1b[K{line[: _width() - 1]}")
        sys.stderr.flush()

    def say(self, line: str) -> None:
        """A line that stays."""
        if self.quiet or line == self._said:
            return
        self._said = line
        self.clear()
        print(line, file=sys.stderr, flush=True)

    @contextmanager
    def of_actions(self) -> Iterator[None]:
        """Shows what actions wait for by themselves."""
        with waiting.progress_to(self):
            try:
                yield
            finally:
                with contextlib.suppress(OSError):
                    self.clear()

    def clear(self) -> None:
        if self._alive and not self.quiet:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


@contextmanager
def shown(*, quiet: bool, when: bool = True) -> Iterator[Progress]:
    """Shows what actions wait for by themselves (an import, say); those that do not write wait for nothing."""
    progress = Progress(quiet=quiet)
    with progress.of_actions() if when else contextlib.nullcontext():
        yield progress


def wait(workspace: Workspace, chosen: Action, result: Any, progress: Progress) -> Any:
    """What --wait does; Ctrl-C ends the waiting, not the work, and says so."""
    try:
        return waiting.wait(workspace, chosen, result, progress=progress)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(going_on(workspace, chosen, result)) from None


def going_on(workspace: Workspace, chosen: Action, result: Any) -> str:
    """What goes on when nobody waits any more, and how it is stopped."""
    name = getattr(result, "job", None) or reference(result)
    if chosen.waits == "endpoint":
        return f"\ncupola: endpoint {name} goes on; stop it with: cupola endpoint rm {name}"
    return f"\ncupola: job {name} goes on; stop it with: cupola job stop {name}"


def _width() -> int:
    import shutil

    return shutil.get_terminal_size().columns
