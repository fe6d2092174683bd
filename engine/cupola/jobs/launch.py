"""What a job's process is to become: its program, words, directory and variables, out of what was filed."""

import filecmp
import os
import stat
from pathlib import Path
from typing import NamedTuple

from cupola.jobs import attempt, checkpoints, moved, warm
from cupola.jobs.child import Plan
from cupola.jobs.code import changed, is_python
from cupola.jobs.wish import Job
from cupola.store import Store, files
from cupola.store.trouble import trouble

THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS", "NUMEXPR_MAX_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS", "LOKY_MAX_CPU_COUNT",
)  # fmt: skip

as_filed = str(Path(__file__).with_name("as_filed.py"))


def plan(store: Store, job: Job, number: int, cpus: list[int], gpus: list[int], seed: int) -> Plan | str:
    """How to start an attempt on this host, or why it cannot be started."""
    job = moved.here(store, job)
    code = files.absolute(store, f"{job.directory_in_store}/code")
    if job.code and (path := changed(code, job.code)):
        return f"code/{path} is not what was filed"
    if why := _no_directory(job.directory):
        return why
    words, entry = list(job.command), None
    program = job.interpreter
    script = _script(job, code)
    if script and script.position == 0 and not script.unchanged:
        script.copy.chmod(script.copy.stat().st_mode | 0o100)
        words[0] = program = str(script.copy)
    elif script and not is_python(program or "") and not script.unchanged:
        words[script.position] = str(script.copy)
    if program is None or not os.path.exists(program):  # noqa: PTH110
        return _no_command(job)
    variables = job.environment | _own(store, job, number) | held_to(len(cpus), gpus)
    if found := _python_path(store, job, code):
        variables["PYTHONPATH"] = os.pathsep.join([*found, *filter(None, [variables.get("PYTHONPATH")])])
    if is_python(program):
        entry = warm.entry(program, words[1:], job.directory, variables)
        words = _words(program, words)
    if script and is_python(program) and script.position:
        if entry:
            entry = entry._replace(source=str(script.copy), first=script.first)
        position = script.position + len(words) - len(job.command)
        words[position:position] = [as_filed, str(script.copy), script.name, script.first]
    return Plan(program, words, job.directory, variables, entry, seed, cpus, max(1, len(cpus)))


class Script(NamedTuple):
    """The script of a command. copy: its text as it was filed; name: what it is called by; first: where a Python script
    imports from first (its own directory, of src/ the copy); unchanged: whether under its name there still is its copy.
    """

    position: int
    copy: Path
    name: str
    first: str
    unchanged: bool


def _script(job: Job, code: Path) -> Script | None:
    """Python runs the copy under the script's own name; another one in place while it is what was filed."""
    if job.code is None or job.code.script is None or job.code.position is None:
        return None
    copy = code / job.code.script
    name = os.path.abspath(os.path.join(job.directory, job.command[job.code.position]))  # noqa: PTH100, PTH118
    beside = copy if copy.is_relative_to(code / "src") else Path(job.code.origin or name)
    try:
        unchanged = filecmp.cmp(copy, name, shallow=False)
    except OSError:
        unchanged = False
    return Script(job.code.position, copy, name, str(beside.parent), unchanged)


def _no_directory(path: str) -> str:
    """Why nothing can run in a directory; "" where it is there."""
    try:
        if stat.S_ISDIR(os.stat(path).st_mode):  # noqa: PTH116
            return ""
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        return f"its directory cannot be had: {trouble(error, path)}"
    return f"its directory {path} is not there"


def _no_command(job: Job) -> str:
    word = job.command[0]
    path = Path(job.directory, word)
    if "/" in word and path.is_dir():
        return f"{word} is a directory, not a command"
    if "/" in word and path.exists():
        return f"{word} is not executable (`chmod +x` makes it so)"
    return f"there is no command {word!r}" + ("" if "/" in word else " in the PATH that it was filed with")


def held_to(cpus: int, gpus: list[int]) -> dict[str, str]:
    """The variables that keep numeric libraries to a number of threads, and CUDA to its cards."""
    count = str(max(1, cpus))
    cards = ",".join(map(str, gpus))
    return dict.fromkeys(THREADS, count) | {"OMP_WAIT_POLICY": "passive", "CUDA_VISIBLE_DEVICES": cards}


def _own(store: Store, job: Job, number: int) -> dict[str, str]:
    """What a job learns of itself."""
    found = {
        attempt.WORKSPACE: str(store.root),
        attempt.JOB_DIR: str(store.root / job.directory_in_store),
        attempt.ATTEMPT: str(number),
        attempt.ATTEMPT_DIR: str(store.root / job.attempt(number)),
        "PYTHONUNBUFFERED": "1",
    }
    if job.checkpoints:
        found[checkpoints.VARIABLE] = str(store.root / checkpoints.path(job, number))
    if job.run:
        found[attempt.RUN_DIR] = str(store.root / attempt.run_directory(job.run, number))
    return found


def _python_path(store: Store, job: Job, code: Path) -> list[str]:
    """Where Python finds what the script imports besides its own directory: src/ (as it was filed)."""
    if job.kind != "command" and job.code is None:
        return []
    source = store.root / "src" if job.live else code / "src"
    return [str(source)] if source.is_dir() else []


def _words(program: str, words: list[str]) -> list[str]:
    own = words[1:2] == ["-m"] and len(words) > 2 and warm.own_module(words[2])
    return [program, *(["-P"] if own else []), *words[1:]]
