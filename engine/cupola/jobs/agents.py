"""The agent of this user and host as the rest of Cupola sees it: wake it, start it, ask it to serve a workspace."""

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from cupola.errors import AgentTrouble, Corrupt, NotFound
from cupola.store import Store, files, names, records, runtime
from cupola.store.filesystem import mount_of
from cupola.store.records import Record
from cupola.store.root import is_workspace

STARTING = 60.0
COMMAND = [sys.executable, "-P", "-m", "cupola.agent"]


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


def stopped_file() -> Path:
    """There, with the boot in it, from when the agent was told to stop until one is started again."""
    return runtime.runtime_dir() / "agent.stopped"


def gateway_file() -> Path:
    """Which process is the gateway of this user on this host."""
    return runtime.runtime_dir() / "gateway.json"


def log_file() -> Path:
    return runtime.runtime_dir() / "agent.log"


def poke(**message: Any) -> bool:
    """Tells the agent to look now; whether there is an agent that could be told."""
    import socket  # this, as the others that are imported where they are used, costs every command milliseconds

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


def resume(store: Store) -> None:
    """Starts the agent, without waiting for it, when it went down (a reboot, a kill) and has left work to do here.

    One that was told to stop stays stopped.
    """
    if store.readonly or not workspaces_dir().is_dir() or not _mark(store.root).exists() or poke() or _is_stopped():
        return
    from cupola.jobs.wish import QUEUE

    open_wishes = any(files.listing(store, one) for one in (QUEUE, "endpoints", "schedules"))
    if not open_wishes and not wants_gateway(store.root):
        return
    import subprocess

    from cupola.jobs.environment import allowed

    with contextlib.suppress(OSError), log_file().open("ab") as log:
        subprocess.Popen(
            COMMAND, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", env=allowed(os.environ),
            start_new_session=True,
        )  # fmt: skip


def _is_stopped() -> bool:
    try:
        return stopped_file().read_text() == runtime.boot()
    except OSError:
        return False


def start() -> None:
    """Starts the agent of this user and host, detached, and waits until it answers. Raises AgentTrouble."""
    import subprocess

    from cupola.jobs.environment import allowed

    with log_file().open("ab") as log:
        begun = log.tell()
        try:
            done = subprocess.run(
                COMMAND, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", timeout=STARTING,
                env=allowed(os.environ), start_new_session=True, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _trouble(str(error)) from None
    if done.returncode:
        raise _trouble(_last_line(begun))


def say(what: str) -> None:
    """A line for the log of this process; one that a full disk does not take is lost, and nothing ends for it."""
    with contextlib.suppress(OSError):
        print(what, file=sys.stderr, flush=True)


def workspaces_dir() -> Path:
    """Where the workspaces that the agent serves are written down: on a reboot it goes on with them."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state, "cupola", "workspaces", names.who()[1])


def register(root: Path) -> None:
    """Lets the agent of this user and host serve the workspace from now on."""
    mark = _mark(root)
    if _said(mark):
        return
    mark.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write(mark, {"root": str(root), "point": mount_of(root).point})


def _write(mark: Path, said: dict[str, str]) -> None:
    fresh = mark.with_suffix(f".{os.getpid()}")
    with fresh.open("wb") as file:
        file.write(msgspec.json.encode(said))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(mark)


def want_gateway(root: Path, wanted: bool) -> None:
    """Has the agent keep a gateway up for the workspace, whether it has endpoints or not; also after a reboot."""
    register(root)
    _write(_mark(root), _said(_mark(root)) | {"gateway": "wanted" if wanted else ""})


def wants_gateway(root: Path) -> bool:
    """Whether a gateway is wanted there even without endpoints."""
    return bool(_said(_mark(root)).get("gateway"))


def is_registered(root: Path) -> bool:
    return bool(_said(_mark(root)))


def is_gone(root: Path) -> bool:
    """Whether a registered workspace is not there, although what it lay on is: it was removed or moved away."""
    point = _said(_mark(root)).get("point")
    return point is not None and not is_workspace(root) and mount_of(root).point == point


def forget(root: Path) -> None:
    """Lets the agent serve the workspace no more."""
    _mark(root).unlink(missing_ok=True)


def _mark(root: Path) -> Path:
    import hashlib

    return workspaces_dir() / f"{hashlib.sha256(str(root).encode()).hexdigest()[:20]}.json"


def registered() -> list[Path]:
    """The workspaces that the agent serves."""
    return [Path(said["root"]) for mark in sorted(workspaces_dir().glob("*.json")) if (said := _said(mark))]


def _said(mark: Path) -> dict[str, str]:
    """What is written down of a workspace; {} where nothing is, or what a power cut has left cannot be read."""
    try:
        return msgspec.json.decode(mark.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError):
        return {}


def record_path(host: str, user: str) -> str:
    return f".cupola/agents/{host}-{user}.json"


def record(store: Store, host: str | None = None) -> AgentRecord:
    """What this user's agent on a host (default: this one) says of itself in a workspace. Raises NotFound."""
    user, here = names.who()
    found: AgentRecord = records.read(store, record_path(host or here, user), AgentRecord)
    return found


def hosts(store: Store, user: str) -> list[str]:
    """The hosts on which an agent of the user has served the workspace."""
    end = f"-{user}.json"
    return [one.removesuffix(end) for one in files.listing(store, ".cupola/agents") if one.endswith(end)]


def waits_for(store: Store, job: str, user: str, host: str) -> str:
    """What a queued job of that user and host waits for, as its agent says; "" when it has not said."""
    if (user, host) == names.who() and not running():
        return "no agent runs on this host; `cupola agent start` starts it"
    try:
        found: AgentRecord = records.read(store, record_path(host, user), AgentRecord)
    except (NotFound, Corrupt):
        return ""
    return found.waiting.get(job, "")


def _last_line(begun: int) -> str:
    """The last that the log says since it was so many bytes long."""
    try:
        lines = log_file().read_bytes()[begun:].decode(errors="replace").split("\n")
    except OSError:
        return "it left no word"
    return next((line.strip() for line in reversed(lines) if line.strip()), _no_word())


def _no_word() -> str:
    room = os.statvfs(log_file().parent)
    return "there is no room left on that disk" if room.f_bavail * room.f_frsize < 4096 else "it left no word"


def _trouble(why: str) -> AgentTrouble:
    return AgentTrouble(f"the agent of this host cannot be started: {why}", where=str(log_file()))
