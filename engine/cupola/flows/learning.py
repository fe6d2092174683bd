"""What several transforms learn from the training part: middles, quantiles and categories, exactly."""

from collections.abc import Sequence
from typing import Any

from cupola.datasets.sql import identifier, literal
from cupola.flows.sql import Table
from cupola.flows.transforms.transform import Ask

HELD = 2_000_000  # rows of which a column may be held in memory to find its quantiles; more are sorted on the disk
AT_ONCE = 100  # columns of a query, where so many may be held


def middle(ask: Ask, table: Table, column: str, method: str) -> Any:
    """The mean, median or mode of a column, None where it has no values. Of several modes the smallest."""
    if method == "median":
        return quantiles(ask, table, column, [0.5])[0]
    if method == "mean":
        return ask(f"SELECT avg(CAST({identifier(column)} AS DOUBLE)) FROM {table.training}")[0][0]
    found = categories(ask, table, column, 1)
    return found[0] if found else None


def middle_of_each(ask: Ask, table: Table, columns: list[str], method: str) -> dict[str, Any]:
    """The middle of each column; of numbers many in one query, as each query looks at all columns of a wide table."""
    if method == "mode":
        return {one: middle(ask, table, one, method) for one in columns}
    if method == "median":
        return {one: found[0] for one, found in quantiles_of_each(ask, table, columns, [0.5]).items()}
    return {one: found[0] for one, found in of_each(ask, table, columns, ["avg({})"]).items()}


def of_each(
    ask: Ask, table: Table, columns: list[str], aggregates: list[str], *, at_once: int = AT_ONCE
) -> dict[str, tuple[Any, ...]]:
    """What aggregates (such as "avg({})") give of the numbers of each column in the training part.

    Many columns are asked for at once: each query has to look at what all columns of a wide table are made of.
    """
    found: dict[str, tuple[Any, ...]] = {}
    for begin in range(0, len(columns), at_once):
        some = columns[begin : begin + at_once]
        numbers = [f"CAST({identifier(one)} AS DOUBLE)" for one in some]
        wanted = [each.format(one) for one in numbers for each in aggregates]
        row = ask(f"SELECT {', '.join(wanted)} FROM {table.training}")[0]
        found |= {one: row[place * len(aggregates) :][: len(aggregates)] for place, one in enumerate(some)}
    return found


def middles(ask: Ask, table: Table, column: str, method: str, by: list[str]) -> list[tuple[str, Any]]:
    """The mean, median or mode of a column in each group of the training part, with the group's key."""
    name, group = identifier(column), key(by)
    if method == "mode":
        return ask(
            f"SELECT k, v FROM (SELECT {group} AS k, CAST({name} AS VARCHAR) AS v, count(*) AS n FROM {table.training} "
            f"WHERE {name} IS NOT NULL AND {group} IS NOT NULL GROUP BY ALL) "
            "QUALIFY row_number() OVER (PARTITION BY k ORDER BY n DESC, v) = 1 ORDER BY k"
        )
    function = {"mean": "avg", "median": "median"}[method]
    return ask(
        f"SELECT {group} AS k, {function}(CAST({name} AS DOUBLE)) FROM {table.training} "
        f"WHERE {name} IS NOT NULL AND {group} IS NOT NULL GROUP BY k ORDER BY k"
    )


def key(by: list[str]) -> str:
    """The values of some columns as one text, which no two groups share."""
    parts = ", ".join(f"CAST({identifier(one)} AS VARCHAR)" for one in by)
    return f"to_json([{parts}])::VARCHAR" if len(by) > 1 else f"CAST({identifier(by[0])} AS VARCHAR)"


def quantiles(ask: Ask, table: Table, column: str, wanted: list[float]) -> list[float | None]:
    """Quantiles of a column, interpolated as NumPy does."""
    name = f"CAST({identifier(column)} AS DOUBLE)"
    if table.rows <= HELD:
        listed = ", ".join(map(str, wanted))
        found = ask(f"SELECT quantile_cont({name}, [{listed}]) FROM {table.training}")[0][0]
        return found or [None] * len(wanted)
    count = ask(f"SELECT count({name}) FROM {table.training}")[0][0]
    if not count:
        return [None] * len(wanted)
    exact = [one * (count - 1) for one in wanted]
    places = sorted({int(one) for one in exact} | {min(int(one) + 1, count - 1) for one in exact})
    rows = ask(
        f"SELECT r, x FROM (SELECT x, row_number() OVER (ORDER BY x) - 1 AS r FROM (SELECT {name} AS x "
        f"FROM {table.training}) WHERE x IS NOT NULL) WHERE r IN ({', '.join(map(str, places))})"
    )
    at: dict[int, float] = dict(rows)
    return [at[int(p)] + (at[min(int(p) + 1, count - 1)] - at[int(p)]) * (p - int(p)) for p in exact]


def quantiles_of_each(ask: Ask, table: Table, columns: list[str], wanted: list[float]) -> dict[str, list[float | None]]:
    """Quantiles of columns, many in one query where so many may be held."""
    if table.rows > HELD:
        return {one: quantiles(ask, table, one, wanted) for one in columns}
    listed = f"quantile_cont({{}}, [{', '.join(map(str, wanted))}])"
    held = max(1, HELD // max(1, table.rows))
    found = of_each(ask, table, columns, [listed], at_once=min(AT_ONCE, held))
    return {one: some or [None] * len(wanted) for one, (some,) in found.items()}


def categories(ask: Ask, table: Table, column: str, most: int) -> list[Any]:
    """The values of a column in the training part as texts, the most frequent first, at most so many."""
    name = identifier(column)
    rows = ask(
        f"SELECT CAST({name} AS VARCHAR) AS v, count(*) AS n FROM {table.training} WHERE {name} IS NOT NULL "
        f"GROUP BY v ORDER BY n DESC, v LIMIT {most}"
    )
    return [value for value, _ in rows]


def listed(values: Sequence[str]) -> str:
    return ", ".join(map(literal, values))
