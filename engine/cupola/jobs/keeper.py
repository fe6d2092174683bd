"""The keeper of one attempt of a job: starts it, holds its slots and its limits, and writes what became of it.

Forked by the warm starter into a session of its own, it outlives agent and starter. The job dies with it (the kernel's
parent-death signal), so that a keeper that was killed leaves no job behind that nobody watches. The attempt is a claim,
which it renews; when another host has taken the job over, it ends the job, and what it has to say stays in late.json.
"""

import contextlib
import os
import resource
import secrets
import select
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from cupola.errors import CupolaError, DiskFull, DiskTrouble, ErrorInfo, NotFound
from cupola.jobs import (
    agents,
    attempts,
    begun,
    cgroup,
    checkpoints,
    child,
    launch,
    memory,
    publication,
    room,
    tree,
    verdict,
    wish,
)
from cupola.jobs.attempt import run_directory
from cupola.jobs.attempts import AttemptEnd, Started
from cupola.jobs.output import Kept, Log, Metrics
from cupola.jobs.wish import Asked, Job
from cupola.store import Store, claims, feed, files, names, runtime
from cupola.store.root import has_mark

GRACE = 10.0  # seconds between SIGTERM and SIGKILL
TICK = 0.15  # seconds between looks at the memory
LOOK = 0.5  # seconds between looks for a stop that nobody told of
AFTERLIFE = 2.0  # seconds that the processes which a job leaves behind get to end
BEATS = 6  # renewals in a lease
NOT = b"-"  # instead of the word that lets a job go: it holds both ends of the line, and would wait for ever
BEGUN = "this attempt had begun before, and its traces were taken away; `cupola job retry` has it tried again"
PATIENCE = 5.0  # seconds that a failing disk gets to give what the job has left

