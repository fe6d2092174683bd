import json
import math
import os
import pickle
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.tracking.conftest import Script, only

import cupola
from cupola.errors import BadInput, BadName, BadOption, NotFound, NotReady, ReadOnly, Refused
from cupola.experiments import histories, records
from cupola.store import files
from cupola.store import records as store_records
from cupola.tracking import writer
from cupola.workspace import Workspace


@pytest.fixture(autouse=True)
def here(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace.root)


def test_a_block_is_a_run_with_what_was_logged_in_it(workspace: Workspace) -> None:
    with cupola.run("first", experiment="churn", params={"lr": 0.1}, tags=["draft"]) as run:
        assert os.environ["CUPOLA_RUN"].startswith(f"churn/{run.id}")
        run.log_params({"depth": 3, "layers": (64, 32), "device": Path("cuda")})
        run.log_metric("loss", 0.5, step=4)
        run.log_metrics({"loss": 0.25, "accuracy": True}, step=5)
        run.tag("better", "draft")
        run.note("the seed was lucky")
        run.log_dict({"labels": ["a", "b"]}, "labels.json")
        run.log_text("three lines", "notes.txt")
    assert "CUPOLA_RUN" not in os.environ
    found = only(workspace)
    assert (found.name, found.experiment, found.status) == ("first", "churn", "Completed")
    assert found.params == {"lr": 0.1, "depth": 3, "layers": [64, 32], "device": "cuda"}
    assert found.metrics == {"loss": 0.25, "accuracy": 1.0}
    assert (found.tags, found.notes) == (["draft", "better"], ["the seed was lucky"])
    assert found.started and found.ended and found.usage["seconds"] > 0
    assert found.environment["python"] and found.environment["packages"]["msgspec"]
    assert records.artifacts(workspace.store, found) == ["labels.json", "notes.txt"]
    path = files.absolute(workspace.store, records.artifact_path(workspace.store, found, "labels.json"))
    assert json.loads(path.read_text()) == {"labels": ["a", "b"]}
    logged = histories.of_run(workspace.store, found).logged
    assert [(one.name, one.value, one.step) for one in logged] == [
        ("loss", 0.5, 4),
        ("loss", 0.25, 5),
        ("accuracy", 1, 5),
    ]


def test_the_end_says_how_a_block_was_left(workspace: Workspace) -> None:
    with pytest.raises(ZeroDivisionError), cupola.run():
        raise ZeroDivisionError("no rows")
    with pytest.raises(KeyboardInterrupt), cupola.run():
        raise KeyboardInterrupt
    with pytest.raises(SystemExit), cupola.run():
        sys.exit(3)
    with pytest.raises(SystemExit), cupola.run():
        sys.exit(0)
    found = [(one.status, one.reason) for one in reversed(records.ls(workspace.store))]
    assert found == [
        ("Failed", "ZeroDivisionError: no rows"),
        ("Stopped", "it was interrupted from the keyboard"),
        ("Failed", "the script ended with exit status 3"),
        ("Completed", ""),
    ]


def test_steps_count_by_themselves_and_go_on_from_a_given_one() -> None:
    with cupola.run() as run:
        for step in (None, None, 10, None):
            run.log_metric("loss", 1, step=step)
        run.log_metric("other", 1, time=datetime(2026, 1, 2, tzinfo=UTC))
        run.log_metric("other", 1, time=0.5)
    logged = cupola.open(".").run.metrics(run.id)
    assert [one.step for one in logged if one.name == "loss"] == [0, 1, 10, 11]
    assert [one.time for one in logged if one.name == "other"] == [
        "2026-01-02T00:00:00.000000Z",
        "1970-01-01T00:00:00.500000Z",
    ]


