"""Transforms that learn a model of several columns: principal components, and missing numbers from the others."""

from typing import Annotated

import msgspec

from cupola.actions import Arg
from cupola.datasets.sql import identifier
from cupola.errors import BadInput, BadOption
from cupola.flows.sql import NUMBERS, Table, chance, free, number, of_kind, select
from cupola.flows.transforms.transform import Ask, Columns, State, Transform

REDUCE, MISSING = "Dimensionality reduction", "Handle missing"
MOST = 200  # columns of a model
ROUNDS = 20
SAMPLE = 50_000  # rows of the training part that models of missing numbers learn from


class PrincipalComponents(msgspec.Struct, kw_only=True, frozen=True):
    """Replace columns of numbers by fewer, which hold most of their variance (PCA). A row in which one of them is
    missing has none."""

    columns: Columns
    components: Annotated[int | None, Arg(help="how many (default: 2)")] = None
    share: Annotated[float | None, Arg(help="or as many as hold this share of the variance, such as 0.95")] = None
    scale: Annotated[bool, Arg(help="divide each column by its deviation before")] = True
    name: Annotated[str, Arg(help="what the new columns are called, before their number")] = "pc"
    keep: Annotated[bool, Arg(help="keep the columns themselves too")] = False


class ModelImpute(msgspec.Struct, kw_only=True, frozen=True):
    """Fill missing numbers with what linear models of the other columns say, round after round (chained equations, as
    scikit-learn's IterativeImputer)."""

    columns: Columns
    of: Annotated[list[str], Arg(help="columns of numbers that they are told from, too", completes="column")] = []
    rounds: Annotated[int, Arg(help="at most so many")] = 10


def _learn_components(params: PrincipalComponents, table: Table, ask: Ask) -> State:
    from cupola.flows import modelling

    _check(params.columns, table, "have principal components")
    if params.components is not None and params.share is not None:
        raise BadOption("either components or share is said")
    if params.components is not None and not 1 <= params.components <= len(params.columns):
        raise BadOption(f"components is from 1 to {len(params.columns)}, as many as columns, not {params.components}")
    if params.share is not None and not 0 < params.share <= 1:
        raise BadOption(f"share is more than 0 and at most 1, not {params.share}")
    names = [f"CAST({identifier(one)} AS DOUBLE)" for one in params.columns]
    whole = f"{table.training} WHERE {' AND '.join(f'{identifier(one)} IS NOT NULL' for one in params.columns)}"
    figures = ", ".join(f"avg({one}), stddev_pop({one})" for one in names)
    rows, *found = ask(f"SELECT count(*), {figures} FROM {whole}")[0]
    if rows < 2:
        raise BadInput("fewer than two rows of the training part have all these columns", hint="fill them before")
    means, widths = found[::2], [(one or 1.0) if params.scale else 1.0 for one in found[1::2]]
    covariance = [
        [one / (width * other) for one, other in zip(line, widths, strict=True)]
        for line, width in zip((_covariances(ask, whole, names, one) for one in names), widths, strict=True)
    ]
    weights, shares = modelling.directions(covariance)
    count = params.components or 2
    if params.share is not None:
        reached = (place for place in range(1, len(shares)) if sum(shares[:place]) >= params.share - 1e-12)
        count = next(reached, len(shares))
    kept = min(count, len(weights))
    return {"means": means, "widths": widths, "weights": weights[:kept], "shares": shares[:kept]}


def _covariances(ask: Ask, rows: str, names: list[str], one: str) -> list[float]:
    listed = ", ".join(f"covar_pop({one}, {other})" for other in names)
    return list(ask(f"SELECT {listed} FROM {rows}")[0])


def _components(params: PrincipalComponents, state: State, table: Table) -> str:
    centred = [
        f"((CAST({identifier(name)} AS DOUBLE) - {number(mean)}) / {number(width)})"
        for name, mean, width in zip(params.columns, state["means"], state["widths"], strict=True)
    ]
    added: dict[str, str] = {}
    for place, weights in enumerate(state["weights"]):
        added[free(table, f"{params.name}_{place + 1}", added)] = _sum("0e0", centred, weights)
    return select(table, added=added, dropped=[] if params.keep else params.columns)


def _learn_models(params: ModelImpute, table: Table, ask: Ask) -> State:
    from cupola.flows import modelling

    names = told_from(params)
    _check(names, table, "are filled by a model")
    if len(names) < 2:
        raise BadOption("a model needs another column: of=", hint="fill-missing fills one column by itself")
    if not 1 <= params.rounds <= ROUNDS:
        raise BadOption(f"rounds is from 1 to {ROUNDS}, not {params.rounds}")
    counts = ", ".join(f"count({identifier(one)})" for one in names)
    total, *there = ask(f"SELECT count(*), {counts} FROM {table.training}")[0]
    if empty := [name for name, count in zip(names, there, strict=True) if not count]:
        raise BadInput(f"{empty[0]} has no value in the training part", hint="fill it with a constant, or drop it")
    listed = ", ".join(f"CAST({identifier(one)} AS DOUBLE)" for one in names)
    drawn = "" if total <= SAMPLE else f" WHERE {chance(table.seed, 'model')} < {number(SAMPLE / total)}"
    start, models = modelling.chained(ask(f"SELECT {listed} FROM {table.training}{drawn}"), params.rounds, table.seed)
    return {"start": start, "models": models}


def told_from(params: ModelImpute) -> list[str]:
    """All columns of the models: those that are filled, and the others."""
    return list(dict.fromkeys([*params.columns, *params.of]))


def _model_impute(params: ModelImpute, state: State, table: Table) -> str:
    names = told_from(params)
    filled: dict[str, str] = {}
    for place, start in enumerate(state["start"]):
        filled[free(table, f"filled {place}", filled)] = (
            f"coalesce(CAST({identifier(names[place])} AS DOUBLE), {number(start)})"
        )
    working = [identifier(one) for one in filled]
    query = f"SELECT *, {', '.join(f'{each} AS {identifier(one)}' for one, each in filled.items())} FROM {table.sql}"
    for place, start, weights in state["models"]:
        said = _sum(number(start), working, weights)
        column = f"CASE WHEN {identifier(names[place])} IS NULL THEN {said} ELSE {working[place]} END"
        query = f"SELECT * REPLACE ({column} AS {working[place]}) FROM ({query})"
    changed = {one: working[names.index(one)] for one in params.columns}
    return select(table, changed, source=f"({query})")


def _sum(start: str, columns: list[str], weights: list[float]) -> str:
    """A weighted sum, from the left to the right; what weighs nothing is left out."""
    return " + ".join([start, *(f"{number(w)} * {one}" for one, w in zip(columns, weights, strict=True) if w)])


def _check(names: list[str], table: Table, why: str) -> None:
    of_kind(table, names, NUMBERS, why)
    if len(names) > MOST:
        raise BadOption(f"at most {MOST} columns {why} together, not {len(names)}")


TRANSFORMS = [
    Transform(name="model-impute", group=MISSING, params=ModelImpute, learn=_learn_models, select=_model_impute),
    Transform(name="pca", group=REDUCE, params=PrincipalComponents, learn=_learn_components, select=_components),
]
