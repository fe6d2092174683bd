"""Optuna's storage over a workspace: studies are tunings, and every trial is a run.

Each process writes a journal of its own, and reads on in those of the others. There is no file that two write, and no
lock: the number of a trial is had by making its run, which can be made only once. So workers may be on several hosts.
`optuna.create_study(storage=WorkspaceStorage("~/churn"))` is all that a script needs.
"""

import contextlib
import copy
import hashlib
import json
import os
import threading
import weakref
from collections.abc import Callable, Container, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from optuna.distributions import BaseDistribution, check_distribution_compatibility, distribution_to_json
from optuna.exceptions import DuplicatedStudyError, UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.storages._base import DEFAULT_STUDY_NAME_PREFIX
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState

from cupola.errors import BadName, Corrupt, NotFound
from cupola.experiments import records as experiments
from cupola.jobs.attempt import Attempt
from cupola.store import Store, claims, files, names
from cupola.tracking import joining
from cupola.tuning import optunas, records, trials
from cupola.tuning.records import Tuning
from cupola.tuning.runs import Runs
from cupola.tuning.trials import Fold, Line, Pen, Trial

BITS = 22  # of a trial's id that are its number; those before them are its study's id
NONE_SUCH = "Record does not exist."


class NoMore(Exception):
    """As many trials have been made as there may be."""


class _Study:
    """One study as this process has it. `pen` and `runs` are opened by the first who writes."""

    def __init__(self, store: Store, tuning: Tuning, writer: str, attempt: Attempt | None) -> None:
        self.tuning = tuning
        self.fold = Fold(store, tuning.journals)
        self.runs = Runs(store, tuning, writer, attempt)
        self.writer = writer
        self.pen: Pen | None = None
        self.frozen: dict[int, tuple[int, FrozenTrial]] = {}

    def owns(self, trial: Trial) -> bool:
        return trial.owner == self.writer

    def as_frozen(self, trial: Trial) -> FrozenTrial:
        """The trial as Optuna takes it; made anew when something has been said of it since."""
        known = self.frozen.get(trial.number)
        if known is None or known[0] != trial.changed:
            made = optunas.frozen(trial, (_study_id(self.tuning.id) << BITS) + trial.number)
            known = self.frozen[trial.number] = trial.changed, made
        return known[1]