def test_what_is_no_finite_number_is_kept_in_the_history_and_said_of_the_run(workspace: Workspace) -> None:
    with cupola.run() as run:
        for value in (0.5, math.nan, math.inf, -math.inf):
            run.log_metric("loss", value)
        run.log_metric("fine", 1)
    found = only(workspace)
    assert found.metrics == {"fine": 1.0}
    assert found.notes == ["loss is not a finite number from step 1 on"]
    logged = histories.of_run(workspace.store, found).logged
    assert [one.value for one in logged if one.name == "loss"] == [0.5, "NaN", "Infinity", "-Infinity"]
    for line in (workspace.root / found.directory / "attempts/1/metrics.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))


class Scalar:
    """A number in the way of NumPy and PyTorch."""

    def __float__(self) -> float:
        return 0.75


def test_numbers_of_all_kinds_are_metrics_and_all_else_is_told_so() -> None:
    with cupola.run() as run:
        run.log_metric("loss", Scalar())
        assert run.metrics["loss"] == 0.75
        for wrong in ("0.5", None, [1, 2], 10**400):
            with pytest.raises(BadInput, match="a number"):
                run.log_metric("loss", wrong)
        for step in (1.5, "three", math.nan):
            with pytest.raises(BadInput, match="whole number"):
                run.log_metric("loss", 1, step=step)  # type: ignore[arg-type]
        for name in ("", "a\nb", "x" * 251):
            with pytest.raises(BadName):
                run.log_metric(name, 1)
        with pytest.raises(BadName):
            run.log_text("out", "../out.txt")
        with pytest.raises(BadOption):
            run.tag("a, b")
    assert run.metrics == {"loss": 0.75}
    with pytest.raises(NotReady, match="has ended"):
        run.log_metric("loss", 1)
    with pytest.raises(BadOption):
        run.end("Perhaps")


def test_where_no_run_can_be_begun(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadName):
        cupola.run(experiment="../up")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotFound, match="not in a workspace"):
        cupola.run()
    monkeypatch.setenv("CUPOLA_WORKSPACE", str(workspace.root))
    cupola.run("by-variable").end()
    monkeypatch.delenv("CUPOLA_WORKSPACE")
    cupola.run("by-path", workspace=workspace.root).end()
    cupola.run("by-workspace", workspace=cupola.open(workspace.root)).end()
    assert {one.name for one in records.ls(workspace.store)} == {"by-variable", "by-path", "by-workspace"}


def test_a_viewer_begins_no_run(tmp_path: Path, workspace: Workspace) -> None:
    other = Workspace.init(tmp_path / "theirs")
    from cupola.store.names import who

    with (other.root / "workspace.toml").open("a") as file:
        file.write(f'{who()[0]} = "viewer"\n')
    with pytest.raises(Refused, match="needs a member"):
        cupola.run(workspace=other.root)


def test_a_workspace_that_one_may_not_write_says_so_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Workspace.init(tmp_path / "theirs")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # a root user may write everywhere
    with pytest.raises(ReadOnly, match="you may not write here"):
        cupola.run(workspace=other.root)


def test_artifacts_are_files_texts_and_figures(workspace: Workspace, tmp_path: Path) -> None:
    class Figure:
        def savefig(self, target: Any, format: str, **more: Any) -> None:
            target.write(format.encode())

    large = tmp_path / "weights.bin"
    large.write_bytes(os.urandom(1 << 20) * 17)
    small = tmp_path / "small.txt"
    small.write_text("before")
    with cupola.run() as run:
        run.log_artifact(large)
        run.log_artifact(small, "renamed.txt")
        small.write_text("after")
        run.log_figure(Figure(), "curve.png")
        with pytest.raises(BadInput, match="cannot be saved as"):
            run.log_figure(Figure(), "curve.xyz")
        with pytest.raises(BadInput, match="not a file"):
            run.log_artifact(tmp_path)
        with pytest.raises(BadInput, match="cannot be read"):
            run.log_artifact(tmp_path / "missing")
    found = only(workspace)
    assert records.artifacts(workspace.store, found) == ["curve.png", "renamed.txt", "weights.bin"]

    def content(name: str) -> bytes:
        return files.read_bytes(workspace.store, records.artifact_path(workspace.store, found, name))

    assert content("weights.bin") == large.read_bytes()
    assert (content("renamed.txt"), content("curve.png")) == (b"before", b"png")


