"""What the screen remembers per workspace and person: pane, filter, order, cursor, theme. Written as it changes."""

import contextlib
import hashlib
import os
from pathlib import Path

import msgspec


class PaneState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One pane, as it was left."""

    cursor: str | None = None
    filter: str = ""
    sort: str = ""
    backwards: bool = False
    tab: int = 0


class State(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The whole screen, as it was left."""

    pane: str = ""
    theme: str = ""
    panes: dict[str, PaneState] = {}
    commands: list[str] = []


class Memory:
    """Reads and writes the state of one workspace; a disk that will not have it is no trouble to anyone."""

    def __init__(self, root: str) -> None:
        home = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
        name = hashlib.sha256(root.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        self.path = Path(home) / "cupola" / "screens" / f"{name}.json"
        self._written = b""

    def read(self) -> State:
        """What was left here; a fresh state where nothing readable was."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=State)
        except (OSError, msgspec.MsgspecError):
            return State()

    def write(self, state: State) -> None:
        """Writes the state down, whole, when it is another than last time."""
        data = msgspec.json.encode(state)
        if data == self._written:
            return
        self._written = data
        temporary = self.path.with_suffix(f".{os.getpid()}")
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            temporary.write_bytes(data)
            temporary.replace(self.path)
