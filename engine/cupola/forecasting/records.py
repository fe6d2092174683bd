"""What a forecast is asked to do, as it lies in its job, and the checks that need no rows.

`cupola.forecasting.searching.search(attempt, spec, run, made)` does the work inside of a job. It makes a run of each
candidate in the experiment of `run` (and tells `made` of it, if given), and gives back `run` as it ends: the best of
them, alone or weighed together, with its model and its forecast; the caller writes that record. `cupola forecast` files
that run with a job of its own; an autopilot of the mode timeseries does the same within its own job.
"""

from typing import Any

import msgspec

from cupola.datasets import periods
from cupola.datasets.records import Column, DatasetVersion
from cupola.errors import BadOption, meant

TASK = "forecasting"
METRICS = ("mase", "wape", "pinball_loss", "rmse", "mae")  # all are the better, the smaller
QUANTILES = (0.1, 0.5, 0.9)
TIMES = ("date", "datetime", "integer", "number")
NUMBERS = ("integer", "number", "boolean")
WINDOWS = 4
MOST_WINDOWS = 50
LONGEST = 10_000  # steps of a horizon
LARGEST_SEED = 2**32 - 1


class ForecastSpec(msgspec.Struct, kw_only=True):
    """One forecast as it is asked for.

    dataset: the exact version. time: the column of the moments; items: the columns that together name a series (none:
    the table is one series). horizon: steps ahead. frequency: "auto", a word such as "daily", or as pandas calls it.
    season: steps, None for what the frequency suggests. quantiles: sorted, the median among them. known: covariates
    that are known for the time ahead; past: those that are not; static: those that an item has for ever; each with its
    type. windows: of the back-test, of which the newest tests. budget: seconds for the candidates, None for no end.
    metric: without its split. register: the model that the best becomes a version of.
    options: what was given beyond the data, as `forecast` takes it, so that it can be asked again.
    """

    dataset: str
    target: str
    time: str
    items: list[str] = []
    horizon: int
    frequency: str = "auto"
    season: int | None = None
    quantiles: list[float] = msgspec.field(default_factory=lambda: [*QUANTILES])
    known: list[tuple[str, str]] = []
    past: list[tuple[str, str]] = []
    static: list[tuple[str, str]] = []
    windows: int = WINDOWS
    metric: str = METRICS[0]
    budget: float | None = None
    seed: int = 0
    register: str | None = None
    options: dict[str, Any] = {}
    notes: list[str] = []


class Candidate(msgspec.Struct, kw_only=True):
    """A line of leaderboard.json, the best first.

    name: of the candidate ("seasonal-naive"); run: the id of the run that it is. weight: its part in the best.
    tied: not told apart from the best by the back-test (a paired comparison over its windows and items).
    why: why it was dropped, or what it lacked.
    """

    name: str
    run: str
    status: str
    metrics: dict[str, float] = {}
    errors: dict[str, float] = {}
    weight: float = 0.0
    tied: bool = False
    seconds: float = 0.0
    why: str = ""


def time_of(version: DatasetVersion) -> str | None:
    """The column by which a dataset is a time series: the one whose role is time, else its only date or time."""
    by_role = [one.name for one in version.columns if one.role == "time"]
    dated = [one.name for one in version.columns if one.type in ("date", "datetime") and one.role == "feature"]
    found = by_role or dated
    return found[0] if len(found) == 1 else None


