"""Each reason for a tuning to end, by its name."""

import json

import pytest

from cupola.tuning import stops
from cupola.tuning.records import Asked, Direction, Stops, Tuning
from cupola.tuning.trials import COMPLETED, FAILED, LOST, PRUNED, RUNNING, Fold, Line
from cupola.workspace import Workspace


@pytest.fixture
def fold(workspace: Workspace) -> Fold:
    return Fold(workspace.store, "tunings/t/trials")


def tuning(way: Direction = "maximize") -> Tuning:
    return Tuning(
        id="t", name="t", experiment="t", user="ana", host="h", submitted="2026-01-01T00:00:00.000000Z",
        directions=[way], metrics=["roc_auc"],
    )  # fmt: skip


def add(fold: Fold, *values: float | None, state: str = COMPLETED, why: str = "", error: float | None = None) -> None:
    for value in values:
        number = len(fold.numbers)
        moment = f"2026-01-01T00:{number:02d}:00.000000Z"
        user = {} if error is None else {stops.ERRORS: json.dumps([error])}
        given = None if value is None else [value]
        line = Line(op="trial", trial=number, state=state, why=why, started=moment, user=user)
        line.values = given  # type: ignore[assignment]
        fold.apply("w", line)


def why(fold: Fold, now: float | None = None, *, since: int = 0, way: Direction = "maximize", **wanted: object) -> str:
    return stops.reason(tuning(way), Asked(stops=Stops(**wanted), trials=since), fold, now)  # type: ignore[arg-type]


def test_after_so_many_trials_of_which_the_lost_ones_are_none(fold: Fold) -> None:
    add(fold, 0.5)
    add(fold, None, state=PRUNED)
    add(fold, None, state=FAILED, why=LOST)
    add(fold, None, state=RUNNING)
    assert why(fold, trials=3) == ""
    assert why(fold, trials=2) == stops.TRIALS == "MaxNumberOfTrainingJobs"


def test_after_so_long_since_the_first_trial(fold: Fold) -> None:
    assert why(fold, now=2e9, seconds=60) == ""
    add(fold, 0.5, 0.6)
    begun = 1767225600.0  # 2026-01-01
    assert why(fold, now=begun + 59, seconds=60) == ""
    assert why(fold, now=begun + 61, seconds=60) == stops.SECONDS == "MaxRuntimeInSeconds"
    assert why(fold, now=begun + 61, since=1, seconds=60) == ""


@pytest.mark.parametrize(("way", "value", "end"), [("maximize", 0.8, True), ("minimize", 0.8, False)])
def test_at_a_value(fold: Fold, way: Direction, value: float, end: bool) -> None:
    add(fold, 0.9)
    assert why(fold, way=way, value=value) == (stops.VALUE if end else "")
    assert stops.VALUE == "TargetObjectiveMetricValue"


def test_without_a_better_one_in_so_many_trials(fold: Fold) -> None:
    add(fold, 0.9, 0.5, 0.6)
    assert why(fold, patience=3) == ""
    add(fold, None, state=FAILED)
    assert why(fold, patience=3) == stops.PATIENCE == "BestObjectiveNotImproving"
    assert why(fold, since=2, patience=3) == ""


def test_when_the_best_gets_better_by_less_than_its_own_error(fold: Fold) -> None:
    add(fold, *[0.5 + step / 1000 for step in range(39)], error=0.05)
    assert why(fold, converged=True) == ""
    add(fold, 0.54, error=0.05)
    assert why(fold, converged=True) == stops.CONVERGED == "ConvergenceDetected"
    add(fold, 0.8, error=0.05)
    assert why(fold, converged=True) == ""
