"""Why a tuning ends: the reasons by the names that hosted studios give them, each a question on the trials so far."""

import time
from datetime import datetime

from cupola.tuning.records import Asked, Tuning, front, lost, own
from cupola.tuning.trials import COMPLETED, Fold, Trial, attribute

TRIALS = "MaxNumberOfTrainingJobs"
SECONDS = "MaxRuntimeInSeconds"
VALUE = "TargetObjectiveMetricValue"
PATIENCE = "BestObjectiveNotImproving"
CONVERGED = "ConvergenceDetected"
EXHAUSTED = "SpaceExhausted"  # a grid is done

ERRORS = "cupola:errors"  # the attribute of a trial that holds the standard errors of its values
STILL = 20  # trials over which a tuning that has converged has found nothing better


def reason(tuning: Tuning, wish: Asked, fold: Fold, now: float | None = None) -> str:
    """Why the tuning is over; "" while it is not. What has happened before it was last resumed or extended counts for
    the number of trials and for the best, and not for how long nothing better was found."""
    stops, made = wish.stops, own(fold)
    over = [one for one in made if one.over]
    if stops.trials is not None and len(over) - lost(fold) >= stops.trials:
        return TRIALS
    if stops.seconds is not None and seconds(fold, wish, now) >= stops.seconds:
        return SECONDS
    best = front(made, tuning.directions)
    if not best:
        return ""
    if stops.value is not None and _reached(tuning, best[0], stops.value):
        return VALUE
    since = [one for one in over if one.number > max(each.number for each in best) and one.number >= wish.trials]
    if stops.patience is not None and len(since) >= stops.patience:
        return PATIENCE
    if stops.converged and len(over) - wish.trials >= 2 * STILL and _converged(tuning, over, best[0]):
        return CONVERGED
    return ""


def seconds(fold: Fold, wish: Asked, now: float | None = None) -> float:
    """How long the tuning has run since it was filed, or last resumed or extended: from its first trial on.

    By the wall clocks of its hosts: one that is wrong makes it longer or shorter, and nothing else.
    """
    begun = [one.started for one in own(fold) if one.started and one.number >= wish.trials]
    moment = time.time() if now is None else now
    return max(0.0, moment - datetime.fromisoformat(min(begun)).timestamp()) if begun else 0.0


def _reached(tuning: Tuning, best: Trial, value: float) -> bool:
    found = (best.values or [0.0])[0]
    return found >= value if tuning.directions[0] == "maximize" else found <= value


def _converged(tuning: Tuning, over: list[Trial], best: Trial) -> bool:
    """Whether the best of all is better than the best before the last trials by no more than its standard error."""
    before = front(over[:-STILL], tuning.directions)
    errors = attribute(best.user, ERRORS)
    if not before or not isinstance(errors, list) or not isinstance(errors[0] if errors else None, float):
        return False
    completed = [one for one in over[-STILL:] if one.state == COMPLETED]
    difference = abs((best.values or [0.0])[0] - (before[0].values or [0.0])[0])
    return bool(completed) and difference <= float(errors[0])
