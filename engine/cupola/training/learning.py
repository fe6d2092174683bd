"""`python -m cupola.training.learning`: trains a run's estimator on growing parts of its training rows, as a job."""

from typing import Any

import msgspec

from cupola.datasets import records as datasets
from cupola.errors import BadInput
from cupola.experiments import records as experiments
from cupola.experiments.evidence import Learning, Learnt
from cupola.experiments.learning import Asked
from cupola.jobs import attempt
from cupola.jobs.attempt import Attempt
from cupola.store import feed, files

SMALLEST = 0.1  # of the training rows
FILE = "learning.json"


def main() -> None:
    attempt.work(work)


def work(job: Attempt) -> dict[str, Any]:
    """Leaves learning.json with the run's artifacts. Raises BadInput, NotFound for a run that is gone meanwhile."""
    from cupola.training import job as training_job

    asked = msgspec.convert(job.spec, Asked)
    job.report(0.0, "reading the rows")
    version = datasets.find(job.store, asked.training.dataset)
    table = training_job.read(str(datasets.data_path(job.store, version)), asked.training)
    learnt = curve(table, asked, job)
    run = experiments.read(job.store, asked.run)
    path = f"{experiments.attempt_directory(job.store, run) or run.directory}/artifacts/{FILE}"
    job.with_room(lambda: files.write_bytes(job.store, path, msgspec.json.encode(learnt)))
    feed.announce(job.store, "run", run.id, 0)
    return {"run": run.id, "metric": learnt.metric, "points": msgspec.to_builtins(learnt.points)}


def curve(table: Any, asked: Asked, job: Attempt) -> Learning:
    """The metric of the run on the rows that trained and on those held out, by how many rows trained.

    The errors are over folds, where there are some, else of a bootstrap of the rows. A size with which the estimator
    cannot be fitted (a class is missing) is left out, and the note says so. Raises BadInput where none is left.
    """
    from cupola.training import fitting, metrics

    training, points, without = asked.training, [], []
    shares = [SMALLEST + (1 - SMALLEST) * place / (asked.parts - 1) for place in range(asked.parts)]
    for place, share in enumerate(shares):
        job.report(place / len(shares), f"training on {share:.0%} of the rows")
        try:
            rows, folds = fitting.on_a_part(table, training, share, job.job.cpus)
        except BadInput as error:
            without.append(str(error))
            continue
        figures: dict[str, Any] = {}
        for split, several in (("train", [one for one, _ in folds]), ("validation", [one for _, one in folds])):
            if len(several) > 1:
                found, errors = metrics.over_folds([one.figures() for one in several])
            else:
                found = several[0].figures()
                errors = metrics.errors(several[0], metrics.resample(several[0], training.seed))
            figures |= {split: found.get(training.metric), f"{split}_error": errors.get(training.metric)}
        if figures["validation"] is not None:
            points.append(Learnt(rows=rows, **figures))
    if not points:
        raise BadInput(without[0] if without else f"{training.metric} cannot be told from these rows")
    note = f"{len(without)} of {len(shares)} sizes are too small to train on" if without else ""
    return Learning(metric=training.metric, points=points, note=note)


if __name__ == "__main__":
    main()
