"""Time series."""

import re
from typing import Annotated, Literal

import msgspec

from cupola.actions import Arg
from cupola.datasets.sql import identifier, literal
from cupola.errors import BadOption
from cupola.flows.sql import NUMBERS, ROW, TIMES, TRAIN, Table, columns, free, of_kind, select
from cupola.flows.transforms.combining import aggregate
from cupola.flows.transforms.missing import window
from cupola.flows.transforms.transform import By, Columns, Order, State, Transform

GROUP = "Time series"
INTERVAL = re.compile(r"([1-9]\d{0,5}) ?(second|minute|hour|day|week|month|year)s?")
Function = Literal["mean", "sum", "min", "max", "std", "median", "count"]
ROLLING: dict[str, str] = {
    "mean": "avg", "sum": "sum", "min": "min", "max": "max", "std": "stddev_samp", "median": "median", "count": "count",
}  # fmt: skip
MOST_ROWS = 50_000_000  # that a series may be filled up to


class Lag(msgspec.Struct, kw_only=True, frozen=True):
    """Add the values of earlier rows as columns."""

    columns: Columns
    lags: Annotated[list[int], Arg(help="so many rows before: 1,7")] = msgspec.field(default_factory=lambda: [1])
    order: Order = ""
    by: By = []


class Rolling(msgspec.Struct, kw_only=True, frozen=True):
    """Add aggregates of the rows before each one as columns."""

    columns: Columns
    window: Annotated[int, Arg(help="of so many rows")] = 7
    functions: Annotated[list[Function], Arg(help="which aggregates")] = msgspec.field(default_factory=lambda: ["mean"])
    current: Annotated[bool, Arg(help="with the row itself")] = True
    order: Order = ""
    by: By = []


class Resample(msgspec.Struct, kw_only=True, frozen=True):
    """Make one row for each span of time, with aggregates of the rows in it; spans without rows are there too."""

    time: Annotated[str, Arg(help="the column of dates or times", completes="column")]
    every: Annotated[str, Arg(help="how long a span is: 1 hour, 1 day, 2 weeks")]
    aggregates: Annotated[list[str], Arg(help="mean(dep_delay), count()")]
    by: By = []


class Interpolate(msgspec.Struct, kw_only=True, frozen=True):
    """Fill missing numbers on the straight line between the values before and after them."""

    columns: Columns
    order: Order = ""
    by: By = []


def _lag(params: Lag, state: State, table: Table) -> str:
    if not params.lags or any(not 1 <= abs(one) <= 1_000_000 for one in params.lags):
        raise BadOption("lags are whole numbers from 1 on (negative ones look ahead): lags=1,7")
    over = f"OVER ({window(params.by, params.order)})"
    added: dict[str, str] = {}
    for one in params.columns:
        for lag in params.lags:
            name = f"{one}_lag{lag}" if lag > 0 else f"{one}_lead{-lag}"
            added[free(table, name, added)] = f"lag({identifier(one)}, {lag}) {over}"
    return select(table, added=added, rest=f"ORDER BY {ROW}")


def _rolling(params: Rolling, state: State, table: Table) -> str:
    of_kind(table, params.columns, NUMBERS, "have rolling aggregates")
    if not 1 <= params.window <= 1_000_000:
        raise BadOption(f"window is from 1 to 1000000 rows, not {params.window}")
    first, last = (params.window - 1, "CURRENT ROW") if params.current else (params.window, "1 PRECEDING")
    over = f"OVER ({window(params.by, params.order)} ROWS BETWEEN {first} PRECEDING AND {last})"
    added: dict[str, str] = {}
    for one in params.columns:
        for function in params.functions:
            made = f"{ROLLING[function]}(CAST({identifier(one)} AS DOUBLE)) {over}"
            made = f"CAST({made} AS BIGINT)" if function == "count" else made
            added[free(table, f"{one}_{function}{params.window}", added)] = made
    return select(table, added=added, rest=f"ORDER BY {ROW}")


