"""What the screen remembers per workspace and person: pane, filter, order, cursor, theme. Written as it changes."""

import contextlib
import hashlib
import os
import threading
from pathlib import Path

import msgspec


class PaneState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One pane, as it was left. columns: fields to show, of a view; [] for those of the pane."""

    cursor: str | None = None
    filter: str = ""
    sort: str = ""
    backwards: bool = False
    tab: int = 0
    columns: list[str] = []


class State(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The whole screen, as it was left. rows: those that were last sent to an endpoint, as they were typed, the oldest
    first; the endpoint that was asked last is the last."""

    pane: str = ""
    theme: str = ""
    panes: dict[str, PaneState] = {}
    commands: list[str] = []
    rows: dict[str, list[dict[str, str]]] = {}


LAST = 2.0  # seconds that the last write has before the screen ends without it


class Memory:
    """Reads and writes the state of one workspace; a disk that will not have it is no trouble to anyone.

    A thread writes, since a home may lie on a slow disk (7 ms a key on a busy one, seen) or on a mount that hangs.
    """

    def __init__(self, root: str) -> None:
        home = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
        name = hashlib.sha256(root.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        self.path = Path(home) / "cupola" / "screens" / f"{name}.json"
        self._lock = threading.Lock()
        self._newest = self._written = b""
        self._writer: threading.Thread | None = None

    def read(self) -> State:
        """What was left here; a fresh state where nothing readable was."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=State)
        except (OSError, msgspec.MsgspecError):
            return State()

    def write(self, state: State) -> None:
        """Has the state written down at once, when it is another than last time."""
        data = msgspec.json.encode(state)
        with self._lock:
            self._newest = data
            if data != self._written and self._writer is None:
                self._writer = threading.Thread(target=self._catch_up, daemon=True, name="state")
                self._writer.start()

    def settle(self) -> None:
        """Waits until what was to be written is, though not for long."""
        writer = self._writer
        if writer is not None:
            writer.join(LAST)

    def _catch_up(self) -> None:
        """Writes the newest state, whole, until there is no newer one."""
        while True:
            with self._lock:
                data = self._newest
                if data == self._written:
                    self._writer = None
                    return
            temporary = self.path.with_suffix(f".{os.getpid()}")
            with contextlib.suppress(OSError):
                self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                temporary.write_bytes(data)
                temporary.replace(self.path)
            self._written = data
