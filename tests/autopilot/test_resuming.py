"""Fits that are kept for after a kill, and a search that goes on from them."""

import time
from types import SimpleNamespace
from typing import Any

import numpy as np
from tests.autopilot import searched
from tests.training.conftest import table

from cupola.autopilot import assembling, portfolio, problem, search
from cupola.autopilot.candidates import WHOLE
from cupola.autopilot.fits import Answer
from cupola.autopilot.problem import Problem
from cupola.jobs.keeping import Kept
from cupola.workspace import Workspace


def solved(rows: int = 200) -> Problem:
    return problem.of(table(rows), searched.training("value", "rmse"), 1)


def kept(workspace: Workspace, of: Problem) -> Kept:
    job: Any = SimpleNamespace(id="one", attempt=lambda number: f"jobs/2026-01/one/attempts/{number}")
    return Kept(SimpleNamespace(store=workspace.store, job=job, number=2), of.digest)  # type: ignore[arg-type]


def answer(of: Problem, fold: int = 0, share: float = 1.0) -> Answer:
    rest = of.folds[0][fold][1]
    return Answer([of.truth[rest] + fold / 10, np.zeros(len(of.test))], b"fitted", {"max_iter": 7}, 1, 1, 0.1, share)


def test_a_fit_is_had_back_on_the_same_rows_alone(workspace: Workspace) -> None:
    of = solved()
    kept(workspace, of)["light/../large", 0, 1] = answer(of)
    ((key, found),) = kept(workspace, solved()).items()
    assert key == ("light/../large", 0, 1)
    assert (found.fitted, found.grown, found.saving) == (b"fitted", {"max_iter": 7}, 0.1)
    assert kept(workspace, solved(300)) == {}


def test_a_search_goes_on_where_another_was_cut(workspace: Workspace) -> None:
    of = solved()
    told: list[str] = []
    found = search.Search(
        of, portfolio.settings("regression")[:4], workers=1, end=time.monotonic() + 10_000,
        tell=lambda one: told.append(one.name),
    )  # fmt: skip
    linear, trees, third, fourth = found.candidates
    made = {(linear.name, 0, fold): answer(of, fold) for fold in range(5)} | {(trees.name, 0, 0): answer(of)}
    found.resume(
        made | {("unknown", 0, 0): answer(of), (linear.name, 0, WHOLE): answer(of)},
        {third.name: ("failed", "it was broken")},
    )
    assert [one.state for one in found.candidates] == ["trying", "trying", "failed", "waiting"]
    assert (linear.folds, trees.folds) == (5, 1)
    assert linear.value is not None
    assert linear.whole
    assert set(told) == {linear.name, trees.name, third.name}
    unit = found._next()
    assert unit is not None
    candidate, repeat, fold = unit
    assert (repeat, fold) not in candidate.fits, "no fit is made twice"
    assert candidate in (trees, fourth)
    chosen, _ = assembling.together(found)
    assert linear in chosen