class WorkspaceStorage(BaseStorage):
    """Studies and trials in a workspace; one instance may be shared by threads, and each process has its own.

    writer: the name of this process's journals, which nobody else may have. attempt: the attempt of a job that this
    process is. most(tuning): how many trials of its own a tuning may have by now; at the next one NoMore is raised.
    room(do): does it, when there is room on the disk.
    """

    def __init__(
        self,
        workspace: Store | Path | str,
        *,
        writer: str | None = None,
        attempt: Attempt | None = None,
        most: Callable[[Fold], int | None] = lambda fold: None,
        room: Callable[[Callable[[], Any]], Any] = lambda do: do(),
    ) -> None:
        self.store = (
            workspace if isinstance(workspace, Store) else joining.workspace(Path(workspace).expanduser()).store
        )
        self._attempt = attempt
        self._most = most
        self._room = room
        self._begin(writer)

    def _begin(self, writer: str | None = None) -> None:
        """Begins as a writer of whom there is no journal yet."""
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._studies: dict[int, _Study] = {}
        user, host = names.who()
        self.writer = writer or f"{host}-{user}-{os.getpid()}-{names.new_id(6)}"
        self._end = weakref.finalize(self, _close, self._studies, os.getpid())

    def __getstate__(self) -> dict[str, Any]:
        """In another process it is another writer."""
        return {"root": str(self.store.root)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["root"])  # type: ignore[misc]

    # Studies

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        one = names.new_id()
        name = DEFAULT_STUDY_NAME_PREFIX + one if study_name is None else study_name
        user, host = names.who()
        ways: list[records.Direction] = [
            "maximize" if way == StudyDirection.MAXIMIZE else "minimize" for way in directions
        ]
        tuning = Tuning(
            id=one, name=name, experiment=_experiment(name, one), user=user, host=host, submitted=names.now(),
            directions=ways,
        )  # fmt: skip
        with self._lock, claims.held(self.store, f"{records.DIRECTORY}/names"):
            if any(each.name == name for each in records.every(self.store)):
                raise DuplicatedStudyError(f"there is a study called {name!r} already")
            records.create(self.store, tuning)
        return _study_id(one)

    def delete_study(self, study_id: int) -> None:
        """The tuning goes to the trash; the runs that its trials are stay."""
        with self._lock:
            study = self._study(study_id)
            if study.pen:
                study.pen.journal.let_go()
            with contextlib.suppress(NotFound):
                files.trash(self.store, study.tuning.directory)
            trials.announce(self.store, study.tuning.id)
            del self._studies[study_id]

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        self._set_of_study(study_id, "user", key, value)

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        self._set_of_study(study_id, "system", key, value)

    def get_study_id_from_name(self, study_name: str) -> int:
        """The study of that name, or of that id of a tuning."""
        for tuning in records.every(self.store):
            if study_name in (tuning.name, tuning.id):
                return _study_id(tuning.id)
        raise KeyError(NONE_SUCH)

    def get_study_name_from_id(self, study_id: int) -> str:
        with self._lock:
            return self._study(study_id).tuning.name

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        with self._lock:
            return optunas.directions(self._study(study_id).tuning)

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        with self._lock:
            return optunas.decoded(self._refreshed(study_id).fold.user)

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        with self._lock:
            return optunas.decoded(self._refreshed(study_id).fold.system)

    def get_all_studies(self) -> list[FrozenStudy]:
        found = []
        for tuning in reversed(records.every(self.store)):
            study_id = _study_id(tuning.id)
            with self._lock:
                fold = self._refreshed(study_id).fold
            found.append(
                FrozenStudy(
                    study_name=tuning.name,
                    direction=None,
                    user_attrs=optunas.decoded(fold.user),
                    system_attrs=optunas.decoded(fold.system),
                    study_id=study_id,
                    directions=optunas.directions(tuning),
                )
            )
        return found

    # Trials

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        with self._lock:
            study = self._refreshed(study_id)
            state = optunas.STATES[template_trial.state] if template_trial else trials.RUNNING
            number = self._claim(study, waiting=state == trials.WAITING)
            line = Line(op="trial", trial=number, run=records.run_id(study.tuning.id, number), started=names.now())
            if template_trial:
                line = optunas.of_template(line, template_trial)
            self._write(study, line)
            if state in trials.OVER:
                self._end_run(study, study.fold.trials[number])
            return (study_id << BITS) + number

    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        with self._lock:
            study, trial = self._updatable(trial_id)
            for number in study.fold.numbers:
                before = study.fold.trials[number].params.get(param_name)
                if before is not None:
                    check_distribution_compatibility(optunas.distribution(before.distribution), distribution)
                    break
            text = distribution_to_json(distribution)
            line = Line(op="param", name=param_name, value=float(param_value_internal), distribution=text)
            self._say(study, trial, line)

    def get_trial_id_from_study_id_trial_number(self, study_id: int, trial_number: int) -> int:
        with self._lock:
            if trial_number not in self._refreshed(study_id).fold.trials:
                raise KeyError(f"No trial with {trial_number=} exists in study with {study_id=}.")
        return (study_id << BITS) + trial_number

    def get_trial_number_from_id(self, trial_id: int) -> int:
        with self._lock:
            return self._trial(trial_id)[1].number

    def get_trial_param(self, trial_id: int, param_name: str) -> float:
        with self._lock:
            return self._trial(trial_id)[1].params[param_name].value

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        with self._lock:
            study, trial = self._updatable(trial_id)
            line = Line(op="state", state=optunas.STATES[state])
            if state == TrialState.FAIL and (run := study.runs.open.get(trial.number)):
                line.why = run.reason
            if values is not None:
                line.values = [trials.number(float(one)) for one in values]
            if state == TrialState.RUNNING:
                if trial.state != trials.WAITING or not study.runs.take(trial.number, trial.run):
                    return False
                line.run = trial.run
            self._say(study, trial, line)
            if state.is_finished() and study.owns(trial):
                self._end_run(study, trial)
            return True

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        with self._lock:
            study, trial = self._updatable(trial_id)
            self._say(study, trial, Line(op="step", step=step, value=trials.number(float(intermediate_value))))

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        self._set_of_trial(trial_id, "user", key, value)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        self._set_of_trial(trial_id, "system", key, value)

    def get_trial(self, trial_id: int) -> FrozenTrial:
        with self._lock:
            study, trial = self._trial(trial_id)
            return study.as_frozen(trial)

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        with self._lock:
            study = self._refreshed(study_id)
            found = [study.as_frozen(study.fold.trials[number]) for number in study.fold.numbers]
        if states is not None:
            found = [one for one in found if one.state in states]
        return copy.deepcopy(found) if deepcopy else found

    # What a worker needs besides

    def fold(self, study_id: int) -> Fold:
        """All that is known of a study's trials by now."""
        with self._lock:
            return self._refreshed(study_id).fold

    def runs(self, study_id: int) -> Runs:
        """The runs of the trials that this process makes."""
        return self._study(study_id).runs

    def say(self, study_id: int, line: Line) -> None:
        """Writes a line of another kind, and makes it durable."""
        with self._lock:
            study = self._study(study_id)
            self._write(study, line)
            self._settle(study, now=True)

    def bury(self, study_id: int) -> None:
        """Says of the trials whose workers are gone that they are lost; what has been made of them is nothing."""
        with self._lock:
            study = self._refreshed(study_id)
            known = study.fold.trials
            for trial in [one for one in known.values() if not one.over and not study.owns(one)]:
                if self._is_lost(study, trial.run):
                    self._say(study, trial, Line(op="state", state=trials.FAILED, why=trials.LOST))
            for number in range(max(known, default=0)):  # whoever made the run did not live to say so
                run = records.run_id(study.tuning.id, number)
                if number not in known and self._is_lost(study, run):
                    line = Line(op="trial", trial=number, run=run, state=trials.FAILED, why=trials.LOST)
                    self._write(study, line)

    def close(self) -> None:
        """Makes all durable, and says that nothing more will come from this process."""
        with self._lock:
            self._end()
            self._begin()

    def _is_lost(self, study: _Study, run: str) -> bool:
        try:
            found = experiments.read(self.store, f"{study.tuning.experiment}/{run}")
            return found.status != "Queued" and records.is_lost(self.store, found)
        except (NotFound, Corrupt):  # its making is under way
            return False

    def _claim(self, study: _Study, *, waiting: bool) -> int:
        most = self._most(study.fold)
        number = study.fold.numbers[-1] + 1 if study.fold.numbers else 0
        while True:
            if most is not None and number >= most:
                raise NoMore
            if self._room(partial(study.runs.claim, number, waiting=waiting)):
                return number
            number += 1

    def _end_run(self, study: _Study, trial: Trial) -> None:
        params = records.params_of(study.tuning, trial)
        told = trials.attribute(study.fold.system, "study:metric_names")
        several = told if isinstance(told, list) and len(told) == len(study.tuning.directions) else None
        objectives = study.tuning.metrics or several or optunas.objective_names(len(study.tuning.directions))
        self._room(partial(study.runs.end, trial, params, objectives))
        self._settle(study, now=self._attempt is not None)

    def _settle(self, study: _Study, *, now: bool = False) -> None:
        if self._room(partial(study.runs.settle, now=now)) and study.pen:
            self._room(study.pen.journal.flush)
            trials.announce(self.store, study.tuning.id)

    def _set_of_study(self, study_id: int, scope: str, key: str, value: Any) -> None:
        with self._lock:
            study = self._refreshed(study_id)
            self._write(study, Line(op="study", scope=scope, name=key, text=json.dumps(value)))

    def _set_of_trial(self, trial_id: int, scope: str, key: str, value: Any) -> None:
        text = json.dumps(value)
        with self._lock:
            study, trial = self._updatable(trial_id)
            self._say(study, trial, Line(op="attribute", scope=scope, name=key, text=text))

    def _say(self, study: _Study, trial: Trial, line: Line) -> None:
        line.trial = trial.number
        self._write(study, line)

    def _write(self, study: _Study, line: Line) -> None:
        if study.pen is None:
            study.pen = Pen(study.fold, self.writer)
        study.pen.write(line)
        self._room(partial(study.pen.journal.flush, durable=False))

    def _study(self, study_id: int) -> _Study:
        if self._process != os.getpid():  # a fork of the process that it was made in: those journals are not ours
            self._begin()
        if study_id not in self._studies:
            for one in records.ids(self.store):
                if _study_id(one) == study_id:
                    with contextlib.suppress(NotFound):
                        tuning = records.read(self.store, one)
                        self._studies[study_id] = _Study(self.store, tuning, self.writer, self._attempt)
        if study_id not in self._studies:
            raise KeyError(NONE_SUCH)
        return self._studies[study_id]

    def _refreshed(self, study_id: int) -> _Study:
        study = self._study(study_id)
        study.fold.refresh(own=self.writer)
        return study

    def _trial(self, trial_id: int) -> tuple[_Study, Trial]:
        """A trial; what others say of one that is not this process's own is read first."""
        study = self._study(trial_id >> BITS)
        number = trial_id & ((1 << BITS) - 1)
        trial = study.fold.trials.get(number)
        if trial is None or not (study.owns(trial) or trial.over):
            study.fold.refresh(own=self.writer)
            trial = study.fold.trials.get(number)
        if trial is None:
            raise KeyError(NONE_SUCH)
        return study, trial

    def _updatable(self, trial_id: int) -> tuple[_Study, Trial]:
        study, trial = self._trial(trial_id)
        if trial.over:
            said = f"Trial#{trial.number} has already finished and can not be updated."
            raise UpdateFinishedTrialError(said)
        return study, trial


def _close(studies: dict[int, _Study], process: int) -> None:
    if process == os.getpid():
        for study in studies.values():
            if study.pen:
                study.pen.close()
                study.runs.settle(now=True)


def _study_id(tuning: str) -> int:
    """What Optuna knows a tuning by: 40 bits."""
    return int.from_bytes(hashlib.sha256(tuning.encode()).digest()[:5])


def _experiment(name: str, otherwise: str) -> str:
    """The experiment that a script's study is, by its name where that can be one."""
    try:
        return names.check_name(name)
    except BadName:
        return otherwise
