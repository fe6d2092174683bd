"""What a user can do with time series: forecast, and look at what came of it."""

import sys
from typing import Annotated, Any

import msgspec

from cupola.actions import Arg, action
from cupola.datasets import asking
from cupola.datasets import records as datasets
from cupola.errors import BadOption, CupolaError, NotFound
from cupola.experiments import records as experiments
from cupola.experiments.records import Run
from cupola.forecasting import records
from cupola.forecasting.records import METRICS, TASK, WINDOWS, Candidate, ForecastSpec
from cupola.jobs import amounts
from cupola.store import files, names
from cupola.training import filing
from cupola.training.options import Dataset, Exclude, Host, Seed
from cupola.workspace import Workspace

LEADERBOARD = "leaderboard.json"
BUDGET = "60s"
RETRIES = 3  # of a job that was killed
Columns = list[str] | None


class Forecast(msgspec.Struct, kw_only=True):
    """A forecast and how it stands: `run` is the run that ends with the best candidate, alone or with others.

    leaderboard: the candidates, the best first. columns, rows: of the steps ahead, where `forecast show` gives them.
    """

    run: str
    job: str
    name: str
    experiment: str
    status: str
    estimator: str
    metric: str
    metrics: dict[str, float]
    metric_errors: dict[str, float]
    model: str | None
    reason: str
    notes: list[str]
    leaderboard: list[Candidate] = []
    columns: list[str] = []
    rows: list[list[Any]] = []
    truncated: bool = False


def _wrong(ws: Workspace, given: dict[str, Any]) -> dict[str, str]:
    """What a form can say before all of it is filled in."""
    if not given.get("dataset"):
        return {}
    try:
        _asked(ws, {"horizon": 1} | {name: one for name, one in given.items() if name in _ASKED and one is not None})
    except CupolaError as error:
        option = str(error.where or "--dataset").removeprefix("--")
        return {option: error.said} if given.get(option) or option in ("dataset", "time", "target") else {}
    return {}


_ASKED = (
    "dataset", "target", "horizon", "time", "item", "frequency", "season", "quantile", "known", "past", "static",
    "exclude", "windows", "metric", "budget", "seed", "register",
)  # fmt: skip


@action("forecast", waits="forecast", about="dataset", check=_wrong)
def forecast(
    ws: Workspace,
    *,
    dataset: Dataset,
    target: Annotated[
        str | None, Arg(help="the column to forecast (default: the dataset's target)", completes="column")
    ] = None,
    horizon: Annotated[int, Arg(help="how many steps ahead")],
    time: Annotated[
        str | None, Arg(help="the column of the time (default: that of the role time)", completes="column")
    ] = None,
    item: Annotated[
        Columns, Arg(help="a column that names the series (default: those of the roles id, group)", completes="column")
    ] = None,
    known: Annotated[Columns, Arg(help="a covariate that is known for the time ahead", completes="column")] = None,
    past: Annotated[Columns, Arg(help="a covariate that is not (default: all others)", completes="column")] = None,
    static: Annotated[Columns, Arg(help="a covariate that an item has for ever", completes="column")] = None,
    exclude: Exclude = None,
    quantile: Annotated[list[float] | None, Arg(help="a quantile to forecast (default: 0.1, 0.5, 0.9)")] = None,
    frequency: Annotated[str, Arg(help="auto, hourly, daily, business, weekly, monthly, ..., or 15min")] = "auto",
    season: Annotated[int | None, Arg(help="after how many steps it repeats (default: by the frequency)")] = None,
    windows: Annotated[int, Arg(help="so many windows of the past to judge by; the newest tests")] = WINDOWS,
    metric: Annotated[str, Arg(help="what the candidates are compared by", choices=METRICS)] = METRICS[0],
    budget: Annotated[str, Arg(help="how long it may take: 30s, 10m")] = BUDGET,
    experiment: Annotated[str, Arg(help="the experiment that the runs belong to", completes="experiment")] = "default",
    name: Annotated[str | None, Arg(help="what to call the run; without one it gets a name of its own")] = None,
    register: Annotated[
        str | None, Arg(help="register the best as a new version of this model", completes="model")
    ] = None,
    seed: Seed = 0,
    cpus: Annotated[int, Arg(help="how many CPUs it gets, and so how many threads")] = 1,
    memory: Annotated[str | None, Arg(help="the most memory that it may use: 512M, 2G")] = None,
    host: Host = None,
) -> Forecast:
    """Forecast time series with their quantiles, in the background.

    Naive forecasts, exponential smoothing (ETS), Theta, a linear model and boosted trees on lags are judged on windows
    of the past, of which each sees only what came before; they are weighed together where that is better. Each is a run
    that can be registered. Quantiles are calibrated by the windows, and the newest window tests what comes of it all.
    """
    spec = _asked(ws, locals())
    user, here = names.who()
    run = Run(
        id=names.new_id(), name=names.word_name() if name is None else names.check_name(name, "name of a run"),
        experiment=names.check_name(experiment, "name of an experiment"), user=user, host=here, submitted=names.now(),
        metric=f"validation_{spec.metric}", dataset=spec.dataset, target=spec.target, task=TASK,
        features=[one for one, _ in (*spec.known, *spec.past, *spec.static)], seed=spec.seed, options=spec.options,
        split={"kind": "time", "windows": spec.windows, "horizon": spec.horizon}, job=names.new_id(),
        environment={"python": sys.version.partition(" ")[0], "executable": sys.executable}, notes=list(spec.notes),
    )  # fmt: skip
    limits = {"cpus": cpus, "memory": amounts.size(memory), "only_on": host, "retries": RETRIES, "checkpoints": True}
    filing.file(ws, run, "forecast", "cupola.forecasting", spec, **limits)
    return _state(ws, run)


