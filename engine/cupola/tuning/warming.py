"""What one tuning takes over from another: its completed trials, as far as they lie in what is searched now."""

import msgspec

from cupola.errors import BadOption
from cupola.store import Store
from cupola.tuning import trials
from cupola.tuning.records import Tuning, drawn_value, own
from cupola.tuning.space import Dimension
from cupola.tuning.trials import COMPLETED, Line, Param, Trial


def lines(store: Store, parent: Tuning, tuning: Tuning, first: int) -> list[Line]:
    """The trials of `parent` that say something of `tuning`, as its trials from number `first` on.

    Raises BadOption where the two are not after the same: another estimator, target or metric.
    """
    for what in ("estimator", "target"):
        before, now = parent.training.get(what), tuning.training.get(what)
        if before != now:
            raise BadOption(f"{parent.name} had the {what} {before}, and this one has {now}", where="--warm-start")
    missing = [one for one in tuning.metrics if one not in parent.metrics]
    if missing:
        hint = f"it has {', '.join(parent.metrics)}"
        raise BadOption(f"{parent.name} was not tuned for {missing[0]}", where="--warm-start", hint=hint)
    places = [parent.metrics.index(one) for one in tuning.metrics]
    found: list[Line] = []
    for trial in own(trials.read(store, parent.journals)):
        params = _inside(parent, tuning, trial)
        if params and trial.state == COMPLETED and trial.values:
            values = [trials.number(trial.values[place]) for place in places]
            line = Line(op="trial", trial=first + len(found), run=trial.run, given=True, state=COMPLETED)
            line.values, line.params, line.started, line.ended = values, params, trial.started, trial.ended
            found.append(line)
    return found


def _inside(parent: Tuning, tuning: Tuning, trial: Trial) -> dict[str, Param]:
    """What a trial has drawn of what is searched now; nothing where some of it lies outside."""
    before = {one.key: one for one in parent.space}
    found: dict[str, Param] = {}
    for one in tuning.space:
        drawn = trial.params.get(one.key)
        if drawn is None or one.key not in before:
            continue
        value = _taken(one, before[one.key], drawn)
        if value is None:
            return {}
        found[one.key] = Param(value, one.distribution)
    return found


def _taken(one: Dimension, before: Dimension, drawn: Param) -> float | None:
    """The value as it is held now; None where it lies outside, or was on another scale."""
    if one.kind != before.kind or one.scale != before.scale:
        return None
    if one.kind == "Categorical":
        choices = msgspec.json.decode(one.distribution)["attributes"]["choices"]
        value = drawn_value(drawn)
        return float(choices.index(value)) if value in choices else None
    low, high = one.drawn
    return drawn.value if low <= drawn.value <= high else None
