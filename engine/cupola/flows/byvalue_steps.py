"""Each transform that plain Python does as DuckDB does: its SQL stands in `transforms`, under the same names."""

import bisect
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

from cupola.flows import byvalue_formula, byvalue_texts
from cupola.flows.byvalue import Columns, Function, NotByValue, unless_missing
from cupola.flows.byvalue_texts import NUMBER, WHOLE, text_of
from cupola.flows.sql import as_text
from cupola.flows.transforms import columns as managing
from cupola.flows.transforms import combining, dates, encoding, missing, models, numeric, outliers

State = dict[str, Any]
LOOKED_UP = ("BIGINT", "DOUBLE", "BOOLEAN", "VARCHAR")


def _fill(columns: Columns, params: missing.FillMissing, state: State) -> None:
    for one in params.columns:
        type = columns.type(one)
        if params.method in ("mean", "median"):
            columns.put(one, columns.make(_or(float(state["values"][one]), float), one), "DOUBLE")
        else:
            given = params.value if params.method == "constant" else state["values"][one]
            columns.put(one, columns.make(_or(_cast(given, type)), one), type)


def _or(otherwise: Any, read: Function = lambda value: value) -> Function:
    return lambda value: otherwise if value is None else read(value)


def _blank(columns: Columns, params: missing.BlankValues, state: State) -> None:
    for one in params.columns:
        type = columns.type(one)
        gone = frozenset(_cast(each, type) for each in params.values)
        columns.change(one, lambda value, gone=gone: None if value in gone else value, type)


def _cast(given: Any, type: str) -> Any:
    """A constant as a value of a type."""
    said = as_text(given)
    if type == "VARCHAR":
        return said
    if type == "BIGINT" and WHOLE.fullmatch(said):
        return int(said)
    if type == "DOUBLE" and NUMBER.fullmatch(said):
        return float(said)
    raise NotByValue(f"a constant of the type {type}")


def _impute(columns: Columns, params: missing.Impute, state: State) -> None:
    if len(params.by) > 1 or params.method == "mode":
        raise NotByValue("groups of several columns, or a mode")
    group = _texts(columns, params.by[0])
    for one in params.columns:
        learned = state["columns"][one]
        known = {
            key: value for key, value in zip(learned["groups"], learned["values"], strict=True) if value is not None
        }
        columns.put(one, columns.of(_by_group(known, float(learned["else"])), columns.there[one].slot, group), "DOUBLE")


def _by_group(known: dict[str, float], otherwise: float) -> Function:
    return lambda value, group: float(known.get(group, otherwise)) if value is None else float(value)


def _indicate(columns: Columns, params: missing.MissingIndicator, state: State) -> None:
    columns.add([(one, one + params.suffix, lambda value: value is None, "BOOLEAN") for one in params.columns])


def _drop_sparse(columns: Columns, params: missing.DropSparse, state: State) -> None:
    columns.drop(state["columns"])


def _scale(columns: Columns, params: numeric.Scale, state: State) -> None:
    for one in params.columns:
        center, width = map(float, state["columns"][one])
        columns.change(one, lambda value, center=center, width=width: (float(value) - center) / width, "DOUBLE")


def _bin(columns: Columns, params: numeric.Bin, state: State) -> None:
    for one in params.columns:
        columns.change(one, _bins([float(edge) for edge in state["edges"][one]]), "BIGINT")


def _bins(edges: list[float]) -> Function:
    return lambda value: len(edges) if value != value else bisect.bisect_right(edges, value)


def _pca(columns: Columns, params: models.PrincipalComponents, state: State) -> None:
    added: dict[str, int] = {}
    for place, weights in enumerate(state["weights"]):
        function = _component(state["means"], state["widths"], weights)
        added[columns.free(f"{params.name}_{place + 1}", [*added])] = columns.make(function, *params.columns)
    columns.drop([] if params.keep else params.columns)
    for name, slot in added.items():
        columns.put(name, slot, "DOUBLE")


def _component(means: list[float], widths: list[float], weights: list[float]) -> Function:
    def component(*values: Any) -> float | None:
        said = 0.0
        for value, mean, width, weight in zip(values, means, widths, weights, strict=True):
            if value is None:
                return None
            if weight:
                said += weight * ((float(value) - mean) / width)
        return said

    return component


def _model_impute(columns: Columns, params: models.ModelImpute, state: State) -> None:
    names = models.told_from(params)
    filled = columns.make(_filled(state["start"], state["models"]), *names)
    for one in params.columns:
        columns.put(one, columns.of(operator.itemgetter(names.index(one)), filled), "DOUBLE")


