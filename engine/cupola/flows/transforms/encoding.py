"""Encode categorical."""

from typing import Annotated, Any, Literal

import msgspec

from cupola.actions import Arg
from cupola.datasets.sql import identifier, literal
from cupola.errors import BadInput, BadOption
from cupola.flows import learning
from cupola.flows.sql import TRAIN, Table, chance, code, free, known, looked_up, number, of_kind, select
from cupola.flows.transforms.transform import Ask, Columns, State, Target, Transform, target_of

GROUP = "Encode categorical"
MOST = 10_000  # categories that are kept of one column
FOLDS = 5
CLASSES = 20


class OrdinalEncode(msgspec.Struct, kw_only=True, frozen=True):
    """Replace each category by its number, in the order of the alphabet."""

    columns: Columns
    unknown: Annotated[Literal["missing", "own"], Arg(help="what becomes of new ones: missing, or a number more")] = (
        "missing"
    )


class OneHotEncode(msgspec.Struct, kw_only=True, frozen=True):
    """Replace a column by one of 0 and 1 for each of its most frequent categories."""

    columns: Columns
    limit: Annotated[int, Arg(help="so many categories of a column at most")] = 50
    drop_last: Annotated[bool, Arg(help="without the last one, which the others tell")] = False
    output: Annotated[Literal["columns", "vector"], Arg(help="columns, or one vector")] = "columns"


class SimilarityEncode(msgspec.Struct, kw_only=True, frozen=True):
    """Replace a text by how similar it is to each of its most frequent values: the share of groups of three letters
    that both have (the n-gram similarity of Cerda, Varoquaux and Kégl, 2018)."""

    columns: Columns
    limit: Annotated[int, Arg(help="to so many values of a column at most")] = 20


class TargetEncode(msgspec.Struct, kw_only=True, frozen=True):
    """Replace each category by the mean of the target among its rows, drawn to the whole mean where they are few.

    Rows of the training part get the mean of the other four of five folds, so that none sees its own target.
    """

    columns: Columns
    target: Target = ""
    smoothing: Annotated[float, Arg(help="so many rows does the whole mean weigh")] = 20.0


def _learn_categories(params: OrdinalEncode, table: Table, ask: Ask) -> State:
    found = {}
    for one in params.columns:
        values = learning.categories(ask, table, one, MOST + 1)
        if len(values) > MOST:
            raise BadInput(f"{one} has more than {MOST} categories", hint="replace the rare ones first: replace-rare")
        found[one] = sorted(values, key=_place(table, one))
    return {"categories": found}


def _place(table: Table, column: str) -> Any:
    return float if table.kind(column) in ("integer", "number") else str


def _ordinal(params: OrdinalEncode, state: State, table: Table) -> str:
    changed = {}
    for one in params.columns:
        categories = state["categories"][one]
        place = code(identifier(one), categories)
        if params.unknown == "own":
            place = f"CASE WHEN {identifier(one)} IS NOT NULL THEN coalesce({place}, {len(categories)}) END"
        changed[one] = place
    return select(table, changed)


def _learn_frequent(params: OneHotEncode | SimilarityEncode, table: Table, ask: Ask) -> State:
    if not 1 <= params.limit <= 1000:
        raise BadOption(f"limit is from 1 to 1000, not {params.limit}")
    if isinstance(params, SimilarityEncode):
        of_kind(table, params.columns, ("text",), "are similar to others")
    found = {one: sorted(learning.categories(ask, table, one, params.limit)) for one in params.columns}
    if empty := [one for one, values in found.items() if not values]:
        raise BadInput(f"{empty[0]} has no value in the training part")
    return {"categories": found}


def _one_hot(params: OneHotEncode, state: State, table: Table) -> str:
    added: dict[str, str] = {}
    for one in params.columns:
        text, categories = f"CAST({identifier(one)} AS VARCHAR)", state["categories"][one]
        shown = categories[:-1] if params.drop_last and len(categories) > 1 else categories
        flags = {each: f"coalesce({text} = {literal(each)}, false)" for each in shown}
        if params.output == "vector":
            listed = ", ".join(f"CAST({flag} AS DOUBLE)" for flag in flags.values())
            added[free(table, f"{one}_vector", added)] = f"[{listed}]"
            continue
        for each, flag in flags.items():
            added[free(table, f"{one}_{each}", added)] = f"CAST({flag} AS BIGINT)"
    return select(table, added=added, dropped=params.columns)


def _similarity(params: SimilarityEncode, state: State, table: Table) -> str:
    added: dict[str, str] = {}
    for one in params.columns:
        padded = f"concat(' ', {identifier(one)}, ' ')"
        places = f"range(1, greatest(length({padded}) - 1, 2))"
        grams = f"list_distinct(list_transform({places}, lambda i: substr({padded}, i, 3)))"
        for each in state["categories"][one]:
            others = f"[{learning.listed(grams_of(each))}]"
            shared = f"CAST(len(list_intersect({grams}, {others})) AS DOUBLE)"
            together = f"len(list_distinct(list_concat({grams}, {others})))"
            added[free(table, f"{one}_{each}", added)] = (
                f"CASE WHEN {identifier(one)} IS NULL THEN 0e0 ELSE {shared} / {together} END"
            )
    return select(table, added=added, dropped=params.columns)


