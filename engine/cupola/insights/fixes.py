"""What mends a warning: a transform of a flow (by its name in the catalogue of `cupola.flows`) with its parameters."""

from collections.abc import Callable
from typing import Any

from cupola.insights.finding import listed, number, said
from cupola.insights.records import Fix
from cupola.insights.sampling import Feature

FAR = 4.0  # times as far from the 95th percentile as that is from the median (and the same below): an outlier
CLIPPED = 3.0  # the same where bounds are learned from the training part, so that none is one in all rows


def drop(names: list[str]) -> Fix:
    return Fix(transform="drop-columns", params={"columns": names}, words=f"leave {listed(names)} out")


def drop_missing(name: str) -> Fix:
    return Fix(transform="drop-missing", params={"columns": [name]}, words=f"drop the rows without {said(name)}")


def fill(features: list[Feature]) -> Fix:
    """The medians of columns that are all numbers, the commonest values of others."""
    return _fill([one.name for one in features], "median" if features[0].type in ("integer", "number") else "mode")


def _fill(names: list[str], method: str) -> Fix:
    what, its = ("median" if method == "median" else "commonest value"), ("its" if len(names) == 1 else "their")
    words = f"fill {listed(names)} with {its} {what}{'s' * (len(names) > 1)}"
    return Fix(transform="fill-missing", params={"columns": names, "method": method}, words=words)


def flag_missing(names: list[str]) -> Fix:
    several = len(names) > 1
    words = f"add {'columns that say' if several else 'a column that says'} where {listed(names)} "
    words += "are missing" if several else "is missing"
    return Fix(transform="missing-indicator", params={"columns": names}, words=words)


def drop_duplicates(names: list[str]) -> Fix:
    return Fix(transform="drop-duplicates", params={"columns": names} if names else {}, words="keep the first of each")


def clip(name: str, low: float | None, high: float | None) -> Fix:
    """Brings what lies beyond these bounds to them."""
    given = {"lower": low, "upper": high}
    bounds = {key: one for key, one in given.items() if one is not None}
    words = f"clip {said(name)} to {' and '.join(f'at {side} {number(one)}' for side, one in _sides(low, high))}"
    return Fix(transform="clip-outliers", params={"columns": [name], "method": "min-max", **bounds}, words=words)


def _sides(low: float | None, high: float | None) -> list[tuple[str, float]]:
    return [(side, one) for side, one in (("least", low), ("most", high)) if one is not None]


def clip_tails(names: list[str]) -> Fix:
    """Brings what lies farther out than CLIPPED to that bound."""
    words = f"clip the far outliers of {listed(names)}"
    params = {"columns": names, "method": "tails", "deviations": CLIPPED}
    return Fix(transform="clip-outliers", params=params, words=words)


def blank(names: list[str], values: list[str]) -> Fix:
    """Makes these values missing."""
    words = f"make {shown(values)} of {listed(names)} missing"
    return Fix(transform="blank-values", params={"columns": names, "values": values}, words=words)


def shown(values: list[str]) -> str:
    """Values that stand for none, in a sentence."""
    return listed(one if one.strip() else "an empty text" for one in values)


def to_number(names: list[str]) -> Fix:
    params = {"columns": names, "type": "number", "invalid": "missing"}
    what = "numbers" if len(names) > 1 else "a number"
    return Fix(transform="parse-type", params=params, words=f"make {listed(names)} {what}; words become missing")


def encode(names: list[str]) -> Fix:
    words = f"replace the values of {listed(names)} by what they go with in the target"
    return Fix(transform="target-encode", params={"columns": names}, words=words)


def logarithm(one: Feature) -> Fix:
    params = {"name": one.name, "expression": f"ln(1 + {one.sql})"}
    return Fix(transform="formula", params=params, words=f"take the logarithm of 1 + {said(one.name)}")


def balance(name: str) -> Fix:
    words = f"repeat rows of the rarer classes of {said(name)} in training"
    return Fix(transform="balance", params={"method": "oversample", "target": name}, words=words)


TOGETHER: dict[str, Callable[[list[str], dict[str, Any]], Fix]] = {
    "drop-columns": lambda names, params: drop(names),
    "fill-missing": lambda names, params: _fill(names, params["method"]),
    "missing-indicator": lambda names, params: flag_missing(names),
    "clip-outliers": lambda names, params: clip_tails(names),
    "blank-values": lambda names, params: blank(names, params["values"]),
    "parse-type": lambda names, params: to_number(names),
    "target-encode": lambda names, params: encode(names),
}


def way(fix: Fix) -> list[Any]:
    """What fixes have in common that can be one: all but their columns, and the bounds of outliers."""
    return [fix.transform, {key: one for key, one in fix.params.items() if key not in ("columns", "lower", "upper")}]


def together(some: list[Fix]) -> Fix | None:
    """One fix for the columns of several that have the same way; None where there is none."""
    names = [name for one in some for name in one.params["columns"]]
    return TOGETHER[some[0].transform](names, some[0].params) if some else None
