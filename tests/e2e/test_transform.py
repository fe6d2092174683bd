"""A batch transform that is killed in the middle goes on where it was, and its output is that of one left alone."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.waiting import until

import cupola
from cupola import api
from cupola.agent import stopping

ROWS = 50_000  # of which one by one takes far longer than from one note of its place to the next


@pytest.fixture
def ws(home: Path) -> Iterator[api.Workspace]:
    made = cupola.init(home / "ws")
    lines = [f"{n},{n * 37 % 900},{'UA' if n % 3 else 'DL'},{n * 37 % 900 > 400}" for n in range(ROWS)]
    (home / "rows.csv").write_text("\n".join(["id,distance,carrier,late", *lines]) + "\n")
    made.dataset.import_(home / "rows.csv", name="flights", target="late", role={"id": "id"})
    made.train(dataset="flights", estimator="DecisionTreeClassifier", register="late").wait(180)
    yield made
    stopping.stop(jobs=True)


def kill(ws: api.Workspace, job: str) -> None:
    """Kills what does the work of a job, and leaves its keeper be."""
    (started,) = ws.root.glob(f"jobs/*/{job}/attempts/1/started.json")
    keeper = json.loads(started.read_bytes())["keeper"]["pid"]
    for process in psutil.Process(keeper).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended with the one before it
            process.kill()


@pytest.mark.timeout(900)
def test_a_transform_that_is_killed_goes_on_where_it_was(ws: api.Workspace, home: Path) -> None:
    whole = ws.transform("late@1", home / "rows.csv", home / "whole.csv").wait(180)
    assert (whole.rows, whole.output) == (ROWS, str(home / "whole.csv"))
    slow = ws.transform("late@1", home / "rows.csv", home / "torn.csv", strategy="SingleRecord", cpus=1)
    until(lambda: list(ws.root.glob(f"jobs/*/{slow.job}/attempts/1/checkpoints/state.json")), "a note of its place")
    kill(ws, slow.job)
    until(lambda: ws.job.show(slow.job).status == "Failed", "its end")
    assert not (home / "torn.csv").exists()
    assert len(list(home.glob(".torn.csv.*.part"))) == 1
    ws.job.retry(slow.job)
    ended = ws.job.wait(slow.job, timeout="600s")  # on a busy machine one by one takes minutes
    assert (ended.status, ended.output["rows"]) == ("Completed", ROWS)
    assert (home / "torn.csv").read_bytes() == (home / "whole.csv").read_bytes()
    assert not list(home.glob(".torn.csv.*.part"))
