"""The queue of one workspace: each look compares what is wished for with what runs, and takes the next step.

Nothing that matters is remembered between looks but what can be seen again: attempts are whoever made their
started.json, a keeper of this host is known by (boot, pid, start), one of another host by its beat, and a keeper that
is gone without a result is concluded here.
"""

import contextlib
import signal
import time
from collections.abc import Callable

import msgspec

from cupola.agent.elsewhere import Elsewhere
from cupola.agent.host import Host
from cupola.agent.launching import Launch
from cupola.agent.shares import Shares
from cupola.errors import CupolaError, NotFound
from cupola.jobs import agents, attempts, keeper, publication, strays, verdict, wish
from cupola.jobs.attempts import AttemptEnd, Started
from cupola.jobs.wish import QUEUE, Asked, Job
from cupola.store import Store, files, names, runtime

TRIES = 3  # keepers that may die before they have an attempt, until the job is given up
SOON = 1.0  # seconds that a job may wait before it is said what for
ORPHANED = 3600.0  # seconds after which a queue entry whose job never came is removed


class Queue:
    """`watch` is called with each keeper that is to wake the thread when it ends; `wake` wakes it."""

    def __init__(self, store: Store, host: Host, watch: Callable[[runtime.Process], None], wake: Callable[[], None]):
        self.store = store
        self.host = host
        self.watch = watch
        self.wake = wake
        self.shares = Shares(store)
        self.elsewhere = Elsewhere(store, host)
        self.jobs: dict[str, Job] = {}
        self.launches: dict[tuple[str, int], Launch] = {}
        self.tries: dict[tuple[str, int], int] = {}
        self.told_to_stop: set[tuple[str, int]] = set()
        self.seen_missing: dict[str, float] = {}
        self.running: list[Job] = []
        self.complaints: dict[str, str] = {}
        self.waiting: dict[str, str] = {}
        self.short_since: dict[str, float] = {}

    def reconcile(self) -> None:
        """One look at every open job; those that may start do so in the order in which they were filed."""
        entries = files.listing(self.store, QUEUE)
        self.elsewhere.begin(set(entries))
        ready: list[tuple[Job, int]] = []
        self.running = []
        for name in entries:
            try:
                number = self._step(name)
            except CupolaError as error:
                self._complain(name, str(error))
                continue
            if number:
                ready.append((self.jobs[name], number))
        self._start(sorted(ready, key=lambda one: one[0].submitted))
        for gone in self.jobs.keys() - set(entries):
            del self.jobs[gone]
        if not entries:
            self.store.shown.clear()

    def _complain(self, name: str, what: str) -> None:
        """In the agent's log, and not again until it is something else."""
        if self.complaints.get(name) != what:
            self.complaints[name] = what
            agents.say(f"{self.store.root}: job {name[:50]}: {what[:500]}")

    def _step(self, name: str) -> int:
        """Brings one job a step further; the number of its attempt that may start now, or 0."""
        job = self._job(name)
        if job is None or job.user != names.who()[0]:
            return 0
        made = attempts.numbers(self.store, job)
        number = made[-1] if made else 1
        directory = job.attempt(number)
        if end := attempts.optional(self.store, f"{directory}/result.json", AttemptEnd):
            return self._after(job, end)
        if started := attempts.optional(self.store, f"{directory}/started.json", Started):
            self.launches.pop((job.id, number), None)
            return self._running(job, number, started)
        if (job.id, number) in self.launches and not self._launch_failed(job, number):
            self.running.append(job)
            return 0
        if asked := attempts.optional(self.store, f"{directory}/stop.json", Asked):
            if not self.elsewhere.may_decide(job, number):
                return 0
            return self._conclude_unclaimed(job, number, "stopped", keeper.stopped(asked))
        return self._startable(job, number)

    def _startable(self, job: Job, number: int) -> int:
        """The attempt, when it was asked for and it is this host's turn to take it; or 0."""
        return number if self.elsewhere.may_take(job, number) and self._wanted(job, number) else 0

    def _job(self, name: str) -> Job | None:
        """The job of a queue entry, once its signature holds remembered as it was read."""
        if found := self.jobs.get(name):
            return found
        try:
            job = wish.read(
                self.store, files.read_bytes(self.store, f"{QUEUE}/{name}").decode(errors="replace").strip()
            )
        except NotFound:
            first = self.seen_missing.setdefault(name, time.monotonic())
            if time.monotonic() - first > ORPHANED:
                files.remove(self.store, f"{QUEUE}/{name}")
            return None
        if job.id != name or not wish.verified(job):
            return None
        self.jobs[name] = job
        return job

    def _wanted(self, job: Job, number: int) -> bool:
        """Whether this attempt was asked for: the first, one that follows by itself, one that its user has signed."""
        if number == 1:
            return True
        asked = attempts.optional(self.store, f"{job.attempt(number)}/filed.json", Asked)
        if asked:
            return wish.signed_retry(job, number, asked)
        before = attempts.ends(self.store, job, list(range(1, number)))
        return attempts.retries_left(job, before)

    def _after(self, job: Job, end: AttemptEnd) -> int:
        """An attempt has ended: the next one, or the end of the job's stay in the queue."""
        for key in [key for key in self.told_to_stop if key[0] == job.id]:
            self.told_to_stop.discard(key)
        if not publication.is_done(self.store, job, end):
            if not self._may_publish(job, end):
                return 0
            publication.publish(self.store, job, end)
        if attempts.tried_again(self.store, job, end):
            following = end.attempt + 1
            return self._startable(job, following) if not self._launching(job, following) else 0
        files.remove(self.store, f"{QUEUE}/{job.id}")
        if max(attempts.numbers(self.store, job), default=0) > end.attempt:  # somebody has just had it tried again
            wish.enqueue(self.store, job)
        return 0

    def _may_publish(self, job: Job, end: AttemptEnd) -> bool:
        """Whether it is on this agent to publish what an attempt has left, since its keeper cannot any more."""
        started = attempts.optional(self.store, f"{job.attempt(end.attempt)}/started.json", Started)
        if started and attempts.is_here(started):
            return not runtime.alive(started.keeper)
        return self.elsewhere.may_decide(job, end.attempt)

    def _launching(self, job: Job, number: int) -> bool:
        return (job.id, number) in self.launches and not self._launch_failed(job, number)

    def _running(self, job: Job, number: int, started: Started) -> int:
        """An attempt that somebody has: told to stop when that is wished, concluded when its keeper is gone."""
        if started.user != names.who()[0]:
            return 0
        if not attempts.is_here(started):
            return self._running_elsewhere(job, started)
        if runtime.alive(started.keeper):
            self.running.append(job)
            self.watch(started.keeper)
            if (job.id, number) not in self.told_to_stop and attempts.optional(
                self.store, f"{job.attempt(number)}/stop.json", Asked
            ):
                self.told_to_stop.add((job.id, number))
                runtime.send(started.keeper, signal.SIGUSR1)
            return 0
        if end := attempts.optional(self.store, f"{job.attempt(number)}/result.json", AttemptEnd):
            return self._after(job, end)
        killed = strays.end(started, str(self.store.root / job.attempt(number)))
        reason = "its keeper was killed, or its disk failed"
        if killed:
            reason += f"; {killed} processes of it that were left were ended"
        return self._conclude_gone(job, "interrupted", reason, started)

    def _running_elsewhere(self, job: Job, started: Started) -> int:
        """An attempt whose keeper is no process of this host as it runs now."""
        if attempts.is_of_an_earlier_boot(started):
            return self._conclude_gone(job, "interrupted", "the host went down while it ran", started)
        if self.elsewhere.lost(job, started):
            reason = f"{started.host} was not heard of for {self.store.mount.lease_seconds:.0f} s"
            return self._conclude_gone(job, "lost", f"{reason}; {names.who()[1]} took the job over", started)
        return 0

    def _conclude_gone(self, job: Job, cause: str, reason: str, started: Started) -> int:
        """Ends an attempt whose keeper is gone; one that was to stop has stopped, and is not tried again."""
        if asked := attempts.optional(self.store, f"{job.attempt(started.attempt)}/stop.json", Asked):
            cause, reason = "stopped", keeper.stopped(asked)
        return self._conclude(job, started.attempt, cause, reason, started.started)

    def _conclude_unclaimed(self, job: Job, number: int, cause: str, reason: str) -> int:
        """Ends an attempt that never started: claimed like any other, so that no keeper can have it as well."""
        mine = Started(attempt=number, nonce=names.new_id(), **attempts.by_this_process())
        if not attempts.begin(self.store, job, mine):
            return 0
        return self._conclude(job, number, cause, reason)

    def _conclude(self, job: Job, number: int, cause: str, reason: str, started: str | None = None) -> int:
        found = verdict.forced(cause, reason, None)
        end = AttemptEnd(
            attempt=number, started=started, ended=names.now(), host=names.who()[1], **found._asdict()
        )  # fmt: skip
        if not attempts.record_end(self.store, job, end):
            return 0
        return self._after(job, end)

    def _launch_failed(self, job: Job, number: int) -> bool:
        """Whether the keeper that was asked for is gone without having made started.json."""
        found = self.launches[job.id, number]
        if not found.failed and (found.process is None or runtime.alive(found.process)):
            if found.process:
                self.watch(found.process)
            return False
        directory = job.attempt(number)
        if attempts.optional(self.store, f"{directory}/started.json", Started):
            return False
        del self.launches[job.id, number]
        if found.process:
            self.tries[job.id, number] = self.tries.get((job.id, number), 0) + 1
        return True

    def _start(self, ready: list[tuple[Job, int]]) -> None:
        """First come, first served; who waits for GPUs or memory holds up only those that want some too."""
        short: set[str] = set()
        waits: dict[str, str] = {}
        for job, number in ready:
            wants = {"cpus": job.cpus, "gpus": job.gpus, "memory": job.memory}
            if behind := next((kind for kind in wants if kind in short and wants[kind]), None):
                waits[job.id] = _waits(job, behind)
                continue
            if self.tries.get((job.id, number), 0) >= TRIES:
                why = "its keeper could not be started; `cupola agent log` says why"
                self._conclude_unclaimed(job, number, "start", why)
                continue
            if kind := self.shares.never(job):
                waits[job.id] = f"it wants {_amount(job, kind)}; workspace.toml lets its jobs have less: [slots] {kind}"
                continue
            if kind := self.shares.exceeded(job, self.running):
                short.add(kind)
                waits[job.id] = f"{_waits(job, kind)}; workspace.toml bounds what its jobs use together"
                continue
            if not self._unchanged(job):
                continue
            held = self.host.take(job)
            if isinstance(held, str):
                short.add(held)
                waits[job.id] = _waits(job, held)
                continue
            grant = keeper.Grant(cpus=held.cpus, gpus=held.gpus, cgroup=self.host.cgroup)
            self._launch(job, number, grant, held.descriptors)
            held.close()
        self._say_what_waits(waits)

    def _say_what_waits(self, waits: dict[str, str]) -> None:
        """What is worth saying of: jobs that have waited a while."""
        moment = time.monotonic()
        self.short_since = {one: self.short_since.get(one, moment) for one in waits}
        self.waiting = {one: why for one, why in waits.items() if moment - self.short_since[one] >= SOON}

    def _unchanged(self, job: Job) -> bool:
        """Whether its file still says what was read; if not, it is read anew at the next look."""
        now = wish.readable(self.store, job.directory_in_store)
        if now is not None and now.payload() == job.payload():
            return True
        del self.jobs[job.id]
        return False

    def _launch(self, job: Job, number: int, grant: keeper.Grant, descriptors: list[int]) -> None:
        text = msgspec.json.encode(grant).decode().replace('"descriptors":[]', '"descriptors":{fds}')
        argv = [str(self.store.root), job.directory_in_store, str(number), text]
        launch = self.host.launcher.launch("cupola.jobs.keeper", argv, descriptors, self.wake)
        self.running.append(job)
        self.launches[job.id, number] = launch


def _waits(job: Job, kind: str) -> str:
    return f"it waits for {_amount(job, kind)} to be free"


def _amount(job: Job, kind: str) -> str:
    if kind == "memory":
        return f"{(job.memory or 0) / 2**20:.0f} MB of memory"
    count = getattr(job, kind)
    return f"{count} {kind[:-1].upper()}{'s' * (count > 1)}"


def stop_all(store: Store, reason: str) -> list[runtime.Process]:
    """Asks that every job of this user and host that runs in a workspace be stopped; their keepers."""
    user, host = names.who()
    asked = Asked(user=user, host=host, time=names.now(), reason=reason)
    keepers = []
    for job, started in attempts.kept_here(store):
        with contextlib.suppress(CupolaError):
            if not attempts.ends(store, job, [started.attempt]):
                files.create_bytes(store, f"{job.attempt(started.attempt)}/stop.json", msgspec.json.encode(asked))
        runtime.send(started.keeper, signal.SIGUSR1)
        keepers.append(started.keeper)
    return keepers
