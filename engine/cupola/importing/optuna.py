"""Optuna's studies, out of a journal file or a SQLite database: each is a tuning, and each of its trials a run.

Optuna's own storages read them. A database is read from a copy, which may have to be brought to today's schema first.
"""

import contextlib
import io
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Container, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import optuna
from alembic.util import CommandError
from optuna.exceptions import OptunaError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from cupola.errors import BadInput, BadName, Conflict
from cupola.experiments.records import Run
from cupola.importing import framing, writing
from cupola.importing.records import Imported, id_of, shown
from cupola.importing.work import Work
from cupola.importing.writing import Writer
from cupola.store import files, names
from cupola.store.trouble import disk
from cupola.tracking import values
from cupola.tuning import optunas
from cupola.tuning import records as tunings
from cupola.tuning import trials as lines
from cupola.tuning.records import Tuning
from cupola.tuning.trials import Fold, Line, Pen

URL = "sqlite:///"
SQLITE = b"SQLite format 3\0"
HOSTILE = (LookupError, ValueError, TypeError, AttributeError, AssertionError, OverflowError, RecursionError)
BROKEN = (SQLAlchemyError, CommandError, OptunaError, *HOSTILE)
LONGEST = 1 << 26  # bytes of a line of a journal
NAMES = "study:metric_names"  # the attribute of a study that names its objectives
STATUS = {
    TrialState.COMPLETE: ("Completed", ""), TrialState.PRUNED: ("Stopped", "Pruned"), TrialState.FAIL: ("Failed", ""),
    TrialState.RUNNING: ("Failed", "Interrupted"), TrialState.WAITING: ("Queued", "Waiting"),
}  # fmt: skip


