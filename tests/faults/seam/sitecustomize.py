"""What the processes of a host under test have instead of the real thing: a short lease, a wrong clock, and a memory.

Python runs this in each of them, since its directory is in their PYTHONPATH. $CUPOLA_TEST_LEASE: seconds;
$CUPOLA_TEST_SKEW: by how many the wall clock is wrong; $CUPOLA_TEST_HISTORY: the directory where each process writes
down what it has done about the attempts of jobs (`tests.faults.history` reads it), by the clock that all hosts share.
"""

import importlib.abc
import importlib.util
import json
import os
import sys
import time
from pathlib import Path

LEASE = float(os.environ.get("CUPOLA_TEST_LEASE", 0))
SKEW = float(os.environ.get("CUPOLA_TEST_SKEW", 0))
HISTORY = os.environ.get("CUPOLA_TEST_HISTORY", "")


def note(what, job, number, **more):
    line = {"time": time.monotonic(), "what": what, "job": job, "number": number, "host": os.uname().nodename, **more}
    with Path(HISTORY, f"{os.uname().nodename}-{os.getpid()}.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


def wrap(module, name, outer):
    inner = getattr(module, name)
    setattr(module, name, lambda *given, **named: outer(inner, *given, **named))


def filesystem(module):
    if LEASE:
        module.Mount.lease_seconds = property(lambda self: LEASE)


def claims(module):
    def renew(inner, store, claim):
        begun = time.monotonic()
        held = inner(store, claim)
        if claim.series.directory.startswith("jobs/"):
            job = claim.series.directory.split("/")[2]
            note("renew" if held else "fenced", job, claim.number, begun=begun, nonce=claim.nonce)
        return held

    wrap(module, "renew", renew)


def attempts(module):
    def begin(inner, store, job, mine):
        begun = time.monotonic()
        made = inner(store, job, mine)
        if made:  # of when it began to make it: others may see the claim before it comes to write this down
            note("claim", job.id, mine.attempt, time=begun, nonce=mine.nonce, pid=os.getpid())
        return made

    def record_end(inner, store, job, end):
        begun = time.monotonic()
        made = inner(store, job, end)
        if made:
            note("end", job.id, end.attempt, begun=begun, cause=end.cause, publishes=end.publishes)
        return made

    wrap(module, "begin", begin)
    wrap(module, "record_end", record_end)


def publication(module):
    def publish(inner, store, job, end):
        if end.publishes:
            note("publish", job.id, end.attempt)
        return inner(store, job, end)

    wrap(module, "publish", publish)


def elsewhere(module):
    def lost(inner, self, job, started):
        looked = time.monotonic()
        gone = inner(self, job, started)
        if gone:
            note("expired", job.id, started.attempt, looked=looked)
        return gone

    wrap(module.Elsewhere, "lost", lost)


SEAMS = {
    "cupola.store.filesystem": filesystem,
    "cupola.store.claims": claims,
    "cupola.jobs.attempts": attempts,
    "cupola.jobs.publication": publication,
    "cupola.agent.elsewhere": elsewhere,
}


class Finder(importlib.abc.MetaPathFinder):
    """Changes a module right after it was imported."""

    def find_spec(self, name, path, target=None):
        if name not in SEAMS or name in sys.modules:
            return None
        sys.modules.pop("sitecustomize", None)  # or a warm starter would take PYTHONPATH for one that shadows it
        sys.meta_path.remove(self)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            sys.meta_path.insert(0, self)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            SEAMS[name](module)

        spec.loader.exec_module = exec_module
        return spec


if SKEW:
    real, real_ns, real_gmtime = time.time, time.time_ns, time.gmtime
    time.time = lambda: real() + SKEW
    time.time_ns = lambda: real_ns() + int(SKEW * 10**9)
    time.gmtime = lambda seconds=None: real_gmtime(time.time() if seconds is None else seconds)
if HISTORY:
    sys.meta_path.insert(0, Finder())
