"""How much parameters matter: the same as Optuna says of the same trials, without loading it."""

import math
import warnings
from functools import partial

import optuna
import pytest
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial

from cupola.tuning import importance, records, trials
from cupola.tuning.storage import WorkspaceStorage
from cupola.workspace import Workspace

DIRECTIONS = {"minimize": ["minimize"], "maximize": ["maximize"], "several": ["minimize", "maximize"]}


def objective(trial: optuna.Trial) -> list[float]:
    """Parameters of every kind: one that matters much, some that matter little, one that is not always there."""
    rate = trial.suggest_float("rate", 1e-4, 1.0, log=True)
    depth = trial.suggest_int("depth", 1, 12)
    leaf = trial.suggest_int("leaf", 1, 300, log=True)
    step = trial.suggest_float("step", 0.0, 1.0, step=0.25)
    kind = trial.suggest_categorical("kind", ["a", "b", "c"])
    trial.suggest_int("always", 3, 3)
    degree = trial.suggest_float("degree", -2.0, 2.0) if kind == "b" else 0.0
    if trial.number % 11 == 5:
        raise optuna.TrialPruned
    if trial.number % 17 == 3:
        return [math.inf] * len(trial.study.directions)
    loss = (math.log10(rate) + 2) ** 2 + (depth - 4) ** 2 / 50 + (kind == "a") + degree / 5 + math.log(leaf) / 9 + step
    return [loss, step - loss / 10][: len(trial.study.directions)]


def of_one(trial: FrozenTrial, place: int, sign: int) -> float:
    return sign * trial.values[place]


def study(ws: Workspace, name: str, count: int) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = WorkspaceStorage(ws.store)
    made = optuna.create_study(
        study_name=name, storage=storage, directions=DIRECTIONS[name], sampler=optuna.samplers.RandomSampler(seed=count)
    )
    made.optimize(objective, n_trials=count)
    return made


@pytest.mark.parametrize("name", DIRECTIONS)
@pytest.mark.parametrize("count", [4, 30, 200])
def test_it_is_what_optuna_says(workspace: Workspace, name: str, count: int) -> None:
    made = study(workspace, name, count)
    tuning = records.find(workspace.store, name)
    found = importance.of(tuning, trials.read(workspace.store, tuning.journals))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for place, (called, way) in enumerate(zip(tuning.objectives, tuning.directions, strict=True)):
            sign = -1 if way == "maximize" else 1
            loss = partial(of_one, place=place, sign=sign) if made.directions[1:] else None
            theirs = get_param_importances(made, evaluator=PedAnovaImportanceEvaluator(), target=loss)
            mine = {one.parameter: one.importance for one in found if one.objective == called}
            assert mine == pytest.approx(theirs, abs=1e-9), called
            assert list(mine.values()) == sorted(mine.values(), reverse=True)


def test_of_fewer_than_two_trials_nothing_is_said(workspace: Workspace) -> None:
    study(workspace, "minimize", 1)
    tuning = records.find(workspace.store, "minimize")
    assert importance.of(tuning, trials.read(workspace.store, tuning.journals)) == []