def test_threads_log_into_one_run_without_losing_a_value(workspace: Workspace) -> None:
    with cupola.run() as run:

        def log(number: int) -> None:
            for step in range(500):
                run.log_metric(f"thread_{number}", step, step=step)

        threads = [threading.Thread(target=log, args=(number,)) for number in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    logged = histories.of_run(workspace.store, only(workspace)).logged
    for number in range(4):
        assert [one.step for one in logged if one.name == f"thread_{number}"] == list(range(500))
    assert [one.seq for one in logged] == list(range(1, 2001))


def test_a_run_is_seen_while_it_goes_on_and_flush_waits_for_the_disk(workspace: Workspace) -> None:
    run = cupola.run(params={"a": 1})
    run.log_metric("loss", 0.5)
    assert run.flush()
    found = only(workspace)
    assert (found.status, found.secondary_status, found.params) == ("InProgress", "Running", {"a": 1})
    assert [one.value for one in histories.of_run(workspace.store, found).logged] == [0.5]
    run.end("Stopped", "enough")
    run.end()
    assert (only(workspace).status, only(workspace).reason) == ("Stopped", "enough")
    assert run.flush()


def test_sent_to_another_process_it_is_this_run_joined() -> None:
    with cupola.run() as run:
        assert pickle.loads(pickle.dumps(run)) is run


def test_what_a_power_cut_leaves_of_a_short_run_is_no_run_and_check_moves_it_away(workspace: Workspace) -> None:
    for name in ("whole", "cut"):
        with cupola.run(name) as run:
            run.log_metric("loss", 1)
    directory = workspace.root / f"experiments/default/{run.id}"
    (directory / "run.json").write_bytes(b"")
    assert only(workspace).name == "whole"
    found = [(one.kind, one.path, one.repairable) for one in workspace.action("check").problems]
    assert found == [("leftover", f"experiments/default/{run.id}", True)]
    workspace.action("check", repair=True)
    assert not directory.exists() and only(workspace).name == "whole"


def test_a_record_that_was_written_before_is_replaced_durably(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "BETWEEN", 600.0)  # nothing is written but at a flush and at an end
    synced: list[bool] = []
    write = store_records.write_bytes
    monkeypatch.setattr(
        store_records, "write_bytes", lambda *given, durable: (synced.append(durable), write(*given, durable=durable))
    )
    cupola.run().end()
    with cupola.run() as run:
        assert run.flush()
    assert synced == [False, True, True]


def test_runs_lie_in_each_other_without_mixing(workspace: Workspace) -> None:
    with cupola.run("outer") as outer:
        with cupola.run("inner") as inner:
            inner.log_metric("loss", 1)
        assert os.environ["CUPOLA_RUN"].startswith(f"default/{outer.id}")
        outer.log_metric("loss", 2)
    assert {one.name: one.metrics["loss"] for one in records.ls(workspace.store)} == {"outer": 2, "inner": 1}


def test_the_code_is_that_of_the_repository_of_the_script(workspace: Workspace, script: Script) -> None:
    git = ["git", "-c", "user.name=ana", "-c", "user.email=ana@example.org", "-C", str(workspace.root)]
    (workspace.root / "model.py").write_text("depth = 3\n")
    for words in (["init", "-q"], ["add", "model.py"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    (workspace.root / "model.py").write_text("depth = 4\n")
    done = script("import cupola\nwith cupola.run(): pass\n")
    assert done.returncode == 0, done.stderr
    found = only(workspace)
    assert found.code.commit and found.code.dirty and found.code.patch
    assert b"+depth = 4" in files.read_bytes(workspace.store, f"{found.directory}/{found.code.patch}")
    assert found.environment["script"] == "train.py"
