"""A report on bias from rows held out: which of them are of a facet, and how its answers differ from the others'."""

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cupola.datasets.records import DatasetVersion
from cupola.errors import BadInput, BadOption, meant
from cupola.explain import bias
from cupola.explain.records import METRICS, Bias, Facet, Measured

MOST = 20  # values of a column that are each a facet
FEWEST = 5  # rows on either side of a facet
MOST_COMPARED = 5000  # rows on either side of a flip test
CUT = re.compile(r"(.+?)(>=|<=|=|>|<)(.*)", re.DOTALL)
Bools = NDArray[np.bool_]


def report(
    run: str, held: pd.DataFrame, rows: pd.DataFrame, wanted: Iterable[str], label: str, group: str | None = None
) -> Bias:
    """The report. held: truth and prediction of the rows held out; rows: those rows' own columns, in the same order.

    wanted: `COL` (each of its values is a facet), `COL=V`, `COL>V`. label: a class, or `>V` of numbers.
    Raises BadOption, BadInput where a facet has fewer than five rows, or all but so many.
    """
    true, predicted = (_is_label(held[name], label) for name in ("truth", "prediction"))
    if true.all() or not (true.any() or predicted.any()):
        every = "every" if true.all() else "none"
        raise BadOption(f"{every} of the {len(held):,} rows held out is {label}", where="--label")
    classes = _classes(held["truth"], label, true)
    groups = None if group is None else pd.factorize(rows[group], use_na_sentinel=False)[0]
    found = Bias(run=run, label=label, group=group, rows=len(held), facets=[])
    for one in wanted:
        for name, inside in _facets(rows, one):
            few = min(inside.sum(), (~inside).sum())
            if few < FEWEST:
                found.notes.append(f"{name}: {few} rows held out are too few to say anything of")
                continue
            metrics = _metrics(inside, true, predicted, classes, groups)
            columns = rows.drop(columns=[_split(one)[0]])
            metrics["FT"] = _flip_test(columns, inside, predicted)
            ordered = {each: metrics[each] for each in METRICS if each in metrics}
            count = int(inside.sum())
            found.facets.append(Facet(name=name, rows=count, others=len(held) - count, metrics=ordered))
    if not found.facets:
        raise BadInput("; ".join(found.notes) or "there is no facet", where="--facet")
    return found


def columns_of(version: DatasetVersion, wanted: Iterable[str], group: str | None) -> list[str]:
    """The columns that a report on these facets needs. Raises BadOption for one that the dataset has not."""
    known = [one.name for one in version.columns]
    asked = [(_split(one)[0], "--facet") for one in wanted] + ([(group, "--group")] if group else [])
    for name, where in asked:
        if name not in known:
            raise BadOption(f"{version.ref} has no column {name!r}", where=where, hint=meant(name, known))
    described = [one.name for one in version.columns if one.role in ("feature", "sensitive", "time")]
    return list(dict.fromkeys(described + [name for name, _ in asked]))


def _split(facet: str) -> tuple[str, str, str]:
    found = CUT.fullmatch(facet)
    return (found[1], found[2], found[3]) if found else (facet, "", "")


def _facets(rows: pd.DataFrame, facet: str) -> list[tuple[str, Bools]]:
    name, sign, value = _split(facet)
    column = rows[name]
    if sign == "=":
        inside = column.map(_text) == value
        if not inside.any():
            hint = meant(value, sorted(set(column.map(_text))))
            raise BadOption(f"no row held out has {value!r} in {name}", where="--facet", hint=hint)
        return [(facet, inside.to_numpy())]
    if sign:
        return [(facet, _cut(column, sign, value, f"--facet {name}"))]
    values = column.map(_text).value_counts()
    if len(values) > MOST:
        hint = f"--facet '{name}>40' takes those above a value"
        raise BadOption(f"column {name} has {len(values)} values, and a facet is one of {MOST} at most", hint=hint)
    each = column.map(_text)
    several = list(values.index) if len(values) > 2 else [values.index[-1]]  # of two values one is the other's rest
    return [(f"{name}={one}", (each == one).to_numpy()) for one in several]


