"""A small table of every type of column, and trainings on it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.environments.built import built, known

from cupola.environments import catalogue, values
from cupola.training.records import UNSUPERVISED, Training, metric_of, split_of

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


def hard(rows: int = 2400) -> pd.DataFrame:
    """A class of six rows, free text, times, a constant, an empty column, names of rows, hundreds of values that each
    have an effect, and 40 columns with 30 % missing."""
    random = np.random.default_rng(0)
    words = np.array(["slow", "broken", "late", "fine", "quick", "kind", "box", "door", "again", "today"])
    drawn = words[random.integers(0, 10, (rows, 8))]
    place = random.integers(0, rows // 2, rows)
    signal = (drawn == "broken").sum(axis=1) + random.normal(size=rows)[place]
    frame = pd.DataFrame(
        {
            "note": [" ".join(one) for one in drawn],
            "place": [f"p{one}" for one in place],
            "at": pd.date_range("2024-01-01", periods=rows, freq="5h"),
            "same": 7,
            "nothing": np.full(rows, np.nan),
            "key": [f"k{one}" for one in range(rows)],
        }
        | {f"g{one}": np.where(random.random(rows) < 0.3, np.nan, random.normal(size=rows)) for one in range(40)}
    )
    frame["kind"] = np.where(signal > 1, "bad", "good")
    frame.loc[:5, "kind"] = "rare"
    return frame


@pytest.fixture
def make() -> Make:
    return training


def training(
    estimator: str,
    target: str | None = "kind",
    params: dict[str, Any] | None = None,
    *,
    split: str | None = None,
    cv: int | None = None,
    target_type: str | None = None,
    **more: Any,
) -> Training:
    """A training on the table; by the kind of the estimator, regression where the target is `value`."""
    learnt = "regression" if target == "value" else "classification"
    task = UNSUPERVISED.get(catalogue.find(estimator).kind, learnt)
    return Training(
        dataset="things@1-abcd",
        target=target,
        target_type=target_type or ("number" if target == "value" else "category"),
        estimator=estimator,
        params=values.check(estimator, params or {}),
        task=task,  # type: ignore[arg-type]
        features=more.pop("features", FEATURES),
        split=split_of(split, cv, task, more.get("time"), more.get("group")),  # type: ignore[arg-type]
        metric=metric_of(None, task, target),  # type: ignore[arg-type]
        seed=more.pop("seed", 1),
        **more,
    )
