"""Reads scikit-learn's own declarations (`_parameter_constraints`, signatures, tags) into the catalogue."""

import contextlib
import importlib.util
import inspect
import math
import numbers
import re
import warnings
from typing import Any

from sklearn.base import ClassifierMixin, ClusterMixin, DensityMixin, OutlierMixin, RegressorMixin
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.utils import _param_validation as checks
from sklearn.utils import all_estimators

from cupola.environments import own
from cupola.environments.catalogue import Constraint, Estimator, Parameter
from cupola.errors import BadOption

SEVERAL_TARGETS = "it needs several targets, and a run has one"
CLUSTERS_COLUMNS = "it makes clusters of columns, not of rows"
# A value of the user's would contradict what is prepared, or that a model judges rows that are new to it.
HELD = {"categorical_features", "novelty"}
KINDS = (
    ("classifier", ClassifierMixin),
    ("regressor", RegressorMixin),
    ("detector", OutlierMixin),
    ("clusterer", (ClusterMixin, DensityMixin)),
)
LIBRARIES = {
    "lightgbm": ("LGBMClassifier", "LGBMRegressor"),
    "xgboost": ("XGBClassifier", "XGBRegressor", "XGBRFClassifier", "XGBRFRegressor"),
}
# What LightGBM takes besides the parameters that it names.
UNNAMED = {
    "lightgbm": {
        "early_stopping_round": (Constraint("integer", low=1), Constraint("none")),
        "extra_trees": (Constraint("boolean"), Constraint("none")),
    }
}
ESTIMATORS = Constraint("estimators")
STEPS = ("n_estimators", "max_iter")
# Where continuing a fit is known to give what one fit gives (tests/training/test_stepping.py holds each to it).
CONTINUED = {
    f"{name}{kind}"
    for name in ("HistGradientBoosting", "GradientBoosting", "RandomForest", "ExtraTrees", "Bagging")
    for kind in ("Classifier", "Regressor")
}


def estimators() -> dict[str, Estimator]:
    """Every classifier, regressor, clusterer and detector of scikit-learn, and the boosted trees that are installed."""
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, made in [*all_estimators(), *_of_libraries()]:
            kind = kind_of(made)
            if kind:
                found[name] = described(name, kind, made)
    return found


def kind_of(made: type) -> str:
    """The kind of an estimator's class; nothing where it is no estimator of rows (a mixture is one that clusters)."""
    for kind, mixin in KINDS:
        if issubclass(made, mixin):
            return kind if mixin is not KINDS[-1][1] or hasattr(made, "fit_predict") else ""
    return ""


TYPES = {
    "classifier": "classifier",
    "regressor": "regressor",
    "clusterer": "clusterer",
    "density_estimator": "clusterer",
    "outlier_detector": "detector",
}


def of_own(name: str) -> Estimator:
    """What can be said of an estimator of a workspace's own. Imports it; raises BadOption where it is none."""
    made = own.loaded(name)
    if isinstance(made, type) and (kind := kind_of(made)):
        return described(name, kind, made)
    try:
        one = made() if callable(made) else made
        kind = TYPES.get(one.__sklearn_tags__().estimator_type or "", "")
    except Exception as error:
        raise BadOption(f"{name} makes no estimator: {type(error).__name__}: {error}", where="--estimator") from error
    if not kind:
        raise BadOption(f"{name} is no classifier, regressor, clusterer or detector", where="--estimator")
    if callable(made):
        parameters = _parameters(made, True)
    else:
        values = {key: value for key, value in one.get_params().items() if not hasattr(value, "fit")}
        parameters = {
            key: Parameter(name=key, default=_plain(value), shown=repr(value), constraints=tuple(_by_default(value)))
            for key, value in values.items()
        }
    return Estimator(
        name=name,
        kind=kind,
        module=name.partition(":")[0],
        parameters=parameters,
        probabilities=hasattr(one, "predict_proba"),
        weights="sample_weight" in inspect.signature(one.fit).parameters,
    )


def described(name: str, kind: str, made: Any) -> Estimator:
    """What can be said of a class before it is made. name: by which it is asked for."""
    tags, complete = _tags(made, kind)
    parameters = _parameters(made, complete)
    fit = inspect.signature(made.fit).parameters
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
        categorical="categorical_features" in inspect.signature(made.__init__).parameters,
        refused=_refusal(made, tags),
    )


def _of_libraries() -> list[tuple[str, type]]:
    """Those of the boosted-tree libraries that can be imported."""
    found = []
    for library, names in LIBRARIES.items():
        if importlib.util.find_spec(library):
            with contextlib.suppress(ImportError, OSError):
                module = importlib.import_module(library)
                found += [(name, getattr(module, name)) for name in names if hasattr(module, name)]
    return found


def _tags(made: Any, kind: str) -> tuple[Any, bool]:
    """The estimator's tags, and whether it can be made without naming another estimator."""
    try:
        return made().__sklearn_tags__(), True
    except (TypeError, AttributeError, ValueError):
        inner = DummyRegressor() if kind == "regressor" else DummyClassifier()
        try:
            return made(estimator=inner).__sklearn_tags__(), False
        except (TypeError, AttributeError, ValueError):
            return None, False


def _refusal(made: type, tags: Any) -> str:
    if made.__module__ == "sklearn.multioutput" or (tags and not tags.target_tags.single_output):
        return SEVERAL_TARGETS
    return CLUSTERS_COLUMNS if issubclass(made, ClusterMixin) and not hasattr(made(), "fit_predict") else ""


def _parameters(made: Any, complete: bool) -> dict[str, Parameter]:
    declared = getattr(made, "_parameter_constraints", None)
    words = _help(inspect.getdoc(made) or "")
    found = {name: Parameter(name=name, constraints=one) for name, one in UNNAMED.get(_library(made), {}).items()}
    for name, one in _signature(made).items():
        if name in HELD or (isinstance(one.default, str) and one.default == "deprecated"):
            continue
        if declared is None:
            constraints = _by_default(one.default)
        elif declared.get(name) == "no_validation":
            continue
        else:
            constraints = [ESTIMATORS] if name == "estimators" else _constraints(declared.get(name, []))
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


def _signature(made: Any) -> dict[str, inspect.Parameter]:
    """The parameters by name; those that go through `**kwargs` are had from an instance."""
    written = inspect.signature(made).parameters
    found = {name: one for name, one in written.items() if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)}
    if len(found) < len(written):
        with contextlib.suppress(TypeError):
            for name, value in made().get_params(deep=False).items():
                found.setdefault(name, inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=value))
    return found


def _library(made: Any) -> str:
    return str(made.__module__).partition(".")[0]


def _by_default(default: Any) -> list[Constraint]:
    """What a parameter takes of which nothing is declared: as its default is, or anything."""
    for type, kind in ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "text")):
        if isinstance(default, type):
            return [Constraint(kind)] + [Constraint("number")] * (kind == "integer") + [Constraint("none")]
    return [Constraint("any")]


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
