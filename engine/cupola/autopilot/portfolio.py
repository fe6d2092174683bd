"""What is tried, in which order: settings of estimators, and how well each did on other tables; both shipped as data.

portfolio.json is made by `python -m benchmarks.portfolio`, which runs every setting on tables of public packages (none
of those that `benchmarks.automl` judges by), and says which. A new table is compared with these by a few figures
(`Likeness`); the settings that did well on those that are like it come first.
"""

import importlib.util
import math
from functools import lru_cache
from importlib import resources
from typing import Any

import msgspec

LIBRARIES = {"LGBM": "lightgbm", "XGB": "xgboost"}  # estimators whose names begin so need these
BASELINES = ("linear", "default trees")  # are tried first, on all rows, so that nothing ends below them
ALIKE = 0.1  # by which a setting is worth less for each of the same estimator before it
UNKNOWN = 0.5  # what a setting is taken for that no table like this has tried


class Likeness(msgspec.Struct, frozen=True):
    """What tables are compared by. classes: 0 where a number is learned. categories, missing: shares (of the columns,
    of the cells); texts: columns of free text."""

    rows: int
    columns: int
    classes: int
    categories: float
    missing: float
    texts: int


class Setting(msgspec.Struct, frozen=True):
    """An estimator with parameters. cost: of a fit, in those of the default trees, where there are two classes.
    most_rows: it is for no more. words: it is for tables with free text, and gets all of its words. least_classes: it
    is for as many or more; it leads there, as one fit of any other may take longer than there is time."""

    name: str
    estimator: str
    params: dict[str, Any]
    cost: float
    most_rows: int | None = None
    words: bool = False
    least_classes: int = 0

    def costs(self, classes: int) -> float:
        """Of a fit, in those of the default trees: of more than two classes boosting grows a tree for each, and what
        does not is so much cheaper beside it."""
        boosts = "Boosting" in self.estimator or self.estimator.startswith(tuple(LIBRARIES))
        return self.cost if boosts else self.cost / max(1, classes - 1)


class Result(msgspec.Struct, frozen=True):
    """How settings did on a table: 1 is the best of them, 0 a constant or worse."""

    table: str
    likeness: Likeness
    scores: dict[str, float]


class _Written(msgspec.Struct):
    """A setting as the portfolio has it: params are of both estimators, or by the kind of each."""

    name: str
    classifier: str
    regressor: str
    cost: float
    params: dict[str, Any] = {}
    most_rows: int | None = None
    words: bool = False
    least_classes: int = 0


class _Portfolio(msgspec.Struct):
    source: str
    settings: list[_Written]
    results: list[Result]


def settings(task: str, likeness: Likeness | None = None) -> list[Setting]:
    """The settings for a task whose libraries are installed; the baselines lead, then those that did best on tables
    like this one (in the order in which they are written where nothing is known of it)."""
    kind = "classifier" if task == "classification" else "regressor"
    found = []
    for one in _shipped().settings:
        estimator, params = getattr(one, kind), one.params
        if {"classifier", "regressor"} & params.keys():
            params = params.get(kind, {})
        suits = not one.words or (likeness is not None and likeness.texts > 0)
        suits = suits and (likeness.classes if likeness else 0) >= one.least_classes
        if estimator and suits and _is_installed(estimator):
            found.append(Setting(one.name, estimator, params, one.cost, one.most_rows, one.words, one.least_classes))
    return _ordered(found, _expected(likeness)) if likeness else found


def _ordered(found: list[Setting], expected: dict[str, float]) -> list[Setting]:
    """What is for many classes, the baselines, what is for texts, then one after the other that is expected to do best,
    less the more of its kind stand before it: what is unlike the others does more for an ensemble."""
    ordered = [one for one in found if one.least_classes]
    ordered += [one for one in found if one.name in BASELINES]
    ordered += [one for one in found if one.words]
    left = [one for one in found if one not in ordered]

    def worth(one: Setting) -> float:
        return expected.get(one.name, UNKNOWN) - ALIKE * sum(one.estimator == each.estimator for each in ordered)

    while left:
        best = max(left, key=worth)
        ordered.append(best)
        left.remove(best)
    return ordered


def _expected(likeness: Likeness) -> dict[str, float]:
    """What each setting has reached on other tables, those like this one counting more."""
    weighed = [(math.exp(-_distance(likeness, one.likeness)), one.scores) for one in _shipped().results]
    names = {name for _, scores in weighed for name in scores}
    return {
        name: sum(weight * scores[name] for weight, scores in weighed if name in scores)
        / sum(weight for weight, scores in weighed if name in scores)
        for name in names
    }


def _distance(one: Likeness, other: Likeness) -> float:
    sizes = abs(math.log10(one.rows / other.rows)) + abs(math.log10(one.columns / other.columns))
    kind = 2.0 * ((one.classes == 0) != (other.classes == 0)) + 0.5 * ((one.classes > 2) != (other.classes > 2))
    inside = abs(one.categories - other.categories) + abs(one.missing - other.missing)
    return sizes + kind + inside + 0.5 * ((one.texts > 0) != (other.texts > 0))


def _is_installed(estimator: str) -> bool:
    needed = next((library for start, library in LIBRARIES.items() if estimator.startswith(start)), "")
    return not needed or importlib.util.find_spec(needed) is not None


@lru_cache(maxsize=1)
def _shipped() -> _Portfolio:
    data = resources.files("cupola.autopilot").joinpath("portfolio.json").read_bytes()
    return msgspec.json.decode(data, type=_Portfolio)