def _is_label(values: pd.Series, label: str) -> Bools:
    sign = next((one for one in (">=", "<=", ">", "<") if label.startswith(one)), "")
    if sign:
        return _cut(values, sign, label[len(sign) :], "--label")
    return (values.map(_text) == label).to_numpy()


def _cut(column: pd.Series, sign: str, value: str, where: str) -> Bools:
    try:
        numbers, cut = pd.to_numeric(column), float(value)
    except (ValueError, TypeError):
        raise BadOption(f"{sign} compares numbers, and {value!r} or the column is none", where=where) from None
    compared = {">": numbers > cut, "<": numbers < cut, ">=": numbers >= cut, "<=": numbers <= cut}[sign]
    return compared.fillna(False).to_numpy(dtype=bool)


def _text(value: Any) -> str:
    if value is None or value != value:
        return "missing"
    return str(int(value)) if isinstance(value, float) and value == int(value) else str(value)


def _classes(truth: pd.Series, label: str, true: Bools) -> tuple[NDArray[np.intp], int, int]:
    """A code per row, how many codes, and which is the label; of numbers two: those that are the label, and not."""
    if label[:1] in ("<", ">"):
        return true.astype(np.intp), 2, 1
    codes, names = pd.factorize(truth.map(_text))
    return codes, len(names), int(np.flatnonzero(names == label)[0]) if label in names else 0


def _metrics(
    inside: Bools, true: Bools, predicted: Bools, classes: tuple[NDArray[np.intp], int, int], groups: Any
) -> dict[str, Measured]:
    codes, many, label = classes
    found = bias.with_intervals(_counts((inside, 2), (codes, many)), lambda each: bias.before(each, label), 0)
    found |= bias.with_intervals(_counts((inside, 2), (true, 2), (predicted, 2)), bias.after, 0)
    if groups is not None:
        for name, said in (("CDDL", true), ("CDDPL", predicted)):
            counts = _counts((groups, int(groups.max()) + 1), (inside, 2), (said, 2))
            found[name] = bias.with_intervals(counts, _disparity, 0)["disparity"]
    return found


def _disparity(counts: bias.Floats) -> dict[str, bias.Floats]:
    return {"disparity": bias.disparity(counts)}


def _counts(*axes: tuple[NDArray[Any], int]) -> NDArray[np.float64]:
    sizes = tuple(size for _, size in axes)
    place = np.ravel_multi_index(tuple(codes.astype(np.intp) for codes, _ in axes), sizes)
    return np.bincount(place, minlength=int(np.prod(sizes))).astype(np.float64).reshape(sizes)


def _flip_test(columns: pd.DataFrame, inside: Bools, accepted: Bools) -> Measured:
    random = np.random.default_rng(0)
    sides = [np.flatnonzero(inside), np.flatnonzero(~inside)]
    facet, rest = (np.sort(random.permutation(each)[:MOST_COMPARED]) for each in sides)
    places = _coordinates(columns)
    flipped = bias.flips(places[facet], accepted[facet], places[rest], accepted[rest])
    drawn = flipped[random.integers(0, len(flipped), (bias.RESAMPLES, len(flipped)))].mean(1)
    return bias.measured(float(flipped.mean()), drawn)


def _coordinates(columns: pd.DataFrame) -> NDArray[np.float64]:
    """Numbers and dates by their standard deviation, other columns of few values as one column a value."""
    found: list[NDArray[np.float64]] = [np.zeros((len(columns), 1))]
    for name in columns:
        column = columns[name]
        if pd.api.types.is_datetime64_any_dtype(column):
            column = column.astype("int64").where(column.notna())
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
            spread = np.nanstd(numbers) if np.isfinite(numbers).any() else 0.0
            if spread > 0:
                found.append(np.nan_to_num((numbers - np.nanmean(numbers)) / spread)[:, None])
        elif column.map(_text).nunique() <= MOST:
            found.append(pd.get_dummies(column.map(_text)).to_numpy(dtype=np.float64))
    return np.hstack(found)