def _resample(params: Resample, state: State, table: Table) -> str:
    of_kind(table, [params.time], TIMES, "are resampled")
    if params.time in params.by:
        raise BadOption(f"{params.time} is the time, and cannot be in by")
    match = INTERVAL.fullmatch(params.every.strip())
    if match is None:
        raise BadOption(f"every is such as 1 hour or 2 weeks, not {params.every!r}")
    step, type = f"INTERVAL {literal(f'{match[1]} {match[2]}')}", table.columns[params.time]
    time, keys = identifier(params.time), columns(params.by)
    among = f"{keys}, " if keys else ""
    made: dict[str, str] = {}
    taken = msgspec.structs.replace(table, columns={one: table.columns[one] for one in (*params.by, params.time)})
    for one in params.aggregates:
        name, expression = aggregate(one, table)
        made[free(taken, name, made)] = expression
    bucket = f"time_bucket({step}, {time})"
    listed = ", ".join(f"{one} AS {identifier(name)}" for name, one in made.items())
    buckets = (
        f"SELECT {among}CAST({bucket} AS {type}) AS __time__, bool_and({TRAIN}) AS {TRAIN}, {listed} FROM {table.sql} "
        f"WHERE {time} IS NOT NULL GROUP BY {among}__time__"
    )
    spans = (
        f"SELECT {among}unnest(generate_series(CAST(min(__time__) AS TIMESTAMP), CAST(max(__time__) AS TIMESTAMP), "
        f"{step})) AS __time__ FROM buckets {f'GROUP BY {keys}' if keys else ''}"
    )
    spans = f"SELECT {among}CAST(__time__ AS {type}) AS __time__ FROM ({spans})"
    same = " AND ".join(
        [
            "s.__time__ = b.__time__",
            *(f"s.{identifier(one)} IS NOT DISTINCT FROM b.{identifier(one)}" for one in params.by),
        ]
    )
    filled = [f"coalesce(b.{identifier(one)}, 0) AS {identifier(one)}" if made[one].startswith("count") else
              f"b.{identifier(one)} AS {identifier(one)}" for one in made]  # fmt: skip
    shown = ", ".join([*(f"s.{identifier(one)}" for one in params.by), f"s.__time__ AS {time}", *filled])
    order = ", ".join([*(f"s.{identifier(one)} NULLS LAST" for one in params.by), "s.__time__"])
    return (
        f"WITH buckets AS ({buckets}), spans AS ({spans})\n"
        f"SELECT 0 AS {ROW}, coalesce(b.{TRAIN}, true) AS {TRAIN}, {shown} FROM spans AS s LEFT JOIN buckets AS b "
        f"ON {same} ORDER BY {order}"
    )


def _interpolate(params: Interpolate, state: State, table: Table) -> str:
    of_kind(table, params.columns, NUMBERS, "are interpolated")
    place = _place(params, table)
    over = window(params.by, params.order)
    changed, helpers = {}, []
    for number, one in enumerate(params.columns):
        value = f"CAST({identifier(one)} AS DOUBLE)"
        at = f"CASE WHEN {identifier(one)} IS NOT NULL THEN {place} END"
        before, after = (
            "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
            "ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
        )
        helpers += [
            f"last_value({value} IGNORE NULLS) OVER ({over} {before}) AS __v0_{number}__",
            f"last_value({at} IGNORE NULLS) OVER ({over} {before}) AS __t0_{number}__",
            f"first_value({value} IGNORE NULLS) OVER ({over} {after}) AS __v1_{number}__",
            f"first_value({at} IGNORE NULLS) OVER ({over} {after}) AS __t1_{number}__",
        ]
        share = f"(__at__ - __t0_{number}__) / (__t1_{number}__ - __t0_{number}__)"
        line = f"__v0_{number}__ + (__v1_{number}__ - __v0_{number}__) * {share}"
        same = f"WHEN __t0_{number}__ = __t1_{number}__ THEN __v0_{number}__"
        changed[one] = f"CASE WHEN {identifier(one)} IS NOT NULL THEN {value} {same} ELSE {line} END"
    source = f"(SELECT *, {place} AS __at__, {', '.join(helpers)} FROM {table.sql})"
    return select(table, changed, source=source, rest=f"ORDER BY {ROW}")


def _place(params: Interpolate, table: Table) -> str:
    """Where a row stands on the line."""
    if not params.order:
        return f"CAST({ROW} AS DOUBLE)"
    of_kind(table, [params.order], ("integer", "number", *TIMES), "have distances")
    name = identifier(params.order)
    return f"epoch(CAST({name} AS TIMESTAMP))" if table.kind(params.order) in TIMES else f"CAST({name} AS DOUBLE)"


TRANSFORMS = [
    Transform(name="lag", group=GROUP, params=Lag, select=_lag, memory="spills", serving="refused"),
    Transform(name="rolling", group=GROUP, params=Rolling, select=_rolling, memory="spills", serving="refused"),
    Transform(name="resample", group=GROUP, params=Resample, select=_resample, memory="spills", serving="refused"),
    Transform(
        name="interpolate", group=GROUP, params=Interpolate, select=_interpolate, memory="spills", serving="refused"
    ),
]
