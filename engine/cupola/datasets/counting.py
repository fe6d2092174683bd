"""Value counts as SQL: a row for each value of a column."""

from collections.abc import Mapping

from cupola.datasets import filtering, sql

MEANS = 30  # columns whose mean is taken of the rows of a value


def counted(column: str, types: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The columns of the value counts, {NAME: (type, expression)}: the value, how many rows have it, their share, and
    the mean of each column of numbers there. types: of the columns, by the names that SQL knows."""
    numbers = [name for name, type in types.items() if type in filtering.NUMBERS and name != column][:MEANS]
    names = sql.sql_names([column, "rows", "share", *(f"mean {name}" for name in numbers)])
    means = [("number", f"avg(CAST({sql.identifier(name)} AS DOUBLE))") for name in numbers]
    share = "count(*) / sum(count(*)) OVER ()"
    parts = [(types[column], sql.identifier(column)), ("integer", "count(*)"), ("number", share), *means]
    return dict(zip(names, parts, strict=True))