@action("forecast show", writes=False, about="run")
def show(
    ws: Workspace,
    run: Annotated[str, Arg(help="the run of a forecast, or of one of its candidates", completes="run")],
    *,
    item: Annotated[str | None, Arg(help="only this item, its columns joined by /")] = None,
    backtest: Annotated[bool, Arg(help="what was said in the windows of the past, beside what came")] = False,
    limit: Annotated[int, Arg(help="at most so many rows")] = 100,
) -> Forecast:
    """Show a forecast: its candidates, and the steps ahead as a table.

    The whole table is an artifact of the run, forecast.parquet; that of the back-test is backtest.parquet.
    """
    found = experiments.find(ws.store, run)
    if found.task != TASK:
        raise NotFound(f"run {found.name} is no forecast", hint="`cupola forecast` makes one")
    shown = _state(ws, found)
    if found.status == "Completed":
        table = asking.ask(ws.store, "forecast", run=found.id, item=item, backtest=backtest, limit=limit)
        shown.columns, shown.rows, shown.truncated = table["columns"], table["rows"], table["truncated"]
    return shown


def _asked(ws: Workspace, given: dict[str, Any]) -> ForecastSpec:
    """What is asked for, with all that is known beforehand. Raises BadOption, BadName, NotFound."""
    chosen = {name: given[name] for name in _ASKED if name in given}
    version = datasets.find(ws.store, chosen.pop("dataset"))
    seconds = amounts.seconds(chosen.pop("budget", BUDGET), "--budget")
    if seconds is not None and seconds <= 0:
        raise BadOption("--budget is more than 0", where="--budget")
    if chosen.get("register") is not None:
        names.check_name(chosen["register"], "name of a model")
    plural = {"item": "items", "quantile": "quantiles"}
    return records.spec_of(version, budget=seconds, **{plural.get(name, name): one for name, one in chosen.items()})


def _state(ws: Workspace, run: Run) -> Forecast:
    plain = (
        "name",
        "experiment",
        "status",
        "estimator",
        "metric",
        "metrics",
        "metric_errors",
        "model",
        "reason",
        "notes",
        "job",
    )
    shown = {one: getattr(run, one) for one in plain}
    return Forecast(run=run.id, leaderboard=leaderboard(ws, run), **shown)


def leaderboard(ws: Workspace, run: Run) -> list[Candidate]:
    """The candidates of a forecast, the best first; none before it has ended."""
    try:
        found = files.read_bytes(ws.store, experiments.artifact_path(ws.store, run, LEADERBOARD))
        return msgspec.json.decode(found, type=list[Candidate])
    except (CupolaError, msgspec.MsgspecError):
        return []
