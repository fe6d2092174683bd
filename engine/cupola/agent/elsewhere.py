"""The jobs of this user that other hosts have filed or have: when this host may take them.

Its user's jobs may run on any host that can run them. The one where a job was filed is told of it and takes it at
once; the others leave it alone until they have seen it, by their own clocks, unclaimed for some seconds. One that
another host has is taken over when its beat has stood still for the lease.
"""

import time

from cupola.agent.host import MEMORY, Host
from cupola.jobs import attempts, moved
from cupola.jobs.attempts import Started
from cupola.jobs.wish import Job
from cupola.store import Store, claims, names

PREFERRED = 4.0  # seconds that a job is left to the host where it was filed
AT_ONCE = float("-inf")  # since when one is unclaimed that this host has called lost
AWAY = 3.0  # seconds between two looks that are no sign of a mount, or of this host, having hung

Key = tuple[str, int]


class Elsewhere:
    """What this host has seen, by its own clock, of attempts that are not its own."""

    def __init__(self, store: Store, host: Host) -> None:
        self.store = store
        self.host = host
        self.unclaimed: dict[Key, float] = {}
        self.leases: dict[Key, tuple[claims.Claim, claims.Lease]] = {}
        self.looked = time.monotonic()

    def begin(self, open_jobs: set[str]) -> None:
        """Begins a look. Time in which this host could not look proves nothing: all is then watched anew."""
        moment = time.monotonic()
        if moment - self.looked > max(AWAY, self.store.mount.lease_seconds / 3):
            self.leases.clear()
            self.unclaimed = {key: since for key, since in self.unclaimed.items() if since == AT_ONCE}
        self.looked = moment
        for seen in (self.unclaimed, self.leases):
            for key in [key for key in seen if key[0] not in open_jobs]:
                del seen[key]

    def may_decide(self, job: Job, number: int) -> bool:
        """Whether it is on this host to say what becomes of an attempt that nobody has."""
        me = names.who()[1]
        if job.only_on:
            return job.only_on == me
        if job.host == me:
            return True
        moment = time.monotonic()
        return moment - self.unclaimed.setdefault((job.id, number), moment) > PREFERRED

    def may_take(self, job: Job, number: int) -> bool:
        """Whether an attempt that nobody has may start here."""
        return self.may_decide(job, number) and (job.host == names.who()[1] or self._can_run(job))

    def lost(self, job: Job, started: Started) -> bool:
        """Whether an attempt of another host has been silent for the lease, and this one can take its job over."""
        if job.only_on or not self._can_run(job):
            return False
        key = job.id, started.attempt
        if key not in self.leases:
            claim = attempts.claim(self.store, job, started)
            self.leases[key] = claim, claims.Lease(claim.lease_seconds)
        claim, lease = self.leases[key]
        claims.look(self.store, claim)
        if not lease.expired(claim):
            return False
        self.unclaimed[job.id, started.attempt + 1] = AT_ONCE
        return True

    def _can_run(self, job: Job) -> bool:
        enough = job.cpus <= len(self.host.cpus) and job.gpus <= len(self.host.gpus) and (job.memory or 0) <= MEMORY
        return enough and moved.can_run(self.store, job)
