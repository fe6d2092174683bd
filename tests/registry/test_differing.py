"""What differs between two versions is said, each thing once, and what is chance is called so."""

import json

import pytest

from cupola.registry.differing import Differences
from cupola.workspace import Workspace

from .conftest import Finish


def diff(ws: Workspace, finish: Finish, first: dict, second: dict) -> Differences:  # type: ignore[type-arg]
    for fields in (first, second):
        ws.action("model register", run=finish(**fields).id, name="late")
    found: Differences = ws.action("model diff", model="late@1", other="late@2")
    return found


def said(found: Differences) -> dict[str, tuple[object, object, str]]:
    return {one.what: (one.first, one.second, one.verdict) for one in found.differences}


def test_equal_versions_differ_in_nothing(ws: Workspace, finish: Finish) -> None:
    found = diff(ws, finish, {}, {})
    assert (found.differences, found.same_files, found.compatible) == ([], True, True)


def test_facts_and_parameters_that_differ_are_named(ws: Workspace, finish: Finish) -> None:
    found = diff(ws, finish, {"params": {"C": 1, "tol": 2}}, {"params": {"C": 3, "tol": 2}, "dataset": "flights@2-ef"})
    assert said(found) == {"dataset": ("flights@1-abcd", "flights@2-ef", ""), "params.C": (1, 3, "")}


def test_columns_that_only_the_second_needs_make_it_no_replacement(ws: Workspace, finish: Finish) -> None:
    signature = {"columns": [{"name": "hour", "type": "integer"}, {"name": "day", "type": "date"}], "classes": ["a"]}
    more = {"extra": {"model.skops": b"a model", "signature.json": json.dumps(signature).encode()}}
    found = diff(ws, finish, {}, more)
    assert said(found)["columns.day"] == (None, "date", "")
    assert said(found)["classes"] == (None, ["a"], "")
    assert (found.compatible, found.same_files) == (False, False)
    assert {"files.model.skops", "files.signature.json"} <= said(found).keys()
    assert ws.action("model diff", model="late@2", other="late@1").compatible


@pytest.mark.parametrize(
    ("metric", "first", "second", "error", "verdict"),
    [
        ("test_roc_auc", 0.8, 0.9, 0.01, "better"),
        ("test_roc_auc", 0.9, 0.8, 0.01, "worse"),
        ("test_log_loss", 0.9, 0.8, 0.01, "better"),
        ("test_roc_auc", 0.8, 0.81, 0.01, "not different"),
        ("test_roc_auc", 0.8, 0.9, None, "unknown"),
    ],
)
def test_a_metric_is_judged_by_its_error(
    ws: Workspace, finish: Finish, metric: str, first: float, second: float, error: float | None, verdict: str
) -> None:
    errors = {} if error is None else {metric: error}
    found = diff(ws, finish, *({"metrics": {metric: one}, "metric_errors": errors} for one in (first, second)))
    assert said(found) == {f"metrics.{metric}": (first, second, verdict)}


def test_the_run_of_a_version_may_be_gone(ws: Workspace, finish: Finish) -> None:
    runs = [finish(params={"C": value}) for value in (1, 2)]
    for run in runs:
        ws.action("model register", run=run.id, name="late")
    ws.action("run rm", run=runs[0].id)
    assert said(ws.action("model diff", model="late@1", other="late@2"))["params.C"] == (None, 2, "")
