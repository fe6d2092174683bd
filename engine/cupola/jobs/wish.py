"""The wish of a job: jobs/YYYY-MM/ID/job.json, written and signed by its filer."""

from typing import Any

import msgspec

from cupola.errors import Ambiguous, Corrupt, DiskTrouble, NewerFormat, NotFound
from cupola.store import Store, files, records, secret
from cupola.store.records import Record

QUEUE = ".cupola/queue"  # one small file per open job: where its directory is


class Code(msgspec.Struct, kw_only=True):
    """What was copied into the job: sha256 by path below code/; `script` stands at `position` of the command."""

    files: dict[str, str]
    script: str | None = None
    position: int | None = None
    origin: str | None = None


class Job(Record, kw_only=True):
    """A wish: run `command` in `directory` with `environment`, held to cpus, gpus, memory (bytes) and seconds.

    host, root, version: where it was filed, the workspace there, the Cupola that filed it. only_on: the one host that
    may run it. checkpoints: what it writes to $CUPOLA_CHECKPOINTS lasts over its attempts.
    `mac` is made with the filer's own secret over everything else; an agent runs only what its user's secret verifies.
    """

    id: str
    kind: str
    name: str
    command: list[str]
    interpreter: str | None = None
    directory: str
    environment: dict[str, str] = msgspec.field(default_factory=dict)
    cpus: int = 1
    gpus: int = 0
    memory: int | None = None
    max_runtime: float | None = None
    retries: int = 0
    user: str
    host: str
    root: str = ""
    version: str = ""
    only_on: str | None = None
    checkpoints: bool = False
    submitted: str
    spec: dict[str, Any] = msgspec.field(default_factory=dict)
    run: str | None = None
    live: bool = False
    metrics: dict[str, str] = msgspec.field(default_factory=dict)
    code: Code | None = None
    mac: str = ""

    @property
    def directory_in_store(self) -> str:
        return f"jobs/{self.submitted[:7]}/{self.id}"

    def attempt(self, number: int) -> str:
        return f"{self.directory_in_store}/attempts/{number}"

    def payload(self) -> bytes:
        """What the MAC is made over."""
        bare = msgspec.structs.replace(self, mac="", revision=0, format=0)
        return b"job\0" + msgspec.json.encode(bare, order="deterministic")


class Asked(Record, kw_only=True):
    """filed.json and stop.json of an attempt: who asked for it, and when. `mac` proves a retry."""

    user: str
    host: str
    time: str
    reason: str = ""
    mac: str = ""


def enqueue(store: Store, job: Job) -> None:
    """Puts the job among the open ones, where agents look."""
    files.write_bytes(store, f"{QUEUE}/{job.id}", job.directory_in_store.encode())


def directories(store: Store) -> dict[str, str]:
    """Every job's directory by its id, oldest month first."""
    months = files.listing(store, "jobs")
    return {one: f"jobs/{month}/{one}" for month in months for one in files.listing(store, f"jobs/{month}")}


def find(store: Store, reference: str) -> Job:
    """The job of that id, unique beginning of an id, or name. Raises NotFound, Ambiguous."""
    known = directories(store)
    if reference in known:
        return read(store, known[reference])
    matches = [one for one in known if one.startswith(reference)] if reference else []
    if not matches:
        jobs = (readable(store, one) for one in known.values())
        matches = [job.id for job in jobs if job and job.name == reference]
    if not matches:
        raise NotFound(f"there is no job {reference!r} here", hint="`cupola job ls` lists them")
    if len(matches) > 1:
        raise Ambiguous(f"{reference!r} could be the jobs {', '.join(sorted(matches)[:5])}", hint="give more letters")
    return read(store, known[matches[0]])


def read(store: Store, directory: str) -> Job:
    """The job that lies in a directory. Raises Corrupt where it says that it is another one."""
    job: Job = records.read(store, f"{directory}/job.json", Job)
    if job.directory_in_store != directory:
        raise Corrupt(f"job.json says that it is {job.directory_in_store}", where=directory)
    return job


def readable(store: Store, directory: str) -> Job | None:
    """A job whose record can be read; a directory without one is a filing under way or a leftover."""
    try:
        return read(store, directory)
    except (NotFound, Corrupt, NewerFormat):
        return None
    except DiskTrouble as trouble:
        if isinstance(trouble.__cause__, NotADirectoryError | IsADirectoryError):
            return None
        raise


def verified(job: Job) -> bool:
    """Whether this user's own secret has signed it."""
    return bool(job.mac) and secret.verify(job.payload(), job.mac)


def retry_payload(job: Job, number: int) -> bytes:
    return f"retry\0{job.id}\0{number}\0{job.mac}".encode()


def signed_retry(job: Job, number: int, asked: Asked) -> bool:
    """Whether this user has asked for that attempt of the job as it stands."""
    return bool(asked.mac) and secret.verify(retry_payload(job, number), asked.mac)
