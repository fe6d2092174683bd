"""Ensembles as numbers: estimators of which each member is known as numbers itself."""

from collections.abc import Callable
from typing import Any

import numpy as np

from cupola.runtimes import families
from cupola.runtimes.families import Family, Uncompilable
from cupola.runtimes.program import Median, Member, Stacked, Together

SAID = {"predict_proba": "figures", "decision_function": "scores"}


def blended(blend: Any, numbers: list[list[int] | None]) -> Family:
    """What the autopilot makes of its candidates. numbers: which of a row's each of its preparations makes."""
    classes = getattr(blend, "classes", None)
    members = []
    for one, place, weight in zip(blend.members, blend.places, blend.weights, strict=True):
        places = [0] if classes is None else one.classes_.tolist()
        members.append(_member(one, places, weight=weight, numbers=numbers[place]))
    if classes is None:
        return Family(Together(members, 1))
    return Family(Together(members, len(classes), blend.temperature))


def _voting_classes(estimator: Any) -> Family:
    given = estimator._weights_not_none
    weights = np.ones(len(estimator.estimators_)) if given is None else np.array(given, dtype=np.float64)
    every, hard = list(range(len(estimator.classes_))), estimator.voting == "hard"
    if not hard:
        weights = weights / weights.sum()
    members = [
        _member(one, every, says="votes" if hard else "figures", weight=float(weight))
        for one, weight in zip(estimator.estimators_, weights, strict=True)
    ]
    return Family(Together(members, len(every)), "none" if hard else "identity")


def _voting_numbers(estimator: Any) -> Family:
    given = estimator._weights_not_none
    weights = np.ones(len(estimator.estimators_)) if given is None else np.array(given, dtype=np.float64)
    shares = (weights / weights.sum()).tolist()
    return Family(
        Together([_member(one, [0], weight=share) for one, share in zip(estimator.estimators_, shares, strict=True)], 1)
    )


def _bagging_classes(estimator: Any) -> Family:
    members = [
        _member(
            one,
            one.classes_.tolist(),
            says="figures" if hasattr(one, "predict_proba") else "votes",
            weight=1 / len(estimator.estimators_),
            numbers=list(map(int, features)),
        )
        for one, features in zip(estimator.estimators_, estimator.estimators_features_, strict=True)
    ]
    return Family(Together(members, len(estimator.classes_)))


def _bagging_numbers(estimator: Any) -> Family:
    members = [
        _member(one, [0], weight=1 / len(estimator.estimators_), numbers=list(map(int, features)))
        for one, features in zip(estimator.estimators_, estimator.estimators_features_, strict=True)
    ]
    return Family(Together(members, 1))


def _boosted_classes(estimator: Any) -> Family:
    """AdaBoost: each member speaks for the class that it says and, all together as loud, against the others."""
    count, weights = len(estimator.classes_), estimator.estimator_weights_[: len(estimator.estimators_)]
    two = count == 2
    members = [
        _member(
            one,
            [0] if two else list(range(count)),
            says="votes",
            weight=float(weight / estimator.estimator_weights_.sum()) * (2 if two else 1),
            against=-1 / (count - 1),
            taken=[1] if two else None,
        )
        for one, weight in zip(estimator.estimators_, weights, strict=True)
    ]
    if any(len(one.classes_) != count for one in estimator.estimators_):
        raise Uncompilable("a member of it knows fewer classes")
    return (
        Family(Together(members, 1), "logistic", "above")
        if two
        else Family(Together(members, count), "shared", "strongest")
    )


def _boosted_numbers(estimator: Any) -> Family:
    weights = estimator.estimator_weights_[: len(estimator.estimators_)]
    return Family(
        Median(
            [
                _member(one, [0], weight=float(weight))
                for one, weight in zip(estimator.estimators_, weights, strict=True)
            ]
        )
    )


def _stacked(estimator: Any) -> Family:
    classes, members, at = getattr(estimator, "classes_", None), [], 0
    for one, method in zip(estimator.estimators_, estimator.stack_method_, strict=True):
        if classes is None:
            says, taken, width = "figures", None, 1
        elif method not in SAID:
            raise Uncompilable("a member of it passes classes on")
        else:
            says, two = SAID[method], len(classes) == 2
            taken = [1] if two and says == "figures" else None
            width = 1 if two else len(classes)
        members.append(_member(one, list(range(at, at + width)), says=says, taken=taken))
        at += width
    family = families.of(estimator.final_estimator_)
    return Family(Stacked(Together(members, at), estimator.passthrough, family.scorer), family.link, family.chosen)


def _member(estimator: Any, places: list[int], *, says: str = "figures", **how: Any) -> Member:
    """Raises Uncompilable."""
    try:
        family = families.of(estimator)
    except Uncompilable as why:
        raise Uncompilable(f"a member of it cannot be compiled: {why}") from None
    if (
        family.isolation
        or (says == "figures" and family.link == "none")
        or (says != "figures" and family.chosen == "paired")
    ):
        raise Uncompilable(f"what {type(estimator).__name__} says within it is not known here")
    return Member(scorer=family.scorer, link=family.link, chosen=family.chosen, places=places, says=says, **how)


MAKERS: dict[str, Callable[[Any], Family]] = {
    "VotingClassifier": _voting_classes,
    "VotingRegressor": _voting_numbers,
    "BaggingClassifier": _bagging_classes,
    "BaggingRegressor": _bagging_numbers,
    "AdaBoostClassifier": _boosted_classes,
    "AdaBoostRegressor": _boosted_numbers,
    "StackingClassifier": _stacked,
    "StackingRegressor": _stacked,
}
