"""Runs side by side: what was done differently, and which differences in their metrics are more than chance."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from cupola.experiments import significance
from cupola.experiments.directions import smaller_is_better
from cupola.experiments.records import Run
from cupola.experiments.repeats import Repeats
from cupola.experiments.sources import Source

INPUTS = ("estimator", "dataset", "flow", "target", "seed", "features")
MOST = 50
BY = {"folds": "folds", "resamples": "rows"}


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

    best: the place of the best run, which the others are held against. verdicts: for each run "best", "worse",
    "not different" (p is 0.05 or more), "unknown" where there is nothing to tell it by, or "" where the run has no such
    metric. p: how often chance makes a difference from the best that is as large. Since the best was picked by looking,
    each p is Holm's among the comparisons of every run with every other.

    by: how p was found. "folds": over the folds that both were measured on, by the corrected resampled t-test; "rows":
    by a bootstrap of the rows that both were measured on; "errors": by their own standard errors, where no rows are
    known that they have in common, which finds least. `cupola.experiments.significance` has the sources.
    """

    name: str
    values: list[float | None]
    errors: list[float | None]
    best: int | None
    verdicts: list[str]
    p: list[float | None]
    by: list[str]


class Comparison(msgspec.Struct, kw_only=True):
    """Runs side by side; what differs comes first.

    code: the commit, a hash of what was changed and not committed, and one of each file that a job has copied.
    environment: Python and the packages.
    """

    runs: list[Compared]
    params: list[ComparedValue]
    metrics: list[ComparedMetric]
    code: list[ComparedValue]
    environment: list[ComparedValue]
    same_data: bool


def compare(runs: list[Run], repeats: Sequence[dict[str, Repeats]] = (), sources: Sequence[Source] = ()) -> Comparison:
    """Puts runs side by side, in the order given, each with what it has kept of its repeats and of its code."""
    params = _values([run.params for run in runs])
    inputs = [name for name in INPUTS if name != "flow" or any(run.flow for run in runs)]
    params += [_value(name, [getattr(run, name) for run in runs]) for name in inputs]
    params += _values([{f"split.{name}": value for name, value in run.split.items()} for run in runs])
    metrics = dict.fromkeys(name for run in runs for name in run.metrics)
    kept = repeats or [{} for _ in runs]
    chosen = Counter(run.metric for run in runs).most_common(1)[0][0]
    return Comparison(
        runs=[Compared(**{one: getattr(run, one) for one in Compared.__struct_fields__}) for run in runs],
        params=_different_first(params),
        metrics=sorted((_metric(name, runs, kept) for name in metrics), key=lambda one: _importance(one.name, chosen)),
        code=_different_first(_values([source.hashes() for source in sources])),
        environment=_different_first(_values([environment(run) for run in runs])),
        same_data=len({(run.dataset, run.target) for run in runs}) == 1,
    )


def environment(run: Run) -> dict[str, Any]:
    """What the run was made with: Python and the versions of the packages, by name."""
    found = run.environment
    packages = found.get("packages")
    return ({"python": found["python"]} if "python" in found else {}) | (packages if isinstance(packages, dict) else {})


def _values(several: list[dict[str, Any]]) -> list[ComparedValue]:
    names = dict.fromkeys(name for one in several for name in one)
    return [_value(name, [one.get(name) for one in several]) for name in names]


def _value(name: str, found: list[Any]) -> ComparedValue:
    return ComparedValue(name=name, values=found, differs=any(one != found[0] for one in found))


def _different_first(values: list[ComparedValue]) -> list[ComparedValue]:
    return sorted(values, key=lambda one: not one.differs)


def _metric(name: str, runs: list[Run], repeats: Sequence[dict[str, Repeats]]) -> ComparedMetric:
    values = [run.metrics.get(name) for run in runs]
    errors = [run.metric_errors.get(name) for run in runs]
    known = [(value, place) for place, value in enumerate(values) if value is not None]
    best = (min if smaller_is_better(name) else max)(known, key=lambda one: one[0])[1] if known else None
    found = [_against(name, runs, repeats, place, best) for place in range(len(runs))]
    p = significance.holm([one for one, _ in found], len(known) * (len(known) - 1) // 2)
    verdicts = [_verdict(values, place, best, p[place]) for place in range(len(runs))]
    return ComparedMetric(
        name=name, values=values, errors=errors, best=best, verdicts=verdicts, p=p, by=[by for _, by in found]
    )


def _against(
    name: str, runs: list[Run], repeats: Sequence[dict[str, Repeats]], place: int, best: int | None
) -> tuple[float | None, str]:
    """The p-value of a run's difference from the best, before it is corrected, and how it was found."""
    value = runs[place].metrics.get(name)
    if value is None or best is None or place == best:
        return None, ""
    difference = value - runs[best].metrics[name]
    part, _, metric = name.partition("_")
    one, other = repeats[place].get(part), repeats[best].get(part)
    if one and other and (p := significance.paired(metric, one, other, difference)) is not None:
        return p, BY[one.kind]
    error, top = (runs[each].metric_errors.get(name) for each in (place, best))
    if error is None or top is None:
        return None, ""
    folds = [count for each in (place, best) if part != "test" and (count := runs[each].split.get("folds"))]
    return significance.of_errors(difference, error, top, min(folds) - 1 if folds else 0), "errors"


def _verdict(values: list[float | None], place: int, best: int | None, p: float | None) -> str:
    if values[place] is None:
        return ""
    if place == best:
        return "best"
    if p is None:
        return "unknown"
    return "worse" if p < significance.SURE else "not different"


def _importance(name: str, chosen: str) -> tuple[int, bool, str]:
    """Of the validation first, and there the one that most runs are compared by."""
    order = ("validation", "test", "train")
    split = name.partition("_")[0]
    return order.index(split) if split in order else len(order), name != chosen, name
