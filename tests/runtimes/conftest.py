"""Models of every family, trained as `train` trains them, on a small table with columns of every type."""

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
import skops.io

from cupola.registry import contents, models, records
from cupola.registry import signature as signatures
from cupola.registry.models import Model
from cupola.registry.records import ModelState, ModelVersion
from cupola.store import Store, names
from cupola.training import fitting, saving
from cupola.training.records import Split, Training
from cupola.workspace import Workspace

ROWS = 260
FEATURES = [
    ("distance", "number"),
    ("hour", "integer"),
    ("carrier", "category"),
    ("plane", "category"),
    ("seats", "category"),
    ("wet", "boolean"),
    ("day", "date"),
    ("left", "datetime"),
    ("said", "text"),
]
CLASSES = {"two": ["no", "yes"], "three": ["early", "late", "on time"], "truth": [False, True]}


@functools.cache
def flights() -> pd.DataFrame:
    """Rows with something of every type, some of it missing, and targets of every kind."""
    random = np.random.default_rng(3)
    days = np.datetime64("2013-01-01", "D") + random.integers(0, 700, ROWS)
    words = np.array(["slow", "rain", "fast", "wind", "clear", "sky", "heavy", "snow", "gate", "crew"])
    frame = pd.DataFrame(
        {
            "distance": random.normal(1000, 300, ROWS),
            "hour": random.integers(0, 24, ROWS),
            "carrier": pd.array(random.choice(["AA", "B6", "UA", "日本"], ROWS), dtype="str"),
            "plane": pd.array([f"N{number}" for number in random.integers(0, 80, ROWS)], dtype="str"),
            "seats": random.choice([50, 120, 300], ROWS),
            "wet": random.random(ROWS) < 0.3,
            "day": [None if place % 31 == 0 else day.item() for place, day in enumerate(days)],
            "left": days.astype("datetime64[us]") + random.integers(0, 86_400_000_000, ROWS).astype("timedelta64[us]"),
            "said": pd.array([" ".join(random.choice(words, 4)) for _ in range(ROWS)], dtype="str"),
        }
    )
    frame.loc[::17, "distance"] = np.nan
    frame.loc[::13, "carrier"] = None
    frame.loc[::19, "said"] = None
    strength = frame.hour + 8 * frame.wet + np.nan_to_num(frame.distance - 1000) / 100 + random.normal(0, 3, ROWS)
    frame["two"] = np.where(strength > 14, "yes", "no")
    frame["truth"] = strength > 14
    frame["three"] = np.select([strength > 18, strength > 9], ["late", "on time"], "early")
    frame["delay"] = np.abs(strength * 3) + 0.1
    return frame


@functools.cache
def trained(
    estimator: str, target: str | None = "two", params: tuple[tuple[str, Any], ...] = (), **options: Any
) -> Model:
    """A model of that estimator, with its signature and its sample."""
    frame = flights()
    task: Any = "regression" if target == "delay" else "classification"
    if target is None:
        task = "anomaly" if "Forest" in estimator else "clustering"
    training = Training(
        dataset="flights@1",
        target=target,
        target_type={"delay": "number", "truth": "boolean"}.get(target or "", "category"),
        estimator=estimator,
        params=dict(params),
        task=task,
        features=options.pop("features", FEATURES),
        split=Split(kind="random"),
        metric={"regression": "rmse", "classification": "log_loss", "anomaly": "anomalies"}.get(task, "clusters"),
        seed=1,
        **options,
    )
    fitted = fitting.fit(frame, training)
    described = saving.describe(fitted, training, [*frame.columns], signatures.PLAIN)
    sample = saving._rows(fitted.table[[one.name for one in described.columns]].head(saving.SAMPLE))
    return Model(fitted.pipeline, described, sample)


@pytest.fixture(scope="session")
def train() -> Callable[..., Model]:
    """Trains an estimator on a target, each but once: train("Ridge", "delay", alpha=2.0, options={...})."""

    def train(estimator: str, target: str | None, /, *, options: dict[str, Any] | None = None, **params: Any) -> Model:
        return trained(estimator, target, tuple(params.items()), **(options or {}))

    return train


@pytest.fixture
def registered() -> Callable[[Path, Model], tuple[Store, ModelState]]:
    """Makes a workspace at a path, and in it a version of a model as a registration leaves it."""

    def registered(root: Path, model: Model) -> tuple[Store, ModelState]:
        store = Workspace.init(root).store
        id = names.new_id()
        directory = root / "models" / "m" / f"1-{id}"
        directory.mkdir(parents=True)
        written = {"signature.json": model.signature, "sample.json": model.sample}
        written["answers.json"] = models.answers_of(
            model.predict(flights()[[*model.sample[0]]].head(len(model.sample)))
        )
        for name, content in written.items():
            (directory / name).write_bytes(msgspec.json.encode(content))
        (directory / "model.skops").write_bytes(skops.io.dumps(model.pipeline))
        hashes = {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in directory.iterdir()}
        version = ModelVersion(
            id=id, name="m", version=1, run="r", sha256=contents.whole(hashes), files=hashes, storage="skops",
            signature=model.signature, user="ana", host="here", registered=names.now(),
        )  # fmt: skip
        (directory / "version.json").write_bytes(msgspec.json.encode(version))
        return store, records.find(store, version.ref)

    return registered
