"""Optuna's studies: what its own reader finds there is found here, through the workspace's storage."""

import json
import random
import sqlite3
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

import cupola.importing.optuna as reader
from cupola.errors import BadInput
from cupola.tuning.storage import WorkspaceStorage
from cupola.workspace import Workspace

from .conftest import bring, history, runs


def theirs(path: Path) -> Any:
    if path.suffix == ".db":
        return RDBStorage(f"sqlite:///{path}")
    return JournalStorage(JournalFileBackend(str(path)))


def facts(trial: Any) -> dict[str, Any]:
    """All that Optuna knows of a trial; one that was under way is kept as one that has failed."""
    state = TrialState.FAIL if trial.state == TrialState.RUNNING else trial.state
    steps = {step: str(value) for step, value in trial.intermediate_values.items()}
    return {
        "number": trial.number, "state": state, "values": trial.values, "params": trial.params,
        "distributions": trial.distributions, "steps": steps, "user": trial.user_attrs, "system": trial.system_attrs,
        "started": trial.datetime_start, "ended": trial.datetime_complete,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["studies.log", "studies.db"])
def test_a_study_is_read_from_here_as_from_there(workspace: Workspace, kept: Path, name: str) -> None:
    before = (kept / name).read_bytes()
    done = bring(workspace, reader, kept / name)
    assert (done.tunings, done.runs, done.experiments) == (3, 28, 2)
    assert [one.what for one in done.skipped] == ["study depth of trees: trial 20"]
    assert (kept / name).read_bytes() == before
    for study in ("depth of trees", "front", "empty"):
        there = optuna.load_study(study_name=study, storage=theirs(kept / name))
        here = optuna.load_study(study_name=study, storage=WorkspaceStorage(workspace.store))
        assert [facts(one) for one in here.trials] == [facts(one) for one in there.trials]
        assert here.directions == there.directions and here.user_attrs == there.user_attrs
        assert here.metric_names == there.metric_names
    assert workspace.action("check").ok


def test_a_database_of_an_old_optuna_is_read_and_stays_as_it_is(workspace: Workspace, kept: Path) -> None:
    before = (kept / "old.db").read_bytes()
    with pytest.raises(RuntimeError, match="no longer compatible"):
        theirs(kept / "old.db")
    (kept / "old.db").write_bytes(before)  # their reader has written a note on it
    done = bring(workspace, reader, kept / "old.db")
    assert (done.tunings, done.runs, done.skipped) == (1, 8, [])
    assert (kept / "old.db").read_bytes() == before
    study = optuna.load_study(study_name="old", storage=WorkspaceStorage(workspace.store))
    assert study.best_value == max(trial.params["x"] for trial in study.trials)
    assert study.trials[0].user_attrs == {"note": {"a": 1}} and len(study.trials[0].distributions) == 4


def test_trials_are_runs_of_a_tuning(workspace: Workspace, kept: Path) -> None:
    bring(workspace, reader, kept / "studies.log")
    state = workspace.action("tuning show", tuning="depth of trees")
    assert (state.status, state.trials, state.objectives, state.failed) == ("Completed", 22, ["f1"], 2)
    there = optuna.load_study(study_name="depth of trees", storage=theirs(kept / "studies.log"))
    assert state.metrics == {"f1": there.best_value} and state.best_params == there.best_params
    found = runs(workspace)
    odd = found["depth of trees-7"]
    assert history(workspace, odd)["f1"][1:] == [(1, "inf"), (2, "nan")] and odd.metric == "f1"
    assert (found["depth of trees-5"].status, found["depth of trees-21"].secondary_status) == ("Failed", "Waiting")
    assert found["depth of trees-20"].reason == "it was under way when it was imported"
    assert found["front-0"].metrics.keys() == {"value_0", "value_1"}
    best = workspace.action("tuning show", tuning="front")
    assert len(best.front) == len(
        optuna.load_study(study_name="front", storage=theirs(kept / "studies.log")).best_trials
    )


def test_a_study_comes_once_and_one_of_the_same_name_beside_it(workspace: Workspace, kept: Path) -> None:
    bring(workspace, reader, kept / "studies.log")
    again = bring(workspace, reader, kept / "studies.log")
    assert (again.runs, again.tunings) == (0, 0) and {one.why for one in again.skipped} == {"it is here already"}
    bring(workspace, reader, kept / "studies.db")
    names = [one.name for one in workspace.action("tuning ls")]
    assert len(names) == 5 and len(set(names)) == 5  # an empty study is the same everywhere


