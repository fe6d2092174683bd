"""The steps ahead, or those of the back-test, as rows.

Runs in the process that answers questions to data (`cupola.datasets.asking`).
"""

import pyarrow.parquet as pq

from cupola.datasets import querying
from cupola.datasets.records import Rows
from cupola.datasets.sql import identifier, literal
from cupola.errors import NotFound
from cupola.experiments import records
from cupola.store import Store, files

FORECAST, BACKTEST = "forecast.parquet", "backtest.parquet"
OWN = ("step", "window", "split", "truth")


def answer(store: Store, run: str, item: str | None, backtest: bool, limit: int) -> Rows:
    """The table of a forecast, of one item or of all. Raises NotFound where there is no such table or item."""
    found = records.find(store, run)
    path = files.absolute(store, records.artifact_path(store, found, BACKTEST if backtest else FORECAST))
    columns = pq.read_schema(path).names
    before = columns[: columns.index("step") - 1]
    named = [identifier(one) for one in before if one not in OWN]
    where = ""
    if item is not None:
        if not named:
            raise NotFound(f"run {found.name} forecasts one series, which has no name")
        where = f" WHERE concat_ws('/', {', '.join(named)}) = {literal(item)}"
    source = {"forecast": f"SELECT * FROM read_parquet({literal(str(path))})"}
    rows = querying.answer(source, [path], f"SELECT * FROM forecast{where} LIMIT {limit + 1}", limit)
    if item is not None and not rows.rows:
        raise NotFound(f"run {found.name} forecasts no item {item!r}", hint="`cupola forecast show RUN` lists them")
    return rows
