"""The keeper of one attempt of a job: starts it, holds its slots and its limits, and writes what became of it.

Forked by the warm starter into a session of its own, it outlives agent and starter. The job dies with it (the kernel's
parent-death signal), so that a keeper that was killed leaves no job behind that nobody watches.
"""

import contextlib
import os
import resource
import secrets
import select
import signal
import sys
import time
from typing import Any

import msgspec

from cupola.errors import CupolaError, ErrorInfo
from cupola.jobs import attempts, cgroup, child, launch, memory, tree, verdict, wish
from cupola.jobs.attempt import run_directory
from cupola.jobs.attempts import AttemptEnd, Started
from cupola.jobs.output import Log, Metrics
from cupola.jobs.wish import Asked, Job
from cupola.store import Store, feed, files, names, runtime

GRACE = 10.0  # seconds between SIGTERM and SIGKILL
TICK = 0.15  # seconds between looks at the memory
LOOK = 0.5  # seconds between looks for a stop that nobody told of
AFTERLIFE = 2.0  # seconds that the processes which a job leaves behind get to end


class Grant(msgspec.Struct, kw_only=True):
    """What the agent has taken for the attempt; the descriptors that hold it are inherited."""

    cpus: list[int] = msgspec.field(default_factory=list)
    gpus: list[int] = msgspec.field(default_factory=list)
    cgroup: str | None = None
    descriptors: list[int] = msgspec.field(default_factory=list)


def main(argv: list[str]) -> int:
    """Keeps an attempt. argv: workspace, the job's directory in it, the attempt's number, the Grant as JSON."""
    root, directory, number, grant = argv
    store = Store.open(root)
    job = wish.read(store, directory)
    if not wish.verified(job):
        print(f"{directory}/job.json is not what its user signed", file=sys.stderr)
        return 1
    Keeper(store, job, int(number), msgspec.json.decode(grant, type=Grant)).keep()
    return 0


