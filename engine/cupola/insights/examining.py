"""The report as a whole: what is looked at, in which order, and which warnings come first."""

import tempfile
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from cupola.datasets import records as datasets
from cupola.datasets.records import DatasetVersion
from cupola.insights import (
    afterwards,
    aggregates,
    anomalies,
    columns,
    fixes,
    grouping,
    leakage,
    learning,
    order,
    pairs,
    quick,
    readings,
    shape,
)
from cupola.insights.finding import Found, listed, plain, said
from cupola.insights.leakage import Hits
from cupola.insights.learning import Aim
from cupola.insights.records import LEAKAGE, SEVERITIES, Power, Report, Severity
from cupola.insights.sampling import Feature, Sample, draw
from cupola.insights.whole import Whole
from cupola.store import Store

Progress = Callable[[float, str], None]
DOMINANT, HALF, BY_MUCH = 0.3, 0.5, 0.2
LISTED = 200  # warnings of a report
WEAKER = "dominant_column"  # is not said of a column that leaks
PREDICTORS = ("feature", "sensitive", "time")


def report(store: Store, version: DatasetVersion, target: str | None, tell: Progress) -> Report:
    """Looks a version over. target: the column to predict, None for a report without one."""
    tell(0.0, "reading the rows")
    profile = datasets.profile(store, version)
    sample = draw(datasets.data_path(store, version), version)
    made = Report(
        dataset=version.dataset, version=version.version, ref=version.ref, rows=version.rows, sample=len(sample),
        columns=len(version.columns), warnings=[],
    )  # fmt: skip
    found: list[Found] = []
    if version.rows:
        tell(0.1, "looking at the columns")
        found += columns.check(sample, version, profile, target)
        found += _about_target(made, sample, target, tell)
        tell(0.75, "looking for anomalies")
        made.anomalies = anomalies.find(sample, [one for one in sample.features if one.role in PREDICTORS])
        found += anomalies.check(made.anomalies, sample)
        with tempfile.TemporaryDirectory(prefix="cupola-report-") as spill:
            whole = Whole(store, version, Path(spill))
            try:
                tell(0.85, "looking for rows that are there twice")
                found += whole.doubles(sample)
                tell(0.95, "counting the rows")
                whole.count(found)
                found = grouping.grouped([one for one in found if one.rows or not one.filter], version.rows)
                whole.count(found)
            finally:
                whole.close()
    else:
        made.notes.append("it has no rows")
    made.warnings = [one.warning(version.rows) for one in sorted(found, key=_grave)]
    if len(made.warnings) > LISTED:
        made.notes.append(f"{len(made.warnings) - LISTED:,} more warnings, none graver, are left out")
        made.warnings = made.warnings[:LISTED]
    if len(sample) < version.rows:
        made.notes.append(
            f"patterns and models are of {len(sample):,} rows drawn by chance; rows are counted in all {version.rows:,}"
        )
    return made


def _grave(one: Found) -> tuple[int, bool, str]:
    return SEVERITIES.index(one.severity), not one.kind.startswith(LEAKAGE), one.kind


def _about_target(made: Report, sample: Sample, target: str | None, tell: Progress) -> Iterator[Found]:
    """What can be said of the target: its shape, what tells it, and what tells it too well."""
    if target is None:
        made.notes.append("no target is said, so nothing is said of prediction and leakage (--target COLUMN)")
        return
    aimed = learning.aim(sample, target)
    one = sample.named(target)
    features = [
        each for each in sample.features if each.role in PREDICTORS and each is not one and not each.missing.all()
    ]
    if aimed is None:
        made.notes.append(f"{said(target)} cannot be learned: it has one value only, or is a date")
        return
    made.target = shape.target(aimed)
    yield from shape.check(aimed, made.target)
    tell(0.2, "how much each column tells")
    made.power = learning.powers(features, aimed)
    time = order.time_of(sample, target)
    predicting = [each for each in features if each.role != "time"]
    tell(0.3, "looking for leakage")
    found = [
        *afterwards.filled_in_with_the_target(features, one),
        *_leakage(sample, predicting, made.power, aimed),
        *afterwards.filled_in_for_one_value(predicting, aimed),
        *afterwards.dated_later(predicting, time, made.power, aimed),
        *order.in_time(aimed, time),
        *order.of_entities(sample, aimed),
        *order.of_the_future(predicting, sample, aimed, time),
        *aggregates.of_the_target(predicting, sample, aimed),
    ]
    leaking = {
        name for each in found if each.kind.startswith(LEAKAGE) and each.fix for name in each.fix.params["columns"]
    }
    yield from (one for one in found if one.kind != WEAKER or not leaking.issuperset(one.columns))
    tell(0.55, "a quick model")
    kept = [each for each in predicting if each.name not in leaking]
    made.model = quick.model(sample, kept, made.power, aimed)
    if made.model and leaking:
        without = f"without {listed(sorted(leaking))}, which leak{'s' * (len(leaking) == 1)}"
        made.model.note = "; ".join(filter(None, [without, made.model.note]))


def _leakage(sample: Sample, features: list[Feature], found: list[Power], aimed: Aim) -> Iterator[Found]:
    """Columns, and pairs of them, that tell the target; and one that tells much more than all others, which is no
    leakage yet."""
    few = leakage.narrowed(aimed)
    suspects = leakage.single(features, found, few)
    alone = {one.features[0].name for one in suspects}
    suspects += readings.suspects([one for one in features if one.name not in alone], few)
    certain = {one.features[0].name for one in suspects if leakage.is_certain(one.hits, one.aimed)}
    compared: dict[frozenset[str], Hits] = {}
    leaking: set[str] = set()
    for one in suspects:
        name = one.features[0].name
        without = frozenset(certain | {name})
        others = compared.get(without)
        if others is None:
            others = compared[without] = _hits(sample, features, found, few, without)
        if one.by_itself or leakage.beats(one, others, leakage.BY_CHANCE):
            leaking.add(name)
            yield leakage.said_of_one(one, others)
    left = [one for one in features if one.name not in leaking]
    for pair in pairs.suspects(left, found, few):
        mine = {one.name for one in pair.features}
        others = _hits(sample, left, found, few, without=mine)
        if pair.by_itself or leakage.beats(pair, others, leakage.BY_CHANCE_PAIR):
            leaking |= mine
            yield leakage.said_of_two(pair, others, found)
    named = set(quick.columns(features, found)) - leaking
    yield from _dominant(sample, [one for one in found if one.column in named], few)


def _hits(sample: Sample, features: list[Feature], found: list[Power], aimed: Aim, without: Collection[str]) -> Hits:
    """Which rows a model of all columns but some meets."""
    names = quick.columns([one for one in features if one.name not in without], found)
    return quick.hits(sample, names, aimed) if names else aimed.base


def _dominant(sample: Sample, found: list[Power], aimed: Aim) -> Iterator[Found]:
    """The column that tells far more than all others together."""
    if len(found) < 2 or found[0].score < DOMINANT or len(aimed) < leakage.FEWEST:
        return
    best = sample.named(found[0].column)
    others = quick.score(sample, [one.column for one in found[1:]][: quick.COLUMNS], aimed)
    if found[0].score - others >= BY_MUCH:
        words = plain(
            f"{said(best.name)} alone tells more of {said(aimed.feature.name)} (score {found[0].score:.2f}) than all "
            f"other columns together ({max(0.0, others):.2f}): is it known when one predicts?"
        )
        grave: Severity = "medium" if found[0].score >= HALF else "low"
        yield Found("dominant_column", [best.name], grave, words, f"{best.sql} IS NOT NULL", fixes.drop([best.name]))
