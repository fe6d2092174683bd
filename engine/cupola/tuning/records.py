"""What is on disk of a tuning, and what it amounts to: `tunings/ID/`.

tuning.json         the wish, written once by the filer (of a study that a script makes: what Optuna needs to know);
                    code.patch beside it is what was changed and not committed where it was filed
trials/WRITER.jsonl the operations on its trials, a journal per process that makes some (`cupola.tuning.trials`)
asked/WRITER.jsonl  what people have asked since: pause, resume, extend, stop; a journal per writer
taken/N.json        who runs trial N, which had waited; registered/ROUND.json: who registers the best. Made once

Every trial is a run, `experiments/EXPERIMENT/RUN/`. Its id follows from the tuning's and the trial's number, and it can
be made only once: whoever makes the run of number N has trial N.
"""

import hashlib
from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from cupola.errors import Ambiguous, Corrupt, NewerFormat, NotFound
from cupola.experiments import records as experiments
from cupola.experiments.records import Code, Run
from cupola.jobs import records as jobs
from cupola.jobs.records import JobState
from cupola.store import Store, feed, files, journals, names, records
from cupola.store.records import Record
from cupola.tuning import trials
from cupola.tuning.space import Dimension
from cupola.tuning.trials import COMPLETED, FAILED, LOST, PRUNED, RUNNING, STOPPED, Fold, Trial

DIRECTORY = "tunings"
OVER = ("Completed", "Failed", "Stopped")
STRATEGIES = ("Bayesian", "GP", "Random", "Grid", "Hyperband", "SuccessiveHalving")
EARLY = ("Hyperband", "SuccessiveHalving")  # those that stop trials early
MODEL = "cupola:model"  # the attribute of a tuning that names the version its best was registered as
Direction = Literal["minimize", "maximize"]


class Stops(msgspec.Struct, kw_only=True):
    """What ends a tuning: so many trials, seconds, a value of the metric, so many trials without a better one, or that
    the best gets no better by more than its own uncertainty."""

    trials: int | None = None
    seconds: float | None = None
    value: float | None = None
    patience: int | None = None
    converged: bool = False


class Tuning(Record, kw_only=True):
    """A tuning as it was asked for. directions, metrics: of each objective; training: what `train` would be asked, with
    the parameters that are the same in every trial. A study of a script has a name and directions only."""

    id: str
    name: str
    experiment: str
    user: str
    host: str
    submitted: str
    directions: list[Direction]
    metrics: list[str] = msgspec.field(default_factory=list)
    strategy: str = ""
    early_stopping: bool = False
    space: list[Dimension] = msgspec.field(default_factory=list)
    training: dict[str, Any] = msgspec.field(default_factory=dict)
    stops: Stops = msgspec.field(default_factory=Stops)
    parallel: int = 1
    limits: dict[str, Any] = msgspec.field(default_factory=dict)
    code: Code = msgspec.field(default_factory=Code)
    jobs: list[str] = msgspec.field(default_factory=list)
    warm_start: list[str] = msgspec.field(default_factory=list)
    register: str | None = None
    notes: list[str] = msgspec.field(default_factory=list)

    @property
    def objectives(self) -> list[str]:
        """What each objective is called: a study of a script has no metrics."""
        several = len(self.directions) > 1
        return self.metrics or [f"value_{place}" if several else "value" for place in range(len(self.directions))]

    @property
    def directory(self) -> str:
        return f"{DIRECTORY}/{self.id}"

    @property
    def journals(self) -> str:
        return f"{self.directory}/trials"

    @property
    def asked(self) -> str:
        return f"{self.directory}/asked"


class Asked(msgspec.Struct, kw_only=True):
    """What people have asked of a tuning since it was filed.

    round: how often it was resumed or extended; trials: how many there were when it last was. jobs: all that work on
    it, or did. halted: "pause" or "stop" where that was the last word. stops: what ends it now.
    """

    round: int = 0
    trials: int = 0
    jobs: list[str] = []
    halted: str = ""
    stops: Stops = msgspec.field(default_factory=Stops)


class TrialState(msgspec.Struct, kw_only=True):
    """A trial as people see it. params: as the estimator gets them; values: of each objective; run: the run that it is.

    state: Waiting, Running, Completed, Pruned (stopped early) or Failed. best: it is the best so far, or one of those
    that no other is better than in every objective. given: taken over from another tuning.
    """

    number: int
    run: str
    state: str
    values: list[float] | None = None
    params: dict[str, Any] = {}
    steps: dict[int, float] = {}
    started: str | None = None
    ended: str | None = None
    best: bool = False
    given: bool = False
    why: str = ""


