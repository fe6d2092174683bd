"""W&B's offline runs: all that their logs say of configuration, history, summary and tags, and what does not come."""

import random
import shutil
from pathlib import Path

import pytest

from cupola.errors import BadInput
from cupola.importing import wandb
from cupola.workspace import Workspace

from .conftest import bring, history, runs

INF = "inf"


def test_a_run_has_all_that_its_log_says(workspace: Workspace, kept: Path) -> None:
    done = bring(workspace, wandb, kept / "wandb")
    assert (done.experiments, done.runs, done.models) == (1, 4, 0)
    run = runs(workspace)["first good one"]
    assert (run.experiment, run.status, run.tags) == (
        "fares",
        "Completed",
        ["base", "v2", "group=night", "job_type=train"],
    )
    assert run.params == {
        "lr": 0.1, "layers": [64, 32], "optimizer": {"name": "adam", "eps": 1e-8}, "none": None,
    }  # fmt: skip
    assert run.environment["imported"] == {
        "from": "W&B", "id": "abcd1234", "project": "fares", "entity": "team", "host": "host",
    }  # fmt: skip
    assert "the seed was lucky" in run.notes and "loss is not a finite number from step 7 on" in run.notes
    logged = history(workspace, run)
    assert logged["loss"] == [
        *((step, str(1 / (step + 1))) for step in range(5)), (7, "nan"), (9, INF), (10, f"-{INF}"),
    ]  # fmt: skip
    assert logged["validation.by.class"] == [(7, "2.0")] and logged["flag"] == [(9, "1.0")]
    assert not any(name.startswith(("table", "word", "_")) for name in logged)
    assert (run.metrics["best"], run.metrics["accuracy.max"], run.metrics["accuracy"]) == (0.25, 0.9, 0.6)
    assert "loss" not in run.metrics
    assert run.started and run.ended and run.started < run.ended and run.started == run.submitted
    [table] = workspace.root.glob(f"{run.directory}/attempts/1/artifacts/media/table/*.json")
    assert b'"a"' in table.read_bytes() and done.artifacts == 1
    said = {one.what: one.why for one in done.skipped}
    assert any("artifacts" in what and "weights, a model" in what for what in said)
    assert any(what.startswith("run first good one: texts (word") for what in said)
    assert any("table-file" in what for what in said)


def test_how_runs_ended_is_known_and_parts_of_one_are_one(workspace: Workspace, kept: Path) -> None:
    done = bring(workspace, wandb, kept / "wandb")
    found = runs(workspace)
    assert (found["failed01"].status, found["failed01"].reason) == ("Failed", "its script ended with exit status 1")
    killed = found["killed01"]
    assert (killed.status, killed.secondary_status) == ("Failed", "Interrupted")
    assert len(history(workspace, killed)["loss"]) == 25
    assert any("its writer was killed" in one.why for one in done.skipped if "killed01" in one.what)
    resumed = found["resumed1"]
    assert history(workspace, resumed)["loss"] == [(step, str(10.0 - step)) for step in range(6)]
    assert resumed.params == {"part": "resumed"}


@pytest.mark.parametrize("place", ["", "wandb", "wandb/offline-run-*-abcd1234", "wandb/offline-run-*-abcd1234/*.wandb"])
def test_it_is_found_from_wherever_one_points_and_comes_once(workspace: Workspace, kept: Path, place: str) -> None:
    [path] = kept.glob(place) if "*" in place else [kept / place]
    first = bring(workspace, wandb, path)
    again = bring(workspace, wandb, kept / "wandb")
    assert first.runs == (1 if "*" in place else 4) and first.runs + again.runs == 4
    assert [one.why for one in again.skipped].count("it is here already") == first.runs
    assert len(workspace.action("run ls")) == 4
    assert workspace.action("check").ok


def test_files_that_are_symlinks_are_named_and_stay(workspace: Workspace, kept: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("mine alone")
    [files] = kept.glob("wandb/*-abcd1234/files")
    (files / "model.bin").symlink_to(tmp_path / "secret")
    (files / "all").symlink_to("/etc")
    done = bring(workspace, wandb, kept / "wandb")
    assert {"run first good one: model.bin"} <= {one.what for one in done.skipped}
    assert {path.name for path in workspace.root.rglob("artifacts/*")} == {"media"}


def test_a_damaged_log_gives_what_can_be_read(workspace: Workspace, kept: Path) -> None:
    [log] = kept.glob("wandb/*-abcd1234/*.wandb")
    whole = log.read_bytes()
    log.write_bytes(whole[: len(whole) * 2 // 3])
    done = bring(workspace, wandb, log)
    assert done.runs == 1 and 0 < done.metrics < 28
    run = runs(workspace)["first good one"]
    assert run.secondary_status == "Interrupted" and run.params["lr"] == 0.1


def test_no_damage_ends_an_import(workspace: Workspace, kept: Path, tmp_path: Path) -> None:
    [log] = kept.glob("wandb/*-abcd1234/*.wandb")
    whole, draw = log.read_bytes(), random.Random(7)
    for number in range(30):
        damaged = bytearray(whole[: draw.randrange(len(whole))] if number % 2 else whole)
        for _ in range(draw.randrange(8)):
            damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
        log.write_bytes(damaged)
        try:
            done = bring(Workspace.init(tmp_path / f"at{number}"), wandb, log)
        except BadInput:
            continue
        assert done.runs == 1 or done.skipped


def test_what_holds_no_runs_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "wandb").mkdir()
    with pytest.raises(BadInput, match="no offline runs"):
        bring(workspace, wandb, tmp_path / "wandb")
    (tmp_path / "wandb" / "run-x.wandb").write_bytes(b"PK\3\4 something else")
    done = bring(workspace, wandb, tmp_path)
    assert [one.why for one in done.skipped] == ["it is no file of W&B's"] and done.runs == 0
    shutil.rmtree(tmp_path / "wandb")
