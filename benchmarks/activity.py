"""The activity of a workspace of 10,000 runs and their jobs: the newest fifty acts, by a process that has just started.

With digests as agents write them, without any, and beside them the history of one run. What is counted are the files
opened in the workspace.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.measure import Figure, machine, report
from benchmarks.workspaces import add_runs, homes
from cupola.experiments.records import RUNS, ls
from cupola.jobs.attempts import AttemptEnd
from cupola.jobs.records import JOBS
from cupola.jobs.wish import Asked, Job
from cupola.store import Store, digests, files, records
from cupola.store.folding import Folder
from cupola.workspace import Workspace

COUNT = 10_000
STOPPED = 100  # jobs whose attempts say who stopped them
ASK = """
import json, sys, time
from benchmarks.opening import count, counts
from cupola.team import actions
from cupola.workspace import Workspace
count(sys.argv[1])
begun = time.perf_counter()
found = Workspace.open(sys.argv[1]).action("activity", **json.loads(sys.argv[2]))
print(json.dumps({"milliseconds": (time.perf_counter() - begun) * 1000, "acts": len(found), **counts}))
"""


def add_jobs(opened: Workspace) -> None:
    """A job for each run that is there, and some that were stopped."""
    for number, run in enumerate(ls(opened.store)):
        job = Job(
            id=f"j{run.id[1:]}", kind="train", name=run.name, command=["true"], directory="/", user="ana", host="bench",
            submitted=run.submitted, run=f"{run.experiment}/{run.id}" if number >= STOPPED else None,
        )  # fmt: skip
        records.create(opened.store, f"{job.directory_in_store}/job.json", job, kind="job", ref=job.id)
        status = "Completed" if number >= STOPPED else "Stopped"
        end = AttemptEnd(attempt=1, status=status, secondary_status=status, cause="end", ended=run.ended or "")
        records.create(opened.store, f"{job.attempt(1)}/result.json", end, kind="job", ref=job.id)
        if status == "Stopped":
            asked = Asked(user="raj", host="desk", time=run.ended or "", reason="too long")
            files.write_bytes(opened.store, f"{job.attempt(1)}/stop.json", _encoded(asked))


def asked(name: str, root: Path, times: int, cache: bool, **more: str) -> list[Figure]:
    found = []
    for _ in range(times):
        if not cache:
            shutil.rmtree(Path(os.environ["XDG_CACHE_HOME"]) / "cupola" / "records", ignore_errors=True)
        command = [sys.executable, "-c", ASK, str(root), json.dumps(more)]
        done = subprocess.run(command, check=True, capture_output=True)
        found.append(json.loads(done.stdout))
    return [
        Figure(name=f"{name}: time", values=[one["milliseconds"] for one in found]),
        Figure(name=f"{name}: files opened", values=[one["files"] for one in found], unit="  "),
    ]


def main() -> None:
    machine("msgspec")
    with homes() as home:
        workspace = Workspace.init(home / "workspace")
        add_runs(workspace, COUNT)
        add_jobs(workspace)
        time.sleep(2 * digests.UNSETTLED / 1e9)
        one = ls(workspace.store)[-1].id
        figures = asked("no digest", workspace.root, 2, cache=False)
        store = Store.open(workspace.root)
        for kind in (RUNS, JOBS):
            while Folder(store, kind).fold():  # type: ignore[arg-type]
                pass
        figures += asked("digests", workspace.root, 5, cache=False)
        figures += asked("digests, one run", workspace.root, 5, cache=False, ref=one)
        report(f"activity of {COUNT:,} runs and jobs", figures)


def _encoded(record: records.Record) -> bytes:
    import msgspec

    return msgspec.json.encode(record)


if __name__ == "__main__":
    main()