def spec_of(
    version: DatasetVersion,
    *,
    target: str | None = None,
    time: str | None = None,
    items: list[str] | None = None,
    horizon: int,
    frequency: str = "auto",
    season: int | None = None,
    quantiles: list[float] | None = None,
    known: list[str] | None = None,
    past: list[str] | None = None,
    static: list[str] | None = None,
    exclude: list[str] | None = None,
    windows: int = WINDOWS,
    metric: str | None = None,
    budget: float | None = None,
    seed: int = 0,
    register: str | None = None,
) -> ForecastSpec:
    """What is asked for, with all that can be checked without the rows. Raises BadOption.

    Without items these are the columns whose role is id or group. Columns that nothing is said of are past covariates
    where they are features.
    """
    given = {
        "time": time, "item": items, "frequency": None if frequency == "auto" else frequency, "season": season,
        "quantile": quantiles, "known": known, "past": past, "static": static, "exclude": exclude, "metric": metric,
        "windows": None if windows == WINDOWS else windows, "seed": seed,
        "budget": None if budget is None else f"{budget:g}s",
    }  # fmt: skip
    aim = _column(version, target or version.target, "--target", "say which column to forecast")
    if aim.type not in NUMBERS:
        raise BadOption(f"{aim.name} is a {aim.type}, and only numbers can be forecast", where="--target")
    moment = _column(version, time or time_of(version), "--time", "say which column is the time of a row")
    if moment.type not in TIMES:
        hint = (
            f"a date, a time or a number has; `dataset import --type {moment.name}=date` reads {periods.EXAMPLES} too"
        )
        raise BadOption(f"{moment.name} has no order in time", where="--time", hint=hint)
    roles = [
        one.name for one in version.columns if one.role in ("id", "group") and one is not moment and one is not aim
    ]
    series = [_column(version, one, "--item").name for one in (roles if items is None else items)]
    taken: dict[str, str] = {aim.name: "the target"}
    for option, some in (("--time", [moment.name]), ("--item", series)):
        _take(taken, some, option)
    told: dict[str, list[Column]] = {}
    for option, named in (("--exclude", exclude), ("--known", known), ("--past", past), ("--static", static)):
        told[option] = [_column(version, one, option) for one in named or []]
        _take(taken, [one.name for one in told[option]], option)
    left = [one for one in version.columns if one.name not in taken and one.role in ("feature", "sensitive")]
    told["--past"] += [one for one in left if one.type not in ("text", "date", "datetime")]
    notes = [f"past covariates, whose future is not known: {', '.join(one.name for one in left)}"] if left else []
    return ForecastSpec(
        dataset=version.ref, target=aim.name, time=moment.name, items=series,
        horizon=_within(horizon, 1, LONGEST, "--horizon"), frequency=frequency,
        season=season if season is None else _within(season, 1, LONGEST, "--season"),
        quantiles=quantiles_of(quantiles), known=_typed(told["--known"]), past=_typed(told["--past"]),
        static=_typed(told["--static"]), windows=_within(windows, 1, MOST_WINDOWS, "--windows"),
        metric=metric_of(metric), budget=budget, seed=_within(seed, 0, LARGEST_SEED, "--seed"), register=register,
        options={name: one for name, one in given.items() if one}, notes=notes,
    )  # fmt: skip


def quantiles_of(given: list[float] | None) -> list[float]:
    """The quantiles in order, with the median among them. Raises BadOption."""
    for one in given or []:
        if not 0 < one < 1:
            raise BadOption(f"a quantile lies between 0 and 1, not {one:g}", where="--quantile", hint="0.1, 0.5, 0.9")
    return sorted({*(QUANTILES if given is None else given), 0.5})


def metric_of(name: str | None) -> str:
    """The metric that forecasts are compared by, without a split in front. Raises BadOption."""
    bare = (name or METRICS[0]).removeprefix("validation_")
    if bare not in METRICS:
        hint = f"one of {', '.join(METRICS)}"
        raise BadOption(f"{name!r} is not a metric of forecasts", where="--metric", hint=hint)
    return bare


def _within(number: int, low: int, high: int, option: str) -> int:
    if not low <= number <= high:
        raise BadOption(f"{option} is from {low} to {high}, not {number}", where=option)
    return number


def _typed(columns: list[Column]) -> list[tuple[str, str]]:
    return [(one.name, one.type) for one in columns]


def _take(taken: dict[str, str], names: list[str], option: str) -> None:
    for name in names:
        if name in taken:
            raise BadOption(f"{name} is {taken[name]} already", where=option)
        taken[name] = f"given by {option}"


def _column(version: DatasetVersion, name: str | None, option: str, hint: str = "") -> Column:
    known = {one.name: one for one in version.columns}
    if name is None:
        raise BadOption(f"{version.ref} does not say its {option.removeprefix('--')}", where=option, hint=hint)
    if name in known:
        return known[name]
    hint = meant(name, known, f"it has: {', '.join([*known][:20])}", 3)
    raise BadOption(f"{version.ref} has no column {name!r}", where=option, hint=hint)
