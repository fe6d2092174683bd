"""A flow as the first step of a pipeline: fitted on the rows that train, applied to all others row by row."""

from collections.abc import Sequence
from typing import Any, Self

import pandas as pd
import pyarrow as pa
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline

from cupola.errors import BadInput
from cupola.flows.records import Fitted, Flow
from cupola.flows.records import path as path_of
from cupola.flows.sql import kind as kind_of
from cupola.flows.transforms import catalogue
from cupola.store import toml
from cupola.training.records import Aim, FiledFlow, Training

STEP = "flow"
ALONE = 5  # rows on which it is looked at what Python makes of one alone


class Flowing(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Raw rows as what a fitted flow makes of them. wanted: the columns that what comes after it uses.

    kinds: the types that the columns of the data have in the dataset, by their names.
    """

    def __init__(
        self, fitted: Fitted, wanted: Sequence[str] | None = None, kinds: dict[str, str] | None = None
    ) -> None:
        from cupola.flows.serving import Served  # with DuckDB, which models without a flow do not need

        self.fitted, self.wanted, self.kinds = fitted, wanted, kinds or {}
        self.served = Served(fitted, wanted)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, X: Any, y: Any = None) -> Self:
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        return self.served.transform(X)


def fit(rows: pd.DataFrame, filed: FiledFlow, target: str | None) -> tuple[Fitted, pd.DataFrame]:
    """What a flow learns from the rows that train, and what it makes of these: the rows that an estimator is fitted on.

    Raises BadInput, BadOption that name the step.
    """
    from cupola.flows import fitting

    flow = toml.convert(toml.parse(filed.text.encode(), path_of(filed.name)), Flow, filed.text.encode(), filed.name)
    flow.name, flow.sources = filed.name, dict.fromkeys([filed.source, *filed.sources], "")
    table = pa.Table.from_pandas(rows, preserve_index=False)
    fitted = fitting.fit(flow, {filed.source: table}, target=target, lookups=filed.lookups)
    fitted.sha256, fitted.made_of = filed.sha256, filed.aim.of if filed.aim else []
    made: pd.DataFrame = fitting.apply(fitted, table, training=True).to_pandas()
    if not len(made):
        raise BadInput(f"the flow {filed.name} leaves none of the {len(rows)} rows to train on")
    return fitted, made


def aimed(rows: pd.DataFrame, aim: Aim) -> pd.DataFrame:
    """The raw rows with the target that the flow makes of them."""
    from cupola.flows import aiming

    return aiming.added(rows, aim.column.name, aim.expression)


def check_alone(flow: Flowing, rows: pd.DataFrame) -> None:
    """Raises BadInput where Python in a flow makes something else of a row that comes alone, as rows are served."""
    if flow.served.by_row:
        return
    some = rows.head(ALONE)
    together = flow.transform(some)
    alone = pd.concat([flow.transform(some.iloc[place : place + 1]) for place in range(len(some))])
    for name in together:
        one, other = (flowed[name].astype(object).where(flowed[name].notna(), None) for flowed in (together, alone))
        if list(one) != list(other):
            raise BadInput(
                f"the Python of the flow {flow.fitted.flow} makes another {name} of a row that comes alone",
                hint="what it makes of a row must not hang on other rows: steps that learn, such as scale, may",
            )


def keeps_rows(fitted: Fitted) -> bool:
    """Whether all rows that it was fitted on are there after it, in their order."""
    return all(catalogue.find(step.type).serving != "skipped" for step in fitted.steps)


def features(fitted: Fitted, training: Training) -> tuple[list[tuple[str, str]], list[str]]:
    """(name, type) of what there is to learn from after a flow, and notes on what is left out.

    Of the columns of the data those that are features without it; of those that it makes all but the excluded. Raises
    BadInput for one that is excluded and that nobody makes, and where none is left.
    """
    assert training.flow is not None
    filed = training.flow
    for name in filed.without:
        if name not in fitted.result:
            raise BadInput(f"--exclude {name}: neither the dataset nor the flow {filed.name} has such a column")
    kinds, kept = dict(filed.columns), {name for name, _ in training.features}
    found, notes = [], []
    for name, type in fitted.result.items():
        if name in (training.target, *filed.without) or (name in kinds and name not in kept):
            continue
        kind = kind_of(type)
        if kind in ("vector", "other"):
            hint = "; expand-vector makes columns of it" if kind == "vector" else ""
            notes.append(f"{name} is left out: it is of the type {type}{hint}")
        elif fitted.columns.get(name) == type and name in kinds:
            found.append((name, kinds[name]))
        else:
            found.append((name, kind))
    if not found:
        raise BadInput(f"the flow {filed.name} leaves no column to learn from", hint="; ".join(notes) or None)
    return found, notes


def takes(pipeline: Pipeline) -> list[tuple[str, str]]:
    """(name, type) of each column of the data that a fitted pipeline uses."""
    flow = pipeline.named_steps.get(STEP)
    if flow is not None:
        return [(name, flow.kinds[name]) for name in flow.served.takes]
    preparation = pipeline.named_steps["prepare"]
    return [(name, kind) for name, kind in preparation.columns if name in preparation.encoders_]


def apart(pipeline: Pipeline) -> tuple[Flowing | None, Pipeline]:
    """The flow of a pipeline, and what comes after it."""
    if getattr(pipeline, "steps", [("", None)])[0][0] != STEP:
        return None, pipeline
    return pipeline.steps[0][1], pipeline[1:]


def behind(fitted: Fitted, pipeline: Pipeline, kinds: dict[str, str] | None = None) -> Pipeline:
    """A pipeline with the flow before it that its rows have come through in training."""
    preparation = pipeline.named_steps["prepare"]
    return Pipeline([(STEP, Flowing(fitted, list(preparation.encoders_), kinds)), *pipeline.steps])
