"""The fold of the journals of a tuning: the same for every reader, in whatever order it reads."""

from pathlib import Path
from typing import Any

import msgspec
import optuna
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as draw

from cupola.store import Store
from cupola.tuning import records, trials
from cupola.tuning.storage import WorkspaceStorage
from cupola.tuning.trials import COMPLETED, FAILED, LOST, RUNNING, WAITING, Fold, Line, Pen
from cupola.workspace import Workspace

OWNER, OTHER, THIRD = "a", "b", "c"
CATEGORIES = '{"name": "CategoricalDistribution", "attributes": {"choices": ["a", "b"]}}'


def fold(store: Store) -> Fold:
    return Fold(store, "tunings/t/trials")


def seen(one: Fold) -> Any:
    """What a reader makes of it, without what counts readings."""
    shown = []
    for number in one.numbers:
        trial = one.trials[number]
        shown.append((number, trial.owner, trial.state, trial.values, trial.steps, trial.user, trial.system, trial.why))
    return shown, one.user, one.system, one.ends


def lines() -> dict[str, list[Line]]:
    """What three writers say, each in its order: of a trial, of one that waits, of the tuning."""
    said = {
        OWNER: [
            Line(op="trial", trial=0, run="r0"),
            Line(op="step", trial=0, step=1, value=0.5),
            Line(op="attribute", trial=0, scope="user", name="k", text='"mine"'),
            Line(op="study", scope="user", name="k", text='"a"'),
            Line(op="state", trial=0, state=COMPLETED, values=[1.0]),
            Line(op="trial", trial=1, run="r1", state=WAITING),
        ],
        OTHER: [
            Line(op="state", trial=0, state=FAILED, why=LOST),
            Line(op="attribute", trial=0, scope="user", name="k", text='"theirs"'),
            Line(op="state", trial=1, state=RUNNING, run="r1"),
            Line(op="state", trial=1, state=COMPLETED, values=[2.0]),
            Line(op="study", scope="user", name="k", text='"b"'),
        ],
        THIRD: [
            Line(op="state", trial=0, state=FAILED, why="another reason"),
            Line(op="end", round=0, why="because"),
            Line(op="study", scope="user", name="k", text='"c"'),
        ],
    }
    for place, (_, some) in enumerate(said.items()):
        for number, line in enumerate(some):
            line.clock = 10 * number + place
            line.time = f"2026-01-01T00:00:{line.clock:02d}.000000Z"
    return said


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=draw.permutations([OWNER] * 6 + [OTHER] * 5 + [THIRD] * 3))
def test_every_reader_sees_the_same_in_whatever_order_the_writers_are_read(
    workspace: Workspace, order: list[str]
) -> None:
    plain = fold(workspace.store)
    for writer, some in lines().items():
        for line in some:
            plain.apply(writer, line)
    mixed, left = fold(workspace.store), {writer: iter(some) for writer, some in lines().items()}
    for writer in order:
        mixed.apply(writer, next(left[writer]))
    assert seen(mixed) == seen(plain)


def test_what_the_owner_says_late_goes_before_what_others_said_of_it(workspace: Workspace) -> None:
    one = fold(workspace.store)
    one.apply(OWNER, Line(op="trial", trial=0))
    one.apply(OTHER, Line(op="state", trial=0, state=FAILED, why=LOST, clock=9))
    assert (one.trials[0].state, one.trials[0].why) == (FAILED, LOST)
    one.apply(OWNER, Line(op="state", trial=0, state=COMPLETED, values=[0.5], clock=3))
    assert (one.trials[0].state, one.trials[0].values) == (COMPLETED, [0.5])
    one.apply(OTHER, Line(op="state", trial=0, state=FAILED, why=LOST, clock=12))
    assert one.trials[0].state == COMPLETED


def test_a_torn_or_foreign_line_is_passed_over(workspace: Workspace) -> None:
    store = workspace.store
    pen = Pen(fold(store), "a")
    pen.write(Line(op="trial", trial=0, run="r"))
    pen.journal.close()
    path = Path(store.root, "tunings/t/trials/a.jsonl")
    with path.open("ab") as file:
        file.write(b'{"op": 3}\n[1]\n{"op":"state","tri')
    read = trials.read(store, "tunings/t/trials")
    assert [read.trials[number].run for number in read.numbers] == ["r"]
    again = Pen(fold(store), "a")
    again.write(Line(op="state", trial=0, state=COMPLETED, values=[float("inf")]))  # type: ignore[list-item]
    again.journal.close()