def grams_of(text: str) -> list[str]:
    """The different groups of three letters of a text with a space at each side."""
    padded = f" {text} "
    return sorted({padded[at : at + 3] for at in range(max(1, len(padded) - 2))})


def _learn_target(params: TargetEncode, table: Table, ask: Ask) -> State:
    target = target_of(params.target, table)
    known(table, [target], "target")
    if target in params.columns:
        raise BadOption(f"{target} is the target, and cannot be encoded by itself")
    if params.smoothing <= 0:
        raise BadOption(f"smoothing is more than 0, not {params.smoothing}")
    name, numbers = identifier(target), table.kind(target) in ("integer", "number")
    classes: list[Any] = [None]
    if not numbers:
        classes = sorted(learning.categories(ask, table, target, CLASSES + 1))
        if not 2 <= len(classes) <= CLASSES:
            raise BadInput(
                f"{target} has {len(classes)} classes", hint=f"a target has numbers, or 2 to {CLASSES} classes"
            )
        classes = classes[1:] if len(classes) == 2 else classes
    encoded = {}
    for one in params.columns:
        encoded[one] = [_sums(params, table, one, name, each, ask) for each in classes]
    return {"classes": classes, "columns": encoded}


def _sums(params: TargetEncode, table: Table, column: str, target: str, label: str | None, ask: Ask) -> dict[str, Any]:
    """The mean of the target for each category: in all folds, and in all but each one of them."""
    told = (
        f"CAST({target} AS DOUBLE)" if label is None else f"CAST(CAST({target} AS VARCHAR) = {literal(label)} AS INT)"
    )
    rows = ask(
        f"SELECT CAST({identifier(column)} AS VARCHAR) AS c, {_fold(table)} AS f, sum({told}), count(*) "
        f"FROM {table.training} WHERE {target} IS NOT NULL GROUP BY c, f ORDER BY c NULLS FIRST, f"
    )
    whole = [sum(row[2] for row in rows), sum(row[3] for row in rows)]
    if not whole[1]:
        raise BadInput("the target has no value in the training part")
    without = [
        [whole[at - 2] - sum(row[at] for row in rows if row[1] == fold) for at in (2, 3)] for fold in range(FOLDS)
    ]
    priors = [total / count if count else whole[0] / whole[1] for total, count in [whole, *without]]
    parts: dict[str, dict[int, tuple[float, int]]] = {}
    for category, fold, total, count in rows:
        if category is not None:
            parts.setdefault(category, {})[fold] = (total, count)
    if len(parts) > MOST:
        raise BadInput(f"{column} has more than {MOST} categories", hint="replace the rare ones first: replace-rare")
    means: list[list[float]] = [[] for _ in range(FOLDS + 1)]
    for folds in parts.values():
        for place, prior in enumerate(priors):
            used = [one for fold, one in folds.items() if fold != place - 1]
            total, count = sum(one[0] for one in used), sum(one[1] for one in used)
            means[place].append((total + params.smoothing * prior) / (count + params.smoothing))
    return {"categories": [*parts], "means": means, "priors": priors}


def _fold(table: Table) -> str:
    return f"CAST(floor({chance(table.seed, 'folds')} * {FOLDS}) AS BIGINT)"


def _target(params: TargetEncode, state: State, table: Table) -> str:
    changed: dict[str, str] = {}
    added: dict[str, str] = {}
    for one in params.columns:
        for label, learned in zip(state["classes"], state["columns"][one], strict=True):
            means = [
                f"coalesce({looked_up(identifier(one), learned['categories'], numbers)}, {number(prior)})"
                for numbers, prior in zip(learned["means"], learned["priors"], strict=True)
            ]
            folds = " ".join(f"WHEN {fold} THEN {mean}" for fold, mean in enumerate(means[1:]))
            encoded = f"CASE WHEN {TRAIN} THEN CASE {_fold(table)} {folds} END ELSE {means[0]} END"
            if len(state["classes"]) == 1:
                changed[one] = encoded
            else:
                added[free(table, f"{one}_{label}", added)] = encoded
    return select(table, changed, added, dropped=params.columns if added else [])


TRANSFORMS = [
    Transform(name="ordinal-encode", group=GROUP, params=OrdinalEncode, learn=_learn_categories, select=_ordinal),
    Transform(name="one-hot-encode", group=GROUP, params=OneHotEncode, learn=_learn_frequent, select=_one_hot),
    Transform(
        name="similarity-encode", group=GROUP, params=SimilarityEncode, learn=_learn_frequent, select=_similarity
    ),
    Transform(name="target-encode", group=GROUP, params=TargetEncode, learn=_learn_target, select=_target),
]
