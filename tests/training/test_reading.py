"""The rows that a training reads, all of them or some by chance."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cupola.training.job import read
from cupola.training.records import Training, split_of


def training(seed: int) -> Training:
    return Training(
        dataset="some@1", target="kind", target_type="category", task="classification", estimator="Ridge",
        features=[("place", "integer")], split=split_of(None, None, "classification", None, None), metric="f1",
        seed=seed,
    )  # fmt: skip


@pytest.mark.parametrize("drawn", [1, 40, 299, 300])
def test_rows_that_are_drawn_are_in_their_order_and_hang_on_the_seed(drawn: int, tmp_path: Path) -> None:
    frame = pd.DataFrame({"place": range(300), "other": 1.0, "kind": [f"k{one}" for one in range(300)]})
    pq.write_table(pa.Table.from_pandas(frame), tmp_path / "data.parquet", row_group_size=70)
    found = read(str(tmp_path / "data.parquet"), training(1), drawn)
    assert list(found.columns) == ["place", "kind"]
    assert len(found) == drawn
    assert list(found.index) == list(range(drawn))
    assert (np.diff(found["place"]) > 0).all()
    assert list(found["kind"]) == [f"k{one}" for one in found["place"]]
    pd.testing.assert_frame_equal(found, read(str(tmp_path / "data.parquet"), training(1), drawn))
    if 1 < drawn < 299:
        assert list(found["place"]) != list(read(str(tmp_path / "data.parquet"), training(2), drawn)["place"])
