"""What the keeper of an endpoint writes: course.json for the next keeper, status.json for everybody else."""

import os
import time
from pathlib import Path

import msgspec

from cupola.errors import CupolaError
from cupola.jobs import agents
from cupola.serving import course as courses
from cupola.serving import records
from cupola.serving.course import Course
from cupola.serving.status import EndpointStatus
from cupola.serving.watching import Watch
from cupola.store import Store, files, names
from cupola.store import records as store_records

TRAFFIC = 1.0  # seconds between two writings while there is traffic


class Writing:
    """What was written last, so that only what has changed is written again.

    saved_at: when course.json was, by the monotonic clock. gone: the endpoint was removed, nothing is written any more.
    """

    def __init__(self, store: Store, name: str) -> None:
        self.store = store
        self.name = name
        self.gone = False
        self.saved_at = time.monotonic()
        self._saved: bytes = b""
        self._written = ""
        self._told = 0
        self._next_traffic = 0.0

    def save(self, course: Course) -> None:
        """Writes course.json, so that another keeper goes on here; what a full disk does not take is written later."""
        self.saved_at = time.monotonic()
        content = course.payload()
        try:
            if content != self._saved and self._is_there():
                courses.write(self.store, self.name, course)
                self._saved = content
        except CupolaError as error:
            agents.say(f"{names.now()} course.json cannot be written: {error}")

    def write(self, status: EndpointStatus, course: Course, watch: Watch, now: float) -> None:
        """Writes status.json when something in it has changed, and every second while there is traffic.

        status: all but what changes with each request, which is added here.
        """
        content = msgspec.json.encode(status).decode()
        told = watch.window.requests
        live = told != self._told or (course.rollout is not None and course.rollout.moving)
        if content == self._written and (not live or now < self._next_traffic):
            return
        self._next_traffic = now + TRAFFIC
        self._told = told
        changed, self._written = content != self._written, content
        status.rollout = course.rollout
        status.alarms, status.shadows = watch.alarms, watch.reports(course)
        status.traffic = watch.window.traffic()
        watch.traffic(status.variants)
        status.updated = names.now()
        try:
            if changed and not self.gone:
                self._tell_gateway(status)
            if self._is_there():
                path = records.status_path(self.name)
                store_records.write(self.store, path, status, kind="endpoint", ref=self.name, durable=False)
        except CupolaError as error:
            self._written = ""
            agents.say(f"{names.now()} status.json cannot be written: {error}")

    def _is_there(self) -> bool:
        """Whether its directory is where it was: nothing is written beside one that has just been removed."""
        return not self.gone and "endpoint.toml" in files.listing(self.store, records.directory(self.name))

    def _tell_gateway(self, status: EndpointStatus) -> None:
        """The same on this host's own disk, where the gateway looks at every request."""
        path = records.local_path(self.store, self.name, "json")
        draft = f"{path}.new"
        Path(draft).write_bytes(msgspec.json.encode(status))
        os.replace(draft, path)  # noqa: PTH105
