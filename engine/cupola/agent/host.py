"""What the agent has to give on this host: its CPUs, memory and GPUs, and processes from the warm starter."""

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cupola.agent.launching import Launcher
from cupola.jobs import cgroup, slots
from cupola.jobs.gpus import cards
from cupola.jobs.wish import Job

if TYPE_CHECKING:
    from cupola.agent.endpoints import Gateway

MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


class Host:
    """Shared by the threads that serve the workspaces."""

    def __init__(self, gateway: "Gateway") -> None:
        self.gateway = gateway
        self.cpus = sorted(os.sched_getaffinity(0))
        self.gpus = [card.index for card in cards()]
        group = cgroup.delegated()
        self.cgroup = str(group) if group else None
        self.launcher = Launcher()
        self.taking = threading.Lock()
        self.on_freed: Callable[[], None] = lambda: None

    def take(self, job: Job) -> slots.Slots | str:
        """The slots that a job wants, or the name of what there is not enough of now."""
        with self.taking:
            return slots.take(self.cpus, self.gpus, MEMORY, (job.cpus, job.gpus, job.memory))

    def freed(self) -> None:
        """Something has ended: slots may be free for somebody."""
        self.on_freed()

    def slots(self) -> dict[str, Any]:
        return {"cpus": len(self.cpus), "memory": MEMORY, "gpus": len(self.gpus)}
