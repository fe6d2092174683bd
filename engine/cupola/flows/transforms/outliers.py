"""Handle outliers."""

import math
from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec

from cupola.actions import Arg
from cupola.datasets.sql import identifier, literal
from cupola.errors import BadInput, BadOption
from cupola.flows import learning
from cupola.flows.sql import Table, number, of_kind, select
from cupola.flows.transforms.transform import Ask, Columns, State, Transform

GROUP = "Handle outliers"
ENDS, QUARTERS = [0.05, 0.5, 0.95], [0.25, 0.5, 0.75]
NORMAL_IQR = 1.3489795003921634  # of a normal distribution, in standard deviations

Method = Annotated[
    Literal["standard-deviation", "robust-standard-deviation", "tails", "quantile", "min-max"],
    Arg(
        help="what is an outlier: so many deviations from the mean (or the median); so many times as far from the 5th "
        "or 95th percentile as that is from the median; outside of quantiles or of bounds"
    ),
]
Deviations = Annotated[float, Arg(help="so many (robust) deviations, or times (of tails), are allowed")]
Lower = Annotated[float | None, Arg(help="the lower quantile (default 0.01) or bound")]
Upper = Annotated[float | None, Arg(help="the upper quantile (default 0.99) or bound")]


class ClipOutliers(msgspec.Struct, kw_only=True, frozen=True):
    """Bring outliers to the nearest value that is none, or make them missing."""

    columns: Columns
    method: Method = "standard-deviation"
    deviations: Deviations = 4.0
    lower: Lower = None
    upper: Upper = None
    fix: Annotated[Literal["clip", "missing"], Arg(help="what becomes of them")] = "clip"


class RemoveOutliers(msgspec.Struct, kw_only=True, frozen=True):
    """Drop the rows that have an outlier."""

    columns: Columns
    method: Method = "standard-deviation"
    deviations: Deviations = 4.0
    lower: Lower = None
    upper: Upper = None


class ReplaceRare(msgspec.Struct, kw_only=True, frozen=True):
    """Replace rare categories by one for all of them."""

    columns: Columns
    share: Annotated[float, Arg(help="those with a smaller share of the training part are rare")] = 0.01
    value: Annotated[str, Arg(help="what stands for them")] = "other"


def _learn(params: ClipOutliers | RemoveOutliers, table: Table, ask: Ask) -> State:
    of_kind(table, params.columns, ("integer", "number"), "have outliers")
    found = _bounds(params, table, ask)
    one_sided = params.method == "min-max"  # where there is no bound the state has none: JSON has no infinity
    return {
        "bounds": {
            one: [None if one_sided and math.isinf(each) else each for each in both] for one, both in found.items()
        }
    }


def bounds_of(state: State, column: str) -> tuple[float, float]:
    """Below and above what a value is an outlier, as it was learned."""
    low, high = state["bounds"][column]
    return -math.inf if low is None else float(low), math.inf if high is None else float(high)


def _learns_bounds(params: ClipOutliers | RemoveOutliers) -> bool:
    return params.method != "min-max"


def _bounds(params: ClipOutliers | RemoveOutliers, table: Table, ask: Ask) -> dict[str, list[float]]:
    """The lower and upper bound of each column."""
    lower, upper = params.lower, params.upper
    if params.method == "min-max":
        if lower is None and upper is None:
            raise BadOption("min-max needs bounds: lower=0 upper=100")
        low, high = -float("inf") if lower is None else lower, float("inf") if upper is None else upper
        return {one: _in_order(low, high) for one in params.columns}
    if params.method == "quantile":
        wanted = [0.01 if lower is None else lower, 0.99 if upper is None else upper]
        if not 0 <= wanted[0] < wanted[1] <= 1:
            raise BadOption(f"quantiles lie between 0 and 1, not at {wanted[0]} and {wanted[1]}")
        found = learning.quantiles_of_each(ask, table, params.columns, wanted)
        return {one: _there(ends, one) for one, ends in found.items()}
    if params.deviations <= 0:
        raise BadOption(f"deviations is more than 0, not {params.deviations}")
    if params.method == "standard-deviation":
        moments = learning.of_each(ask, table, params.columns, ["avg({})", "stddev_pop({})"])
        return {one: _around(params.deviations, *_there(both, one)) for one, both in moments.items()}
    at = ENDS if params.method == "tails" else QUARTERS
    parts = {one: _there(some, one) for one, some in learning.quantiles_of_each(ask, table, params.columns, at).items()}
    if params.method == "tails":
        return {one: _tails(params.deviations, *ends) for one, ends in parts.items()}
    return {
        one: _around(params.deviations, middle, (third - first) / NORMAL_IQR)
        for one, (first, middle, third) in parts.items()
    }


