"""The rows held out of a run's training, what was predicted for them, and the report on bias that comes of it."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cupola.datasets import records as datasets
from cupola.datasets.records import DatasetVersion
from cupola.errors import NotFound, NotReady
from cupola.experiments import records as runs
from cupola.experiments.predictions import FILE
from cupola.experiments.records import Run
from cupola.explain import facets
from cupola.explain.records import Bias
from cupola.store import Store, files

MOST = 200_000  # rows that are looked at


def answer(store: Store, run: str, wanted: list[str], label: str, group: str | None) -> dict[str, Any]:
    """A `Bias`, in the process that answers questions to data. Raises NotReady, NotFound, BadOption, BadInput."""
    found = runs.find(store, run)
    try:
        path = files.absolute(store, runs.artifact_path(store, found, FILE))
    except NotFound:
        raise NotReady(
            f"run {found.name} has kept no predictions", hint="`cupola train` keeps those of rows held out"
        ) from None
    version = datasets.find(store, found.dataset)
    held = pd.read_parquet(path)
    if not {"row", "truth", "prediction"} <= set(held):
        raise NotReady(f"run {found.name} has not learnt what its rows could be held against")
    return dict(msgspec.to_builtins(of(store, version, found, held, wanted, label, group)))


def of(
    store: Store,
    version: DatasetVersion,
    run: Run,
    held: pd.DataFrame,
    wanted: list[str],
    label: str,
    group: str | None,
) -> Bias:
    """The report on predictions (row, truth, prediction) of rows of a dataset."""
    columns = facets.columns_of(version, wanted, group)
    every = len(held)
    held = held.iloc[np.sort(np.random.default_rng(0).permutation(every)[:MOST])].sort_values("row")
    rows = _rows(datasets.data_path(store, version), columns, held["row"].to_numpy())
    found = facets.report(f"{run.experiment}/{run.id}", held, rows, wanted, label, group)
    if every > MOST:
        found.notes.append(f"of {every:,} rows held out {MOST:,} were looked at, drawn at random")
    return found


def _rows(path: Path, columns: list[str], wanted: NDArray[np.int64]) -> pd.DataFrame:
    """Rows of a table by their numbers, which are in order; one group of rows after the other, which bounds memory."""
    with pq.ParquetFile(path) as file:
        parts, begin = [], 0
        for group in range(file.num_row_groups):
            end = begin + file.metadata.row_group(group).num_rows
            inside = wanted[(wanted >= begin) & (wanted < end)] - begin
            if len(inside):
                parts.append(file.read_row_group(group, columns).take(pa.array(inside)))
            begin = end
    frame: pd.DataFrame = pa.concat_tables(parts).to_pandas()
    return frame
