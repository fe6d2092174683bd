"""Letting MLflow's clients log to a workspace."""

import os
import signal
import time
from pathlib import Path

import msgspec

from cupola.actions import action
from cupola.errors import AgentTrouble, CupolaError
from cupola.jobs import agents
from cupola.serving import records as serving
from cupola.store import Store, files, runtime
from cupola.workspace import Workspace

COMING = 60.0  # seconds that a gateway may take to come up, or to end
VERSION = "3.17.2"  # of MLflow, whose protocol the gateway speaks; clients ask for it


class Served(msgspec.Struct, kw_only=True):
    """Where MLflow's clients log to: what `mlflow.set_tracking_uri` takes, None where nothing serves it. version: of
    MLflow, whose protocol it is."""

    url: str | None
    version: str = VERSION


@action("mlflow serve", role="viewer")
def serve(ws: Workspace) -> Served:
    """Have the gateway of this workspace run, and say where MLflow's clients log to.

    It goes on until `mlflow stop`, also after a reboot, at the same port. Processes of your own need no token; others
    put yours into MLFLOW_TRACKING_TOKEN.
    """
    agents.want_gateway(ws.root, True)
    agents.ensure()
    agents.poke(workspace=str(ws.root))
    deadline = time.monotonic() + COMING
    while (url := _url(ws)) is None:
        if time.monotonic() > deadline:
            raise AgentTrouble("the gateway has not come up", hint="`cupola agent log` says more")
        time.sleep(0.05)
    return Served(url=url)


@action("mlflow stop", role="viewer")
def stop(ws: Workspace) -> Served:
    """Let the gateway go, where no endpoint and no other workspace of yours needs it."""
    agents.want_gateway(ws.root, False)
    if not any(_needs_gateway(root) for root in agents.registered()):
        found = serving.gateway(ws.store)
        if found and found.process and runtime.alive(found.process):
            os.kill(found.process.pid, signal.SIGTERM)
            deadline = time.monotonic() + COMING
            while runtime.alive(found.process) and time.monotonic() < deadline:
                time.sleep(0.05)
    return Served(url=_url(ws))


def _url(ws: Workspace) -> str | None:
    found = serving.gateway(ws.store)
    return found.url if found and found.process and runtime.alive(found.process) else None


def _needs_gateway(root: Path) -> bool:
    try:
        return agents.wants_gateway(root) or bool(files.listing(Store.open(root), serving.DIRECTORY))
    except CupolaError:  # a mount that is gone, perhaps for a while
        return True
