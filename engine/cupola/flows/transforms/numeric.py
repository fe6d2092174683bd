"""Process numeric."""

from typing import Annotated, Literal

import msgspec

from cupola.actions import Arg
from cupola.datasets.sql import identifier
from cupola.errors import BadInput, BadOption
from cupola.flows import learning
from cupola.flows.sql import NUMBERS, Table, number, of_kind, select
from cupola.flows.transforms.transform import Ask, Columns, State, Transform

GROUP = "Process numeric"


class Scale(msgspec.Struct, kw_only=True, frozen=True):
    """Scale numbers: standard (mean 0, deviation 1), robust (median 0, interquartile range 1), min-max (0 to 1) or
    max-abs (-1 to 1)."""

    columns: Columns
    method: Annotated[Literal["standard", "robust", "min-max", "max-abs"], Arg(help="how")] = "standard"


class Bin(msgspec.Struct, kw_only=True, frozen=True):
    """Replace numbers by the number of the bin that they fall in, of equal counts or of equal widths."""

    columns: Columns
    bins: Annotated[int, Arg(help="how many")] = 10
    method: Annotated[Literal["quantile", "uniform"], Arg(help="of equal counts, or of equal widths")] = "quantile"


def _learn_scale(params: Scale, table: Table, ask: Ask) -> State:
    of_kind(table, params.columns, NUMBERS, "are scaled")
    if params.method == "robust":
        parts = learning.quantiles_of_each(ask, table, params.columns, [0.25, 0.5, 0.75])
        learned = {
            one: (middle, None if low is None or high is None else high - low)
            for one, (low, middle, high) in parts.items()
        }
    else:
        wanted = {
            "standard": ["avg({})", "stddev_pop({})"], "min-max": ["min({})", "max({0}) - min({0})"],
            "max-abs": ["0e0", "max(abs({}))"],
        }  # fmt: skip
        learned = learning.of_each(ask, table, params.columns, wanted[params.method])
    found = {}
    for one, (center, width) in learned.items():
        if center is None or width is None:
            raise BadInput(f"{one} has no value in the training part")
        found[one] = [center, width or 1.0]
    return {"columns": found}


def _scale(params: Scale, state: State, table: Table) -> str:
    changed = {}
    for one in params.columns:
        center, width = (number(float(each)) for each in state["columns"][one])
        changed[one] = f"(CAST({identifier(one)} AS DOUBLE) - {center}) / {width}"
    return select(table, changed)


def _learn_bins(params: Bin, table: Table, ask: Ask) -> State:
    of_kind(table, params.columns, ("integer", "number"), "are put into bins")
    if not 2 <= params.bins <= 1000:
        raise BadOption(f"bins is from 2 to 1000, not {params.bins}")
    shares = [step / params.bins for step in range(1, params.bins)]
    if params.method == "quantile":
        learned = learning.quantiles_of_each(ask, table, params.columns, shares)
    else:
        ends = learning.of_each(ask, table, params.columns, ["min({})", "max({})"])
        learned = {
            one: [None if low is None else low + (high - low) * share for share in shares]
            for one, (low, high) in ends.items()
        }
    found = {}
    for one, edges in learned.items():
        if edges[0] is None:
            raise BadInput(f"{one} has no value in the training part")
        found[one] = sorted({edge for edge in edges if edge is not None})
    return {"edges": found}


def _bin(params: Bin, state: State, table: Table) -> str:
    changed = {}
    for one in params.columns:
        edges = f"[{', '.join(number(edge) for edge in state['edges'][one])}]"
        below = f"len(list_filter({edges}, lambda edge: edge <= {identifier(one)}))"
        changed[one] = f"CASE WHEN {identifier(one)} IS NOT NULL THEN CAST({below} AS BIGINT) END"
    return select(table, changed)


TRANSFORMS = [
    Transform(name="scale", group=GROUP, params=Scale, learn=_learn_scale, select=_scale),
    Transform(name="bin", group=GROUP, params=Bin, learn=_learn_bins, select=_bin),
]