def _around(times: float, middle: float, deviation: float) -> list[float]:
    return [middle - times * deviation, middle + times * deviation]


def _in_order(low: float, high: float) -> list[float]:
    if low > high:
        raise BadOption(f"the lower bound, {low}, lies above the upper one, {high}")
    return [low, high]


def _tails(times: float, low: float, middle: float, high: float) -> list[float]:
    """How far the ends may go: each as its tail is wide, or the other one where it has none."""
    below, above = middle - low, high - middle
    return [low - times * (below or above), high + times * (above or below)]


def _there(found: Iterable[float | None], column: str) -> list[float]:
    known = [one for one in found if one is not None]
    if not known:
        raise BadInput(f"{column} has no value in the training part")
    return known


def _clip(params: ClipOutliers, state: State, table: Table) -> str:
    changed = {}
    for one in params.columns:
        low, high = map(number, bounds_of(state, one))
        name = identifier(one)
        if params.fix == "clip":
            clipped = f"least(greatest(CAST({name} AS DOUBLE), {low}), {high})"
            changed[one] = f"CASE WHEN {name} IS NOT NULL THEN {clipped} END"
        else:
            changed[one] = f"CASE WHEN {name} BETWEEN {low} AND {high} THEN {name} END"
    return select(table, changed)


def _remove(params: RemoveOutliers, state: State, table: Table) -> str:
    inside = []
    for one in params.columns:
        low, high = map(number, bounds_of(state, one))
        inside.append(f"coalesce({identifier(one)} BETWEEN {low} AND {high}, true)")
    return select(table, rest=f"WHERE {' AND '.join(inside)}")


def _learn_rare(params: ReplaceRare, table: Table, ask: Ask) -> State:
    of_kind(table, params.columns, ("text",), "have rare categories")
    if not 0 < params.share < 1:
        raise BadOption(f"share is between 0 and 1, not {params.share}")
    kept = {}
    for one in params.columns:
        name = identifier(one)
        rows = ask(
            f"SELECT {name} FROM {table.training} WHERE {name} IS NOT NULL GROUP BY {name} "
            f"HAVING count(*) >= {number(params.share)} * (SELECT count({name}) FROM {table.training}) ORDER BY {name}"
        )
        kept[one] = [value for (value,) in rows]
    return {"kept": kept}


def _replace_rare(params: ReplaceRare, state: State, table: Table) -> str:
    changed = {}
    for one in params.columns:
        name, kept = identifier(one), state["kept"][one]
        frequent = f"{name} IN ({learning.listed(kept)})" if kept else "false"
        changed[one] = f"CASE WHEN {name} IS NULL OR {frequent} THEN {name} ELSE {literal(params.value)} END"
    return select(table, changed)


TRANSFORMS = [
    Transform(
        name="clip-outliers", group=GROUP, params=ClipOutliers, learn=_learn, select=_clip, learns=_learns_bounds
    ),
    Transform(
        name="remove-outliers",
        group=GROUP,
        params=RemoveOutliers,
        learn=_learn,
        select=_remove,
        learns=_learns_bounds,
        serving="skipped",
    ),
    Transform(name="replace-rare", group=GROUP, params=ReplaceRare, learn=_learn_rare, select=_replace_rare),
]
