"""A training as the job that was filed for it: reads the rows, fits, leaves the model, and ends the run's record."""

import os
import resource
import time
import traceback
from typing import Any

import msgspec
import pandas as pd

from cupola.datasets import records as datasets
from cupola.datasets.records import DatasetVersion
from cupola.errors import BadInput, CupolaError
from cupola.experiments import records as experiments
from cupola.experiments.records import Run
from cupola.jobs import attempts
from cupola.jobs.attempt import Attempt
from cupola.registry import signature
from cupola.store import files, journals, names, records
from cupola.training import artifacts, fitting, saving
from cupola.training.fitting import Fitted, Log
from cupola.training.records import Training


def work(attempt: Attempt) -> dict[str, Any]:
    """Trains what the job's spec says. The run's record is replaced once, by the attempt that is believed.

    Raises BadInput for data that cannot be learnt from; the record then says so too.
    """
    training = msgspec.convert(attempt.spec, Training)
    run = experiments.read(attempt.store, attempt.job.run or "")
    run.started = names.now()
    run.attempt = attempt.number
    try:
        return _Work(attempt, training, run).done()
    except CupolaError as error:
        _failed(attempt, run, str(error))
        raise
    except Exception as error:
        _failed(attempt, run, f"{type(error).__name__}: {error}")
        raise


class _Work:
    def __init__(self, attempt: Attempt, training: Training, run: Run) -> None:
        self.attempt, self.training, self.run = attempt, training, run
        self.store = attempt.store
        self.directory = f"{run.directory}/attempts/{attempt.number}"
        self.begun = time.perf_counter()
        self.curve: dict[str, list[tuple[int, float]]] = {}

    def done(self) -> dict[str, Any]:
        self.attempt.report(0.0, "reading the rows")
        version = datasets.find(self.store, self.training.dataset)
        table = read(str(datasets.data_path(self.store, version)), self.training)
        with journals.Appender(self.store, f"{self.directory}/metrics.jsonl") as metrics:
            self.metrics = metrics
            fitted = fitting.fit(table, self.training, Log(self.attempt.report, self._measured), threads=_threads())
        self.attempt.report(0.92, "saving")
        notes = self._save(fitted, version)
        self._complete(fitted, notes)
        return {"run": self.run.id, "model": self.run.model, "metrics": self.run.metrics}

    def _measured(self, name: str, value: float, step: int | None) -> None:
        if step is not None:
            self.curve.setdefault(name, []).append((step, value))
        self.metrics.append({"name": name, "value": value, "step": step})

    def _save(self, fitted: Fitted, version: DatasetVersion) -> list[str]:
        source = [column.name for column in version.columns]
        staged = files.staging(self.store)
        try:
            for name, content in artifacts.of_run(fitted, self.training, self.curve).items():
                (staged / name).write_bytes(msgspec.json.encode(content))
            artifacts.predictions(fitted).to_parquet(staged / "predictions.parquet", index=False)
            files.publish_dir(self.store, staged, f"{self.directory}/artifacts")
        except BaseException:
            files.discard(staged)
            raise
        staged = files.staging(self.store)
        try:
            notes = saving.save(staged, fitted, self.training, source, signature.writing(version))
            files.publish_dir(self.store, staged, f"{self.directory}/model")
        except BaseException:
            files.discard(staged)
            raise
        return notes

    def _complete(self, fitted: Fitted, notes: list[str]) -> None:
        run = self.run
        run.status, run.ended = "Completed", names.now()
        run.metrics, run.metric_errors = fitted.metrics, fitted.errors
        run.classes = fitted.target.classes
        run.positive = run.classes[1] if run.classes and len(run.classes) == 2 else None
        encoders = fitted.pipeline.named_steps["prepare"].encoders_
        run.features = [name for name, _ in self.training.features if name in encoders]
        run.rows = fitted.rows
        run.notes = fitted.notes + notes
        run.model_directory = f"{self.directory}/model"
        run.environment |= {"packages": saving.packages()}
        run.usage = _usage(self.begun)
        if not believed(self.attempt):
            return
        if self.training.register:
            self._register(self.training.register)
        records.write(self.store, experiments.path(run), run, kind="run", ref=run.id)

    def _register(self, model: str) -> None:
        """Registers before the record is replaced, so that it says what became of it; a refusal leaves the run be."""
        from cupola.registry.registration import register

        self.attempt.report(0.97, f"registering {model}")
        try:
            self.run.model = register(self.store, self.run, model).ref
        except CupolaError as error:
            self.run.notes.append(f"it was not registered as {model}: {error}")


def read(path: str, training: Training) -> pd.DataFrame:
    """The columns that a training needs, with the types that the dataset has. Raises BadInput for a damaged file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    extra = (training.target, training.weights, training.group, training.time)
    columns = list(dict.fromkeys([name for name, _ in training.features] + [one for one in extra if one]))
    try:
        table = pq.read_table(path, columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"the rows of the dataset cannot be read: {error}", where=path) from error
    frame: pd.DataFrame = table.to_pandas()
    return frame[columns]


def believed(attempt: Attempt) -> bool:
    """Whether no later attempt of the job has begun: only the highest one ends the run."""
    return max(attempts.numbers(attempt.store, attempt.job), default=0) <= attempt.number


def _failed(attempt: Attempt, run: Run, reason: str) -> None:
    """Ends the record of a run that failed. Trouble in doing so must not hide why it failed."""
    run.status, run.ended, run.reason = "Failed", names.now(), reason
    try:
        if believed(attempt):
            records.write(attempt.store, experiments.path(run), run, kind="run", ref=run.id)
    except CupolaError:
        traceback.print_exc()


def _threads() -> int:
    """How many threads the job was given: its keeper has bound it to as many CPUs."""
    return int(os.environ.get("OMP_NUM_THREADS") or 1)


def _usage(begun: float) -> dict[str, Any]:
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": round(time.perf_counter() - begun, 3),
        "cpu_seconds": round(spent.ru_utime + spent.ru_stime, 3),
        "peak_memory": spent.ru_maxrss * 1024,
    }
