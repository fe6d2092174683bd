"""A learning curve of a run, as a job that is filed for it (`cupola.training.learning` does the work)."""

import sys

import msgspec

from cupola.environments import own
from cupola.errors import NotFound, NotReady
from cupola.experiments.records import Run
from cupola.jobs import records as jobs
from cupola.jobs.wish import Job
from cupola.store import Store
from cupola.training.records import Training

KIND = "learning"


class Asked(msgspec.Struct, kw_only=True):
    """The job's `spec`. run: EXPERIMENT/ID; parts: on how many sizes it is trained."""

    run: str
    training: Training
    parts: int


def file(store: Store, run: Run, parts: int, *, cpus: int, memory: int | None) -> Job:
    """Files the job. Raises NotReady for a run that is not over, or of which nobody knows how to train it again."""
    if run.status != "Completed":
        raise NotReady(f"run {run.name} has not completed, it is {run.status}", where=run.id)
    asked = Asked(run=f"{run.experiment}/{run.id}", training=training_of(store, run), parts=parts)
    command = [sys.executable, "-m", "cupola.training.learning"]
    spec = msgspec.to_builtins(asked)
    return jobs.file(
        store,
        kind=KIND,
        name=f"{run.name}-learning",
        command=command,
        spec=spec,
        cpus=cpus,
        memory=memory,
        source=own.is_own(run.estimator),
    )


def training_of(store: Store, run: Run) -> Training:
    """What was asked for when the run was trained. Raises NotReady where it was not trained by `train` or `tune`."""
    from cupola.tuning import records as tunings

    hint = "`train` and `tune` make runs that can be"
    try:
        if run.tuning:
            spec = tunings.read(store, run.tuning).training | {"params": run.params}
        else:
            spec = jobs.find(store, run.job).spec if run.job else {}
            if run.part_of and "training" in spec:
                spec = spec["training"] | {"estimator": run.estimator, "params": run.params}
        return msgspec.convert(spec, Training)
    except msgspec.ValidationError:
        raise NotReady(f"run {run.name} cannot be trained again: a script made it", where=run.id, hint=hint) from None
    except NotFound:
        why = "what was asked for is not here any more"
        raise NotReady(f"run {run.name} cannot be trained again: {why}", where=run.id, hint=hint) from None
