"""What the other copy holds of what is carried over: plain files and directories, read as data and never followed.

Carried are the records, the notes, the history of settings, and files of the user's own. Not carried is what is true of
one copy only, or for a while: claims, presence, the feed, digests, the queue (a job is looked after where it was
filed), the trash, what an endpoint's keeper sees; and what is hidden, such as .git or .venv. Pipelines, flows and
schedules are files of the user's own, beside which lie records: executions, firings.
"""

import contextlib
import os
import stat
from collections.abc import Iterator

from cupola.errors import CupolaError, NotFound
from cupola.store import Store
from cupola.store.content import NOT_RECORDS, patiently
from cupola.store.paths import open_directory, open_file
from cupola.store.root import MARK

ROOMS = ("datasets", "models", "experiments", "tunings", "jobs", "endpoints")  # what others refer to comes first
SEEN = ("status.json", "backlog.json", "drafts")  # of an endpoint: what is so on its host at the moment
BESIDE = ("pipelines", "schedules")  # rooms that hold files of the user's own too
DEPTHS = {"tunings": 1, "endpoints": 1, "schedules": 1, "pipelines": 3}  # how many levels down records lie, if not two
HEADS = {
    "datasets": "version.json",
    "models": "version.json",
    "experiments": "run.json",
    "tunings": "tuning.json",
    "jobs": "job.json",
    "pipelines": "execution.json",
}
SETTINGS = {
    *(("datasets", "dataset.toml", 3), ("models", "card.toml", 4)),
    *(("endpoints", "endpoint.toml", 3), ("schedules", "schedule.toml", 3)),
}
SIGNED = {"endpoints": "endpoint.sig", "schedules": "schedule.sig"}
JOURNALS = ("approvals", "aliases", "trials", "asked")
OF_ONE_COPY = (
    *("agents", "claims", "digests", "feed", "gateways", "presence", "queue", "staging", "trash"),
    *("merged", "repaired"),
)
NOTES, HISTORY = ".cupola/notes", ".cupola/history"


def entries(there: Store, path: str) -> list[tuple[str, str]]:
    """The paths in a directory that are carried, sorted, each with what stands there: "file", "directory", or "" for
    what is not carried and has to be named (a symlink, a device). Raises CupolaError."""

    def once() -> list[tuple[str, str]]:
        descriptor = open_directory(there, path)
        try:
            with os.scandir(descriptor) as found:
                return sorted((entry.name, _kind(entry)) for entry in found)
        finally:
            os.close(descriptor)

    prefix = f"{path}/" if path else ""
    with _in_the_other_copy():
        found = [(prefix + name, kind) for name, kind in patiently(there, path, once)]
    if path and not is_ours(path) and (f"{prefix}{MARK}", "file") in found:
        return []  # a workspace of its own, or the one that is merged into
    return [(one, kind) for one, kind in found if _is_carried(one)]


def is_ours(path: str) -> bool:
    """Whether it belongs to the records, and is no file of the user's own."""
    return path.partition("/")[0] in (*ROOMS, ".cupola", MARK)


def is_unit(path: str) -> bool:
    """Whether a directory comes over whole or not at all: a version, run, job or endpoint, and what lies in one."""
    parts = path.split("/")
    if parts[0] not in (*ROOMS, *BESIDE) or len(parts) <= _depth(path):
        return False
    return parts[0] != "pipelines" or parts[2] == "executions"


def is_record(path: str) -> bool:
    """Whether a directory is a version, run, tuning, job or endpoint itself."""
    return is_unit(path) and path.count("/") == _depth(path) and path.rpartition("/")[2] not in JOURNALS


def is_settings(path: str) -> bool:
    """Whether people edit it."""
    parts = path.split("/")
    if parts[0] in ("pipelines", "flows") and len(parts) == 2:
        return path.endswith(".toml")
    return path == MARK or (parts[0], parts[-1], len(parts)) in SETTINGS


def is_journal(path: str) -> bool:
    """Whether it has numbered lines, all of one writer."""
    parts = path.split("/")
    if not path.endswith(".jsonl"):
        return False
    return (
        path.startswith(f"{NOTES}/")
        or (parts[0] in ("models", "tunings") and parts[-2] in JOURNALS)
        or (is_unit(path) and len(parts) == 6 and parts[4] in ("asked", "steps"))
        or stays_open(path)
    )


def stays_open(path: str) -> bool:
    """Whether the writer of a journal may have it open for long."""
    parts = path.split("/")
    if parts[0] == "experiments" and path.endswith(".jsonl"):
        return len(parts) == 6 and parts[3] == "attempts" and parts[5].startswith("metrics.")
    return (parts[0] == "tunings" and parts[-2] == "trials") or (parts[0] == "pipelines" and parts[-2] == "steps")


def is_log(path: str) -> bool:
    """Whether it is text that is only ever appended to."""
    room = path.partition("/")[0]
    if room == "pipelines":
        return is_unit(path) and path.split("/")[4::3] == ["work", "log.txt"]
    return room in ("jobs", "endpoints") and path.endswith("/log.txt")


def is_counted(path: str) -> bool:
    """Whether it is a record that lies in another one and is counted by itself: how far a schedule is, a firing."""
    return path.startswith("schedules/") and path.endswith(".json")


def is_result(path: str) -> bool:
    """Whether it is what a step of a pipeline has come to, which any execution may replace."""
    parts = path.split("/")
    return parts[0] == "pipelines" and parts[2:3] == ["results"] and len(parts) == 4


def head(path: str) -> str:
    """The file that says what a record is, by its directory; "" for what is none by itself."""
    parts = path.split("/")
    if is_record(path):
        return HEADS.get(parts[0], "")
    return "started.json" if len(parts) == 5 and (parts[0], parts[3]) == ("jobs", "attempts") else ""


def _depth(path: str) -> int:
    return DEPTHS.get(path.partition("/")[0], 2)


def is_same_link(here: Store, there: Store, path: str) -> bool:
    """Whether both copies have the same symlink."""
    try:
        return os.readlink(here.root / path) == os.readlink(there.root / path)  # noqa: PTH115
    except OSError:
        return False


def open_other(there: Store, path: str) -> int:
    """A descriptor of a plain file. Raises CupolaError."""
    with _in_the_other_copy():
        return patiently(there, path, lambda: open_file(there, path))


def below(there: Store, path: str) -> Iterator[tuple[str, str]]:
    """All below a directory, each as `entries` says it. Raises CupolaError."""
    waiting = [path]
    while waiting:
        for one, kind in entries(there, waiting.pop()):
            yield one, kind
            if kind == "directory":
                waiting.append(one)


@contextlib.contextmanager
def _in_the_other_copy() -> Iterator[None]:
    """Trouble with the other copy says that it is there."""
    try:
        yield
    except NotFound:
        raise
    except CupolaError as error:
        error.message = f"in the other copy, {error.message}"
        raise


def _kind(entry: "os.DirEntry[str]") -> str:
    if entry.is_symlink():
        return ""
    mode = entry.stat(follow_symlinks=False).st_mode
    return "directory" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else ""


def _is_carried(path: str) -> bool:
    parts = path.split("/")
    if parts[-1].startswith(NOT_RECORDS):
        return False
    if parts[0] == ".cupola":
        return len(parts) == 1 or parts[1] not in OF_ONE_COPY
    if parts[0] in ROOMS:
        return not (parts[0] == "endpoints" and len(parts) > 2 and parts[2] in SEEN)
    return not parts[-1].startswith(".")
