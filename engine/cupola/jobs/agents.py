"""The agent of this user and host as the rest of Cupola sees it: wake it, start it, ask it to serve a workspace."""

import hashlib
import os
import socket
import sys
from pathlib import Path
from typing import Any

import msgspec

from cupola.errors import AgentTrouble
from cupola.jobs.environment import allowed
from cupola.store import Store, names, records, runtime
from cupola.store.records import Record

STARTING = 60.0


class AgentRecord(Record, kw_only=True):
    """.cupola/agents/HOST-USER.json: what an agent says of itself to the readers of a workspace.

    gateway: the base URL at which it serves the endpoints of this workspace, if it does.
    """

    host: str
    user: str
    process: runtime.Process
    started: str
    python: str
    slots: dict[str, Any] = msgspec.field(default_factory=dict)
    gateway: str | None = None


def socket_path() -> Path:
    return runtime.runtime_dir() / "agent.sock"


def agent_file() -> Path:
    return runtime.runtime_dir() / "agent.json"


def log_file() -> Path:
    return runtime.runtime_dir() / "agent.log"


def poke(**message: Any) -> bool:
    """Tells the agent to look now; whether there is an agent that could be told."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as line:
        try:
            line.sendto(msgspec.json.encode(message), str(socket_path()))
        except BlockingIOError:
            return True
        except OSError:
            return False
    return True


def ensure() -> None:
    """Sees to it that an agent is there, starting one where there is none. Raises AgentTrouble."""
    if not poke():
        start()


def tell(root: Path, job: str) -> None:
    """Tells the agent of a job; one that died since it was last seen is replaced. Raises AgentTrouble."""
    register(root)
    if not poke(workspace=str(root), job=job):
        start()


def start() -> None:
    """Starts the agent of this user and host, detached, and waits until it answers. Raises AgentTrouble."""
    import subprocess

    command = [sys.executable, "-P", "-m", "cupola.agent"]
    with log_file().open("ab") as log:
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", timeout=STARTING,
                env=allowed(os.environ), start_new_session=True, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _trouble(str(error)) from None
    if done.returncode:
        raise _trouble(_last_line())


def workspaces_dir() -> Path:
    """Where the workspaces that the agent serves are written down: on a reboot it goes on with them."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state, "cupola", "workspaces", names.who()[1])


def register(root: Path) -> None:
    """Lets the agent of this user and host serve the workspace from now on."""
    mark = workspaces_dir() / f"{hashlib.sha256(str(root).encode()).hexdigest()[:20]}.json"
    if mark.exists():
        return
    mark.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = mark.with_suffix(f".{os.getpid()}")
    fresh.write_bytes(msgspec.json.encode({"root": str(root)}))
    fresh.replace(mark)


def registered() -> list[Path]:
    """The workspaces that the agent serves."""
    marks = sorted(workspaces_dir().glob("*.json"))
    return [Path(msgspec.json.decode(mark.read_bytes())["root"]) for mark in marks]


def record_path(host: str, user: str) -> str:
    return f".cupola/agents/{host}-{user}.json"


def record(store: Store) -> AgentRecord:
    """What this user's agent on this host says of itself in a workspace. Raises NotFound."""
    user, host = names.who()
    found: AgentRecord = records.read(store, record_path(host, user), AgentRecord)
    return found


def _last_line() -> str:
    try:
        lines = log_file().read_text(errors="replace").split("\n")
    except OSError:
        return "it left no word"
    return next((line.strip() for line in reversed(lines) if line.strip()), "it left no word")


def _trouble(why: str) -> AgentTrouble:
    return AgentTrouble(f"the agent of this host cannot be started: {why}", where=str(log_file()))
