"""What the steps QualityCheck and ClarifyCheck find: violations, by the names that the hosted service gives them."""

from typing import Any

import msgspec

from cupola import actions
from cupola.datasets import records as datasets
from cupola.datasets.records import ColumnProfile
from cupola.errors import BadInput, ErrorInfo
from cupola.pipelines import types
from cupola.pipelines.asked import Asked, done
from cupola.pipelines.workers import Outcome
from cupola.registry import baselines
from cupola.registry import records as models
from cupola.store import Store

NEUTRAL = {"DI": 1.0}  # the value of a metric where nobody is treated differently; 0 of all others


class Violation(msgspec.Struct, kw_only=True):
    """One thing that does not hold."""

    feature_name: str
    constraint_check_type: str
    description: str


def quality(asked: Asked) -> Outcome:
    """Holds the columns of a dataset against those of a baseline. Raises BadInput where there is none to hold it to."""
    given: types.QualityCheck = asked.typed(types.QualityCheck)
    store = asked.ws.store
    version = datasets.find(store, given.dataset)
    profile = datasets.profile(store, version)
    found: list[Violation] = []
    if profile.rows < given.rows:
        said = f"there are {profile.rows:,} rows, and not {given.rows:,}"
        found.append(Violation(feature_name="", constraint_check_type="row_count_check", description=said))
    if given.baseline or given.model:
        rows, before = _baseline(store, given)
        now = {one.name: one for one in profile.columns}
        for one in before:
            if one.name not in given.exclude:
                found += _column(one, rows, now.get(one.name), profile.rows, given)
    elif not given.report and given.rows <= 1:
        raise BadInput(f"step {asked.step.name}: a QualityCheck takes a baseline, a model, report or rows")
    if given.report:
        made = actions.run(asked.ws, "dataset report", dataset=version.ref)
        found += [
            Violation(feature_name=", ".join(one.columns), constraint_check_type=one.kind, description=one.message)
            for one in made.warnings
            if one.severity == "high"
        ]
    return _judged(found, given.fail, {"dataset": version.dataset, "version": version.version, "ref": version.ref}, {})


def _baseline(store: Store, given: types.QualityCheck) -> tuple[int, list[ColumnProfile]]:
    if given.baseline:
        profile = datasets.profile(store, datasets.find(store, given.baseline))
        return profile.rows, profile.columns
    version = models.find(store, str(given.model))
    found = baselines.of(store, version)
    if found is None:
        raise BadInput(f"{version.ref} was made without a baseline")
    return found.rows, found.columns


def _column(
    before: ColumnProfile, rows: int, now: ColumnProfile | None, others: int, given: types.QualityCheck
) -> list[Violation]:
    def violation(kind: str, said: str) -> Violation:
        return Violation(feature_name=before.name, constraint_check_type=kind, description=said)

    if now is None:
        return [violation("missing_column_check", "the column is not there")]
    if now.type != before.type and {now.type, before.type} != {"integer", "number"}:
        return [violation("data_type_check", f"it was {before.type}, and is {now.type}")]
    found = []
    then, share = before.missing / max(1, rows), now.missing / max(1, others)
    if share > then + given.missing:
        found.append(violation("completeness_check", f"{share:.1%} are missing, and were {then:.1%}"))
    moved = baselines.between(before, rows, now, others)
    if moved is not None and moved > given.drift:
        found.append(violation("baseline_drift_check", f"its values have moved by {moved:.2f} (of {given.drift:g})"))
    return found


def bias(asked: Asked) -> Outcome:
    """Measures bias, and holds it to limits. A metric of several facets is the one that is farthest from neutral."""
    given: types.ClarifyCheck = asked.typed(types.ClarifyCheck)
    wanted = {"reference": given.run, "facet": given.facet, "label": given.label, "group": given.group}
    made = done(asked, "bias", {name: one for name, one in wanted.items() if one is not None})
    if made.error:
        return made
    metrics: dict[str, float] = {}
    found = []
    for facet, each in made.outputs["metrics"].items():
        for name, one in each.items():
            value = one["value"]
            if value is None:
                continue
            neutral = NEUTRAL.get(name, 0.0)
            if name not in metrics or abs(value - neutral) > abs(metrics[name] - neutral):
                metrics[name] = value
            if name in given.limits and abs(value - neutral) > given.limits[name]:
                said = f"{name} is {value:.3f}, farther than {given.limits[name]:g} from {neutral:g}"
                found.append(Violation(feature_name=facet, constraint_check_type="bias_drift_check", description=said))
    unknown = [name for name in given.limits if name not in metrics]
    if unknown:
        raise BadInput(f"{unknown[0]} was not measured", hint=f"there is: {', '.join(sorted(metrics))}")
    return _judged(found, given.fail, made.outputs, metrics)


def _judged(found: list[Violation], fail: bool, outputs: dict[str, Any], metrics: dict[str, Any]) -> Outcome:
    """What a check has come to; its violations stand in the log too."""
    for one in found:
        print(f"{one.constraint_check_type} {one.feature_name}: {one.description}", flush=True)
    if found and fail:
        shown = "; ".join(f"{one.feature_name or 'rows'}: {one.description}" for one in found[:3])
        more = f", and {len(found) - 3} more" if len(found) > 3 else ""
        return Outcome(error=ErrorInfo(kind="Refused", message=f"{shown}{more}"), causes=["violations", "Refused"])
    more_outputs = {"violations": len(found), "found": msgspec.to_builtins(found)}
    return Outcome(outputs=outputs | more_outputs, metrics=metrics)
