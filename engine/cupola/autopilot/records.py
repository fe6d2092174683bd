"""What an autopilot is asked to do, and what its board says.

An autopilot is a run: the ensemble that it ends with. Every candidate is a run of the same experiment, and `part_of`
it. Its attempt keeps leaderboard.json beside its artifacts, as it is so far; so a job that is killed leaves what it had
found out.
"""

from typing import Any, Literal

import msgspec

from cupola.datasets.records import DatasetVersion
from cupola.errors import CupolaError
from cupola.experiments import records as experiments
from cupola.experiments.records import Run
from cupola.forecasting.records import ForecastSpec
from cupola.store import Store, files
from cupola.training.records import Training

ESTIMATOR = "Autopilot"  # what its run says in the place of an estimator
BOARD = "leaderboard.json"
ENOUGH = "enough.json"  # in the run's directory: somebody has asked it to end with what it has
Task = Literal["binary", "multiclass", "regression", "timeseries"]
TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression", "timeseries")
MODES = ("auto", "ensembling", "single")
METRICS = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}
FOLDS = 8


class Spec(msgspec.Struct, kw_only=True):
    """What the job's `spec` holds. training: of every candidate, which has its own estimator and parameters; of time
    series there is a `forecast` in its place.

    task, why: what it is, and how that was seen. budget: seconds from when it was filed to its end.
    """

    task: Task
    why: str
    mode: str
    budget: float
    training: Training | None = None
    forecast: ForecastSpec | None = None

    @property
    def learnt(self) -> Training:
        """The training of what is no time series."""
        assert self.training is not None
        return self.training

    @property
    def metric(self) -> str:
        """What is to be good, without its split."""
        return self.forecast.metric if self.forecast else self.learnt.metric


class Line(msgspec.Struct, kw_only=True):
    """A candidate. state: waiting, trying, dropped, failed, or kept.

    metrics: of the validation (each row judged by fits that had not seen it) and of the test. folds: how many fits it
    has had. share: of the rows, that they have learnt from (less than 1 only of a table that is large for the budget).
    weight: its share in the ensemble. verdict: "best", "tied" (no worse than the best by more than chance may do), or
    "worse". why: why it was dropped or has failed. seconds: of one fit.
    """

    name: str
    run: str = ""
    estimator: str
    params: dict[str, Any] = {}
    state: str = "waiting"
    metrics: dict[str, float] = {}
    errors: dict[str, float] = {}
    folds: int = 0
    share: float = 1.0
    seconds: float = 0.0
    weight: float = 0.0
    verdict: str = ""
    why: str = ""


class Board(msgspec.Struct, kw_only=True):
    """leaderboard.json: the candidates, the best first. ensemble: how well they do together, as a line without a run.

    seconds: from when it was filed on. advice: what the data is missing, a sentence each. importance: how much worse
    the metric gets on the test rows when a column is shuffled. groups: the errors of the rows by the values of columns.
    """

    task: Task
    why: str
    metric: str
    budget: float
    lines: list[Line] = []
    ensemble: Line | None = None
    seconds: float = 0.0
    message: str = ""
    stop_reason: str = ""
    advice: list[str] = []
    importance: list[dict[str, Any]] = []
    groups: list[dict[str, Any]] = []


class Entry(msgspec.Struct, kw_only=True):
    """A candidate as `autopilot` says it; the ensemble is one of them."""

    run: str
    estimator: str
    metrics: dict[str, float]
    errors: dict[str, float] = {}
    name: str = ""
    state: str = ""
    verdict: str = ""
    weight: float = 0.0
    folds: int = 0
    share: float = 1.0
    params: dict[str, Any] = {}
    why: str = ""


class AutopilotState(msgspec.Struct, kw_only=True):
    """An autopilot and how it stands: `autopilot` is the id of its run, the ensemble's; model: the version made of it.

    task: what it was seen to be, and `why`. metrics: of the ensemble. leaderboard: the ensemble and every candidate,
    the best first, by the metric on the validation; those that were not measured come last.
    """

    autopilot: str
    name: str
    experiment: str
    job: str
    status: str
    secondary_status: str = ""
    task: str
    why: str
    metric: str
    mode: str = ""
    budget: float
    seconds: float = 0.0
    leaderboard: list[Entry] = []
    metrics: dict[str, float] = {}
    metric_errors: dict[str, float] = {}
    model: str | None = None
    dataset: str = ""
    flow: str = ""
    target: str = ""
    stop_reason: str = ""
    advice: list[str] = []
    importance: list[dict[str, Any]] = []
    groups: list[dict[str, Any]] = []
    progress: float | None = None
    message: str = ""
    reason: str = ""
    user: str = ""
    host: str = ""
    submitted: str = ""
    started: str | None = None
    ended: str | None = None
    notes: list[str] = []

    @property
    def over(self) -> bool:
        return self.status in experiments.OVER


def is_one(run: Run) -> bool:
    """Whether a run is an autopilot's."""
    return run.estimator == ESTIMATOR


def board(store: Store, run: Run) -> Board | None:
    """What an autopilot has found out by now; None while it has said nothing, or where that cannot be read."""
    try:
        directory = experiments.attempt_directory(store, run)
        return msgspec.json.decode(files.read_bytes(store, f"{directory}/{BOARD}"), type=Board) if directory else None
    except (CupolaError, msgspec.MsgspecError):
        return None


def board_before(store: Store, run: Run, attempt: int) -> Board | None:
    """What the attempts before that one had found out; None where it is the first, or none of them has said a thing."""
    for number in range(attempt - 1, 0, -1):
        try:
            return msgspec.json.decode(
                files.read_bytes(store, f"{run.directory}/attempts/{number}/{BOARD}"), type=Board
            )
        except (CupolaError, msgspec.MsgspecError):
            continue
    return None


def state_of(store: Store, run: Run, spec: Spec) -> AutopilotState:
    """How an autopilot stands."""
    shown = (
        "name", "experiment", "job", "status", "secondary_status", "metrics", "metric_errors", "model", "dataset",
        "flow", "target", "progress", "message", "reason", "user", "host", "submitted", "started", "ended", "notes",
    )  # fmt: skip
    now = AutopilotState(
        autopilot=run.id, task=spec.task, why=spec.why, metric=spec.metric, mode=spec.mode, budget=spec.budget,
        **{one: getattr(run, one) for one in shown},
    )  # fmt: skip
    if found := board(store, run):
        lines = [msgspec.structs.replace(found.ensemble, run=run.id), *found.lines] if found.ensemble else found.lines
        now.leaderboard = [msgspec.convert(one, Entry, from_attributes=True) for one in lines]
        for one in ("seconds", "stop_reason", "advice", "importance", "groups"):
            setattr(now, one, getattr(found, one))
    return now


def folds_of(version: DatasetVersion) -> int:
    """In how many folds the rows are validated; with many rows only the first are looked at."""
    return FOLDS if version.rows < 20_000 else 10
