"""What Optuna says of studies and trials in its own types, as journals and records hold it, and back."""

import json
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from optuna.distributions import BaseDistribution, distribution_to_json, json_to_distribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from cupola.tuning import trials
from cupola.tuning.records import Tuning
from cupola.tuning.trials import Line, Param, Trial

STATES = {
    TrialState.WAITING: trials.WAITING,
    TrialState.RUNNING: trials.RUNNING,
    TrialState.COMPLETE: trials.COMPLETED,
    TrialState.PRUNED: trials.PRUNED,
    TrialState.FAIL: trials.FAILED,
}
OF_OPTUNA = {name: state for state, name in STATES.items()}


def directions(tuning: Tuning) -> list[StudyDirection]:
    return [StudyDirection.MAXIMIZE if way == "maximize" else StudyDirection.MINIMIZE for way in tuning.directions]


def objective_names(count: int) -> list[str]:
    return ["value"] if count == 1 else [f"value_{place}" for place in range(count)]


def decoded(attributes: dict[str, str]) -> dict[str, Any]:
    return {name: trials.attribute(attributes, name) for name in attributes}


def of_template(line: Line, given: FrozenTrial) -> Line:
    """A trial as it was given: one that waits, or one that ran elsewhere."""
    line.state = STATES[given.state]
    line.values = None if given.values is None else [trials.number(one) for one in given.values]
    line.params = {
        name: Param(
            float(given.distributions[name].to_internal_repr(one)), distribution_to_json(given.distributions[name])
        )
        for name, one in given.params.items()
    }
    line.steps = [(step, trials.number(one)) for step, one in given.intermediate_values.items()]
    line.user = {name: json.dumps(one) for name, one in given.user_attrs.items()}
    line.system = {name: json.dumps(one) for name, one in given.system_attrs.items()}
    line.started, line.ended = moment_text(given.datetime_start), moment_text(given.datetime_complete)
    return line


def frozen(trial: Trial, trial_id: int) -> FrozenTrial:
    """The trial as Optuna takes it."""
    distributions = {name: distribution(one.distribution) for name, one in trial.params.items()}
    return FrozenTrial(
        number=trial.number,
        state=OF_OPTUNA[trial.state],
        value=None,
        values=trial.values,
        datetime_start=_moment(trial.started),
        datetime_complete=_moment(trial.ended),
        params={name: distributions[name].to_external_repr(one.value) for name, one in trial.params.items()},
        distributions=distributions,
        user_attrs=decoded(trial.user),
        system_attrs=decoded(trial.system),
        intermediate_values=dict(trial.steps),
        trial_id=trial_id,
    )


@lru_cache(maxsize=4096)
def distribution(text: str) -> BaseDistribution:
    return json_to_distribution(text)


def moment_text(moment: datetime | None) -> str | None:
    """A moment as lines hold it; Optuna's have no zone and are local."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone().replace(tzinfo=None)
