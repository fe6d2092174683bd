"""The first steps of a job's process, between the fork in its keeper and the first line of what it runs."""

import ctypes
import os
import signal
from typing import NamedTuple, NoReturn

from cupola.jobs import checkpoints, warm

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
libc = ctypes.CDLL(None, use_errno=True)


class Plan(NamedTuple):
    """What a job's process is to become."""

    program: str
    words: list[str]
    directory: str
    variables: dict[str, str]
    entry: warm.Entry | None
    seed: int
    cpus: list[int]
    threads: int


class Line(NamedTuple):
    """The descriptors between a keeper and its job: output, the word to go ("g", and from where to copy checkpoints),
    what went wrong before the start, and those of the keeper that are not the job's."""

    output: int
    go: int
    trouble: int
    private: list[int]


def become(plan: Plan, line: Line, keeper: int) -> NoReturn:
    """Turns this process, just forked, into the job. It waits for the keeper's word before it runs anything."""
    try:
        _settle(plan, line, keeper)
        said = os.read(line.go, 8192)
        if said[:1] != b"g":
            os._exit(0)
        if said[1:]:
            checkpoints.fill(os.fsdecode(said[1:]), plan.variables[checkpoints.VARIABLE])
        os.chdir(plan.directory)
        if plan.entry is None:
            os.execve(plan.program, plan.words, plan.variables)
        for descriptor in (*line[:3], *line.private):
            os.close(descriptor)
    except BaseException as error:  # noqa: BLE001 - whatever it is, only the keeper can say it
        what = error.strerror if isinstance(error, OSError) else repr(error)
        path = getattr(error, "filename", None) or plan.program
        os.write(line.trouble, f"{path}: {what}".encode())
        os._exit(127)
    warm.run(plan.entry)


def _settle(plan: Plan, line: Line, keeper: int) -> None:
    os.setsid()
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != keeper:
        os._exit(0)
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE, signal.SIGXFSZ}:
        if number < signal.SIGRTMIN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    if plan.cpus:
        os.sched_setaffinity(0, plan.cpus)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(line.output, 1)
    os.dup2(line.output, 2)
    if plan.entry is None:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(plan.variables)
    warm.reseed(plan.seed)
    warm.set_threads(plan.threads)
