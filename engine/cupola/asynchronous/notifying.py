"""Telling somebody of each answer: a web address on this host, a command, or the activity of the workspace.

A notice is a file that is there until it was delivered: one that a kill has interrupted is delivered again.
"""

import subprocess
import sys
import threading
import urllib.error
import urllib.request
from typing import Any

import msgspec

from cupola.asynchronous import records
from cupola.asynchronous.records import COMPLETED, Answered
from cupola.errors import CupolaError, NotFound
from cupola.store import Store, files, names
from cupola.store import records as store_records
from cupola.team import activity

ACTIVITY = "activity"
PATIENCE = 10.0  # seconds for a web address
COMMAND_TIME = 60.0  # seconds for a command
TRIES = 8
PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds before the second try, doubled with each


class Undelivered(Exception):
    """Whoever was to be told has not taken it."""


class Notifier:
    """Delivers the notices of one endpoint in a thread of its own. `where`: as in endpoint.toml."""

    def __init__(self, store: Store, endpoint: str) -> None:
        self.where = ""
        self._store, self._endpoint = store, endpoint
        self._tries: dict[str, int] = {}
        self._awake = threading.Event()

    def start(self, where: str) -> None:
        self.where = where
        threading.Thread(target=self._run, daemon=True).start()

    def wake(self) -> None:
        """There is a new notice."""
        self._awake.set()

    def _run(self) -> None:
        while True:
            self._awake.clear()
            pause = None
            for key in records.keys_in(self._store, records.notices(self._endpoint)):
                try:
                    self._deliver(key)
                except CupolaError as error:
                    print(names.now(), f"notice {key}: {error}", file=sys.stderr, flush=True)
                    pause = LONGEST_PAUSE
            if self._tries:
                pause = min(LONGEST_PAUSE, PAUSE * 2 ** min(self._tries.values()))
            self._awake.wait(pause)

    def _deliver(self, key: str) -> None:
        path = f"{records.notices(self._endpoint)}/{key}.json"
        try:
            answered = store_records.read(self._store, path, Answered)
        except NotFound:
            return
        try:
            deliver(self._store, self._endpoint, self.where, answered)
        except Undelivered as error:
            self._tries[key] = self._tries.get(key, 0) + 1
            if self._tries[key] < TRIES:
                return
            print(names.now(), f"nobody could be told of {key}: {error}", file=sys.stderr, flush=True)
        self._tries.pop(key, None)
        files.remove(self._store, path)


def deliver(store: Store, endpoint: str, where: str, answered: Answered) -> None:
    """Tells of one answer. Raises Undelivered."""
    if where == ACTIVITY:
        verb = "answered" if answered.status == COMPLETED else "failed"
        target = answered.output if answered.status == COMPLETED else answered.reason or ""
        activity.note(store, verb, "endpoint", [endpoint], f"{answered.inference_id}: {target}")
        return
    body = msgspec.json.encode(message(store, endpoint, answered))
    if where.startswith(records.WEB):
        _post(records.recipient(where), body)
    elif where:
        _run(store, where, body + b"\n")


def message(store: Store, endpoint: str, answered: Answered) -> dict[str, Any]:
    """What is told, in the hosted service's words."""
    request = {"endpointName": endpoint}
    if answered.input:
        request["inputLocation"] = records.location(store, answered.input)
    done = answered.status == COMPLETED
    target = {"outputLocation": answered.output} if done else {"failureLocation": answered.failure}
    said: dict[str, Any] = {
        "eventSource": "cupola",
        "eventName": "InferenceResult",
        "eventTime": answered.answered,
        "receivedTime": answered.accepted,
        "invocationStatus": answered.status,
        "inferenceId": answered.inference_id,
        "requestParameters": request,
        "responseParameters": {"contentType": answered.content_type}
        | {name: records.location(store, path) for name, path in target.items()},
    }
    return said if done else said | {"failureReason": answered.reason}


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: it could lead anywhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _post(url: str, body: bytes) -> None:
    opener = urllib.request.build_opener(_Stay, urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        opener.open(request, timeout=PATIENCE).close()
    except (OSError, ValueError) as error:
        raise Undelivered(str(error)) from error


def _run(store: Store, command: str, body: bytes) -> None:
    try:
        subprocess.run(
            ["/bin/sh", "-c", command],
            input=body,
            cwd=store.root,
            timeout=COMMAND_TIME,
            check=True,
            stdout=sys.stderr.fileno(),
            stderr=sys.stderr.fileno(),
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise Undelivered(str(error)) from error