def bring(work: Work, path: Path) -> Imported:
    """Imports the studies in a file. Raises BadInput where there are none, DiskTrouble."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with framing.open_plain(path) as file:
        database = file.read(len(SQLITE)) == SQLITE
    with _copied(path) if database else contextlib.nullcontext(_journal(path, work.done)) as storage:
        work.tell(0, "reading")
        studies = [_Study(work, storage, study, shown(path.name)) for study in _studies(storage, path, work.done)]
    if not studies:
        raise BadInput("there is no study of Optuna's in it", where=str(path), hint="a journal file, or SQLite")
    work.total = sum(len(study.trials) for study in studies)
    for study in studies:
        study.bring()
    return work.done


class _Journal(BaseJournalBackend):
    """A journal file that is only read; lines that are none are named. `closed`: nothing is read of it yet."""

    def __init__(self, path: Path, done: Imported) -> None:
        self.done = done
        self.closed = True
        self.at = 0  # the line that was given last
        self._lines = self._read(path)

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        return iter(()) if self.closed else self._lines

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        raise io.UnsupportedOperation("a study that is brought over is only read")

    def _read(self, path: Path) -> "Iterator[dict[str, Any]]":
        with framing.open_plain(path) as file:
            while line := file.readline(LONGEST):
                self.at += 1
                try:
                    entry = json.loads(line)
                except (ValueError, RecursionError):
                    entry = None
                if isinstance(entry, dict) and line.endswith(b"\n"):
                    yield entry
                else:
                    self.done.skip(f"line {self.at:,}", "it is not whole, or no line of a journal of Optuna's")


def _journal(path: Path, done: Imported) -> BaseStorage:
    """The journal as Optuna understands it; a line that it cannot take is named, and the next ones are read."""
    backend = _Journal(path, done)
    storage = JournalStorage(backend)
    backend.closed = False
    while True:
        try:
            storage.get_all_studies()
            return storage
        except HOSTILE as error:
            why = f"Optuna cannot take it: {type(error).__name__} {shown(str(error))}"
            done.skip(f"line {backend.at:,}", why.strip())


@contextmanager
def _copied(path: Path) -> Iterator[BaseStorage]:
    """A copy of a database, brought to the schema of today's Optuna. Raises BadInput for what is none of Optuna's."""
    with tempfile.TemporaryDirectory(prefix="cupola-optuna-") as directory:
        copy = Path(directory) / "studies.db"
        try:
            _copy(path, copy)
            with contextlib.closing(sqlite3.connect(copy)) as lines:
                tables = {str(row[0]) for row in lines.execute("select name from sqlite_master")}
        except (sqlite3.Error, OSError) as error:
            raise BadInput(f"it cannot be read: {error}", where=str(path)) from None
        if not {"studies", "trials"} <= tables:
            raise BadInput("this database is none of Optuna's: it has no studies and trials", where=str(path))
        try:
            storage = RDBStorage(f"{URL}{copy}", skip_compatibility_check=True)
            storage.upgrade()
        except BROKEN as error:
            said = shown(str(error).partition("\n")[0])
            raise BadInput(f"Optuna {optuna.__version__} cannot read it: {said}", where=str(path)) from None
        try:
            yield storage
        finally:
            storage.engine.dispose()


def _copy(path: Path, copy: Path) -> None:
    """With what is in its write-ahead log; a damaged one is copied as it is."""
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as origin,
            contextlib.closing(sqlite3.connect(copy)) as target,
        ):
            origin.backup(target)
    except sqlite3.DatabaseError:
        shutil.copyfile(path, copy)


def _studies(storage: BaseStorage, path: Path, done: Imported) -> list[FrozenStudy]:
    """The studies that have a name and something to be good in."""
    try:
        found = storage.get_all_studies()
    except BROKEN as error:
        raise BadInput(f"it cannot be read: {type(error).__name__}", where=str(path)) from None
    good = [one for one in found if isinstance(one.study_name, str) and one.directions]
    for one in found:
        if one not in good:
            done.skip(f"study {shown(str(one.study_name))}", "it has no name, or nothing to be good in")
    return good


def _trials(storage: BaseStorage, study: FrozenStudy, done: Imported) -> Iterator[FrozenTrial]:
    """The trials of a study by number; where not all can be read at once, those that can."""
    try:
        yield from storage.get_all_trials(study._study_id, deepcopy=False)
        return
    except BROKEN:
        pass
    for one in _ids(storage, study):
        try:
            yield storage.get_trial(one)
        except BROKEN as error:
            done.skip(
                f"study {shown(study.study_name)}: trial of id {one}", f"it cannot be read: {type(error).__name__}"
            )


def _ids(storage: BaseStorage, study: FrozenStudy) -> list[int]:
    """The ids of a study's trials in a database: its numbers may be broken too."""
    assert isinstance(storage, RDBStorage)
    with contextlib.closing(sqlite3.connect(storage.url.removeprefix(URL))) as rows:
        return [
            int(row[0]) for row in rows.execute("select trial_id from trials where study_id = ?", [study._study_id])
        ]


