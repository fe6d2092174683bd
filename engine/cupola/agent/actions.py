"""What a user can do with the agent of this host: start it, stop it, look at it, have it start at boot."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec

from cupola.actions import Arg, action
from cupola.agent import stopping
from cupola.errors import CupolaError
from cupola.jobs import agents, attempts
from cupola.jobs.environment import allowed
from cupola.store import Store, names, runtime
from cupola.store.root import is_workspace
from cupola.workspace import Workspace


class AgentState(msgspec.Struct, kw_only=True):
    """The agent of this user and host. jobs, endpoints: what runs here of all the workspaces that it serves."""

    status: str
    host: str
    user: str
    pid: int | None = None
    started: str | None = None
    python: str | None = None
    slots: dict[str, Any] = msgspec.field(default_factory=dict)
    jobs: int = 0
    endpoints: int = 0
    gateway: str | None = None
    workspaces: list[str] = msgspec.field(default_factory=list)


@action("agent start", role="viewer", anywhere=True)
def start(ws: Workspace | None) -> AgentState:
    """Start the agent of this host, detached; it starts by itself whenever something needs it."""
    if ws:
        agents.register(ws.root)
    agents.ensure()
    if ws:
        agents.poke(workspace=str(ws.root))
    return status(ws)


@action("agent stop", role="viewer", anywhere=True)
def stop(
    ws: Workspace | None, *, jobs: Annotated[bool, Arg(help="stop the jobs and endpoints of this host too")] = False
) -> AgentState:
    """Stop the agent of this host; jobs and endpoints go on, and the next agent takes them up."""
    stopping.stop(jobs=jobs)
    return status(ws)


@action("agent status", writes=False, anywhere=True)
def status(ws: Workspace | None) -> AgentState:
    """Show the agent of this host: whether it runs, its slots, what it runs, where its gateway is."""
    user, host = names.who()
    roots = [root for root in agents.registered() if is_workspace(root)]
    process = agents.running()
    found = AgentState(
        status="Running" if process else "Stopped", host=host, user=user, workspaces=[str(root) for root in roots]
    )
    if process:
        me = agents.written()
        found.pid, found.started, found.python, found.slots = process.pid, me["started"], me["python"], me["slots"]
    for root in roots:
        _count(found, root, ws)
    return found


@action("agent log", writes=False, anywhere=True)
def log(ws: Workspace | None, *, lines: Annotated[int, Arg(help="only the last lines", short="n")] = 100) -> str:
    """Print the log of the agent of this host."""
    try:
        text = agents.log_file().read_text(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


@action("agent unit", writes=False, anywhere=True)
def unit(ws: Workspace | None) -> str:
    """Print a systemd user unit that starts the agent at boot.

    Write it to `~/.config/systemd/user/cupola-agent.service`, then `systemctl --user enable --now cupola-agent`, and
    `loginctl enable-linger` so that it runs without a login.
    """
    kept = {name: value for name, value in allowed(os.environ).items() if name.startswith(("CUPOLA_", "PYTHONPATH"))}
    variables = "".join(f'Environment="{name}={value}"\n' for name, value in sorted(kept.items()))
    return UNIT.format(python=sys.executable, variables=variables)


UNIT = """\
[Unit]
Description=Cupola agent: runs the jobs and endpoints of its user's workspaces

[Service]
Type=exec
ExecStart={python} -P -m cupola.agent --foreground
{variables}Restart=on-failure
# What it runs outlives it; the next agent takes it up.
KillMode=process
# A memory limit for each job needs a control group of its own.
Delegate=memory

[Install]
WantedBy=default.target
"""


def _count(found: AgentState, root: Path, ws: Workspace | None) -> None:
    """Adds what runs here of one workspace."""
    from cupola.serving import records as serving

    try:
        store = ws.store if ws and root == ws.root else Store.open(root)
        found.jobs += len(attempts.open_here(store))
        found.endpoints += sum(one.status == "InService" for one in serving.ls(store))
        gateway = serving.gateway(store)
    except CupolaError:
        return
    if ws and root == ws.root and gateway and gateway.process and runtime.alive(gateway.process):
        found.gateway = gateway.url
