"""What the kill tests run, each in a process of its own."""

import contextlib
import os
import select
import socket
import sys
from collections.abc import Mapping
from unittest import mock

from cupola.asynchronous import accepting, draft, records
from cupola.asynchronous.answering import Work
from cupola.asynchronous.asking import Line, Reply
from cupola.asynchronous.worker import become, sweep
from cupola.serving.records import wish
from cupola.store import Store

KILLS = "kills"  # a worker that sends a row with it dies


class Deadly(Line):
    """Ends its process in place of asking with such a row."""

    def ask(self, headers: Mapping[str, str], body: bytes, deadline: float) -> Reply:
        if KILLS.encode() in body:
            os._exit(7)
        return super().ask(headers, body, deadline)


def accept(root: str, told: dict[str, str], body: str) -> None:
    accepting.accept(Store.open(root), "e", told, body.encode())


def answer(root: str) -> None:
    """All that a worker does from its start to an empty queue."""
    store = Store.open(root)
    line = Line(store, "e")
    for decided in (True, False):
        for key in records.keys_in(store, records.queue("e")):
            if not decided or records.outcome(store, "e", key):
                Work(store, "e", key, line, lambda do: do()).do(notify=True)
        if decided:
            draft.sweep(store, "e")


def remove(root: str) -> None:
    sweep(Store.open(root), "e", keep=-1)


def workers(root: str) -> int:
    """One worker after the other, as a keeper starts them, until the queue is empty; how many of them have died."""
    store = Store.open(root)
    died = 0
    while records.keys_in(store, records.queue("e")):
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            ours.close()
            with mock.patch("cupola.asynchronous.worker.Line", Deadly):
                become(store, wish(store, "e"), theirs, os.getppid(), after_death=died > 0)
        theirs.close()
        while not select.select([ours], [], [], 0.05)[0] and records.keys_in(store, records.queue("e")):
            continue
        with contextlib.closing(ours):
            ours.shutdown(socket.SHUT_RDWR)
        died += os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    return died


if __name__ == "__main__":
    print(workers(sys.argv[1]))