def test_an_import_that_was_interrupted_goes_on(
    workspace: Workspace, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, left = reader._Study._bring, iter(range(9))

    def interrupted(*given: Any) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        write(*given)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(reader._Study, "_bring", interrupted)
        bring(workspace, reader, kept / "studies.log")
    assert len(workspace.action("run ls")) == 9 and workspace.action("tuning ls") == []
    done = bring(workspace, reader, kept / "studies.log")
    assert (done.runs, done.tunings) == (19, 3)
    assert workspace.action("check").ok


def test_lines_of_a_journal_that_are_none_are_named(workspace: Workspace, kept: Path) -> None:
    lines = (kept / "studies.log").read_text().splitlines(keepends=True)
    bad = [
        "nonsense\n",
        '{"op_code": 99}\n',
        '{"op_code": 4, "study_id": []}\n',
        "[" * 9000 + "\n",
        '{"op_code": 0}\n',
        "7\n",
    ]
    (kept / "studies.log").write_text("".join([*lines[:20], *bad, *lines[20:]]) + lines[-1][:10])
    done = bring(workspace, reader, kept / "studies.log")
    assert (done.tunings, done.runs) == (3, 28)
    assert {one.what for one in done.skipped} >= {f"line {number}" for number in range(21, 27)} | {
        f"line {len(lines) + 7}"
    }


def test_odd_facts_in_a_journal_end_no_import(kept: Path, tmp_path: Path) -> None:
    draw = random.Random(5)
    whole = [json.loads(line) for line in (kept / "studies.log").read_text().splitlines()]
    odd: list[Any] = [None, [], {}, "x", "\ud800", -1, 2**70, 1e300, float("nan"), True, [[None]], {"a": [1]}]
    for number in range(10):
        lines = json.loads(json.dumps(whole))
        for one in draw.sample(lines, 12):
            one[draw.choice(list(one))] = draw.choice(odd)
        (kept / "studies.log").write_text("".join(json.dumps(one) + "\n" for one in lines))
        opened = Workspace.init(tmp_path / f"at{number}")
        try:
            done = bring(opened, reader, kept / "studies.log")
        except BadInput:
            continue
        assert done.tunings == len(opened.action("tuning ls"))
        trials = [opened.action("tuning trials", tuning=one.tuning) for one in opened.action("tuning ls")]
        assert sum(map(len, trials)) == done.runs


def test_many_things_that_do_not_come_are_counted(workspace: Workspace, kept: Path) -> None:
    with (kept / "studies.log").open("a") as file:
        file.write("nonsense\n" * 3000)
    done = bring(workspace, reader, kept / "studies.log")
    assert (len(done.skipped), done.unnamed, done.runs) == (1000, 2000 + 1, 28)


def test_no_damage_ends_an_import(kept: Path, tmp_path: Path) -> None:
    draw = random.Random(7)
    for name, least in (("studies.log", 0), ("studies.db", 100)):
        whole = (kept / name).read_bytes()
        for number in range(8):
            damaged = bytearray(whole[: draw.randrange(least + 1, len(whole))] if number % 2 else whole)
            for _ in range(draw.randrange(1, 40)):
                damaged[draw.randrange(least, len(damaged))] ^= 1 << draw.randrange(8)
            (kept / name).write_bytes(damaged)
            try:
                done = bring(Workspace.init(tmp_path / f"{name}{number}"), reader, kept / name)
            except BadInput:
                continue
            assert done.tunings or done.skipped


def test_hostile_facts_of_a_trial_are_named(workspace: Workspace, kept: Path) -> None:
    with sqlite3.connect(kept / "studies.db") as lines:
        lines.execute("update trial_params set distribution_json = '[1' where trial_id = 3")
        lines.execute("update trial_params set param_value = 1e308 where trial_id = 5")
        lines.execute("update trials set number = null where trial_id = 7")
        lines.execute("update trials set number = 10 where trial_id = 9")
        lines.execute("update studies set study_name = ? where study_name = 'front'", ("../../\x1b[31m\nred",))
    lines.close()
    done = bring(workspace, reader, kept / "studies.db")
    assert (done.tunings, done.runs) == (3, 24)
    said = {one.what for one in done.skipped}
    assert said >= {f"study depth of trees: trial {one}" for one in ("of id 3", "of id 5", "None", "10")}
    assert workspace.action("check").ok


@pytest.mark.parametrize("content", [b"", b"nothing", b"SQLite format 3\0" + b"\0" * 100, json.dumps([1]).encode()])
def test_what_is_none_of_optunas_is_refused(workspace: Workspace, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(BadInput):
        bring(workspace, reader, tmp_path / "file")
