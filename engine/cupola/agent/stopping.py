"""Stopping the agent of this user and host, and what it runs; for those who need no workspace for that."""

import signal
import time
from pathlib import Path

from cupola.errors import AgentTrouble, CupolaError
from cupola.jobs import agents
from cupola.store import Store, runtime

STOPPED = "the agent was stopped with all its jobs"
LEAVING = 30.0  # seconds that the agent gets to end, and its starter with it
STOPPING = 40.0  # seconds that jobs get to end, ten of them between SIGTERM and SIGKILL


def stop(*, jobs: bool = False) -> None:
    """Stops the agent; with `jobs` also all jobs and endpoints of this user on this host. Raises AgentTrouble."""
    from cupola.agent import launching

    agents.stopped_file().write_text(runtime.boot())
    process = agents.running()
    if process is not None:
        agents.poke(stop=True)
        if not runtime.wait_end(process, LEAVING):
            runtime.send(process, signal.SIGKILL)
            runtime.wait_end(process, 10)
    launching.dismiss()  # one whose agent was killed, before this or by it
    if jobs:
        _stop_work()


def _stop_work() -> None:
    """Stops all that runs on this host for this user; kills what does not end in time, and what killed keepers left."""
    from cupola.agent import endpoints, queue
    from cupola.jobs import strays

    deadline = time.monotonic() + STOPPING
    roots = agents.registered()
    stores = [store for root in roots if (store := _open(root))]
    while left := [one for store in stores for one in queue.stop_all(store, STOPPED)] + endpoints.stop_all(stores):
        for process in left:
            if not runtime.wait_end(process, max(0.0, deadline - time.monotonic())):
                _kill(process)
    for process in strays.of(roots):
        _kill(process)


def _kill(process: runtime.Process) -> None:
    runtime.send(process, signal.SIGKILL)
    if not runtime.wait_end(process, 10):
        raise AgentTrouble(f"process {process.pid} cannot be ended, not even by SIGKILL")


def _open(root: Path) -> Store | None:
    try:
        return Store.open(root)
    except CupolaError:
        return None