class TuningState(msgspec.Struct, kw_only=True):
    """What a tuning amounts to now: `tuning` is its id, `trials` how many it has made, of `wanted`.

    best_run, best_params, metrics: of the best trial so far. front: the runs that no other is better than in every
    objective, where there are several; of these the one that is best in the first objective counts as the best.
    stop_reason: MaxNumberOfTrainingJobs, MaxRuntimeInSeconds, TargetObjectiveMetricValue, BestObjectiveNotImproving,
    ConvergenceDetected, or SpaceExhausted of a grid.
    options: what else `tune` was told of the trainings, as it takes it.
    """

    tuning: str
    name: str
    experiment: str
    status: str
    secondary_status: str = ""
    stop_reason: str = ""
    best_run: str | None = None
    best_params: dict[str, Any] = {}
    metrics: dict[str, float] = {}
    front: list[str] = []
    trials: int = 0
    wanted: int | None = None
    completed: int = 0
    pruned: int = 0
    failed: int = 0
    running: int = 0
    strategy: str = ""
    objectives: list[str] = []
    directions: list[str] = []
    space: list[str] = []
    dataset: str = ""
    target: str = ""
    estimator: str = ""
    options: dict[str, Any] = {}
    user: str = ""
    host: str = ""
    submitted: str = ""
    started: str | None = None
    ended: str | None = None
    progress: float | None = None
    message: str = ""
    reason: str = ""
    jobs: list[str] = []
    model: str | None = None
    notes: list[str] = []

    @property
    def over(self) -> bool:
        return self.status in OVER


def run_id(tuning: str, number: int) -> str:
    """The id of the run that trial `number` of a tuning is."""
    digest = hashlib.sha256(f"trial\0{tuning}\0{number}".encode()).digest()
    return "".join(names.ALPHABET[byte & 31] for byte in digest[:10])


def seal(tuning: Tuning) -> str:
    """What tells this tuning from any other: its workers, whose wish is signed, do no other than was filed."""
    return hashlib.sha256(msgspec.json.encode(tuning, order="deterministic")).hexdigest()


def ids(store: Store) -> list[str]:
    """The ids of all tunings."""
    return files.listing(store, DIRECTORY)


def read(store: Store, tuning: str) -> Tuning:
    """The tuning of that id. Raises NotFound, Corrupt, NewerFormat."""
    return records.read(store, f"{DIRECTORY}/{tuning}/tuning.json", Tuning)


def create(store: Store, tuning: Tuning) -> None:
    """Writes the tuning, which is new. Raises Conflict, DiskTrouble."""
    records.create(store, f"{tuning.directory}/tuning.json", tuning, kind="tuning", ref=tuning.id)


def every(store: Store) -> list[Tuning]:
    """All tunings that can be read, the newest first."""
    found = [one for one in (_readable(store, each) for each in ids(store)) if one]
    return sorted(found, key=lambda one: (one.submitted, one.id), reverse=True)


def find(store: Store, reference: str) -> Tuning:
    """The tuning of that id, unique beginning of an id, or name. Raises NotFound, Ambiguous."""
    known = ids(store)
    if reference in known:
        return read(store, reference)
    matches = [one for one in known if reference and one.startswith(reference)]
    if not matches:
        matches = [one.id for one in every(store) if one.name == reference]
    if not matches:
        raise NotFound(f"there is no tuning {reference!r} here", hint="`cupola tuning ls` lists them")
    if len(matches) > 1:
        raise Ambiguous(f"{reference!r} could be the tunings {', '.join(matches[:5])}", hint="give more letters")
    return read(store, matches[0])


def ask(store: Store, tuning: Tuning, what: str, **more: Any) -> None:
    """Writes down what somebody asks of a tuning: pause, stop, or go on (with other `jobs`, and more of `stops`)."""
    user, host = names.who()
    entry = {"op": what, "user": user, "host": host} | more
    seq = journals.append(store, f"{tuning.asked}/{store.writer}.jsonl", [entry])
    feed.announce(store, "tuning", tuning.id, seq)


def asked(store: Store, tuning: Tuning) -> Asked:
    """What was asked of a tuning by now."""
    found = Asked(jobs=list(tuning.jobs), stops=tuning.stops)
    for entry in journals.folded(store, tuning.asked):
        if entry.get("op") in ("pause", "stop"):
            found.halted = str(entry["op"])
        elif entry.get("op") == "go on":
            found.halted, found.round = "", found.round + 1
            found.trials = entry["trials"] if isinstance(entry.get("trials"), int) else 0
            found.jobs += [one for one in entry.get("jobs", ()) if isinstance(one, str)]
            found.stops = _more(found.stops, entry)
    return found