def _filled(start: list[float], chain: list[list[Any]]) -> Function:
    def fill(*values: Any) -> list[float]:
        found = [each if value is None else float(value) for value, each in zip(values, start, strict=True)]
        for place, begin, weights in chain:
            if values[place] is None:
                said = begin
                for weight, one in zip(weights, found, strict=True):
                    if weight:
                        said += weight * one
                found[place] = said
        return found

    return fill


def _texts(columns: Columns, name: str) -> int:
    """The slot of a column's values as DuckDB casts them to text."""
    return columns.make(unless_missing(text_of(columns.type(name))), name)


def _listed(categories: Sequence[str], type: str) -> list[str]:
    return [repr(float(one)) for one in categories] if type == "DOUBLE" else list(categories)


def _ordinal(columns: Columns, params: encoding.OrdinalEncode, state: State) -> None:
    for one in params.columns:
        listed = _listed(state["categories"][one], columns.type(one))
        places = {each: place for place, each in enumerate(listed)}
        other = len(listed) if params.unknown == "own" else None
        read = text_of(columns.type(one))
        columns.change(
            one, lambda value, read=read, places=places, other=other: places.get(read(value), other), "BIGINT"
        )


def _one_hot(columns: Columns, params: encoding.OneHotEncode, state: State) -> None:
    if params.output == "vector":
        raise NotByValue("a vector")
    added: dict[str, int] = {}
    for one in params.columns:
        categories = state["categories"][one]
        shown = categories[:-1] if params.drop_last and len(categories) > 1 else categories
        text = _texts(columns, one)
        for each, said in zip(shown, _listed(shown, columns.type(one)), strict=True):
            added[columns.free(f"{one}_{each}", [*added])] = columns.of(
                lambda value, said=said: int(value == said), text
            )
    columns.drop(params.columns)
    for name, slot in added.items():
        columns.put(name, slot, "BIGINT")


def _similarity(columns: Columns, params: encoding.SimilarityEncode, state: State) -> None:
    added: dict[str, int] = {}
    for one in params.columns:
        grams = columns.make(unless_missing(lambda value: set(encoding.grams_of(value))), one)
        for each in state["categories"][one]:
            others = set(encoding.grams_of(each))
            added[columns.free(f"{one}_{each}", [*added])] = columns.of(_alike(others), grams)
    columns.drop(params.columns)
    for name, slot in added.items():
        columns.put(name, slot, "DOUBLE")


def _alike(others: set[str]) -> Function:
    return lambda grams: 0.0 if grams is None else len(grams & others) / len(grams | others)


def _target(columns: Columns, params: encoding.TargetEncode, state: State) -> None:
    changed: dict[str, int] = {}
    added: dict[str, int] = {}
    for one in params.columns:
        text = _texts(columns, one)
        for label, learned in zip(state["classes"], state["columns"][one], strict=True):
            categories = _listed(learned["categories"], columns.type(one))
            means = dict(zip(categories, map(float, learned["means"][0]), strict=True))
            prior = float(learned["priors"][0])
            slot = columns.of(lambda value, means=means, prior=prior: means.get(value, prior), text)
            if len(state["classes"]) == 1:
                changed[one] = slot
            else:
                added[columns.free(f"{one}_{label}", [*added])] = slot
    if added:
        columns.drop(params.columns)
    for name, slot in (changed | added).items():
        columns.put(name, slot, "DOUBLE")


PARTS: dict[str, Callable[[Any], int]] = {
    "year": lambda value: value.year,
    "quarter": lambda value: (value.month + 2) // 3,
    "month": lambda value: value.month,
    "week": lambda value: value.isocalendar()[1],
    "day": lambda value: value.day,
    "weekday": lambda value: value.isoweekday(),
    "yearday": lambda value: value.timetuple().tm_yday,
    "hour": lambda value: value.hour,
    "minute": lambda value: value.minute,
    "second": lambda value: value.second,
}


def _date_parts(columns: Columns, params: dates.DateParts, state: State) -> None:
    wanted: list[tuple[str, str, Function, str]] = []
    for one in params.columns:
        type = columns.type(one)
        if type not in ("DATE", "TIMESTAMP"):
            raise NotByValue(f"parts of the type {type}")
        for part in params.parts or dates.USUAL:
            if type == "DATE" and part in ("hour", "minute", "second"):
                continue
            if part == "weekend":
                wanted.append((one, f"{one}_weekend", unless_missing(lambda value: value.isoweekday() >= 6), "BOOLEAN"))
                continue
            period = dates.PARTS[part][1]
            if not (params.encoding == "cyclic" and period):
                wanted.append((one, f"{one}_{part}", unless_missing(PARTS[part]), "BIGINT"))
                continue
            for name, function in (("sin", math.sin), ("cos", math.cos)):
                turned = unless_missing(_cyclic(function, PARTS[part], 2 * math.pi / period))
                wanted.append((one, f"{one}_{part}_{name}", turned, "DOUBLE"))
    columns.add(wanted, params.columns if params.drop else [])


