"""The agent of this user and host as the rest of Cupola sees it: wake it, start it, ask it to serve a workspace."""

import hashlib
import os
import socket
import sys
from pathlib import Path
from typing import Any

import msgspec

from cupola.errors import AgentTrouble, Corrupt, NotFound
from cupola.jobs.environment import allowed
from cupola.store import Store, names, records, runtime
from cupola.store.records import Record

STARTING = 60.0


class AgentRecord(Record, kw_only=True):
    """.cupola/agents/HOST-USER.json: what an agent says of itself to the readers of a workspace.

    gateway: the base URL at which it serves the endpoints of this workspace, if it does. waiting: what each job that
    cannot start yet waits for, in a sentence.
    """

    host: str
    user: str
    process: runtime.Process
    started: str
    python: str
    slots: dict[str, Any] = msgspec.field(default_factory=dict)
    gateway: str | None = None
    waiting: dict[str, str] = msgspec.field(default_factory=dict)


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


def written() -> dict[str, Any]:
    """agent.json: what the agent says of itself to this host. Raises OSError."""
    found: dict[str, Any] = msgspec.json.decode(agent_file().read_bytes())
    return found


def running() -> runtime.Process | None:
    """The agent's process, when it runs."""
    try:
        process = msgspec.convert(written()["process"], runtime.Process)
    except (OSError, msgspec.MsgspecError, KeyError):
        return None
    return process if runtime.alive(process) else None


def slots() -> dict[str, int]:
    """How many CPUs and GPUs and how many bytes of memory the agent has to give; empty when it does not say."""
    try:
        found: dict[str, int] = written()["slots"]
    except (OSError, msgspec.MsgspecError, KeyError):
        return {}
    return found


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


def waits_for(store: Store, job: str, user: str, host: str) -> str:
    """What a queued job of that user and host waits for, as its agent says; "" when it has not said."""
    if (user, host) == names.who() and not running():
        return "no agent runs on this host; `cupola agent start` starts it"
    try:
        found: AgentRecord = records.read(store, record_path(host, user), AgentRecord)
    except (NotFound, Corrupt):
        return ""
    return found.waiting.get(job, "")


def _last_line() -> str:
    try:
        lines = log_file().read_text(errors="replace").split("\n")
    except OSError:
        return "it left no word"
    return next((line.strip() for line in reversed(lines) if line.strip()), _no_word())


def _no_word() -> str:
    room = os.statvfs(log_file().parent)
    return "there is no room left on that disk" if room.f_bavail * room.f_frsize < 4096 else "it left no word"


def _trouble(why: str) -> AgentTrouble:
    return AgentTrouble(f"the agent of this host cannot be started: {why}", where=str(log_file()))