def state(store: Store, reference: str) -> TuningState:
    """What the tuning of that id, prefix or name amounts to now."""
    return state_of(store, find(store, reference))


def ls(store: Store) -> list[TuningState]:
    """Every tuning, the newest first; they are read last, so that it is their trials that are kept."""
    return [state_of(store, one) for one in reversed(every(store))][::-1]


def state_of(store: Store, tuning: Tuning) -> TuningState:
    """What a tuning amounts to now."""
    with trials.kept(store, tuning.journals) as fold:
        return _state(store, tuning, fold)


def table(store: Store, tuning: Tuning) -> list[TrialState]:
    """The trials by number."""
    with trials.kept(store, tuning.journals) as fold:
        best = {one.number for one in front(own(fold), tuning.directions)}
        return [_shown(tuning, fold.trials[number], number in best) for number in fold.numbers]


def planned(tuning: Tuning) -> TuningState:
    """A tuning that is not filed: what it would search."""
    found = TuningState(
        tuning="", name=tuning.name, experiment=tuning.experiment, status="", wanted=tuning.stops.trials,
        strategy=tuning.strategy, objectives=tuning.metrics, directions=list(tuning.directions), user=tuning.user,
        host=tuning.host, space=[one.text for one in tuning.space], notes=tuning.notes,
    )  # fmt: skip
    _trained(found, tuning)
    return found


def _state(store: Store, tuning: Tuning, fold: Fold) -> TuningState:
    wish = asked(store, tuning)
    working = list(jobs.some(store, set(wish.jobs)).values())
    made = own(fold)
    now = TuningState(
        tuning=tuning.id, name=tuning.name, experiment=tuning.experiment, status="InProgress",
        trials=len(made), wanted=wish.stops.trials, completed=_count(made, COMPLETED), pruned=_count(made, PRUNED),
        failed=_count(made, FAILED), running=_count(made, RUNNING), strategy=tuning.strategy,
        objectives=tuning.metrics, directions=list(tuning.directions), space=[one.text for one in tuning.space],
        user=tuning.user, host=tuning.host, submitted=tuning.submitted, jobs=wish.jobs, notes=tuning.notes,
        started=min((one.started for one in made if one.started), default=None),
        model=model if isinstance(model := trials.attribute(fold.user, MODEL), str) else None,
    )  # fmt: skip
    _trained(now, tuning)
    _best(tuning, fold, now)
    if tuning.jobs:
        _status(now, wish, fold, working)
    else:
        now.status = "InProgress" if now.running else "Completed"
    over = [one.ended for one in made if one.ended]
    now.ended = max(over, default=None) if now.over else None
    now.message = now.message or _message(now)
    now.progress = now.progress if now.wanted is None else min(1.0, _done(now) / max(1, now.wanted))
    return now


def own(fold: Fold) -> list[Trial]:
    """The trials that a tuning has made itself, by number."""
    return [fold.trials[one] for one in fold.numbers if not fold.trials[one].given]


def lost(fold: Fold) -> int:
    """How many trials went with a worker that was killed or stopped: others are made for them."""
    return sum(one.state == FAILED and one.why in (LOST, STOPPED) for one in own(fold))


def front(made: Iterable[Trial], directions: list[Direction]) -> list[Trial]:
    """The completed trials that no other is better than in every objective; the best one where there is one objective.

    Of several that are equal, the first.
    """
    found: list[tuple[Trial, list[float]]] = []
    for trial in made:
        if trial.state != COMPLETED or len(trial.values or []) != len(directions):
            continue  # one of a journal that was edited by hand may have any number of values
        mine = [-one if way == "maximize" else one for one, way in zip(trial.values or [], directions, strict=True)]
        if not any(_as_good(other, mine) for _, other in found):
            found = [(one, other) for one, other in found if not _as_good(mine, other)] + [(trial, mine)]
    return [one for one, _ in found]


def params_of(tuning: Tuning, trial: Trial) -> dict[str, Any]:
    """The parameters that a trial has drawn, as the estimator gets them; of a script's study, as it draws them."""
    from cupola.tuning import space

    drawn = {name: drawn_value(one) for name, one in trial.params.items()}
    return space.params(tuning.space, drawn) if tuning.space else drawn


