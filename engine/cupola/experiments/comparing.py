"""Runs side by side: what was done differently, and which differences in their metrics are more than chance."""

from typing import Any

import msgspec

from cupola.experiments.records import Run

SURE = 1.96  # a difference of so many standard errors comes by chance once in twenty
SMALLER_IS_BETTER = ("log_loss", "brier", "rmse", "mae", "median_absolute_error", "mape", "mase", "wape", "loss")
INPUTS = ("estimator", "dataset", "target", "seed", "split", "features")


class Compared(msgspec.Struct, kw_only=True):
    """One run of a comparison."""

    id: str
    name: str
    experiment: str
    status: str
    estimator: str
    dataset: str


class ComparedValue(msgspec.Struct, kw_only=True):
    """Something that went into the runs: its value in each, None where a run does not have it."""

    name: str
    values: list[Any]
    differs: bool


class ComparedMetric(msgspec.Struct, kw_only=True):
    """A metric in each run, with its standard errors.

    best: the place of the best run. verdicts: for each run "best", "worse", "not different" (from the best: the two
    differ by less than 1.96 times the root of the sum of their squared errors), "unknown" where an error is missing, or
    "" where the run has no such metric. Runs that were measured on the same rows differ for certain a little sooner
    than this says: their errors go together.
    """

    name: str
    values: list[float | None]
    errors: list[float | None]
    best: int | None
    verdicts: list[str]


class Comparison(msgspec.Struct, kw_only=True):
    """Runs side by side; what differs comes first."""

    runs: list[Compared]
    params: list[ComparedValue]
    metrics: list[ComparedMetric]
    same_data: bool


def compare(runs: list[Run]) -> Comparison:
    """Puts runs side by side, in the order given."""
    names = dict.fromkeys(name for run in runs for name in run.params)
    values = [_value(name, [run.params.get(name) for run in runs]) for name in names]
    values += [_value(name, [getattr(run, name) for run in runs]) for name in INPUTS]
    metrics = dict.fromkeys(name for run in runs for name in run.metrics)
    return Comparison(
        runs=[Compared(**{one: getattr(run, one) for one in Compared.__struct_fields__}) for run in runs],
        params=sorted(values, key=lambda one: not one.differs),
        metrics=sorted((_metric(name, runs) for name in metrics), key=_importance),
        same_data=len({(run.dataset, run.target) for run in runs}) == 1,
    )


def different(one: float, other: float, error: float, other_error: float) -> bool:
    """Whether two figures differ by more than chance would explain."""
    return abs(one - other) >= SURE * float(error**2 + other_error**2) ** 0.5 and one != other


def smaller_is_better(metric: str) -> bool:
    return metric.partition("_")[2] in SMALLER_IS_BETTER


def _value(name: str, found: list[Any]) -> ComparedValue:
    return ComparedValue(name=name, values=found, differs=any(one != found[0] for one in found))


def _metric(name: str, runs: list[Run]) -> ComparedMetric:
    values = [run.metrics.get(name) for run in runs]
    errors = [run.metric_errors.get(name) for run in runs]
    known = [(value, place) for place, value in enumerate(values) if value is not None]
    best = (min if smaller_is_better(name) else max)(known, key=lambda one: one[0])[1] if known else None
    verdicts = [_verdict(values, errors, place, best) for place in range(len(runs))]
    return ComparedMetric(name=name, values=values, errors=errors, best=best, verdicts=verdicts)


def _verdict(values: list[float | None], errors: list[float | None], place: int, best: int | None) -> str:
    value, error = values[place], errors[place]
    if value is None or best is None:
        return ""
    if place == best:
        return "best"
    top, top_error = values[best], errors[best]
    if top is None or error is None or top_error is None:
        return "unknown"
    return "worse" if different(value, top, error, top_error) else "not different"


def _importance(metric: ComparedMetric) -> tuple[int, str]:
    order = ("validation", "test", "train")
    split = metric.name.partition("_")[0]
    return (order.index(split) if split in order else len(order), metric.name)
