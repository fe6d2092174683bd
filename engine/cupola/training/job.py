"""A training as the job that was filed for it: reads the rows, fits, leaves the model, and ends the run's record."""

import os
import resource
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import pandas as pd

from cupola.datasets import records as datasets
from cupola.datasets.records import DatasetVersion
from cupola.errors import BadInput, CupolaError, DiskFull
from cupola.experiments import records as experiments
from cupola.experiments.records import Run
from cupola.explain import held as rows_held
from cupola.explain import records as explained
from cupola.jobs.attempt import Attempt
from cupola.jobs.publication import Directory, Publication
from cupola.registry import signature
from cupola.store import files, journals, names
from cupola.store.trouble import trouble
from cupola.training import artifacts, fitting, flowing, saving
from cupola.training.fitting import Fitted, Log, Progress
from cupola.training.records import Training

if TYPE_CHECKING:
    import pyarrow as pa

Watch = Callable[[str, float, int], None]


def work(attempt: Attempt) -> dict[str, Any]:
    """Trains what the job's spec says. The run's record is replaced when the attempt has ended and still has its job.

    Raises BadInput for data that cannot be learnt from; the record then says so too.
    """
    training = msgspec.convert(attempt.spec, Training)
    run = experiments.read(attempt.store, attempt.job.run or "")
    run.started = names.now()
    run.attempt = attempt.number
    try:
        return _done(attempt, training, run)
    except CupolaError as error:
        failed(attempt, run, str(error))
        raise
    except Exception as error:
        failed(attempt, run, f"{type(error).__name__}: {error}")
        raise


def _done(attempt: Attempt, training: Training, run: Run) -> dict[str, Any]:
    attempt.report(0.0, "reading the rows")
    version = datasets.find(attempt.store, training.dataset)
    work = Work(attempt, training, run, attempt.report)
    fitted = work.fit(read(str(datasets.data_path(attempt.store, version)), training))
    attempt.report(0.92, "saving")
    found = artifacts.of_run(fitted, training, work.curve) | work.bias(fitted, version)
    attempt.with_room(lambda: work.save_artifacts(found, fitted))
    work.save_model(fitted, version)
    work.complete(fitted)
    made = [register(attempt, run, training.register)] if training.register else []
    publish(attempt, run, [one for one in made if one])
    return {"run": run.id, "model": run.model, "metrics": run.metrics}


class Work:
    """One training of an attempt, a step after the other; what comes of it is in its run's record at the end.

    report: told how far it is. watch: told what is measured on the way, each value at its step.
    """

    def __init__(
        self, attempt: Attempt, training: Training, run: Run, report: Progress, watch: Watch | None = None
    ) -> None:
        self.attempt, self.training, self.run = attempt, training, run
        self.report, self.watch = report, watch
        self.store = attempt.store
        self.directory = f"{run.directory}/attempts/{attempt.number}"
        self.begun, self.spent = time.perf_counter(), _spent()
        self.curve: dict[str, list[tuple[int, float]]] = {}
        self.notes: list[str] = []

    def fit(self, table: pd.DataFrame) -> Fitted:
        """Fits and measures; the metrics are on disk. Raises BadInput, and whatever `watch` raises."""
        with journals.Appender(self.store, f"{self.directory}/metrics.jsonl") as metrics:
            self.metrics = metrics
            fitted = fitting.fit(table, self.training, Log(self.report, self._measured), threads=_threads())
            self.attempt.with_room(metrics.flush)
        return fitted

    def save_artifacts(self, found: dict[str, Any], fitted: Fitted) -> None:
        """Leaves what there is to look at, and the predictions of the rows held out."""
        with files.published(self.store, f"{self.directory}/artifacts") as staged:
            for name, content in found.items():
                (staged / name).write_bytes(msgspec.json.encode(content))
            artifacts.predictions(fitted).to_parquet(staged / "predictions.parquet", index=False)

    def bias(self, fitted: Fitted, version: DatasetVersion) -> dict[str, Any]:
        """bias.json: of each sensitive column, where one answer of two is good to get. What cannot be told is noted."""
        facets = [one.name for one in version.columns if one.role == "sensitive"]
        classes = fitted.target.classes
        if not facets or not classes or len(classes) != 2:
            return {}
        try:
            predictions = artifacts.predictions(fitted)
            found = rows_held.of(self.store, version, self.run, predictions, facets, classes[1], None)
        except CupolaError as error:
            self.notes.append(f"warning: bias by {', '.join(facets)} was not measured: {error}")
            return {}
        return {explained.FILE: msgspec.to_builtins(found)}

    def save_model(self, fitted: Fitted, version: DatasetVersion) -> None:
        """Leaves the model, from where it can be registered."""
        self.notes += self.attempt.with_room(lambda: self._save_model(fitted, version))
        self.run.model_directory = f"{self.directory}/model"

    def complete(self, fitted: Fitted) -> None:
        """Says in the record that it has completed, and what came out."""
        run = self.run
        run.status, run.secondary_status, run.ended = "Completed", "", names.now()
        run.metrics, run.metric_errors = fitted.metrics, fitted.errors
        run.classes = fitted.target.classes
        run.positive = run.classes[1] if run.classes and len(run.classes) == 2 else None
        run.features = [name for name, _ in fitted.takes]
        run.rows = fitted.rows
        run.notes = fitted.notes + self.notes
        run.environment |= {"packages": saving.packages()}
        run.usage = _usage(self.begun, self.spent)

    def _measured(self, name: str, value: float, step: int | None, error: float | None) -> None:
        if step is not None:
            self.curve.setdefault(name, []).append((step, value))
        try:
            self.metrics.append(
                {"name": name, "value": value, "step": step} | ({} if error is None else {"error": error})
            )
        except DiskFull:
            self.attempt.with_room(self.metrics.flush)
        if step is not None and self.watch:
            self.watch(name, value, step)

    def _save_model(self, fitted: Fitted, version: DatasetVersion) -> list[str]:
        source = [column.name for column in version.columns]
        with files.published(self.store, f"{self.directory}/model") as staged:
            return saving.save(staged, fitted, self.training, source, signature.writing(version))


