from tests.tui.double import Answers
from tests.tui.examples import runs

from cupola_tui.screens.experiments import common_metrics, files, metrics, overview
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


def test_metrics_of_several_splits_stand_below_each_other_where_there_is_no_room_beside() -> None:
    values = {f"{split}_roc_auc": 0.70412 for split in ("train", "validation", "test")} | {"seconds": 8.5}
    run = {"id": "x", "metrics": values, "metric_errors": dict.fromkeys(values, 0.0041)}
    text = shown(metrics(Scene(run, {}, 44, 30)))
    assert text.count("0.7041 ± 0.0041") == 3 and text.count("seconds") == 1
    assert max(map(len, text.splitlines())) <= 44


def test_metrics_of_no_split_are_shown_however_long_their_names_are() -> None:
    text = shown(metrics(Scene({"id": "x", "metrics": {"z" * 200: 0.25, "loss": 0.5}}, {}, 44, 30)))
    assert "zz… " in text and "0.25" in text and "loss" in text and max(map(len, text.splitlines())) <= 44


def test_the_curve_is_drawn_with_the_training_beside_the_validation() -> None:
    text = shown(overview(Scene(runs()[0], {"metrics": Answers().on_metrics("r")}, 60, 40)))
    assert (
        "validation_roc_auc" in text
        and "train_roc_auc" in text
        and any("\u2800" < letter < "\u2900" for letter in text)
    )


def test_what_it_ran_with_and_what_it_took_stand_below_the_parameters() -> None:
    job = {"cpus": 2, "memory": 2_000_000_000, "usage": {"wall_seconds": 9.0, "cpu_seconds": 12.0}}
    run = runs()[1] | {"usage": {"cpu_seconds": 8.25, "peak_memory": 310_000_000}}
    text = shown(overview(Scene(run, {"job": job}, 60, 40)))
    for said in (
        "CPUs          2",
        "memory limit  2.0 GB",
        "CPU time      8.2s",
        "most memory   310 MB",
        "job took      9.0s",
    ):
        assert said in text
    for said in ("carrier", "1f9c3a7", "scikit-learn  1.9.1"):
        assert said in text


def test_a_run_that_has_nothing_yet_says_so() -> None:
    bare = {"id": "x", "status": "Queued"}
    for draw in (overview, metrics, files):
        assert shown(draw(Scene(bare, {}, 40, 20))).strip()


def test_only_a_note_that_warns_has_a_warning_sign() -> None:
    run = runs()[1] | {"notes": ["left out: id", "warning: the classes are too small"]}
    text = shown(overview(Scene(run, {}, 90, 40)))
    assert " · left out: id" in text and " ⚠ the classes are too small" in text
