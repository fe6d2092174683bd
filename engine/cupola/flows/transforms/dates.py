"""Featurize date/time."""

import math
from typing import Annotated, Literal

import msgspec

from cupola.actions import Arg
from cupola.datasets.sql import identifier
from cupola.flows.sql import TIMES, Table, free, number, of_kind, select
from cupola.flows.transforms.transform import Columns, State, Transform

GROUP = "Featurize date/time"
Part = Literal["year", "quarter", "month", "week", "day", "weekday", "yearday", "hour", "minute", "second", "weekend"]
# What DuckDB calls it, and how many there are of it, after which it begins anew (weekdays from Monday, 1).
PARTS: dict[str, tuple[str, int]] = {
    "year": ("year", 0), "quarter": ("quarter", 4), "month": ("month", 12), "week": ("week", 53), "day": ("day", 31),
    "weekday": ("isodow", 7), "yearday": ("doy", 366), "hour": ("hour", 24), "minute": ("minute", 60),
    "second": ("second", 60),
}  # fmt: skip
USUAL: list[Part] = ["year", "month", "day", "weekday", "hour"]


class DateParts(msgspec.Struct, kw_only=True, frozen=True):
    """Add the parts of dates and times as columns: ordinal numbers, or cyclic as sine and cosine, in which December
    lies next to January."""

    columns: Columns
    parts: Annotated[list[Part], Arg(help=f"which (default: {', '.join(USUAL)})")] = []
    encoding: Annotated[Literal["ordinal", "cyclic"], Arg(help="numbers, or sine and cosine")] = "ordinal"
    drop: Annotated[bool, Arg(help="drop the column itself")] = False


def _parts(params: DateParts, state: State, table: Table) -> str:
    of_kind(table, params.columns, TIMES, "have such parts")
    added: dict[str, str] = {}
    for one in params.columns:
        for part in params.parts or USUAL:
            if table.kind(one) == "date" and part in ("hour", "minute", "second"):
                continue
            _add(table, one, part, params.encoding == "cyclic", added)
    return select(table, added=added, dropped=params.columns if params.drop else [])


def _add(table: Table, column: str, part: str, cyclic: bool, added: dict[str, str]) -> None:
    name = identifier(column)
    if part == "weekend":
        added[free(table, f"{column}_weekend", added)] = f"extract(isodow FROM {name}) >= 6"
        return
    called, period = PARTS[part]
    found = f"CAST(extract({called} FROM {name}) AS BIGINT)"
    if not (cyclic and period):
        added[free(table, f"{column}_{part}", added)] = found
        return
    for function in ("sin", "cos"):
        angle = f"{found} * {number(2 * math.pi / period)}"
        added[free(table, f"{column}_{part}_{function}", added)] = f"{function}({angle})"


TRANSFORMS = [Transform(name="date-parts", group=GROUP, params=DateParts, select=_parts)]
