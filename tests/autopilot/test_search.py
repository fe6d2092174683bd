"""What a search comes to: baselines, folds, weights, what fails; each search in a process of its own."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.autopilot import searched
from tests.environments.built import built, known
from tests.training.conftest import table

from cupola.autopilot import assembling, climbing, fits, job, portfolio, problem, search
from cupola.autopilot.candidates import WHOLE
from cupola.errors import BadInput

__all__ = ["built", "known"]


def run(what: str, known: Path) -> dict[str, Any]:
    command = [sys.executable, "-W", "ignore", "-m", "tests.autopilot.searched", what]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, cwd=Path(__file__).parents[2], env=os.environ
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def named(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in found["candidates"] if one["name"] == name)


@pytest.mark.parametrize("what", ["classes", "numbers"])
def test_a_search_makes_one_model_of_candidates_none_of_which_is_better_on_the_same_rows(
    what: str, known: Path
) -> None:
    found = run(what, known)
    assert named(found, "linear")["fits"], "a linear model is among those that are tried"
    assert named(found, "default trees")["params"] == {}, "and scikit-learn's default trees as they come"
    assert found["ensemble"] >= found["alone"] - 1e-9
    assert sum(one["weight"] for one in found["candidates"]) == pytest.approx(1)
    assert found["test"] == pytest.approx(-found["test_said"], rel=1e-6), "the pipeline says what was measured"
    assert "model.skops" in found["files"], found["notes"]
    for repeat in found["folds"]:
        assert sorted(row for fold in repeat for row in fold) == list(range(found["rows"])), "each row once a repeat"
    assert any(one["whole"] for one in found["candidates"]) == found["rises"], (
        "all rows are learnt from where that helps"
    )
    assert found["importance"]
    assert all(one["error"] >= 0 for one in found["importance"])


def test_a_candidate_that_fails_dies_or_hangs_says_so_and_takes_nothing_with_it(known: Path) -> None:
    found = run("broken", known)
    assert named(found, "raises")["state"] == "failed"
    assert "ValueError: [bold]no" in named(found, "raises")["why"]
    assert named(found, "dies")["state"] == "failed"
    assert "without an answer" in named(found, "dies")["why"]
    assert named(found, "hangs")["state"] == "dropped"
    assert "longer than there was time" in named(found, "hangs")["why"]
    assert named(found, "plain")["fits"]


def test_rows_of_one_class_teach_nothing_and_that_is_said() -> None:
    X, y = np.zeros((4, 1)), np.ones(4, dtype=int)
    with pytest.raises(BadInput, match="are all of one class"):
        fits.fit("LogisticRegression", {}, fits.Rows(X, y, (X, y), [X]), classes=2, seed=0, until=0.0)


def test_a_baseline_with_one_fold_only_counts_where_it_is_better_there() -> None:
    solved = problem.of(table(400), searched.training("value", "rmse"), 1)
    found = search.Search(solved, portfolio.settings("regression")[:2], workers=1, end=time.monotonic() + 60)
    linear, trees = found.candidates
    assert (linear.name, trees.name) == portfolio.BASELINES
    for fold, (_, rest) in enumerate(solved.folds[0]):
        said = np.zeros(len(rest))
        linear.fits[0, fold] = fits.Answer([said, np.zeros(len(solved.test))], b"", {}, 1.0, 1.0)
    rest = solved.folds[0][0][1]
    trees.fits[0, 0] = fits.Answer([solved.truth[rest], np.zeros(len(solved.test))], b"", {}, 1.0, 1.0)
    chosen, rows = assembling.together(found)
    assert [one.name for one in chosen] == [trees.name]
    assert sorted(rows) == sorted(rest)


def climbed(found: search.Search, seconds: dict[str, float]) -> list[tuple[str, float]]:
    """The fits that a search would make, one after the other: of whom, on which share of the rows.

    Each answers as well as it has rows; seconds: that one of all rows would take.
    """
    solved, made = found.problem, []
    while (unit := found._next()) and len(made) < 40:
        candidate, repeat, fold = unit
        candidate.state = "trying"
        rest = solved.folds[repeat][fold][1]
        noise = np.random.default_rng(len(made)).normal(size=len(rest)) * (1.1 - candidate.share)
        said = [solved.truth[rest] + noise, np.zeros(len(solved.test))]
        takes = candidate.share * seconds[candidate.name]
        found._take(candidate, repeat, fold, fits.Answer(said, b"", {}, takes, takes, share=candidate.share))
        if repeat == 0 and fold == 0:
            made.append((candidate.name, candidate.share))
    return made


def searching(monkeypatch: pytest.MonkeyPatch) -> search.Search:
    """A search of a table that is large for its time, with a ladder of three steps."""
    monkeypatch.setattr(climbing, "FEWEST", 10)
    monkeypatch.setattr(climbing, "LARGE", 0.01)
    monkeypatch.setattr(climbing, "LOWEST", 0.01)
    monkeypatch.setattr(search, "LOOKED_AT", 1)
    monkeypatch.setattr(search, "HALVING", 0.0)
    solved = problem.of(table(400), searched.training("value", "rmse"), 1)
    settings = portfolio.settings("regression")[:4]
    return search.Search(solved, settings, workers=1, end=time.monotonic() + 10_000)


def test_of_a_large_table_candidates_are_looked_at_on_few_rows_and_the_best_on_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = searching(monkeypatch)
    assert found.ladder == [1 / 16, 1 / 4, 1]
    made = climbed(found, dict.fromkeys((one.name for one in found.candidates), 1.0))
    first = {one.name: next(share for name, share in made if name == one.name) for one in found.candidates}
    assert set(first.values()) == {1 / 16}
    trees = [place for place, (name, share) in enumerate(made) if name == "default trees" and share == 1]
    others = [place for place, (name, share) in enumerate(made) if name != "default trees" and share > 1 / 16]
    assert trees[0] < others[0], "the default trees come to all rows before any other has more"
    assert [share for name, share in made if name == "linear"] == found.ladder
    assert all(one.fits[0, 0].share == 1 for one in found.candidates if one.state == "trying")


def test_a_fit_on_more_rows_for_which_there_is_no_time_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    found = searching(monkeypatch)
    slow = {one.name: 20_000.0 for one in found.candidates} | {"linear": 1.0}
    made = climbed(found, slow)
    assert ("default trees", 1 / 4) in made
    assert ("default trees", 1) not in made, "it would take longer than there is"
    assert ("linear", 1) in made
    trees = next(one for one in found.candidates if one.name == "default trees")
    assert trees.learnt == 1 / 4
    assert assembling.together(found)[0]


def test_a_table_that_is_small_for_its_time_is_looked_at_with_all_rows() -> None:
    assert climbing.ladder(5_900_000, 20_000, 60) == [1.0]
    assert climbing.ladder(24_000_000, 80_000, 60) == [1 / 16, 1 / 4, 1.0]
    assert climbing.ladder(24_000_000, 1_000, 60) == [1.0], "few rows are not made fewer"


def test_a_share_of_the_rows_has_every_class_and_a_larger_one_has_the_rows_of_a_smaller() -> None:
    solved = problem.of(table(400), searched.training("kind", "log_loss"), 1)
    train = solved.folds[0][0][0]
    few, more = (set(solved.some(train, solved.truth, share, 0)) for share in (0.25, 0.5))
    assert few < more < set(train)
    assert set(solved.truth[sorted(few)]) == set(solved.truth)
    numbers = problem.of(table(400), searched.training("value", "rmse"), 1)
    assert len(numbers.some(train, numbers.truth, 0.25, 0)) == round(len(train) / 4)


@pytest.mark.parametrize("gain", [0.0, 1.0])
def test_what_is_in_the_ensemble_is_fitted_on_all_rows_where_all_teach_clearly_more_than_half(
    gain: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "HALVING", 0.0)
    solved = problem.of(table(400), searched.training("value", "rmse"), 2)
    settings = portfolio.settings("regression")[:2]
    found = search.Search(solved, settings, workers=1, end=time.monotonic() + 10_000)
    random = np.random.default_rng(0)
    while unit := found._next():
        candidate, repeat, fold = unit
        if repeat == 1:
            break
        candidate.state = "trying"
        rest = solved.folds[repeat][0 if fold == WHOLE else fold][1]
        said = [solved.truth[rest] + random.normal(size=len(rest)), np.zeros(len(solved.test))]
        found._take(candidate, repeat, fold, fits.Answer(said, b"", {}, 1.0, 1.0))
        worse = [said[0] + gain * random.normal(size=len(rest)), said[1]]
        found.half = found.half or (candidate, fits.Answer(worse, b"", {}, 1.0, 1.0))
    assert found.is_rising() == bool(gain)
    assert any(one.whole for one in found.candidates) == bool(gain)


def test_what_has_no_time_for_its_folds_is_fitted_on_all_rows_before_it_has_one_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search, "HALVING", 0.0)
    monkeypatch.setattr(search, "LOOKED_AT", 1)
    solved = problem.of(table(400), searched.training("value", "rmse"), 1)
    found = search.Search(solved, portfolio.settings("regression")[:2], workers=1, end=time.monotonic() + 10_000)
    trees = found.candidates[1]
    begun = []
    while unit := found._next():
        candidate, repeat, fold = unit
        candidate.state = "trying"
        rest = solved.folds[repeat][0 if fold == WHOLE else fold][1]
        said = [solved.truth[rest] + (candidate is not trees), np.zeros(len(solved.test))]
        takes = 3000.0 if candidate is trees else 1.0
        found._take(candidate, repeat, fold, fits.Answer(said, b"", {}, takes, takes))
        begun += [fold] if candidate is trees else []
    assert begun[:2] == [0, WHOLE]
    assert trees.whole


def test_what_would_take_most_of_the_time_that_is_left_to_look_at_is_dropped_after_its_first_fold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search, "HALVING", 0.0)
    solved = problem.of(table(400), searched.training("value", "rmse"), 1)
    found = search.Search(solved, portfolio.settings("regression")[:4], workers=1, end=time.monotonic() + 10_000)
    assert found.looks == found.folds == 5
    slow, quick = found.candidates[2:]
    while unit := found._next():
        candidate, repeat, fold = unit
        candidate.state = "trying"
        said = [solved.truth[solved.folds[repeat][fold][1]] + 1, np.zeros(len(solved.test))]
        takes = 3000.0 if candidate is slow else 1.0
        found._take(candidate, repeat, fold, fits.Answer(said, b"", {}, takes, takes))
    assert (slow.state, len(slow.fits)) == ("dropped", 1)
    assert "too long" in slow.why
    assert found.is_complete(quick)
    monkeypatch.setattr(slow, "name", "linear")
    assert not found._is_too_long(slow, [1, 2]), "a baseline is looked at whatever it takes"


def going(
    found: search.Search, seconds: dict[str, float], *, better: str = "", most: int = 100
) -> list[tuple[str, int]]:
    """The fits that a search would make of (who, fold); seconds: that one of each takes, by the clock of the test."""
    solved, random = found.problem, np.random.default_rng(0)
    made: list[tuple[str, int]] = []
    while len(made) < most and (unit := found._next()):
        candidate, repeat, fold = unit
        candidate.state = "trying"
        rest = solved.folds[repeat][0 if fold == WHOLE else fold][1]
        noise = random.normal(size=len(rest)) * (0.1 if candidate.name == better else 1)
        said = solved.truth[rest] + noise
        if solved.classes:
            said = np.full((len(rest), solved.classes), 0.1)
            said[np.arange(len(rest)), solved.truth[rest]] = 1 + (candidate.name == better)
            said /= said.sum(axis=1, keepdims=True)
        takes = seconds.get(candidate.name, 1.0)
        found._take(candidate, repeat, fold, fits.Answer([said, said[:1]], b"", {}, takes, takes))
        made.append((candidate.name, fold))
    return made


def test_of_many_classes_what_grows_no_tree_for_each_is_looked_at_though_boosting_takes_all_of_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search, "HALVING", 0.0)
    rows = table(400)
    rows["kind"] = [f"class {one % 30}" for one in range(400)]
    solved = problem.of(rows, searched.training("kind", "log_loss"), 1)
    assert solved.classes == 30
    settings = [one for one in portfolio.settings("classification") if not one.words]
    found = search.Search(solved, settings, workers=1, end=time.monotonic() + 10_000)
    slow = {one.name: 1500.0 * one.cost for one in settings if one.costs(30) == one.cost}
    looked = [name for name, fold in going(found, slow) if fold == 0]
    assert {"random forest", "forest", "neural"} <= set(looked)
    assert "light slow" not in looked, "boosting takes longer than there is time"


def test_of_very_many_classes_what_is_quick_is_fitted_before_all_others() -> None:
    rows = table(400)
    rows["kind"] = [f"class {one % 60}" for one in range(400)]
    solved = problem.of(rows, searched.training("kind", "log_loss"), 1)
    settings = portfolio.settings("classification", solved.likeness)
    found = search.Search(solved, settings, workers=1, end=time.monotonic() + 10_000)
    assert [name for name, _ in going(found, {}, most=1)] == ["quick"]


def test_where_there_is_time_for_the_folds_or_all_rows_it_is_all_rows_if_these_teach_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search, "HALVING", 0.0)
    monkeypatch.setattr(search, "LOOKED_AT", 1)
    solved = problem.of(table(400), searched.training("value", "rmse"), 1)
    begun = {}
    for is_rising in (False, True):
        found = search.Search(solved, portfolio.settings("regression")[:2], workers=1, end=time.monotonic() + 10_000)
        monkeypatch.setattr(found, "is_rising", lambda is_rising=is_rising: is_rising)
        trees = found.candidates[1].name
        begun[is_rising] = [fold for name, fold in going(found, {trees: 2000.0}, better=trees) if name == trees]
    assert begun[False][:2] == [0, 1]
    assert begun[True][:2] == [0, WHOLE]


def test_what_answers_with_the_best_is_fitted_on_all_rows_while_the_last_of_its_folds_is_under_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    solved = problem.of(table(400), searched.training("value", "rmse"), 1)
    found = search.Search(solved, portfolio.settings("regression")[:2], workers=2, end=time.monotonic() + 100)
    found.looks = 1
    quick, slow = found.candidates
    for one in found.candidates:
        one.state = "trying"
        for fold, (_, rest) in enumerate(solved.folds[0][: -1 if one is slow else None]):
            said = [solved.truth[rest] + np.resize([1, -1] if one is slow else [-1, -1, 1], len(rest)), np.zeros(1)]
            one.fits[0, fold] = fits.Answer(said, b"", {}, 1.0, 1.0)
    monkeypatch.setattr(found, "is_rising", lambda: True)
    monkeypatch.setattr(found, "_halve", lambda: None)
    found._promising(0)
    assert sorted(one.name for one in found._together) == sorted([quick.name, slow.name])
    assert [found._all_rows(), found._all_rows()] == [(quick, 0, WHOLE), (slow, 0, WHOLE)]
    assert found._all_rows() is None


def test_what_takes_long_to_save_and_was_dropped_does_not_end_the_search_early() -> None:
    solved = problem.of(table(400), searched.training("value", "rmse"), 1)
    found = search.Search(solved, portfolio.settings("regression")[:3], workers=1, end=time.monotonic() + 100)
    answer = fits.Answer([solved.truth[solved.folds[0][0][1]], solved.test_truth], b"", {}, 1.0, 1.0)
    for one in found.candidates:
        one.state, one.fits[0, 0] = "trying", answer
    before = found.until
    large = fits.Answer(answer.said, b"", {}, 1.0, 1.0, saving=3.0)
    found.candidates[2].fits[0, 0] = large
    assert found.until < before - 10
    found.candidates[2].state = "dropped"
    assert found.until > before - 10


@pytest.mark.parametrize("measuring", [1.0, 7.0])
def test_errors_are_left_out_where_they_take_more_time_than_there_is_for_the_end(measuring: float) -> None:
    solved = problem.of(table(400), searched.training("value", "rmse"), 1)
    settings = portfolio.settings("regression")[:1]
    found = search.Search(solved, settings, workers=1, end=time.monotonic() + 100, measuring=measuring)
    (one,) = found.candidates
    rest = solved.folds[0][0][1]
    one.fits[0, 0] = fits.Answer([solved.truth[rest] + np.resize([1, -2], len(rest)), solved.test_truth], b"", {}, 1, 1)
    measured = job._measured(found, one, rest)
    assert measured.metrics["validation_rmse"] > 1
    assert bool(measured.errors) == (measuring == 1)


def test_a_fit_that_the_clock_has_cut_does_not_speak_for_its_fold_where_others_have_grown_further() -> None:
    solved = problem.of(table(400), searched.training("value", "rmse"), 1)
    found = search.Search(solved, portfolio.settings("regression")[:2], workers=1, end=time.monotonic() + 100)
    candidate = found.candidates[0]
    for fold, (rounds, is_cut) in enumerate([(30, True), (40, True), (70, False), (20, True)]):
        said = [solved.truth[solved.folds[0][fold][1]], solved.test_truth]
        grown = {"n_estimators": rounds}
        found._take(candidate, 0, fold, fits.Answer(said, b"", grown, 1.0 + fold, 1.0, is_cut=is_cut))
    assert [fold for _, fold in candidate.fits] == [0, 1, 2], "the first is kept: there may be no other"
    assert candidate.takes(1.0) == 3.0, "how long it takes is known from what has come to its end"


def test_those_that_were_only_looked_at_answer_where_they_are_better_by_weights_from_other_rows() -> None:
    solved = problem.of(table(400), searched.training("value", "rmse"), 1)
    for noise, chosen in ((0.5, {"light"}), (20.0, {"linear", "default trees"})):
        settings = [one for one in portfolio.settings("regression") if one.name in ("linear", "default trees", "light")]
        found = search.Search(solved, settings, workers=1, end=time.monotonic() + 100)
        found.looks, random = 1, np.random.default_rng(0)
        for one in found.candidates:
            one.state = "trying"
            for fold, (_, rest) in enumerate(solved.folds[0][: 1 if one.name == "light" else None]):
                error = random.normal(size=len(rest)) * (noise if one.name == "light" else 1.0)
                one.fits[0, fold] = fits.Answer([solved.truth[rest] + error, solved.test_truth], b"", {}, 1.0, 1.0)
        together = {one.name for one in assembling.together(found)[0]}
        assert together & chosen
        assert ("light" in together) == ("light" in chosen)
