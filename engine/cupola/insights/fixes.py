"""What mends a warning: a transform of a flow (by its name in the catalogue of `cupola.flows`) with its parameters."""

from collections.abc import Iterable

from cupola.insights.finding import listed, number, said
from cupola.insights.records import Fix
from cupola.insights.sampling import Feature


def drop(names: list[str]) -> Fix:
    return Fix(transform="drop-columns", params={"columns": names}, words=f"leave {listed(names)} out")


def drop_missing(name: str) -> Fix:
    return Fix(transform="drop-missing", params={"columns": [name]}, words=f"drop the rows without {said(name)}")


def fill(one: Feature) -> Fix:
    """The median of a number, the commonest value of anything else."""
    method = "median" if one.type in ("integer", "number") else "mode"
    words = f"fill {said(one.name)} with its {'median' if method == 'median' else 'commonest value'}"
    return Fix(transform="fill-missing", params={"columns": [one.name], "method": method}, words=words)


def fill_all(features: list[Feature]) -> Fix:
    """As `fill`, of columns that are all numbers, or none of them."""
    method = "median" if features[0].type in ("integer", "number") else "mode"
    names = [one.name for one in features]
    what = "medians" if method == "median" else "commonest values"
    words = f"fill {listed(names)} with their {what}"
    return Fix(transform="fill-missing", params={"columns": names, "method": method}, words=words)


def flag_missing(one: Feature) -> Fix:
    words = f"add a column that says where {said(one.name)} is missing"
    return Fix(transform="missing-indicator", params={"columns": [one.name]}, words=words)


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


def blank(one: Feature, values: Iterable[str], what: str) -> Fix:
    """Makes these values, as SQL writes them, missing."""
    expression = f"CASE WHEN {one.sql} IN ({', '.join(values)}) THEN NULL ELSE {one.sql} END"
    words = f"make {what} of {said(one.name)} missing"
    return Fix(transform="formula", params={"name": one.name, "expression": expression}, words=words)


def to_number(name: str) -> Fix:
    params = {"columns": [name], "type": "number", "invalid": "missing"}
    return Fix(transform="parse-type", params=params, words=f"make {said(name)} a number; words become missing")


def encode(name: str) -> Fix:
    words = f"replace the values of {said(name)} by what they go with in the target"
    return Fix(transform="target-encode", params={"columns": [name]}, words=words)


def logarithm(one: Feature) -> Fix:
    params = {"name": one.name, "expression": f"ln(1 + {one.sql})"}
    return Fix(transform="formula", params=params, words=f"take the logarithm of 1 + {said(one.name)}")


def balance(name: str) -> Fix:
    words = f"repeat rows of the rarer classes of {said(name)} in training"
    return Fix(transform="balance", params={"method": "oversample", "target": name}, words=words)
