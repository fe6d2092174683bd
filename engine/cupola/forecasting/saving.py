"""A forecaster as the files of a model: what can be registered, and served."""

from pathlib import Path
from typing import Any

import msgspec
import pandas as pd

from cupola.datasets.records import DatasetVersion
from cupola.forecasting.forecaster import Forecaster, moment_text
from cupola.forecasting.records import TASK, ForecastSpec
from cupola.registry import contents, models, signature
from cupola.registry.signature import Signature, SignatureColumn
from cupola.training.saving import dumped, packages

SAMPLED = 3  # steps ahead that the sample asks
DTYPES = {"category": "str", "text": "str", "datetime": "datetime64[us]", "date": ""}


def save(directory: Path, model: Forecaster, version: DatasetVersion, made: dict[str, Any]) -> None:
    """Writes model.skops, signature.json, sample.json, answers.json and model.json.

    made: what else model.json says.
    """
    spec = model.spec
    described = describe(spec, version)
    sample = _sample(model, spec, described)
    (directory / contents.SKOPS).write_bytes(dumped(model))
    said = models.Model(model, described, []).predict(_frame(sample, described))
    description = {"task": TASK, "seed": spec.seed, "dataset": spec.dataset, "target": spec.target}
    for name, content in (
        (signature.FILE, described),
        (contents.SAMPLE, sample),
        (contents.ANSWERS, models.answers_of(said)),
        (contents.DESCRIPTION, made | description | {"packages": packages()}),
    ):
        (directory / name).write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n")


def describe(spec: ForecastSpec, version: DatasetVersion) -> Signature:
    """What the model takes: the items, the time, the target (empty where it is asked for) and the covariates."""
    types = {one.name: one.type for one in version.columns}
    covariates = [name for name, _ in (*spec.known, *spec.past, *spec.static)]
    columns = []
    for name in (*spec.items, spec.time, spec.target, *covariates):
        whole = name in spec.items and types[name] == "integer"
        dtype = "int64" if whole else DTYPES.get(types[name], "float64")
        optional = name == spec.target or name in covariates
        columns.append(SignatureColumn(name=name, type=types[name], dtype=dtype, optional=optional))
    used = {one.name for one in columns}
    source = [one.name for one in version.columns]
    return Signature(
        columns=columns,
        others=[one for one in source if one not in used],
        source=source,
        target=spec.target,
        task=TASK,
        writing=signature.writing(version),
    )


def _sample(model: Forecaster, spec: ForecastSpec, described: Signature) -> list[dict[str, Any]]:
    """The first steps after the history of the first item."""
    first = model.history.series[0]
    named: dict[str, Any] = dict(zip(spec.items, first.key, strict=True))
    for one in described.columns:
        if one.name in named and one.dtype == "int64":
            named[one.name] = int(named[one.name])
    empty = {one.name: None for one in described.columns}
    steps = min(SAMPLED, spec.horizon)
    moments = [moment_text(model.history.frequency, first.end + step) for step in range(steps)]
    return [empty | named | {spec.time: moment} for moment in moments]


def _frame(sample: list[dict[str, Any]], described: Signature) -> pd.DataFrame:
    from cupola.runtimes.frames import Frames

    frames = Frames(described)
    return pd.DataFrame(
        {one.name: frames.column(one.name, [row[one.name] for row in sample]) for one in described.columns}
    )