def test_a_writer_that_is_done_is_read_no_more(workspace: Workspace) -> None:
    store = workspace.store
    reader = fold(store)
    pen = Pen(fold(store), "a")
    pen.write(Line(op="trial", trial=0))
    pen.close()
    reader.refresh()
    assert reader.numbers == [0]
    Path(store.root, "tunings/t/trials/a.jsonl").unlink()
    assert reader.refresh().numbers == [0]


HOSTILE = [
    {"op": "param", "trial": 0, "name": "x", "value": 1, "distribution": "no JSON"},
    {"op": "param", "trial": 0, "name": "x", "value": 7, "distribution": CATEGORIES},
    {"op": "param", "trial": 0, "name": "x", "value": -1, "distribution": CATEGORIES},
    {"op": "param", "trial": 0, "name": "x", "value": "NaN", "distribution": CATEGORIES},
    {"op": "param", "trial": 0, "name": "x", "value": 1, "distribution": '{"name": "Own", "attributes": {}}'},
    {"op": "state", "trial": 0, "state": "Completed", "values": ["many"]},
    {"op": "step", "trial": 0, "step": 1, "value": "\u001b[2J"},
    {"op": "trial", "trial": 1, "params": {"x": [0, "{}"]}},
    {"op": "attribute", "trial": 0, "scope": "user", "name": "cupola:errors", "text": "[" * 100_000},
    {"op": "study", "scope": "user", "name": "cupola:model", "text": "3"},
    {"op": "study", "scope": "system", "name": "study:metric_names", "text": "{"},
    {"op": "something new", "trial": 0},
]


def test_lines_that_somebody_has_made_up_hide_nothing(workspace: Workspace) -> None:
    study = optuna.create_study(study_name="mine", storage=WorkspaceStorage(workspace.store))
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    tuning = records.find(workspace.store, "mine")
    made_up = [msgspec.json.encode({"seq": place, "clock": 1} | line) for place, line in enumerate(HOSTILE, 1)]
    Path(workspace.root, tuning.journals, "made-up.jsonl").write_bytes(b"\n".join(made_up) + b"\n")
    again = optuna.load_study(study_name="mine", storage=WorkspaceStorage(workspace.store))
    assert [one.params for one in again.trials] == [one.params for one in study.trials]
    again.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    now = records.state(workspace.store, "mine")
    assert (now.completed, now.model, list(now.metrics)) == (3, None, ["value"])
    assert [one.state for one in records.table(workspace.store, tuning)] == [COMPLETED] * 3


def test_a_process_reads_on_in_what_it_has_read_and_others_at_once_read_for_themselves(workspace: Workspace) -> None:
    store, said = workspace.store, lines()
    pens = {writer: Pen(fold(store), writer) for writer in (OWNER, OTHER)}
    pens[OWNER].write(*said[OWNER])
    pens[OWNER].journal.flush()
    with trials.kept(store, fold(store).directory) as first:
        assert first.numbers == [0, 1]
        with trials.kept(store, first.directory) as second:
            assert second is not first and seen(second) == seen(first)
    pens[OTHER].fold.refresh(OTHER)
    pens[OTHER].write(*said[OTHER])
    pens[OTHER].journal.flush()
    with trials.kept(store, first.directory) as again:
        assert again is first, "only what is new was read"
        assert seen(again) == seen(trials.read(store, first.directory))
    with pytest.raises(ZeroDivisionError), trials.kept(store, first.directory) as broken:
        broken.trials.clear()
        1 / 0  # noqa: B018
    with trials.kept(store, first.directory) as whole:
        assert whole is not broken and seen(whole) == seen(trials.read(store, first.directory))


def test_a_process_keeps_the_trials_of_a_few_tunings(workspace: Workspace) -> None:
    for number in range(trials.KEPT + 3):
        with trials.kept(workspace.store, f"tunings/{number}/trials"):
            pass
    assert len(trials._kept) == trials.KEPT