def register(attempt: Attempt, run: Run, model: str) -> Directory | None:
    """The version, ready to be put in its place with the run's record; a refusal leaves the run be."""
    from cupola.registry.registration import prepare

    attempt.report(0.97, f"registering {model}")
    origin = f"{run.directory}/attempts/{attempt.number}/version"
    try:
        version = attempt.with_room(lambda: prepare(attempt.store, run, model, at=origin))
    except CupolaError as error:
        run.notes.append(f"warning: it was not registered as {model}: {error}")
        return None
    run.model = version.ref
    return Directory(origin=origin, target=version.directory, kind="model", ref=version.ref)


def read(path: str, training: Training, drawn: int | None = None) -> pd.DataFrame:
    """The columns that a training needs, with the types that the dataset has. Raises BadInput for a damaged file.

    drawn: so many rows by chance, in their order; the others are held a part of the file at a time.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    aim = training.flow.aim if training.flow else None
    extra = (None if aim else training.target, training.weights, training.group, training.time)
    every = training.flow.columns if training.flow else training.features
    columns = list(dict.fromkeys([name for name, _ in every] + [one for one in extra if one]))
    try:
        table = pq.read_table(path, columns=columns) if drawn is None else _drawn(path, columns, drawn, training.seed)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno:  # the disk's words; Arrow's own on a damaged file have no number
            raise trouble(error, path) from error
        raise BadInput(f"the rows of the dataset cannot be read: {error}", where=path) from error
    frame: pd.DataFrame = table.to_pandas()[columns]
    return flowing.aimed(frame, aim) if aim else frame


def _drawn(path: str, columns: list[str], drawn: int, seed: int) -> "pa.Table":
    """Rows by chance of a file that is read a group of rows at a time."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    left = np.sort(np.random.default_rng(seed).choice(file.metadata.num_rows, drawn, replace=False))
    parts = []
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        inside = int(np.searchsorted(left, rows))
        parts.append(file.read_row_group(group, columns=columns).take(left[:inside]))
        left = left[inside:] - rows
    return pa.concat_tables(parts)


def failed(attempt: Attempt, run: Run, reason: str) -> None:
    """Ends the record of a run that failed. Trouble in doing so must not hide why it failed."""
    run.status, run.ended, run.reason = "Failed", names.now(), reason
    try:
        publish(attempt, run, [])
    except CupolaError as error:
        print(f"what became of the run cannot be written: {error}", file=sys.stderr)


def publish(attempt: Attempt, run: Run, directories: list[Directory]) -> None:
    """Leaves the run's record as it is to be, for the keeper to publish."""
    content = msgspec.to_builtins(run)
    found = Publication(directories=directories, path=experiments.path(run), content=content, kind="run", ref=run.id)
    attempt.with_room(lambda: attempt.publish(found))


def _threads() -> int:
    """How many threads the job was given: its keeper has bound it to as many CPUs."""
    return int(os.environ.get("OMP_NUM_THREADS") or 1)


def _spent() -> float:
    """Seconds of CPU that this process has spent by now."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime


def _usage(begun: float, spent: float) -> dict[str, Any]:
    """What it took since then; the peak is that of the process."""
    return {
        "seconds": round(time.perf_counter() - begun, 3),
        "cpu_seconds": round(_spent() - spent, 3),
        "peak_memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
