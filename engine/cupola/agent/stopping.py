"""Stopping the agent of this user and host, and what it runs; for those who need no workspace for that."""

import signal
import time
from pathlib import Path

from cupola.errors import AgentTrouble, CupolaError
from cupola.jobs import agents
from cupola.store import Store, runtime

STOPPED = "the agent was stopped with all its jobs"
STOPPING = 40.0  # seconds that jobs get to end, ten of them between SIGTERM and SIGKILL


def stop(*, jobs: bool = False) -> None:
    """Stops the agent; with `jobs` also all jobs and endpoints of this user on this host. Raises AgentTrouble."""
    process = agents.running()
    if process is not None:
        agents.poke(stop=True)
        if not runtime.wait_end(process, 15):
            runtime.send(process, signal.SIGKILL)
            runtime.wait_end(process, 10)
    if jobs:
        _stop_work()


def _stop_work() -> None:
    """Stops all that runs on this host for this user, and waits till it has ended."""
    from cupola.agent import endpoints, queue

    deadline = time.monotonic() + STOPPING
    stores = [store for root in agents.registered() if (store := _open(root))]
    while left := [one for store in stores for one in queue.stop_all(store, STOPPED) + endpoints.stop_all(store)]:
        for process in left:
            if not runtime.wait_end(process, max(0.0, deadline - time.monotonic())):
                raise AgentTrouble(f"what it runs has not ended: process {process.pid} still does")


def _open(root: Path) -> Store | None:
    try:
        return Store.open(root)
    except CupolaError:
        return None
