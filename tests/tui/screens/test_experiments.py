from tests.tui.double import Answers, runs

from cupola_tui.screens.experiments import artifacts, common_metrics, metrics, overview
from cupola_tui.screens.pane import Scene


def shown(lines: list[list[tuple[str, str]]]) -> str:
    return "\n".join("".join(text for text, _ in line) for line in lines)


def test_the_columns_are_the_metrics_that_runs_are_compared_by() -> None:
    assert common_metrics(runs())[:2] == ["validation_roc_auc", "validation_log_loss"]
    assert common_metrics([{"metrics": {"loss": 1.0}}]) == ["loss"]
    assert common_metrics([]) == []


def test_metrics_stand_with_their_errors_a_column_a_split() -> None:
    text = shown(metrics(Scene(runs()[1], {}, 90, 30)))
    assert "0.8440 ± 0.0041" in text and "train" in text and "—" in text


def test_the_curve_is_drawn_with_the_training_beside_the_validation() -> None:
    text = shown(overview(Scene(runs()[0], {"metrics": Answers().on_metrics("r")}, 60, 40)))
    assert (
        "validation_roc_auc" in text
        and "train_roc_auc" in text
        and any("\u2800" < letter < "\u2900" for letter in text)
    )


def test_a_confusion_matrix_says_how_much_of_each_class_is_right() -> None:
    answers = {
        "artifact": Answers().on_artifact("r", "confusion"),
        "importance": Answers().on_artifact("r", "importance"),
    }
    text = shown(artifacts(Scene(runs()[1], answers, 60, 40)))
    assert "2,890" in text and "93.2% right" in text and "carrier" in text


def test_residuals_are_drawn_with_their_spread() -> None:
    answer = {
        "split": "validation",
        "mean": 0.1,
        "quantiles": {"0.5": 0.02},
        "histogram": {"edges": [0, 1, 2], "counts": [1, 3]},
        "pairs": [[1.0, 1.5], [2.0, 1.0], [3.0, 3.2]],
    }
    text = shown(artifacts(Scene(runs()[1] | {"task": "regression"}, {"artifact": answer}, 60, 40)))
    assert "50% are below" in text and "▃█" in text


def test_a_run_that_has_nothing_yet_says_so() -> None:
    bare = {"id": "x", "status": "Queued"}
    for draw in (overview, metrics, artifacts):
        assert shown(draw(Scene(bare, {}, 40, 20))).strip()
