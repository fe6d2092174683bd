"""The report as HTML and Markdown: all of it is there, and no text of a record is markup."""

from typing import Any

from cupola.autopilot import reporting
from cupola.autopilot.records import AutopilotState, Entry

NASTY = "<script>alert(1)</script> | [x](javascript:y) `z` \x1b[31m"


def state(**more: Any) -> AutopilotState:
    board = [
        Entry(run="r1", name="ensemble", estimator="Autopilot", metrics={"validation_rmse": 1.5}, state="kept"),
        Entry(
            run="r2", name=NASTY, estimator="Ridge", metrics={"validation_rmse": 1.6, "test_rmse": 1.7},
            errors={"validation_rmse": 0.1}, verdict="tied", weight=0.4, folds=8, params={"alpha": 3.0}, state="kept",
        ),
        Entry(run="", name="late", estimator="SVR", metrics={}, state="dropped", why="there was no time to look at it"),
    ]  # fmt: skip
    found = AutopilotState(
        autopilot="r1", name="brave-otter", experiment="e", job="j", status="Completed", task="regression",
        why=NASTY, metric="rmse", budget=60, seconds=59.2, leaderboard=board, target=NASTY, advice=[NASTY],
        importance=[{"feature": NASTY, "importance": 0.5, "error": 0.01}],
        groups=[{"column": "hour", "value": "6 to 9", "rows": 40, "metric": 2.0, "of_all": 1.5}],
    )  # fmt: skip
    for name, value in more.items():
        setattr(found, name, value)
    return found


def test_the_page_has_all_and_nothing_in_it_is_markup() -> None:
    page = reporting.html(state())
    for said in (
        "brave-otter",
        "1.6 ± 0.1",
        "= best",
        "40%",
        "there was no time to look at it",
        "6 to 9",
        "0.5 ± 0.01",
    ):
        assert said in page
    assert "<script>" not in page
    assert "\x1b" not in page


def test_markdown_has_all_and_a_pipe_ends_no_cell() -> None:
    text = reporting.markdown(state())
    assert "there was no time to look at it" in text
    assert "<script>" not in text.replace("\\<", "")
    row = next(line for line in text.splitlines() if "1.6 ± 0.1" in line)
    heads = next(line for line in text.splitlines() if line.startswith("| candidate"))
    assert row.replace("\\|", "").count("|") == heads.count("|")


def test_it_says_what_candidates_were_told_apart_by() -> None:
    for task, said in (
        ("regression", "a paired bootstrap of the same rows"),
        ("timeseries", "over the windows and series"),
    ):
        assert said in reporting.html(state(task=task))


def test_an_autopilot_that_has_found_nothing_yet_has_a_report() -> None:
    assert "brave-otter" in reporting.html(state(leaderboard=[], importance=[], groups=[], advice=[]))
    assert "brave\\-otter" in reporting.markdown(state(leaderboard=[], importance=[], groups=[], advice=[]))
