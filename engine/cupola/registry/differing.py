"""Two versions of a model side by side: what they were made of, what they take and give, how good they are."""

from typing import Any

import msgspec

from cupola.errors import NotFound
from cupola.experiments import records as runs
from cupola.experiments import repeats, significance
from cupola.experiments.directions import smaller_is_better
from cupola.experiments.records import Run
from cupola.experiments.repeats import Repeats
from cupola.registry import baselines
from cupola.registry.records import ModelVersion
from cupola.store import Store

Parts = dict[str, Repeats]
FACTS = ("estimator", "dataset", "flow", "target", "task", "storage")


class Difference(msgspec.Struct, kw_only=True):
    """Something that the two versions do not have in common; None where one of them has no such thing.

    verdict: of a metric what the second is beside the first: "better", "worse", "not different" (in pairs where their
    runs were measured on the same rows, else by their standard errors), or "unknown" where there is nothing to tell by.
    Of a baseline that has moved: "shifted", or "somewhat shifted" below `baselines.SHIFTED`.
    """

    what: str
    first: Any
    second: Any
    verdict: str = ""


class Differences(msgspec.Struct, kw_only=True):
    """What `model diff` found. same_files: both are the same model, byte by byte. compatible: whatever can be sent to
    the first can be sent to the second: it needs no column that the first does not take, nor one of another type.
    """

    first: str
    second: str
    same_files: bool
    compatible: bool
    differences: list[Difference]


def between(store: Store, first: ModelVersion, second: ModelVersion) -> Differences:
    """What differs between two versions: facts, parameters of their runs, columns and classes, metrics, files."""
    columns = _columns(first), _columns(second)
    found = [
        *_differing("", *({name: getattr(one, name) for name in FACTS} for one in (first, second))),
        *_differing("params.", *(_params(store, one) for one in (first, second))),
        *_differing("columns.", *columns),
        *_differing("", *({"classes": one.signature.classes} for one in (first, second))),
        *_differing("", *({"members": [each.model for each in one.members]} for one in (first, second))),
        *_metrics(store, first, second),
        *_baselines(store, first, second),
        *_differing("files.", first.files, second.files),
    ]
    return Differences(
        first=first.ref,
        second=second.ref,
        same_files=first.sha256 == second.sha256,
        compatible=columns[1].items() <= columns[0].items(),
        differences=found,
    )


def _differing(prefix: str, first: dict[str, Any], second: dict[str, Any]) -> list[Difference]:
    return [
        Difference(what=f"{prefix}{name}", first=first.get(name), second=second.get(name))
        for name in dict.fromkeys([*first, *second])
        if first.get(name) != second.get(name)
    ]


def _params(store: Store, version: ModelVersion) -> dict[str, Any]:
    run = _run(store, version)
    return dict(run.params) if run else {}


def _repeats(store: Store, version: ModelVersion) -> Parts:
    run = _run(store, version)
    return repeats.of_run(store, run) if run else {}


def _run(store: Store, version: ModelVersion) -> Run | None:
    """The run that it came from; None where there was none, or it is not here any more."""
    try:
        return runs.find(store, version.run) if version.run else None
    except NotFound:
        return None


def _columns(version: ModelVersion) -> dict[str, str]:
    return {column.name: column.type for column in version.signature.columns}


def _baselines(store: Store, first: ModelVersion, second: ModelVersion) -> list[Difference]:
    """Columns and predictions that did not look alike in the trainings of both."""
    one, other = baselines.of(store, first), baselines.of(store, second)
    if one is None or other is None:
        return []
    found = []
    for before, rows, after, others in (
        (one.columns, one.rows, other.columns, other.rows),
        (one.predictions, one.held, other.predictions, other.held),
    ):
        there = {profile.name: profile for profile in after}
        for profile in before:
            beside = there.get(profile.name)
            moved = baselines.between(profile, rows, beside, others) if beside else None
            if beside is not None and moved is not None and moved > baselines.ALIKE:
                said = baselines.usual(profile, rows), baselines.usual(beside, others)
                verdict = "shifted" if moved >= baselines.SHIFTED else "somewhat shifted"
                found.append(
                    Difference(what=f"baseline.{profile.name}", first=said[0], second=said[1], verdict=verdict)
                )
    return found


def _metrics(store: Store, first: ModelVersion, second: ModelVersion) -> list[Difference]:
    found = _differing("", first.metrics, second.metrics)
    kept = _repeats(store, first), _repeats(store, second)
    for one in found:
        one.verdict = _verdict(one, (first.metric_errors.get(one.what), second.metric_errors.get(one.what)), kept)
        one.what = f"metrics.{one.what}"
    return found


def _verdict(metric: Difference, errors: tuple[float | None, float | None], kept: tuple[Parts, Parts]) -> str:
    if metric.first is None or metric.second is None:
        return "unknown"
    part, _, name = metric.what.partition("_")
    one, other = kept[0].get(part), kept[1].get(part)
    difference = metric.second - metric.first
    p = significance.paired(name, one, other, difference) if one and other else None
    if p is None and errors[0] is not None and errors[1] is not None:
        p = significance.of_errors(difference, errors[0], errors[1])
    if p is None:
        return "unknown"
    if p >= significance.SURE:
        return "not different"
    return "better" if (difference < 0) == smaller_is_better(metric.what) else "worse"
