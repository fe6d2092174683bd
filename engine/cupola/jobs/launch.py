"""What a job's process is to become: its program, words, directory and variables, out of what was filed."""

import os
from pathlib import Path

from cupola.jobs import attempt, warm
from cupola.jobs.child import Plan
from cupola.jobs.code import changed, is_python
from cupola.jobs.wish import Job
from cupola.store import Store, files

THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS", "NUMEXPR_MAX_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS", "LOKY_MAX_CPU_COUNT",
)  # fmt: skip


def plan(store: Store, job: Job, number: int, cpus: list[int], gpus: list[int], seed: int) -> Plan | str:
    """How to start an attempt, or why it cannot be started."""
    code = files.absolute(store, f"{job.directory_in_store}/code")
    if job.code and (path := changed(code, job.code)):
        return f"code/{path} is not what was filed"
    if not os.path.isdir(job.directory):  # noqa: PTH112
        return f"its directory {job.directory} is not there"
    words = list(job.command)
    program = job.interpreter
    if job.code and job.code.script and job.code.position is not None:
        words[job.code.position] = str(code / job.code.script)
        program = words[0] if job.code.position == 0 else program
    if program is None or not os.path.exists(program):  # noqa: PTH110
        return f"there is no command {job.command[0]!r} (looked for in the PATH that it was filed with)"
    variables = job.environment | _own(store, job, number) | held_to(len(cpus), gpus)
    if found := _python_path(store, job, code):
        variables["PYTHONPATH"] = os.pathsep.join([*found, *filter(None, [variables.get("PYTHONPATH")])])
    entry = warm.entry(program, words[1:], job.directory, variables) if is_python(program) else None
    return Plan(program, _words(program, words), job.directory, variables, entry, seed, cpus, max(1, len(cpus)))


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
    if job.run:
        found[attempt.RUN_DIR] = str(store.root / attempt.run_directory(job.run, number))
    return found


def _python_path(store: Store, job: Job, code: Path) -> list[str]:
    """Where Python finds what the script imports: src/ (as it was filed), then what lies beside the script."""
    if job.kind != "command":
        return []
    source = store.root / "src" if job.live else code / "src"
    beside = [str(Path(job.code.origin).parent)] if job.code and job.code.origin else []
    return [*([str(source)] if source.is_dir() else []), *beside]


def _words(program: str, words: list[str]) -> list[str]:
    if not is_python(program):
        return words
    own = words[1:2] == ["-m"] and len(words) > 2 and warm.own_module(words[2])
    return [program, *(["-P"] if own else []), *words[1:]]
