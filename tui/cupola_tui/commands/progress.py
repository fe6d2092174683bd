"""Waiting, with its progress on standard error."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cupola import waiting
from cupola.actions import Action
from cupola.references import reference
from cupola.workspace import Workspace
from cupola_tui import plain

if TYPE_CHECKING:
    from cupola.store import Store
    from cupola.store.digests import Kind

BAR = 24
SOON, EVERY = 1.0, 0.2  # seconds until the reading of a list is worth a word, and between two of them


class Progress:
    """Where a piece of work stands: one line that renews itself on a terminal, a line for each change elsewhere."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._alive = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._said = ""
        self._began = time.monotonic()
        self._next = 0.0

    def __call__(self, state: Any) -> None:
        """Takes the state of a job or an endpoint."""
        if self.quiet:
            return
        named = (one for one in ("tuning", "autopilot", "pipeline") if hasattr(state, one))
        kind = next(named, getattr(state, "kind", "endpoint"))
        what = f"request {state.request}" if hasattr(state, "request") else f"{kind} {state.name}"
        stands = plain.clean(f"{what}: {state.status}")
        if not self._alive:
            self.say(stands)
            return
        part, message = getattr(state, "progress", None), getattr(state, "message", "")
        bar = "" if part is None else f" {'━' * round(part * BAR):·<{BAR}} {part:4.0%}"
        self._renew(plain.clean(f"{stands}{bar} {time.monotonic() - self._began:.0f}s {message}"))

    def _read(self, store: "Store", kind: "Kind[Any]", found: Mapping[str, Any], of: int) -> None:
        moment = time.monotonic()
        if self._alive and not self.quiet and moment - self._began > SOON and moment > self._next:
            self._next = moment + EVERY
            self._renew(f"reading {kind.name}s: {len(found):,} of {of:,}")

    def _renew(self, line: str) -> None:
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

    @contextmanager
    def of_reading(self) -> Iterator[None]:
        """Shows how far the reading of a long list is, to somebody who looks on."""
        if not self._alive or self.quiet:
            yield
            return
        from cupola.store.reading import on_reading

        token = on_reading.set(self._read)
        try:
            yield
        finally:
            on_reading.reset(token)
            self.clear()

    def clear(self) -> None:
        if self._alive and not self.quiet:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


@contextmanager
def shown(*, quiet: bool, when: bool = True) -> Iterator[Progress]:
    """Shows what actions wait for by themselves (an import, say); those that do not write wait for what they read."""
    progress = Progress(quiet=quiet)
    with progress.of_actions() if when else progress.of_reading():
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
    if chosen.waits == "tuning":
        return f"\ncupola: tuning {result.name} goes on; stop it with: cupola tuning stop {result.name}"
    if chosen.waits == "pipeline":
        return f"\ncupola: execution {name} goes on; stop it with: cupola pipeline stop {name}"
    if chosen.waits == "request":
        return f"\ncupola: the request stays in the queue; see: cupola endpoint result {name} {result.request}"
    return f"\ncupola: job {name} goes on; stop it with: cupola job stop {name}"


def _width() -> int:
    import shutil

    return shutil.get_terminal_size().columns
