"""Filing a job that makes a run: of `train`, an autopilot, a forecast."""

import sys
from typing import Any

import msgspec

from cupola import place
from cupola.errors import CupolaError
from cupola.experiments import records as experiments
from cupola.experiments.records import Code, Run
from cupola.jobs import records as jobs
from cupola.store import files, records
from cupola.training import code
from cupola.workspace import Workspace


def file(ws: Workspace, run: Run, kind: str, module: str, spec: msgspec.Struct, **limits: Any) -> None:
    """Writes the run's record, then files its job (`python -m module`); a run that came only half so far is taken back.

    limits: as `jobs.records.file` takes them.
    """
    commit, dirty, patch = code.of(ws.root, place.here())
    run.code = Code(commit=commit, dirty=dirty, patch="code.patch" if patch else None)
    try:
        if patch:
            files.write_bytes(ws.store, f"{run.directory}/code.patch", patch)
        records.create(ws.store, experiments.path(run), run, kind="run", ref=run.id)
        jobs.file(
            ws.store, id=run.job, kind=kind, name=run.name,
            command=[sys.executable, "-m", module], spec=msgspec.to_builtins(spec),
            run=f"{run.experiment}/{run.id}", **limits,
        )  # fmt: skip
    except CupolaError:
        files.discard(files.absolute(ws.store, run.directory))
        raise