class _Study:
    """One study on its way: its trials first, then the tuning that they are of."""

    def __init__(self, work: Work, storage: BaseStorage, study: FrozenStudy, origin: str) -> None:
        self.work, self.study, self.origin = work, study, origin
        self.trials = list(_trials(storage, study, work.done))
        began = next((one.datetime_start for one in self.trials if one.datetime_start), None)
        self.id = id_of("optuna", study.study_name, optunas.moment_text(began) or "")

    def bring(self) -> None:
        """Writes it, if it is not here."""
        known = tunings.every(self.work.store)
        if self.id in {one.id for one in known}:
            self._skip("", "it is here already")
            return
        name = values.text(self.study.study_name).strip() or self.id
        if name in {one.name for one in known}:
            name = f"{name}-{self.id[:4]}"
        user, host = names.who()
        ways: list[tunings.Direction] = [
            "maximize" if one == StudyDirection.MAXIMIZE else "minimize" for one in self.study.directions
        ]
        began = [text for one in self.trials if (text := optunas.moment_text(one.datetime_start))]
        tuning = Tuning(
            id=self.id, name=name, experiment=names.as_name(name), user=user, host=host,
            submitted=min(began, default=names.now()), directions=ways, metrics=self._told() or [],
            notes=[f"it came from Optuna: {self.origin}"],
        )  # fmt: skip
        there = set(files.listing(self.work.store, f"experiments/{tuning.experiment}"))
        made: dict[int, Line] = {}
        for trial in self.trials:
            self.work.room(partial(self._bring, tuning, trial, there, made))
            self.work.tell(1, f"{shown(name)}: trial {trial.number}")
        self.work.room(partial(self._publish, tuning, made))

    def _bring(self, tuning: Tuning, trial: FrozenTrial, there: Container[str], made: dict[int, Line]) -> None:
        """Writes the run that a trial is, where it is not here from an import that was interrupted."""
        run = writing.mine(
            self.work.store, tunings.run_id(tuning.id, trial.number), f"{shown(tuning.name)[:80]}-{trial.number}",
            tuning.experiment,
        )  # fmt: skip
        try:
            if not isinstance(trial.number, int) or trial.number < 0 or trial.number in made:
                raise ValueError("it has no number of its own")
            line = optunas.of_template(Line(op="trial", trial=trial.number, run=run.id), trial)
            if trial.state == TrialState.RUNNING:
                line.state, line.why = lines.FAILED, "it was under way when it was imported"
                self._skip(f": trial {trial.number}", "it was under way, and is kept as one that has failed")
            self._describe(run, tuning, trial, line)
            steps = [(step, float(value)) for step, value in trial.intermediate_values.items()]
            if line.values is not None and len(line.values) != len(tuning.directions):
                raise ValueError("it has not a value for each objective")
            if lines.line_of(msgspec.json.decode(msgspec.json.encode(line))) is None:
                raise ValueError("something in it is of another kind")
            moment = trial.datetime_complete or trial.datetime_start
            seconds = moment.timestamp() if moment else 0.0
        except HOSTILE as error:
            self._skip(f": trial {trial.number}", f"it is none of Optuna's: {type(error).__name__} {shown(str(error))}")
            return
        if run.id not in there:
            with Writer(self.work.store, run, self.work.done) as writer:
                for step, value in steps:
                    writer.log(run.metric, value, step, seconds)
                writer.publish()
        made[trial.number] = line

    def _describe(self, run: Run, tuning: Tuning, trial: FrozenTrial, line: Line) -> None:
        objectives = tuning.metrics or optunas.objective_names(len(tuning.directions))
        run.tuning, run.trial, run.metric = tuning.id, trial.number, objectives[0]
        run.status, run.secondary_status = STATUS[trial.state]
        run.started, run.ended = line.started, line.ended
        run.submitted = run.started or run.submitted
        run.environment = {"imported": {"from": "Optuna", "study": values.text(self.study.study_name)}}
        for name, value in trial.params.items():
            try:
                run.params[values.check_name(name, "parameter")] = values.plain(value)
            except BadName as error:
                self._skip(f": trial {trial.number}: parameter {shown(name)}", str(error))
        found = zip(objectives, trial.values or (), strict=False)
        run.metrics = {name: float(one) for name, one in found if one - one == 0}
        run.reason = line.why

    def _told(self) -> list[str] | None:
        """The names of the objectives, where the study has some that metrics can have."""
        told = self.study.system_attrs.get(NAMES)
        if not isinstance(told, list) or len(told) != len(self.study.directions):
            return None
        with contextlib.suppress(BadName):
            return [values.check_name(one, "metric") for one in told]
        return None

    def _publish(self, tuning: Tuning, made: dict[int, Line]) -> None:
        """Puts the tuning into its place, with what is known of its trials."""
        store = self.work.store
        staged = files.staging(store)
        try:
            fold = Fold(store, str((staged / "trials").relative_to(store.root)))
            pen = Pen(fold, f"imported-{store.writer}")
            for scope, told in (("user", self.study.user_attrs), ("system", self.study.system_attrs)):
                for name, one in told.items():
                    pen.write(Line(op="study", scope=scope, name=name, text=json.dumps(one)))
            pen.write(*made.values())
            pen.close()
            with disk(tuning.directory):
                (staged / "tuning.json").write_bytes(msgspec.json.format(msgspec.json.encode(tuning), indent=2) + b"\n")
            files.publish_dir(store, staged, tuning.directory)
        except Conflict:
            self._skip("", "it is here already")
            return
        finally:
            files.discard(staged)
        lines.announce(store, tuning.id)
        self.work.done.tunings += 1

    def _skip(self, what: str, why: str) -> None:
        self.work.done.skip(f"study {shown(self.study.study_name)}{what}", why)
