"""A small table of every type of column, and trainings on it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.environments.built import built, known
from threadpoolctl import threadpool_limits

from cupola.environments import values
from cupola.training.records import Training, metric_of, split_of

__all__ = ["built", "known"]

FEATURES = [
    ("amount", "number"),
    ("count", "integer"),
    ("member", "boolean"),
    ("colour", "category"),
    ("day", "date"),
    ("at", "datetime"),
]
Make = Callable[..., Training]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """As a job with one CPU has it; on a busy box more threads take many times longer."""
    with threadpool_limits(1):
        yield


@pytest.fixture(autouse=True)
def _known(known: Path) -> None:
    pass


def table(rows: int = 300, seed: int = 0) -> pd.DataFrame:
    """Rows with missing values, two targets (`kind`: late or ok; `value`), weights and groups."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "amount": random.normal(size=rows),
            "count": random.integers(0, 9, rows),
            "member": random.random(rows) > 0.5,
            "colour": random.choice(["red", "green", "blue"], rows),
            "day": pd.date_range("2013-01-01", periods=rows, freq="D").date,
            "at": pd.date_range("2013-01-01", periods=rows, freq="7h"),
        }
    )
    signal = frame["amount"] + frame["count"] / 3 + (frame["colour"] == "red")
    frame["kind"] = np.where(signal + random.normal(size=rows) * 0.5 > 1.5, "late", "ok")
    frame["value"] = signal + random.normal(size=rows) * 0.3
    frame["weight"] = random.random(rows) + 0.5
    frame["team"] = random.integers(0, 30, rows)
    frame.loc[3:9, "amount"] = np.nan
    frame.loc[5, "colour"] = None
    return frame


@pytest.fixture
def make() -> Make:
    return training


def training(
    estimator: str,
    target: str = "kind",
    params: dict[str, Any] | None = None,
    *,
    split: str | None = None,
    cv: int | None = None,
    target_type: str | None = None,
    **more: Any,
) -> Training:
    """A training on the table; regression where the target is `value`."""
    task = "regression" if target == "value" else "classification"
    return Training(
        dataset="things@1-abcd",
        target=target,
        target_type=target_type or ("number" if target == "value" else "category"),
        estimator=estimator,
        params=values.check(estimator, params or {}),
        task=task,  # type: ignore[arg-type]
        features=more.pop("features", FEATURES),
        split=split_of(split, cv, task, more.get("time"), more.get("group")),  # type: ignore[arg-type]
        metric=metric_of(None, task),  # type: ignore[arg-type]
        seed=more.pop("seed", 1),
        **more,
    )
