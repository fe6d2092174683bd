"""A flow before an autopilot: fitted anew in each fold, once for the model, which takes raw rows."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.autopilot.searched import PREPARED, training
from tests.autopilot.test_search import run
from tests.environments.built import built, known
from tests.training.conftest import table
from tests.training.test_flows import filed

from cupola.autopilot import assembling, problem
from cupola.autopilot.candidates import Candidate
from cupola.autopilot.fits import Answer
from cupola.autopilot.parts import Parts
from cupola.autopilot.portfolio import Setting

__all__ = ["built", "known"]


def solved(rows: pd.DataFrame, *steps: tuple[str, dict[str, Any]]) -> problem.Problem:
    found = problem.of(rows, training("kind", "roc_auc", filed(*steps)), 1)
    found.through = problem.through(found)
    return found


def test_the_model_has_the_flow_in_front_and_is_made_of_fits_on_all_rows(known: Path) -> None:
    found = run("flow", known)
    assert found["steps"] == ["flow", "prepare", "estimator"]
    chosen = [one for one in found["candidates"] if one["weight"]]
    assert chosen
    assert all(one["whole"] for one in chosen)
    assert found["members"] == len(chosen)
    assert set(found["takes"]) == {"amount", "count", "member", "colour"}
    assert found["test"] == pytest.approx(found["test_said"]), "the model says of raw rows what was measured"
    assert found["test"] > 0.8
    assert "flow.json" in found["files"]
    assert any("of 320 rows that train the flow prep makes" in one for one in found["notes_of_model"])
    assert {one["feature"] for one in found["importance"]} <= set(found["takes"])
    for one in found["candidates"]:
        assert {repeat for repeat, _ in one["fits"]} <= {0}, "a fold drawn anew could not be in the model"


def test_nothing_that_a_fold_is_validated_or_tested_by_is_in_what_its_flow_has_learned() -> None:
    steps = [*PREPARED, ("scale", {"columns": ["count"]})]
    rows = table(300)
    found = solved(rows, *steps)
    train, rest = found.folds[0][0]
    X, y, _, _ = found.part("trees", train, rest)
    moved = rows.copy()
    others = np.concatenate([found.rows[rest], found.test])
    moved.loc[others, ["amount", "count"]] += 1000
    moved.loc[others, "colour"] = "violet"
    again = solved(moved, *steps)
    assert np.array_equal(again.rows, found.rows)
    X_again, y_again, _, _ = again.part("trees", train, rest)
    assert np.array_equal(np.asarray(X), np.asarray(X_again), equal_nan=True)
    assert np.array_equal(y, y_again)


def test_what_is_fitted_for_the_model_has_learned_nothing_of_the_rows_that_test() -> None:
    rows = table(300)
    found = solved(rows, *PREPARED)
    moved = rows.copy()
    moved.loc[found.test, "amount"] += 1000
    again = solved(moved, *PREPARED)
    assert found.through
    assert again.through
    assert again.through.flow.steps == found.through.flow.steps
    assert again.through.learnt.table.equals(found.through.learnt.table)


def test_rows_that_a_flow_adds_or_drops_are_not_validated_by() -> None:
    rows = table(300)
    found = solved(rows, ("filter", {"where": "colour = 'red'"}), ("balance", {"target": "kind"}))
    train, rest = found.folds[0][0]
    X, y, watched, test = found.part("trees", train, rest)
    assert len(y) == X.shape[0] < len(train)
    assert (watched.shape[0], test.shape[0]) == (len(rest), len(found.test))
    assert np.bincount(y)[0] == np.bincount(y)[1]


def test_only_the_fit_on_all_rows_becomes_a_member_behind_a_flow() -> None:
    one = Candidate("trees", Setting("trees", "Ridge", {}, 1.0), weight=1.0)
    one.fits[0, 0] = Answer([], b"fold", {}, 1.0, 1.0)
    one.whole = Answer([], b"whole", {}, 1.0, 1.0)
    ((_, members),) = assembling._kept([one], 600, only_whole=True)
    assert members == [one.whole]


def test_the_rows_of_a_fold_are_made_by_one_fit_and_read_by_those_that_begin_after_it() -> None:
    parts = Parts()
    first, beside = parts.begin("first", ("trees", 0)), parts.begin("beside", ("trees", 0))
    first.write([1, 2])
    beside.write("nobody reads it")
    assert not first.is_there
    assert not beside.is_there
    parts.end("beside", well=True)
    assert not parts.begin("early", ("trees", 0)).is_there
    parts.end("first", well=True)
    for _ in range(2):
        after = parts.begin("after", ("trees", 0))
        assert after.is_there
        assert after.read() == [1, 2]
    failing = parts.begin("failing", ("trees", 1))
    failing.write([3])
    parts.end("failing", well=False)
    assert not parts.begin("again", ("trees", 1)).is_there


def test_a_fit_from_before_counts_only_behind_the_same_flow() -> None:
    found = solved(table(300), *PREPARED)
    assert found.training.flow
    other = dataclasses.replace(found, training=training("kind", "roc_auc", filed(*PREPARED[:2])))
    assert found.digest == solved(table(300), *PREPARED).digest
    assert found.digest != other.digest
