"""A job on this host, wherever it was filed: its paths inside the workspace, its variables, and whether it can run."""

import os
import re
from collections.abc import Mapping

import msgspec

from cupola.jobs.environment import allowed
from cupola.jobs.wish import Job
from cupola.store import Store, names

OF_A_HOST = re.compile(r"HOME|USER|LOGNAME|SHELL|TMPDIR|(CUPOLA|XDG)_.*")


def here(store: Store, job: Job) -> Job:
    """The job as this host is to run it: what lay in the workspace where it was filed lies in this host's own.

    That holds for whole words, what follows their "=", and the entries of paths in variables; variables that belong to
    a host (OF_A_HOST) are this host's own. Not for text inside a word, as in `sh -c "cat /there/file"`.
    """
    root = str(store.root)
    if job.host != names.who()[1]:
        job = msgspec.structs.replace(job, environment=_environment(job.environment, os.environ))
    if job.root in ("", root):
        return job
    code = job.code
    if code and code.origin:
        code = msgspec.structs.replace(code, origin=_path(code.origin, job.root, root))
    environment = {
        name: os.pathsep.join(_path(one, job.root, root) for one in value.split(os.pathsep))
        for name, value in job.environment.items()
    }
    return msgspec.structs.replace(
        job,
        command=[_word(one, job.root, root) for one in job.command],
        interpreter=job.interpreter and _path(job.interpreter, job.root, root),
        directory=_path(job.directory, job.root, root),
        environment=environment,
        code=code,
    )


def can_run(store: Store, job: Job) -> bool:
    """Whether a job of another host can run here: its program and directory are here, for Cupola's own also Cupola."""
    own = here(store, job)
    if own.kind != "command" and own.version != version():
        return False
    return own.interpreter is not None and os.access(own.interpreter, os.X_OK) and os.path.isdir(own.directory)  # noqa: PTH112


def version() -> str:
    """The version of this Cupola."""
    from importlib import metadata  # 25 ms, which commands that only read jobs need not wait for

    return metadata.version("cupola")


def _environment(theirs: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in theirs.items() if not OF_A_HOST.fullmatch(name)}
    return kept | {name: value for name, value in allowed(ours).items() if OF_A_HOST.fullmatch(name)}


def _word(word: str, there: str, root: str) -> str:
    option, equals, value = word.partition("=")
    return f"{option}={_path(value, there, root)}" if equals and "/" not in option else _path(word, there, root)


def _path(path: str, there: str, root: str) -> str:
    return root + path[len(there) :] if path == there or path.startswith(f"{there}/") else path
