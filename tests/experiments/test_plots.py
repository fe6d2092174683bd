"""The plots of runs: from what training leaves, from what scripts log, and from what is neither."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.experiments.conftest import Leave

from cupola.errors import BadOption, Conflict, NotFound
from cupola.experiments import evidence, plots
from cupola.experiments.evidence import Cuts
from cupola.experiments.records import Run
from cupola.plots.records import Curves, Matrix
from cupola.workspace import Workspace

CUTS = {
    "split": "validation", "classes": ["no", "yes"], "thresholds": [0.0, 0.5, 1.0], "true": [10, 8, 0],
    "false": [30, 4, 0], "positives": 10, "negatives": 30,
}  # fmt: skip
CONFUSION = {"split": "validation", "classes": ["no", "yes"], "matrix": [[26, 4], [2, 8]]}


def left(workspace: Workspace, run: Run, **artifacts: Any) -> Run:
    """The run with these artifacts, as JSON."""
    directory = workspace.root / run.directory / "attempts" / "1" / "artifacts"
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in artifacts.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (directory / f"{name}.json").write_text(text)
    return run


def logged(workspace: Workspace, run: Run, *lines: tuple[Any, ...]) -> Run:
    """The run with these metrics: (name, step, value), and an error after them where there is one."""
    path = workspace.root / run.directory / "attempts" / "1" / "metrics.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    fields = ("name", "step", "value", "error")
    entries = ({"seq": seq} | dict(zip(fields, line, strict=False)) for seq, line in enumerate(lines, 1))
    path.write_text("".join(f"{json.dumps(one)}\n" for one in entries))
    return run


def test_the_splits_of_a_metric_share_a_plot_and_that_of_the_run_comes_first(workspace: Workspace, keep: Leave) -> None:
    lines = [(name, step, 1.0 / step) for name in ("loss", "train_mae", "validation_mae") for step in (1, 2, 3)]
    run = logged(workspace, keep(1, metric="validation_mae"), *lines, ("final", None, 0.5), ("once", 1, 0.5))
    found = workspace.action("run plot", run=run.id).plots
    assert [one.name for one in found] == ["mae", "loss"]
    assert [one.name for one in found[0].series] == ["validation", "train"]
    assert found[0].series[0].points == [(1.0, 1.0), (2.0, 0.5), (3.0, 1 / 3)]
    assert not found[0].series[0].low and not found[0].note


def test_a_curve_has_the_error_of_each_of_its_values_as_a_band(workspace: Workspace, keep: Leave) -> None:
    lines = [
        ("train_mae", 1, 1.0),
        ("train_mae", 2, 2.0),
        ("validation_mae", 1, 1.0, 0.5),
        ("validation_mae", 2, 2.0, 0.25),
    ]
    run = logged(workspace, keep(1), *lines)
    found = workspace.action("run plot", run=run.id, name="mae").plots[0]
    assert [(one.name, one.low, one.high) for one in found.series] == [
        ("validation", [0.5, 1.75], [1.5, 2.25]),
        ("train", [], []),
    ]
    assert "standard error" in found.note


def test_what_is_no_number_is_left_out_of_a_curve(workspace: Workspace, keep: Leave) -> None:
    run = logged(workspace, keep(1), ("loss", 1, 3.0), ("loss", 2, "NaN"), ("loss", 3, "Infinity"), ("loss", 4, 1.0))
    assert workspace.action("run plot", run=run.id, name="loss").plots[0].series[0].points == [(1, 3), (4, 1)]


def test_the_matrix_follows_the_threshold(workspace: Workspace, keep: Leave) -> None:
    run = left(workspace, keep(1), thresholds=CUTS, confusion=CONFUSION)
    own = workspace.action("run plot", run=run.id, name="confusion").plots[0]
    assert isinstance(own, Matrix) and own.counts == [[26, 4], [2, 8]]
    for threshold, counts in ((0.0, [[0, 30], [0, 10]]), (0.45, [[26, 4], [2, 8]]), (1.0, [[30, 0], [10, 0]])):
        moved = workspace.action("run plot", run=run.id, threshold=threshold).plots[0]
        assert moved.counts == counts
    assert "precision 0.6667, recall 0.8000, f1 0.7273, accuracy 0.8500" in evidence.at_threshold(Cuts(**CUTS), 1).note
    assert "precision" not in evidence.measures(Cuts(**CUTS), 2)
    with pytest.raises(BadOption, match="threshold 7"):
        workspace.action("run plot", run=run.id, threshold=7.0)
    with pytest.raises(BadOption, match="not for roc"):
        workspace.action("run plot", run=run.id, name="roc", threshold=0.5)
    with pytest.raises(NotFound, match="no thresholds"):
        workspace.action("run plot", run=keep(2).id, threshold=0.5)


def test_every_artifact_of_a_training_is_drawn(workspace: Workspace, keep: Leave) -> None:
    curve = {"class": "yes", "fpr": [0, 0.5, 1], "tpr": [0, 0.9, 1], "recall": [0, 1], "precision": [1, 0.5]}
    curve |= {"share": 0.25, "predicted": [0.1, 0.9], "observed": [0.2, 0.8], "low": [0.1, 0.7], "high": [0.3, 0.9]}
    several = {"split": "validation", "curves": [curve]}
    run = left(
        workspace, keep(1), confusion=CONFUSION, roc=several, pr=several, calibration=several,
        residuals={"pairs": [[1, 1.5], [2, 1]], "histogram": {"edges": [0, 1, 2], "counts": [1, 3]}},
        importance={"features": [{"feature": "b", "importance": 0.1}, {"feature": "a", "importance": 0.3}]},
        learning={"metric": "mae", "points": [{"rows": 10, "train": 1.0, "validation": 0.5, "validation_error": 0.1}]},
    )  # fmt: skip
    found = {one.name: one for one in workspace.action("run plot", run=run.id).plots}
    assert list(found) == [
        "confusion", "roc", "pr", "calibration", "residuals", "residuals-histogram", "importance", "learning",
    ]  # fmt: skip
    assert found["importance"].names == ["a", "b"]
    assert found["residuals"].series[0].points == [(1.5, 0.5), (1, -1)]
    assert found["pr"].series[1].points == [(0, 0.25), (1, 0.25)]
    assert found["learning"].series[0].low == [0.4]
    assert found["calibration"].series[0].high == [0.3, 0.9]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"matrix": 3}',
        '{"classes": ["a"], "matrix": [[1, 2]]}',
        '{"curves": [{"fpr": "x"}]}',
        "[" * 5000,
    ],
    ids=["empty", "torn", "list", "null", "no matrix", "not square", "texts", "deep"],
)
def test_what_a_script_has_left_under_the_same_name_is_passed_over(
    workspace: Workspace, keep: Leave, content: str
) -> None:
    run = left(workspace, keep(1), **dict.fromkeys([*evidence.ARTIFACTS, "thresholds"], content))
    assert workspace.action("run plot", run=run.id).plots == []
    assert plots.cuts(workspace.store, run) is None


def test_a_plot_is_saved_as_its_name_says_and_all_of_them_in_a_directory(
    workspace: Workspace, keep: Leave, tmp_path: Path
) -> None:
    steps = [(name, step, 1.0 * step) for name in ("a/b", "a b") for step in (1, 2)]
    run = logged(workspace, left(workspace, keep(1), confusion=CONFUSION), *steps)
    for suffix, begins in (("svg", b"<svg"), ("png", b"\x89PNG"), ("csv", b"true,predicted,rows\n")):
        target = tmp_path / f"one.{suffix}"
        said = workspace.action("run plot", run=run.id, name="confusion", save=target)
        assert said.saved == [str(target)] and target.read_bytes().startswith(begins)
    workspace.action("run plot", run=run.id, save=tmp_path / "all")
    names = {one.name for one in (tmp_path / "all").iterdir()}
    assert names == {f"{name}.{suffix}" for name in ("a_b", "a_b-2", "confusion") for suffix in ("svg", "png", "csv")}


def test_a_plot_replaces_nothing_and_leaves_nothing_half(workspace: Workspace, keep: Leave, tmp_path: Path) -> None:
    run = left(workspace, keep(1), confusion=CONFUSION)
    (tmp_path / "there.svg").write_text("mine")
    with pytest.raises(Conflict):
        workspace.action("run plot", run=run.id, name="confusion", save=tmp_path / "there.svg")
    for save, name in (
        (tmp_path / "one.gif", "confusion"),
        (workspace.root / "one.svg", "confusion"),
        (tmp_path / "x.svg", None),
    ):
        with pytest.raises(BadOption):
            workspace.action("run plot", run=run.id, name=name, save=save)
    with pytest.raises(NotFound, match="has no plot 'nothing'"):
        workspace.action("run plot", run=run.id, name="nothing", save=tmp_path / "x.svg")
    assert (tmp_path / "there.svg").read_text() == "mine"
    assert [one.name for one in tmp_path.iterdir() if one.suffix in (".svg", ".gif", ".part")] == ["there.svg"]


def test_the_artifacts_of_a_run_are_listed_with_their_sizes(workspace: Workspace, keep: Leave) -> None:
    run = left(workspace, keep(1), confusion="{}")
    inner = workspace.root / run.directory / "attempts" / "1" / "artifacts" / "model"
    inner.mkdir()
    (inner / "weights.bin").write_bytes(b"12345")
    (inner / "link").symlink_to("/etc/passwd")
    found = {one.name: one.bytes for one in workspace.action("run artifacts", run=run.id)}
    assert found == {"confusion.json": 2, "model/weights.bin": 5}
    assert workspace.action("run artifacts", run=keep(2).id) == []


def test_a_plot_reads_back_as_what_it_was(workspace: Workspace, keep: Leave) -> None:
    import msgspec

    from cupola.plots.records import Plot

    run = left(workspace, keep(1), confusion=CONFUSION)
    found = workspace.action("run plot", run=run.id).plots
    assert msgspec.json.decode(msgspec.json.encode(found), type=list[Plot]) == found
    assert not isinstance(found[0], Curves)


def test_the_plots_of_a_run_complete_their_name(workspace: Workspace, keep: Leave) -> None:
    from cupola import completion

    run = logged(workspace, left(workspace, keep(1), confusion=CONFUSION), ("loss", 1, 1.0), ("loss", 2, 0.5))
    assert completion.names(workspace.store, "plot", "", {"run": run.id}) == ["loss", "confusion"]
    assert completion.names(workspace.store, "plot", "c", {"run": run.name}) == ["confusion"]
    assert completion.names(workspace.store, "plot", "", {}) == []
