"""Estimators as numbers: which families are known, and what each makes of its scores."""

import itertools
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from cupola.runtimes.program import Kernel, Linear, Network, Quadratic, Scorer


class Uncompilable(Exception):
    """Why a model has no compiled form, in a few words."""


class Family(msgspec.Struct):
    """What an estimator is as numbers; the fields are those of `program.Program`."""

    scorer: Scorer
    link: str = "identity"
    chosen: str = "largest"
    classes: list[Any] | None = None
    isolation: tuple[float, float] | None = None


def of(estimator: Any) -> Family:
    """An estimator as numbers. Raises Uncompilable."""
    from cupola.runtimes import ensembles  # which asks this for the members

    name = type(estimator).__name__
    if name == "Coded":
        estimator = estimator.estimator
        name = type(estimator).__name__
    make = MAKERS.get(name) or ensembles.MAKERS.get(name)
    if make is None:
        raise Uncompilable(f"no compiled form of {name} is known")
    try:
        return make(estimator)
    except (
        ImportError,
        ValueError,
        TypeError,
        AttributeError,
        AssertionError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        why = str(error).strip().partition("\n")[0][:200] or type(error).__name__
        raise Uncompilable(f"{name} cannot be compiled: {why}") from error
    except Exception as error:
        if type(error).__name__ != "TreeliteError":
            raise
        raise Uncompilable(
            f"treelite cannot read this {name}: {str(error).strip().partition(chr(10))[0][:200]}"
        ) from error


def _hist_classifier(estimator: Any) -> Family:
    from cupola.runtimes import trees

    return Family(trees.of_scikit_learn(estimator, rounded=False), _of_classes(estimator))


def _hist_regressor(estimator: Any) -> Family:
    from cupola.runtimes import trees

    link = "exp" if estimator.loss in ("poisson", "gamma") else "identity"
    return Family(trees.of_scikit_learn(estimator, rounded=False), link)


def _boosted_classifier(estimator: Any) -> Family:
    from cupola.runtimes import trees

    link = "doubled" if estimator.loss == "exponential" else _of_classes(estimator)
    chosen = "largest" if link == "softmax" else "from"
    return Family(trees.of_scikit_learn(estimator, rounded=True), link, chosen)


def _grown(estimator: Any) -> Family:
    """Trees, or forests of them, whose leaves hold the values or the shares of the classes."""
    from cupola.runtimes import trees

    if estimator.n_outputs_ != 1:
        raise Uncompilable("it has several outputs")
    return Family(trees.of_scikit_learn(estimator, rounded=True))


def _boosted_regressor(estimator: Any) -> Family:
    from cupola.runtimes import trees

    return Family(trees.of_scikit_learn(estimator, rounded=True))


def _isolation(estimator: Any) -> Family:
    from sklearn.ensemble._iforest import _average_path_length

    from cupola.runtimes import trees

    expected = float(_average_path_length([estimator._max_samples])[0])
    return Family(trees.of_isolation(estimator), isolation=(expected, float(estimator.offset_)))


def _lightgbm(estimator: Any) -> Family:
    from cupola.runtimes import trees

    transformed = not hasattr(estimator, "predict_proba")
    scorer = trees.of_booster(estimator.booster_, transformed=transformed)
    return Family(scorer, "identity" if transformed else _of_outputs(scorer.outputs))


def _xgboost(estimator: Any) -> Family:
    from cupola.runtimes import trees

    transformed = not hasattr(estimator, "predict_proba")
    booster, best = estimator.get_booster(), getattr(estimator, "best_iteration", None)
    if best is not None:  # it has stopped early, and answers with the rounds up to its best
        booster = booster[: best + 1]
    scorer = trees.of_booster(booster, transformed=transformed)
    link = "identity" if transformed else _of_outputs(scorer.outputs)
    return Family(scorer, link, "half" if link == "logistic" else "largest")


def _linear_regressor(estimator: Any) -> Family:
    return Family(_linear(estimator))


def _generalized(estimator: Any) -> Family:
    link = type(estimator._base_loss.link).__name__
    if link not in ("LogLink", "IdentityLink"):
        raise Uncompilable(f"its link ({link}) is not known here")
    return Family(_linear(estimator), "exp" if link == "LogLink" else "identity")


def _logistic(estimator: Any) -> Family:
    several = len(estimator.classes_) > 2
    link = "logistic" if not several else "each" if estimator.solver == "liblinear" else "softmax"
    chosen = "strongest" if link == "each" else "largest" if several else "above"
    return Family(_linear(estimator), link, chosen)


def _discriminant(estimator: Any) -> Family:
    several = len(estimator.classes_) > 2
    return Family(_linear(estimator), "softmax" if several else "logistic", "largest" if several else "above")


def _separating(estimator: Any) -> Family:
    """Linear classifiers that give no probabilities."""
    if hasattr(estimator, "predict_proba"):
        if estimator.loss != "log_loss":
            raise Uncompilable(f"the probabilities of the loss {estimator.loss} are not known here")
        link = "logistic" if len(estimator.classes_) == 2 else "each"
    else:
        link = "none"
    several = "strongest" if link == "each" else "largest"  # probabilities of 1 are all the same
    return Family(_linear(estimator), link, "above" if len(estimator.classes_) == 2 else several)


def _network(estimator: Any) -> Family:
    layers = [
        Linear(weights.T.tolist(), offsets.tolist())
        for weights, offsets in zip(estimator.coefs_, estimator.intercepts_, strict=True)
    ]
    link = {"identity": "identity", "logistic": "logistic", "softmax": "softmax"}[estimator.out_activation_]
    return Family(Network(layers, estimator.activation), link, "half" if link == "logistic" else "largest")


def _gaussian_bayes(estimator: Any) -> Family:
    means, variances = estimator.theta_, estimator.var_
    offsets = np.log(estimator.class_prior_) - 0.5 * np.log(2.0 * np.pi * variances).sum(axis=1)
    return Family(Quadratic(means.tolist(), variances.tolist(), offsets.tolist()), "softmax")


def _multinomial_bayes(estimator: Any) -> Family:
    return Family(Linear(estimator.feature_log_prob_.tolist(), estimator.class_log_prior_.tolist()), "softmax")


def _nearest_centre(estimator: Any) -> Family:
    """The nearest centre is where twice the product less the square of the centre is largest."""
    centres = np.asarray(estimator.cluster_centers_, dtype=np.float64)
    scorer = Linear((2 * centres).tolist(), (-(centres**2).sum(axis=1)).tolist())
    return Family(scorer, "none", classes=list(range(len(centres))))


def _vectors_of_classes(estimator: Any) -> Family:
    """Support vectors with a kernel: of two classes one score, of more one for each pair of them."""
    if estimator.probability is True or estimator.break_ties:
        raise Uncompilable("its probabilities, or how it breaks ties, are not known here")
    coefficients, counts = np.asarray(estimator.dual_coef_), estimator.n_support_
    if len(counts) == 2:
        return Family(_kernel(estimator, coefficients), "none", "from")
    ends = np.cumsum(counts)
    rows = []
    for one, other in itertools.combinations(range(len(counts)), 2):
        row = np.zeros(coefficients.shape[1])
        for mine, of in ((one, other - 1), (other, one)):
            part = slice(ends[mine] - counts[mine], ends[mine])
            row[part] = coefficients[of, part]
        rows.append(row)
    return Family(_kernel(estimator, np.array(rows)), "none", "paired")


def _vectors_of_numbers(estimator: Any) -> Family:
    return Family(_kernel(estimator, np.asarray(estimator.dual_coef_)))


def _kernel(estimator: Any, weights: Any) -> Kernel:
    if estimator.kernel not in ("rbf", "poly", "linear", "sigmoid"):
        raise Uncompilable(f"its kernel ({str(estimator.kernel)[:60]}) is not known here")
    vectors, offsets = np.asarray(estimator.support_vectors_), np.asarray(estimator.intercept_)
    return Kernel(
        vectors.tolist(), weights.tolist(), offsets.tolist(), estimator.kernel, float(estimator._gamma),
        float(estimator.coef0), int(estimator.degree),
    )  # fmt: skip


def _linear(estimator: Any) -> Linear:
    weights = np.atleast_2d(np.asarray(estimator.coef_, dtype=np.float64))
    offsets = np.broadcast_to(np.asarray(estimator.intercept_, dtype=np.float64).ravel(), len(weights))
    return Linear(weights.tolist(), offsets.tolist())


def _of_classes(estimator: Any) -> str:
    return "logistic" if len(estimator.classes_) == 2 else "softmax"


def _of_outputs(outputs: int) -> str:
    return "logistic" if outputs == 1 else "softmax"


def _each(make: Callable[[Any], Family], names: str) -> dict[str, Callable[[Any], Family]]:
    return dict.fromkeys(names.split(), make)


MAKERS: dict[str, Callable[[Any], Family]] = {
    **_each(_hist_classifier, "HistGradientBoostingClassifier"),
    **_each(_hist_regressor, "HistGradientBoostingRegressor"),
    **_each(_boosted_classifier, "GradientBoostingClassifier"),
    **_each(_boosted_regressor, "GradientBoostingRegressor"),
    **_each(
        _grown,
        "RandomForestClassifier RandomForestRegressor ExtraTreesClassifier ExtraTreesRegressor "
        "DecisionTreeClassifier DecisionTreeRegressor ExtraTreeClassifier ExtraTreeRegressor",
    ),
    **_each(_isolation, "IsolationForest"),
    **_each(_lightgbm, "LGBMClassifier LGBMRegressor"),
    **_each(_xgboost, "XGBClassifier XGBRegressor XGBRFClassifier XGBRFRegressor"),
    **_each(
        _linear_regressor,
        "LinearRegression Ridge RidgeCV Lasso LassoCV LassoLars LassoLarsCV LassoLarsIC ElasticNet ElasticNetCV Lars "
        "LarsCV OrthogonalMatchingPursuit OrthogonalMatchingPursuitCV BayesianRidge ARDRegression HuberRegressor "
        "TheilSenRegressor SGDRegressor PassiveAggressiveRegressor LinearSVR QuantileRegressor",
    ),
    **_each(_generalized, "PoissonRegressor GammaRegressor TweedieRegressor"),
    **_each(_logistic, "LogisticRegression LogisticRegressionCV"),
    **_each(_discriminant, "LinearDiscriminantAnalysis"),
    **_each(
        _separating, "SGDClassifier RidgeClassifier RidgeClassifierCV LinearSVC Perceptron PassiveAggressiveClassifier"
    ),
    **_each(_vectors_of_classes, "SVC NuSVC"),
    **_each(_vectors_of_numbers, "SVR NuSVR"),
    **_each(_network, "MLPClassifier MLPRegressor"),
    **_each(_gaussian_bayes, "GaussianNB"),
    **_each(_multinomial_bayes, "MultinomialNB"),
    **_each(_nearest_centre, "KMeans MiniBatchKMeans"),
}
