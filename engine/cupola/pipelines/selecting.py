"""What an SQL step does: rows for other steps, or a new version of a dataset."""

from cupola import actions
from cupola.pipelines import calling, types
from cupola.pipelines.asked import Asked, done
from cupola.pipelines.workers import Outcome


def sql(asked: Asked) -> Outcome:
    """Answers the query. rows: a list of tables; value: that of one row with one column."""
    given: types.SQL = asked.typed(types.SQL)
    if given.name is None:
        found = actions.run(asked.ws, "dataset sql", query=given.query, limit=given.limit)
        rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
        alone = {"value": found.rows[0][0]} if len(rows) == 1 and len(found.columns) == 1 else {}
        return calling.returned({"rows": rows, "count": len(rows), **alone}, "SQL")
    from cupola.datasets import querying

    path = asked.ws.root / asked.directory / "outputs" / "rows.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    querying.write(asked.ws.store, given.query, path)
    more = {"target": given.target, "role": given.role or None}
    return done(asked, "dataset import", {"source": str(path), "name": given.name, **more})