def drawn_value(param: trials.Param) -> Any:
    """What a parameter was drawn as, from what Optuna holds of it."""
    notation = trials.notation(param.distribution)
    assert notation is not None  # no other line is taken
    if notation.name == "CategoricalDistribution":
        return notation.attributes.choices[int(param.value)]
    return int(param.value) if notation.name == "IntDistribution" else param.value


def _trained(now: TuningState, tuning: Tuning) -> None:
    """What the trainings of a tuning have in common; a study of a script has none."""
    asked = tuning.training
    now.dataset, now.target, now.estimator = (str(asked.get(one) or "") for one in ("dataset", "target", "estimator"))
    more = {"param": asked.get("params"), "early_stopping": tuning.early_stopping}
    now.options = dict(asked.get("options") or {}) | {name: one for name, one in more.items() if one}


def _more(stops: Stops, entry: dict[str, Any]) -> Stops:
    more = msgspec.convert(entry.get("stops") or {}, Stops)
    given = {name: one for name in Stops.__struct_fields__ if (one := getattr(more, name)) not in (None, False)}
    if more.trials:
        given["trials"] = (stops.trials or 0) + more.trials
    return msgspec.structs.replace(stops, **given)


def _readable(store: Store, tuning: str) -> Tuning | None:
    try:
        return read(store, tuning)
    except (NotFound, Corrupt, NewerFormat):
        return None


def _best(tuning: Tuning, fold: Fold, now: TuningState) -> None:
    ahead = front(own(fold), tuning.directions)
    if not ahead:
        return
    sign = -1 if tuning.directions[0] == "maximize" else 1
    best = min(ahead, key=lambda one: sign * (one.values or [0.0])[0])
    now.best_run = best.run
    now.best_params = params_of(tuning, best)
    now.metrics = dict(zip(tuning.objectives, best.values or [], strict=False))
    now.front = [one.run for one in ahead] if len(tuning.directions) > 1 else []


def _status(now: TuningState, wish: Asked, fold: Fold, working: list[JobState]) -> None:
    ends = [one for one in fold.ends if one.round == wish.round]
    open_ = [one for one in working if not one.over]
    running = [one for one in open_ if one.status != "Queued"]
    if ends:
        now.stop_reason = ends[0].reason
    if open_:
        now.status = "InProgress" if running or now.trials else "Queued"
        now.secondary_status = "Stopping" if wish.halted else "Finishing" if ends else "Running" if running else ""
        now.message = "" if running else open_[0].message
    elif ends:
        now.status = "Completed" if now.completed or now.pruned else "Failed"
        now.reason = "" if now.status == "Completed" else _why_none(fold)
    elif wish.halted == "pause":
        now.status, now.secondary_status = "Stopped", "Paused"
    elif wish.halted or any(one.status == "Stopped" for one in working):
        now.status = "Stopped"
    else:
        now.status = "Failed"
        now.reason = next((one.error.message if one.error else one.reason for one in working if one.over), "")


def _why_none(fold: Fold) -> str:
    """Why there is no best: what the trials failed of."""
    said = [one.why for one in own(fold) if one.why]
    return f"no trial has completed; the last one: {said[-1]}" if said else "no trial has completed"


def _message(now: TuningState) -> str:
    wanted = f" of {now.wanted}" if now.wanted is not None else ""
    best = "".join(f", best {name} {value:.4g}" for name, value in now.metrics.items())
    return f"{_done(now)}{wanted} trials{best}" if now.trials else ""


def _done(now: TuningState) -> int:
    return now.completed + now.pruned + now.failed


def _count(made: list[Trial], state: str) -> int:
    return sum(one.state == state for one in made)


def _as_good(one: list[float], other: list[float]) -> bool:
    """Whether `one` is as good as `other` in every objective, or better (smaller)."""
    return all(mine <= theirs for mine, theirs in zip(one, other, strict=True))


def _shown(tuning: Tuning, trial: Trial, best: bool) -> TrialState:
    shown = "number", "run", "state", "values", "steps", "started", "ended", "why"
    same = {one: getattr(trial, one) for one in shown}
    return TrialState(params=params_of(tuning, trial), best=best, given=trial.given, **same)


def is_lost(store: Store, run: Run) -> bool:
    """Whether the worker or the process of a trial's run that has not ended is known to be gone."""
    if not run.job:
        return experiments.is_dead(run)
    from cupola.jobs import attempts

    job = jobs.find(store, run.job)
    ended = attempts.optional(store, f"{job.attempt(run.attempt)}/result.json", attempts.AttemptEnd)
    return ended is not None or max(attempts.numbers(store, job), default=0) > run.attempt
