"""Predictions are found with their rows, the largest errors first, whatever was learned."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.experiments.conftest import Leave

from cupola.datasets import importing
from cupola.datasets import records as datasets
from cupola.datasets.records import ImportOptions
from cupola.errors import BadOption, NotFound
from cupola.experiments import predictions
from cupola.experiments.records import Run
from cupola.workspace import Workspace

CITIES = "city,row,late\n" + "".join(f"{name},{9 - place},{late}\n" for place, (name, late) in enumerate(
    [("Oslo", "yes"), ("Rome", "no"), ("Bergen", "yes"), ("O'Hare", "no")]
))  # fmt: skip


@pytest.fixture
def cities(workspace: Workspace, tmp_path: Path) -> str:
    """A dataset of four rows; the exact name of its version."""
    (tmp_path / "cities.csv").write_text(CITIES)
    importing.run(workspace.store, "cities", tmp_path / "cities.csv", ImportOptions(target="late"), lambda *_: None)
    return datasets.find(workspace.store, "cities").ref


def left(workspace: Workspace, run: Run, columns: dict[str, list[Any]]) -> Run:
    """The run with these predictions."""
    directory = workspace.root / run.directory / "attempts" / "1" / "artifacts"
    directory.mkdir(parents=True)
    pq.write_table(pa.table(columns), directory / "predictions.parquet")
    return run


def answered(workspace: Workspace, run: Run, sort: str | None = None, filter: str | None = None, limit: int = 9) -> Any:
    return predictions.answer(workspace.store, run.id, sort, filter, limit)


def test_the_least_likely_truths_come_first_with_their_rows(workspace: Workspace, keep: Leave, cities: str) -> None:
    run = keep(1, dataset=cities, target="late", task="classification", classes=["no", "yes"])
    left(workspace, run, {
        "row": [0, 1, 3], "truth": ["yes", "no", "no"], "prediction": ["yes", "yes", "no"],
        "probability_no": [0.1, 0.25, 0.625], "probability_yes": [0.9, 0.75, 0.375],
    })  # fmt: skip
    found = answered(workspace, run)
    names = ["row", "truth", "prediction", "error", "probability_no", "probability_yes", "city", "row_1"]
    assert found.columns == names
    assert [(row[0], row[3], row[6]) for row in found.rows] == [
        (1, 0.75, "Rome"),
        (3, 0.375, "O'Hare"),
        (0, pytest.approx(0.1), "Oslo"),
    ]
    assert [row[6] for row in answered(workspace, run, sort="city").rows] == ["O'Hare", "Oslo", "Rome"]
    assert [row[6] for row in answered(workspace, run, filter="truth <> prediction").rows] == ["Rome"]
    cut = answered(workspace, run, limit=2)
    assert len(cut.rows) == 2 and cut.truncated


def test_classes_of_any_type_are_found_by_their_probabilities(workspace: Workspace, keep: Leave) -> None:
    for number, classes in enumerate(([False, True], [3, 7], ["it's", 'a "b"'])):
        run = keep(number + 1, task="classification", classes=classes, dataset="gone@1-abcd", target="late")
        left(workspace, run, {
            "row": [5, 6], "truth": [classes[1], classes[0]], "prediction": [classes[0], classes[0]],
            f"probability_{classes[0]}": [0.75, 0.75], f"probability_{classes[1]}": [0.25, 0.25],
        })  # fmt: skip
        found = answered(workspace, run)
        assert [row[3] for row in found.rows] == [0.75, 0.25] and found.rows[0][1] == classes[1]


def test_without_probabilities_the_error_is_what_there_is(workspace: Workspace, keep: Leave) -> None:
    own = {"row": [0, 1], "truth": ["a", "b"], "prediction": ["a", "a"]}
    run = keep(1, task="classification", classes=["a", "b"], dataset="gone@1-abcd")
    left(workspace, run, own | {"score_a": [1.5, 0.5], "score_b": [-1.5, -0.5]})
    assert [(row[0], row[3]) for row in answered(workspace, run).rows] == [(1, 1.0), (0, 0.0)]
    run = left(workspace, keep(2, task="classification", classes=["a", "b"], dataset="gone@1-abcd"), own)
    assert [(row[0], row[3]) for row in answered(workspace, run).rows] == [(1, 1.0), (0, 0.0)]


def test_numbers_are_off_by_so_much_and_anomalies_are_strange(workspace: Workspace, keep: Leave, cities: str) -> None:
    run = left(
        workspace,
        keep(1, task="regression", dataset=cities),
        {"row": [0, 1], "truth": [1.0, 5.0], "prediction": [2.0, 1.0]},
    )
    assert [(row[0], row[3], row[4]) for row in answered(workspace, run).rows] == [(1, 4.0, "Rome"), (0, 1.0, "Oslo")]
    run = left(
        workspace, keep(2, task="anomaly", dataset=cities), {"row": [0, 1], "prediction": [1, -1], "score": [-0.5, 0.5]}
    )
    found = answered(workspace, run)
    assert found.columns == ["row", "prediction", "score", "city", "row_1", "late"]
    assert [row[0] for row in found.rows] == [1, 0]


def test_a_column_of_the_data_that_is_called_like_a_score_does_not_stand_in_its_way(
    workspace: Workspace, keep: Leave, tmp_path: Path
) -> None:
    (tmp_path / "games.csv").write_text("Score,team\n0.5,A\n0.25,B\n")
    importing.run(workspace.store, "games", tmp_path / "games.csv", ImportOptions(), lambda *_: None)
    run = keep(1, dataset=datasets.find(workspace.store, "games").ref, task="anomaly")
    left(workspace, run, {"row": [0, 1], "prediction": [0, 1], "score": [0.125, 0.75]})
    found = answered(workspace, run)
    assert [(row[0], row[2], row[3]) for row in found.rows] == [(1, 0.75, 0.25), (0, 0.125, 0.5)]
    assert [row[0] for row in answered(workspace, run, filter="predictions.score < 0.5").rows] == [0]


def test_only_the_files_of_the_run_can_be_read_and_a_wrong_question_is_said(
    workspace: Workspace, keep: Leave, cities: str
) -> None:
    run = left(workspace, keep(1, task="regression", dataset=cities), {"row": [0], "truth": [1.0], "prediction": [2.0]})
    for filter in ("1 = (SELECT count(*) FROM read_text('/etc/passwd'))", "nothing = 1", "true) UNION SELECT (1"):
        with pytest.raises(BadOption):
            answered(workspace, run, filter=filter)
    for sort in ("nothing", ":desc"):
        with pytest.raises(BadOption):
            answered(workspace, run, sort=sort)


def test_a_run_without_predictions_says_so_through_the_action(workspace: Workspace, keep: Leave) -> None:
    with pytest.raises(NotFound, match=r"no artifact 'predictions.parquet'"):
        workspace.action("run predictions", run=keep(1).id)
    other = left(workspace, keep(2), {"mine": [1]})
    with pytest.raises(NotFound, match="is not what training leaves"):
        workspace.action("run predictions", run=other.id)
    with pytest.raises(BadOption, match="--limit"):
        workspace.action("run predictions", run=other.id, limit=0)


def test_the_action_answers_from_a_process_of_its_own(workspace: Workspace, keep: Leave, cities: str) -> None:
    run = left(workspace, keep(1, task="regression", dataset=cities), {"row": [2], "truth": [1.0], "prediction": [2.5]})
    found = workspace.action("run predictions", run=run.name, sort="truth", filter="city = 'Bergen'")
    assert found.columns[:4] == ["row", "truth", "prediction", "error"] and found.rows[0][3:5] == [1.5, "Bergen"]
