import json
import math
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.experiments.conftest import Leave

from cupola.experiments import histories
from cupola.experiments.histories import Logged
from cupola.store import journals
from cupola.workspace import Workspace

VALUES = st.one_of(st.floats(-1e6, 1e6), st.sampled_from(["NaN", "Infinity", "-Infinity"]))


@given(st.lists(VALUES, min_size=1, max_size=400), st.integers(4, 50))
def test_a_thinned_history_has_the_extremes_the_first_and_the_last(values: list[float | str], most: int) -> None:
    points = [Logged(name="loss", value=value, step=step) for step, value in enumerate(values)]
    kept = histories.thin(points, most)
    assert len(kept) <= most
    assert [one.step for one in kept] == sorted(one.step or 0 for one in kept)
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    numbers = [one.number for one in points if not math.isnan(one.number)]
    if numbers:
        found = [one.number for one in kept if not math.isnan(one.number)]
        assert (min(found), max(found)) == (min(numbers), max(numbers))


def test_each_metric_and_each_process_is_thinned_apart_and_in_the_order_of_its_steps() -> None:
    points = [Logged(name=name, value=step, step=step, process=process) for step in range(100, 0, -1)
              for name in ("a", "b") for process in ("", "rank1")]  # fmt: skip
    kept = histories.thin(points, 10)
    for name in ("a", "b"):
        for process in ("", "rank1"):
            steps = [one.step for one in kept if (one.name, one.process) == (name, process)]
            assert steps == sorted(steps, key=lambda step: step or 0) and {1, 100} <= set(steps) and len(steps) <= 10
    mixed = [Logged(name="a", value=1, process="rank2"), Logged(name="b", value=1, process="rank1"),
             Logged(name="a", value=2)]  # fmt: skip
    assert [(one.name, one.process) for one in histories.of_one_process(mixed)] == [("b", "rank1"), ("a", "")]


def test_reading_goes_on_where_it_stopped_and_believes_no_torn_line(workspace: Workspace, keep: Leave) -> None:
    run = keep(1)
    directory = f"{run.directory}/attempts/1"
    path = workspace.root / directory / "metrics.jsonl"
    with journals.Appender(workspace.store, f"{directory}/metrics.jsonl") as metrics:
        metrics.append({"name": "loss", "value": 0.5, "step": 1}, durable=True)
    history = histories.of_run(workspace.store, run)
    assert [one.value for one in history.logged] == [0.5]
    lines = [json.dumps({"seq": seq, "time": "", "name": "loss", "value": seq}) for seq in (2, 2, 3)]
    append(path, "\n".join(lines)[:-3])
    history.refresh()
    assert [one.value for one in history.logged] == [0.5, 2], "the line that is not whole yet waits, and 2 comes once"
    append(path, ' 3}\n{"seq": 4, "na\nnull\n{"seq": 5, "time": "", "name": "loss", "value": null}\n')
    append(path, '{"seq": 6, "time": "", "name": "loss", "value": "NaN", "step": 9, "more": [1]}\n')
    append(path, '{"seq": 7, "time": "", "name": "loss", "value": "high"}\n')
    history.refresh().refresh()
    assert [one.value for one in history.logged][3:] == ["NaN"]
    assert history.logged[3].step == 9 and math.isnan(history.logged[3].number)
    assert b"NaN" in msgspec.json.encode(history.logged[3])


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_long_histories_are_listed_thin(workspace: Workspace, keep: Leave) -> None:
    run = keep(1)
    lines = [
        {"seq": step + 1, "time": "", "name": "loss", "value": 1 / (step + 1), "step": step} for step in range(5000)
    ]
    path = workspace.root / run.directory / "attempts/1/metrics.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    assert len(workspace.action("run metrics", run=run.id)) == 5000
    thin = workspace.action("run metrics", run=run.id, points=100)
    assert len(thin) <= 100 and (thin[0].step, thin[-1].step) == (0, 4999)
    from cupola import details
    from cupola.errors import BadOption

    assert len(details.metrics(workspace, run.id)["entries"]) <= details.PLOTTED
    with pytest.raises(BadOption):
        workspace.action("run metrics", run=run.id, points=1)