def _cyclic(function: Function, part: Function, angle: float) -> Function:
    return lambda value: function(part(value) * angle)


def _clip(columns: Columns, params: outliers.ClipOutliers, state: State) -> None:
    for one in params.columns:
        low, high = outliers.bounds_of(state, one)
        if params.fix == "clip":
            columns.change(one, _clipped(low, high), "DOUBLE")
        else:
            inside = lambda value, low=low, high=high: value if low <= value <= high else None  # noqa: E731
            columns.change(one, inside, columns.type(one))


def _clipped(low: float, high: float) -> Function:
    """What is not a number lies above all numbers in DuckDB."""
    return lambda value: high if value != value else min(max(float(value), low), high)


def _replace_rare(columns: Columns, params: outliers.ReplaceRare, state: State) -> None:
    for one in params.columns:
        kept = frozenset(state["kept"][one])
        columns.change(one, lambda value, kept=kept: value if value in kept else params.value, "VARCHAR")


def _drop(columns: Columns, params: managing.DropColumns, state: State) -> None:
    columns.drop(params.columns)


def _keep(columns: Columns, params: managing.KeepColumns, state: State) -> None:
    columns.drop([one for one in columns.there if one not in params.columns])


def _move(columns: Columns, params: managing.MoveColumn, state: State) -> None:
    """Where a column stands is of no matter to values."""


def _rename(columns: Columns, params: managing.RenameColumn, state: State) -> None:
    columns.there[params.name] = columns.there.pop(params.column)


def _duplicate(columns: Columns, params: managing.DuplicateColumn, state: State) -> None:
    columns.there[params.name] = columns.there[params.column]


def _concatenate(columns: Columns, params: managing.ConcatenateColumns, state: State) -> None:
    if any(columns.type(one) == "DOUBLE" for one in params.columns):
        raise NotByValue("numbers as texts")
    parts = [_texts(columns, one) for one in params.columns]
    columns.put(params.name, columns.of(_joined(params.separator), *parts), "VARCHAR")


def _joined(separator: str) -> Function:
    return lambda *parts: separator.join(one for one in parts if one is not None)


def _join(columns: Columns, params: combining.Join, state: State) -> None:
    """Columns that are looked up in the rows that the join has brought with it."""
    keys, types = params.right_on or params.on, state["columns"]
    for one, other in zip(params.on, keys, strict=True):
        if columns.type(one) != types[other] or types[other] not in ("BIGINT", "VARCHAR", "BOOLEAN"):
            raise NotByValue(f"its key {one} is compared with a {types[other]}")
    if odd := [one for one, type in types.items() if type not in LOOKED_UP]:
        raise NotByValue(f"{odd[0]} is a {types[odd[0]]}")
    names, taken = [*types], {one.casefold() for one in columns.there}
    places = [names.index(one) for one in keys]
    rows = {tuple(row[place] for place in places): row for row in state["rows"]}
    made: dict[str, tuple[int, str]] = {}
    for place, (one, type) in enumerate(types.items()):
        if one not in keys:
            name = columns.free(one + (params.suffix if one.casefold() in taken else ""), [*made])
            made[name] = columns.make(_looked_up(rows, place), *params.on), type
    for name, (slot, type) in made.items():
        columns.put(name, slot, type)


def _looked_up(rows: dict[tuple[Any, ...], list[Any]], place: int) -> Function:
    def found(*key: Any) -> Any:
        row = rows.get(key)
        return None if row is None else row[place]

    return found


STEPS: dict[str, Callable[[Columns, Any, State], None]] = {
    "fill-missing": _fill, "blank-values": _blank, "impute": _impute, "missing-indicator": _indicate,
    "drop-sparse-columns": _drop_sparse,
    "scale": _scale, "bin": _bin, "pca": _pca, "model-impute": _model_impute, "ordinal-encode": _ordinal,
    "one-hot-encode": _one_hot,
    "similarity-encode": _similarity, "target-encode": _target, "date-parts": _date_parts, "clip-outliers": _clip,
    "replace-rare": _replace_rare, "drop-columns": _drop, "keep-columns": _keep, "move-column": _move,
    "rename-column": _rename, "duplicate-column": _duplicate, "concatenate-columns": _concatenate,
    "join": _join, "formula": byvalue_formula.formula, **byvalue_texts.STEPS,
}  # fmt: skip