T = TypeVar("T")


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
        self.next_beat = 0.0
        self.claim: claims.Claim
        self.decided = False
        self.kept: Kept
        self.without_room = False

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
        self._let_go(go)
        feed.announce(self.store, "job", self.job.id, 0)
        log = Log(files.absolute(self.store, f"{self.directory}/log.txt"))
        self.kept = Kept(log, Metrics(self.store, self._metrics_path(), self.job.metrics))
        self._watch(output)
        self._clear(output)
        for held in self.grant.descriptors:  # its slots are free, however long its end waits for room on the disk
            os.close(held)
        self._finish()
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

    def _let_go(self, go: int) -> None:
        """Lets the job begin, once what it keeps over its attempts is there; never twice (`begun`)."""
        word = NOT
        try:
            if begun.first(self.job, self.number):
                origin = checkpoints.prepare(self.store, self.job, self.number) if self.job.checkpoints else ""
                word = b"g" + os.fsencode(origin)
            else:
                self.cause, self.because = "start", BEGUN
        except (CupolaError, OSError) as error:
            self.cause, self.because = "start", f"its checkpoints cannot be had: {error}"
        with contextlib.suppress(OSError):
            os.write(go, word)
        os.close(go)

    def _claim(self, warm: bool) -> bool:
        """Makes started.json: whoever makes it has the attempt. One that took the job over sees it queued again."""
        held_by = None if self.job.memory is None else "cgroup" if self.group else "watch"
        mine = Started(
            attempt=self.number, nonce=names.new_id(), process=runtime.of(self.pid) if self.pid else None,
            cpus=self.grant.cpus, gpus=self.grant.gpus, memory=self.job.memory, memory_held_by=held_by, warm=warm,
            seed=self.seed if warm else None, **attempts.by_this_process() | {"started": self.started},
        )  # fmt: skip
        self.claim = attempts.claim(self.store, self.job, mine)
        while True:
            try:
                made = attempts.begin(self.store, self.job, mine)
                break
            except DiskFull:
                self._say_room(True)
                time.sleep(LOOK)
        self._say_room(False)
        if not made:
            return False
        if self.number > 1 and self.job.id not in files.listing(self.store, wish.QUEUE):
            wish.enqueue(self.store, self.job)
        return True

    def _metrics_path(self) -> str:
        directory = run_directory(self.job.run, self.number) if self.job.run else self.directory
        return f"{directory}/metrics.jsonl"

    def _watch(self, output: int) -> None:
        """Until the job's own process has ended. On a full disk nothing is read, so that it waits in its next write."""
        handle = os.pidfd_open(self.pid)
        poll = select.poll()
        for descriptor in (handle, self.wake[0]):
            poll.register(descriptor, select.POLLIN)
        reading, listening = True, False
        while self.status is None:
            wait = TICK if self.job.memory and not self.group else LOOK
            if listening != (reading and not self.kept.full):
                listening = not listening
                poll.register(output, select.POLLIN) if listening else poll.unregister(output)
            for descriptor, _ in poll.poll(wait * 1000):
                if descriptor == output:
                    reading = self._read(output)
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
        self.kept.take(data)
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
        self._beat(moment)
        self.kept.try_again()
        self._room()
        used = memory.used([one.pid for one in tree.descendants(os.getpid())], self.job.memory)
        self.peak = max(self.peak, used)
        if self.job.memory and used > self.job.memory and not self.group:
            self._end("memory", _over(self.job.memory, used), grace=0)
        if self.job.max_runtime and moment - self.begun > self.job.max_runtime:
            self._end("runtime", f"it ran longer than its {self.job.max_runtime:g} s")
        with contextlib.suppress(CupolaError):  # it is looked for again
            if not self.cause and (asked := attempts.optional(self.store, f"{self.directory}/stop.json", Asked)):
                self._end("stopped", stopped(asked))

    def _room(self) -> None:
        """Says whether it waits for room on the disk; where jobs are to fail on a full one, ends the job."""
        self._say_room(self.kept.full)
        if self.kept.full and not self.cause and not room.may_wait(self.store):
            self._end("disk", "the disk is full, and workspace.toml says that jobs fail then")

    def _say_room(self, waits: bool) -> None:
        if waits != self.without_room:
            self.without_room = waits
            room.say(self.store, self.directory, room.KEEPER, waits)

    def _beat(self, moment: float) -> None:
        """Renews the claim when it is time; ends a job that another host has taken over."""
        if moment < self.next_beat:
            return
        self.next_beat = moment + self.claim.lease_seconds / BEATS
        try:
            if not self._held():
                self._end("lost", "another host has taken the job over, since this one had not been heard of")
        except CupolaError:  # nothing is concluded without one
            self.next_beat = moment

    def _held(self) -> bool:
        """Renews the claim; False when the job is another's by now. Raises DiskTrouble."""
        path = f"{self.directory}/result.json"
        return claims.renew(self.store, self.claim) and not attempts.optional(self.store, path, AttemptEnd)

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
            if not reading or (left and self.kept.full):
                time.sleep(0.02)
            elif poll.poll(20 if left else 0):
                reading = self._read(output)
            else:
                reading = bool(left)
        os.close(output)

    def _finish(self) -> None:
        """Writes the last of the output; a full disk, or a link that is cut, gets all the time that it needs."""
        while (not self.kept.finish() or self._is_cut()) and self._may_be_there():
            self._say_room(self.kept.full)
            self._beat(time.monotonic())
            time.sleep(LOOK)
        self._say_room(False)
        self.kept.close()

    def _result(self) -> None:
        """Writes how it ended; a disk that is full or failing gets all the time that it needs."""
        try:
            output, error, publishes = self._patiently(self._left)
            unread = ""
        except CupolaError as trouble:
            output, error, publishes, unread = {}, None, False, str(trouble)
        if self.status is not None and self.group and self.group.ran_out() and not self.cause:
            self.cause, self.because = "memory", f"it used more than its {_megabytes(self.job.memory or 0)} of memory"
        if self.cause:
            found = verdict.forced(self.cause, self.because, self.status)
        else:
            found = verdict.natural(self.status or 0, error)
            if unread and found.status == "Completed":
                found = verdict.unread(unread)
        end = AttemptEnd(
            attempt=self.number, started=self.started, ended=names.now(), host=names.who()[1], usage=self._usage(),
            publishes=publishes and not self.cause, output=output, error=error, **found._asdict(),
        )  # fmt: skip
        if self.group:
            self.group.remove()
        while self._may_be_there():
            try:
                self._conclude(end)
                return
            except CupolaError as error:
                agents.say(f"job {self.job.id}: its end cannot be written yet: {error}")
                time.sleep(1)

    def _patiently(self, once: Callable[[], T]) -> T:
        """What `once` reads of what was just written; a disk that fails is asked for a while, a cut link longer."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return once()
            except DiskTrouble:
                if time.monotonic() > deadline and not self._is_cut():
                    raise
            time.sleep(0.1)

    def _is_cut(self) -> bool:
        """Whether the mount answers nothing, as when its link is cut."""
        try:
            has_mark(self.store.root)
        except DiskTrouble:
            return True
        return False

    def _may_be_there(self) -> bool:
        """Whether the workspace is there, for all that can be told: a link that is cut says nothing of it."""
        try:
            return self.store.root.exists()
        except OSError:
            return True

    def _conclude(self, end: AttemptEnd) -> None:
        """Makes result.json, if the claim could be renewed just now; what is said of a job that is lost stays aside."""
        path = f"{self.directory}/result.json"
        if not self.decided and attempts.optional(self.store, path, AttemptEnd) != end:
            held = self._held()
            if held and not self.claim.may_write():
                raise DiskTrouble("the renewal of its claim took too long", where=self.directory)
            if not held or not attempts.record_end(self.store, self.job, end):
                attempts.record_late(self.store, self.job, end)
                return
        self.decided = True
        publication.publish(self.store, self.job, end)
        feed.announce(self.store, "job", self.job.id, 0)

    def _left(self) -> tuple[dict[str, Any], ErrorInfo | None, bool]:
        """What the job has left: its output, its error, and whether there is something to publish."""
        output, error = (self._read_left(f"{self.directory}/{name}.json") for name in ("output", "error"))
        told = msgspec.convert(error, ErrorInfo) if error else None
        return output, told, publication.left(self.store, self.job, self.number)

    def _read_left(self, path: str) -> dict[str, Any]:
        try:
            found = msgspec.json.decode(files.read_bytes(self.store, path))
        except (NotFound, msgspec.MsgspecError):
            return {}
        return found if isinstance(found, dict) else {}

    def _usage(self) -> dict[str, Any]:
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        return {
            "wall_seconds": round(time.monotonic() - self.begun, 3),
            "cpu_seconds": round(spent.ru_utime + spent.ru_stime, 3),
            "max_rss_bytes": max(self.peak, spent.ru_maxrss * 1024) if self.pid else 0,
        }


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
