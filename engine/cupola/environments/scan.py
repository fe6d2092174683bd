"""Reads scikit-learn's own declarations (`_parameter_constraints`, signatures, tags) into the catalogue."""

import inspect
import math
import numbers
import re
import warnings
from typing import Any

from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.utils import _param_validation as checks
from sklearn.utils import all_estimators

from cupola.environments.catalogue import Constraint, Estimator, Parameter

SEVERAL_TARGETS = "it needs several targets, and a run has one"
MADE_OF_OTHERS = "it is made of a list of other estimators, which a run by name cannot give"
# Set by the preparation from the types of the columns; a value of the user's would contradict it.
HELD = {"categorical_features"}
STEPS = ("n_estimators", "max_iter")
# Where continuing a fit is known to give what one fit gives (tests/training/test_stepping.py holds each to it).
CONTINUED = {
    f"{name}{kind}"
    for name in ("HistGradientBoosting", "GradientBoosting", "RandomForest", "ExtraTrees", "Bagging")
    for kind in ("Classifier", "Regressor")
}


def estimators() -> dict[str, Estimator]:
    """Every classifier and regressor that scikit-learn lists, by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            name: _estimator(name, kind, made)
            for kind in ("classifier", "regressor")
            for name, made in all_estimators(type_filter=kind)
        }


def _estimator(name: str, kind: str, made: type) -> Estimator:
    tags, complete = _tags(made, kind)
    parameters = _parameters(made, complete)
    fit = inspect.signature(made.fit).parameters  # type: ignore[attr-defined]
    return Estimator(
        name=name,
        kind=kind,
        module=made.__module__,
        parameters=parameters,
        probabilities=hasattr(made, "predict_proba"),
        step=next((one for one in STEPS if one in parameters), "") if name in CONTINUED else "",
        staged=hasattr(made, "staged_predict"),
        weights="sample_weight" in fit,
        missing=bool(tags and tags.input_tags.allow_nan),
        positive=bool(tags and tags.input_tags.positive_only),
        categorical="categorical_features" in inspect.signature(made.__init__).parameters,  # type: ignore[misc]
        refused=_refusal(made, tags),
    )


def _tags(made: Any, kind: str) -> tuple[Any, bool]:
    """The estimator's tags, and whether it can be made without naming another estimator."""
    try:
        return made().__sklearn_tags__(), True
    except (TypeError, AttributeError, ValueError):
        inner = DummyClassifier() if kind == "classifier" else DummyRegressor()
        try:
            return made(estimator=inner).__sklearn_tags__(), False
        except (TypeError, AttributeError, ValueError):
            return None, False


def _refusal(made: type, tags: Any) -> str:
    if made.__module__ == "sklearn.multioutput" or (tags and not tags.target_tags.single_output):
        return SEVERAL_TARGETS
    return MADE_OF_OTHERS if "estimators" in inspect.signature(made).parameters else ""


def _parameters(made: Any, complete: bool) -> dict[str, Parameter]:
    declared = getattr(made, "_parameter_constraints", {})
    words = _help(inspect.getdoc(made) or "")
    found = {}
    for name, one in inspect.signature(made).parameters.items():
        if name in HELD or one.default == "deprecated" or declared.get(name) == "no_validation":
            continue
        constraints = _constraints(declared.get(name, []))
        nested = any(each.kind == "estimator" for each in constraints)
        required = one.default is inspect.Parameter.empty or (nested and not complete)
        default = None if one.default is inspect.Parameter.empty else one.default
        found[name] = Parameter(
            name=name,
            default=_plain(default),
            shown="" if required else repr(default),
            required=required,
            constraints=tuple(each for each in constraints if not (required and each.kind == "none")),
            help=words.get(name, ""),
        )
    return found


def _plain(value: Any) -> Any:
    """The value where JSON can hold it, else None."""
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, bool | str):
        return None if value == "warn" else value
    if isinstance(value, numbers.Integral):
        return int(value)
    return float(value) if isinstance(value, numbers.Real) and math.isfinite(value) else None


def _constraints(declared: Any) -> list[Constraint]:
    found: list[Constraint] = []
    for one in declared:
        for each in _constraint(one):
            if each not in found:
                found.append(each)
    return found


def _constraint(one: Any) -> list[Constraint]:
    """scikit-learn's constraint as ours; nothing for what is hidden or cannot be written down (callables, objects)."""
    match one:
        case checks.Interval():
            return [_interval(one)]
        case checks.Options() if one.type is str:
            shown = sorted(one.options - (one.deprecated or set()) - {"precomputed"})
            return [Constraint("option", options=tuple(shown))]
        case checks.Options():
            return [Constraint("infinity")] if float("inf") in one.options else []
        case checks.HasMethods() if "fit" in one.methods:
            return [Constraint("estimator")]
        case None:
            return [Constraint("none")]
        case "random_state":
            return [Constraint("integer", low=0, high=2**32 - 1), Constraint("none")]
        case "verbose":
            return [Constraint("integer", low=0), Constraint("boolean")]
        case "cv_object":
            return [Constraint("integer", low=2), Constraint("none")]
        case "boolean":
            return [Constraint("boolean")]
        case "array-like":
            return [Constraint("list")]
        case type():
            return _instance(one)
        case _:
            return []


def _instance(one: type) -> list[Constraint]:
    if one in (list, tuple):
        return [Constraint("list")]
    kinds = {numbers.Integral: "integer", numbers.Real: "number", str: "text", dict: "dict", bool: "boolean"}
    return [Constraint(kinds[one])] if one in kinds else []


def _interval(one: Any) -> Constraint:
    low, high = _bound(one.left), _bound(one.right)
    return Constraint(
        "integer" if one.type is numbers.Integral else "number",
        low=low,
        high=high,
        open_low=low is not None and one.closed in ("right", "neither"),
        open_high=high is not None and one.closed in ("left", "neither"),
    )


def _bound(value: Any) -> float | None:
    return None if value is None or math.isinf(value) else float(value)


def _help(doc: str) -> dict[str, str]:
    """The first sentence on each parameter, from a docstring in numpy's form."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w[^\n]*\n-{3,}\n|\Z)", doc, re.S | re.M)
    found: dict[str, str] = {}
    for entry in re.finditer(r"^(\w+) : [^\n]*\n((?:    [^\n]*\n|\n)+)", section.group(1) if section else "", re.M):
        text = " ".join(entry.group(2).split("\n\n")[0].split())
        text = re.sub(r":\w+:`~?([^`<]*?)(?: ?<[^`]*)?`", r"\1", text).replace("`", "")
        found[entry.group(1)] = re.split(r"(?<=\.)\s", text)[0][:200]
    return found