class Keeper:
    """One attempt under way. `cause` and `because`: why its keeper has ended it, once it has."""

    def __init__(self, store: Store, job: Job, number: int, grant: Grant) -> None:
        self.store = store
        self.job = job
        self.grant = grant
        self.number = number
        self.directory = job.attempt(number)
        self.seed = secrets.randbits(32)
        self.started = names.now()
        self.begun = time.monotonic()
        self.group = cgroup.make(grant.cgroup, f"job-{job.id}-{number}", job.memory)
        self.pid = 0
        self.status: int | None = None
        self.cause = ""
        self.because = ""
        self.kill_at: float | None = None
        self.peak = 0
        self.next_look = 0.0

    def keep(self) -> None:
        """Starts it, sees it through, and leaves result.json; does nothing when another keeper has this attempt."""
        self.wake = _signals()
        child.libc.prctl(child.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        plan = launch.plan(self.store, self.job, self.number, self.grant.cpus, self.grant.gpus, self.seed)
        if isinstance(plan, str):
            self.cause, self.because = "start", plan
            if self._claim(warm=False):
                self._result()
            return
        output, go, trouble = self._fork(plan)
        if not self._claim(warm=plan.entry is not None):
            return
        os.write(go, b"g")
        feed.announce(self.store, "job", self.job.id, 0)
        self.log = Log(files.absolute(self.store, f"{self.directory}/log.txt"))
        self.metrics = Metrics(self.store, self._metrics_path(), self.job.metrics)
        self._watch(output)
        self._clear(output)
        self.log.close()
        self.metrics.close()
        if said := os.read(trouble, 4096):
            self.cause, self.because = "start", f"it could not be started: {said.decode(errors='replace')}"
        self._result()

    def _fork(self, plan: child.Plan) -> tuple[int, int, int]:
        """Forks the process that is to be the job: what it writes, how to let it go, what kept it from starting."""
        output, writing = os.pipe2(os.O_CLOEXEC)
        waiting, go = os.pipe2(os.O_CLOEXEC)
        trouble, saying = os.pipe2(os.O_CLOEXEC)
        keeper = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            private = [output, go, trouble, *self.wake, *self.grant.descriptors]
            child.become(plan, child.Line(writing, waiting, saying, private), keeper)
        for descriptor in (writing, waiting, saying):
            os.close(descriptor)
        os.set_blocking(output, False)
        if self.group:
            self.group.add(self.pid)
        return output, go, trouble

    def _claim(self, warm: bool) -> bool:
        """Makes started.json: whoever makes it has the attempt."""
        user, host = names.who()
        held_by = None if self.job.memory is None else "cgroup" if self.group else "watch"
        mine = Started(
            attempt=self.number, keeper=runtime.current(), process=runtime.of(self.pid) if self.pid else None,
            user=user, host=host, started=self.started, cpus=self.grant.cpus, gpus=self.grant.gpus,
            memory=self.job.memory, memory_held_by=held_by, warm=warm, seed=self.seed if warm else None,
        )  # fmt: skip
        return files.create_bytes(self.store, f"{self.directory}/started.json", _pretty(mine))

    def _metrics_path(self) -> str:
        directory = run_directory(self.job.run, self.number) if self.job.run else self.directory
        return f"{directory}/metrics.jsonl"

    def _watch(self, output: int) -> None:
        """Until the job's own process has ended."""
        handle = os.pidfd_open(self.pid)
        poll = select.poll()
        for descriptor in (output, handle, self.wake[0]):
            poll.register(descriptor, select.POLLIN)
        while self.status is None:
            wait = TICK if self.job.memory and not self.group else LOOK
            for descriptor, _ in poll.poll(wait * 1000):
                if descriptor == output and not self._read(output):
                    poll.unregister(output)
                elif descriptor == self.wake[0]:
                    self._woken()
            self._look(wait)
            self._reap()
        os.close(handle)

    def _read(self, output: int) -> bool:
        """Takes what the job has written; False at its end."""
        try:
            data = os.read(output, 1 << 18)
        except BlockingIOError:
            return True
        self.log.write(data)
        self.metrics.feed(data)
        return bool(data)

    def _woken(self) -> None:
        numbers = os.read(self.wake[0], 256)
        self.next_look = 0.0
        if signal.SIGTERM in numbers:
            self._end("interrupted", "its keeper was told to end, as when the host shuts down")

    def _look(self, wait: float) -> None:
        """Looks at stop wishes and limits, no more often than every `wait` seconds."""
        moment = time.monotonic()
        if self.kill_at is not None and moment >= self.kill_at:
            tree.signal_all(os.getpid(), signal.SIGKILL)
        if moment < self.next_look:
            return
        self.next_look = moment + wait
        self.log.write(b"")
        used = memory.used([one.pid for one in tree.descendants(os.getpid())], self.job.memory)
        self.peak = max(self.peak, used)
        if self.job.memory and used > self.job.memory and not self.group:
            self._end("memory", _over(self.job.memory, used), grace=0)
        if self.job.max_runtime and moment - self.begun > self.job.max_runtime:
            self._end("runtime", f"it ran longer than its {self.job.max_runtime:g} s")
        if not self.cause and (asked := attempts.optional(self.store, f"{self.directory}/stop.json", Asked)):
            self._end("stopped", stopped(asked))

    def _end(self, cause: str, because: str, grace: float = GRACE) -> None:
        if self.cause:
            return
        self.cause, self.because = cause, because
        self.kill_at = time.monotonic() + grace
        if grace:
            tree.signal_all(os.getpid(), signal.SIGTERM)
            tree.signal_all(os.getpid(), signal.SIGCONT)
        else:
            tree.signal_all(os.getpid(), signal.SIGKILL)

    def _reap(self) -> None:
        """Takes the ends of the job and of those that it has left to us."""
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self.pid:
                    self.status = ended[1]

    def _clear(self, output: int) -> None:
        """Ends what the job has left running, and takes the last of what they wrote."""
        deadline = time.monotonic() + AFTERLIFE
        tree.signal_all(os.getpid(), signal.SIGTERM)
        poll = select.poll()
        poll.register(output, select.POLLIN)
        reading = True
        while True:
            self._reap()
            left = tree.children(os.getpid())
            if not left and not reading:
                break
            if left and time.monotonic() > deadline:
                tree.signal_all(os.getpid(), signal.SIGKILL)
            if not reading:
                time.sleep(0.02)
            elif poll.poll(20 if left else 0):
                reading = self._read(output)
            else:
                reading = bool(left)
        os.close(output)

    def _result(self) -> None:
        """Writes how it ended; a disk that is full or failing gets all the time that it needs."""
        output, error = self._left("output"), self._left("error")
        told = msgspec.convert(error, ErrorInfo) if error else None
        if self.status is not None and self.group and self.group.ran_out() and not self.cause:
            self.cause, self.because = "memory", f"it used more than its {_megabytes(self.job.memory or 0)} of memory"
        if self.cause:
            found = verdict.forced(self.cause, self.because, self.status)
        else:
            found = verdict.natural(self.status or 0, told)
        end = AttemptEnd(
            attempt=self.number, started=self.started, ended=names.now(), host=names.who()[1], usage=self._usage(),
            output=output or {}, error=told, **found._asdict(),
        )  # fmt: skip
        if self.group:
            self.group.remove()
        conclude(self.store, self.job, end)

    def _left(self, name: str) -> dict[str, Any] | None:
        """What the job has left in output.json or error.json."""
        try:
            found: dict[str, Any] = msgspec.json.decode(files.read_bytes(self.store, f"{self.directory}/{name}.json"))
        except (CupolaError, msgspec.MsgspecError):
            return None
        return found if isinstance(found, dict) else None

    def _usage(self) -> dict[str, Any]:
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        return {
            "wall_seconds": round(time.monotonic() - self.begun, 3),
            "cpu_seconds": round(spent.ru_utime + spent.ru_stime, 3),
            "max_rss_bytes": max(self.peak, spent.ru_maxrss * 1024) if self.pid else 0,
        }


def record_end(store: Store, job: Job, end: AttemptEnd) -> bool:
    """Makes result.json; False when the attempt had ended already. Raises DiskTrouble, ReadOnly."""
    made = files.create_bytes(store, f"{job.attempt(end.attempt)}/result.json", _pretty(end))
    feed.announce(store, "job", job.id, 0)
    return made


def conclude(store: Store, job: Job, end: AttemptEnd) -> None:
    """Makes result.json, trying for as long as the workspace is there."""
    while store.root.exists():
        try:
            record_end(store, job, end)
            return
        except CupolaError as error:
            print(f"job {job.id}: its end cannot be written yet: {error}", file=sys.stderr, flush=True)
            time.sleep(1)


def stopped(asked: Asked) -> str:
    return f"{asked.user} on {asked.host} stopped it" + (f": {asked.reason}" if asked.reason else "")


def _signals() -> tuple[int, int]:
    """Signals become bytes in a pipe: SIGUSR1 to look for wishes now, SIGTERM to end."""
    wake, told = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    for number in (signal.SIGUSR1, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    return wake, told


def _over(limit: int, used: int) -> str:
    return f"it used {_megabytes(used)} of memory, more than its {_megabytes(limit)}"


def _megabytes(count: int) -> str:
    return f"{count / 2**20:.0f} MB"


def _pretty(record: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n"
