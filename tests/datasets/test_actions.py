"""What a user does with datasets, through the real agent and the real processes."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from cupola import actions
from cupola.datasets import importing
from cupola.datasets.records import ImportOptions
from cupola.errors import BadInput, BadName, BadOption, CupolaError, NotFound
from cupola.jobs import records as jobs
from cupola.workspace import Workspace

Do = Callable[..., Any]


@pytest.fixture
def ws(home: Path, tmp_path: Path) -> Workspace:
    (tmp_path / "cities.csv").write_text("city,n,late\nOslo,1,true\nBergen,NA,false\nOslo,3,true\n")
    return Workspace.init(tmp_path / "workspace", "test")


@pytest.fixture
def do(ws: Workspace) -> Do:
    return lambda verb, **arguments: actions.run(ws, f"dataset {verb}", **arguments)


@pytest.fixture
def source(tmp_path: Path) -> str:
    return str(tmp_path / "cities.csv")


def test_from_a_file_to_an_export_and_back(do: Do, ws: Workspace, source: str, tmp_path: Path) -> None:
    told: list[Any] = []
    token = jobs.on_progress.set(told.append)
    try:
        made = do("import", source=source, name="cities", target="late", role={"city": "group"}, missing=["NA"])
    finally:
        jobs.on_progress.reset(token)
    assert [one.status for one in told][-1] == "Completed"
    assert (made.dataset, made.name, made.version, made.rows, made.target) == ("cities", "cities", 1, 3, "late")
    assert [(one.name, one.type, one.role, one.missing) for one in made.columns] == [
        ("city", "category", "group", 0), ("n", "integer", "feature", 1), ("late", "boolean", "target", 0),
    ]  # fmt: skip
    assert do("import", source=source, name="cities", target="late", role={"city": "group"}, missing=["NA"]) == made
    assert do("ls") == [do("show", dataset="cities")] == [made]

    assert do("preview", dataset="cities", limit=2).rows == [["Oslo", 1, True], ["Bergen", None, False]]
    assert do("preview", dataset="cities", sort="n:desc", filter="late").rows == [["Oslo", 3, True], ["Oslo", 1, True]]
    assert [one.distinct for one in do("profile", dataset="cities").columns] == [2, 2, 2]
    answer = do("sql", query="SELECT city, count(*) AS k FROM cities GROUP BY city ORDER BY k", limit=1)
    assert (answer.rows, answer.truncated) == ([["Bergen", 1]], True)

    for suffix in ("csv", "jsonl", "parquet"):
        path = tmp_path / f"out.{suffix}"
        written = do("export", dataset="cities", path=str(path))
        assert (written.format, written.rows, written.bytes) == (suffix, 3, path.stat().st_size)
        again = do("import", source=str(path), name=suffix)
        assert [one.type for one in again.columns] == [one.type for one in made.columns]
        assert do("preview", dataset=suffix).rows == do("preview", dataset="cities").rows
    assert (tmp_path / "out.csv").read_text().splitlines()[2] == '"Bergen",,false'
    assert pq.read_table(tmp_path / "out.parquet").num_rows == 3
    with pytest.raises(BadInput, match="stands there"):
        do("export", dataset="cities", path=str(tmp_path / "out.csv"))
    with pytest.raises(BadOption, match="does not say what to write"):
        do("export", dataset="cities", path=str(tmp_path / "out"))
    with pytest.raises(CupolaError):
        do("export", dataset="cities", path=str(tmp_path / "nowhere" / "out.csv"))

    assert (
        do("set", dataset="cities", target="n", role={"late": "ignore"}, description="towns", tag=["a"]).target == "n"
    )
    shown = do("show", dataset="cities@1")
    assert (shown.description, shown.tags, shown.columns[2].role) == ("towns", ["a"], "ignore")
    with pytest.raises(BadOption, match="'z', which is not there"):
        do("set", dataset="cities", target="z")

    do("import", source=source, name="cities")
    with pytest.raises(BadOption, match="has 2 versions"):
        do("rm", dataset="cities")
    assert do("rm", dataset="cities@2", dry_run=True).removed == do("rm", dataset="cities@2").removed
    assert do("show", dataset="cities").version == 1
    gone = do("rm", dataset="cities", all=True)
    with pytest.raises(NotFound):
        do("show", dataset="cities")
    assert do("restore", trash=gone.trash).path == "datasets/cities"
    assert do("show", dataset="cities") == shown


def test_what_goes_wrong_in_the_job_is_the_answer(do: Do, ws: Workspace, source: str) -> None:
    with pytest.raises(BadInput, match="names the column 'z', which is not there"):
        do("import", source=source, name="cities", target="z")
    Path(source).write_text("a,b\n1,2\n1\n")
    with pytest.raises(BadInput, match="line 3, column 2: the line has 1 field"):
        do("import", source=source, name="cities")
    assert do("ls") == [] and not (ws.root / "datasets").exists()


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        ({"name": "../x"}, BadName),
        ({"name": ".hidden"}, BadName),
        ({"role": {"city": "boss"}}, BadOption),
        ({"type": {"city": "string"}}, BadOption),
        ({"target": "n", "role": {"n": "ignore"}}, BadOption),
        ({"target": "n", "role": {"city": "target"}}, BadOption),
        ({"source": "/nowhere/at/all.csv"}, BadInput),
        ({"source": "/tmp"}, BadInput),
        ({"source": "/dev/null"}, BadInput),
    ],
)
def test_what_can_be_known_at_once_files_no_job(
    do: Do, ws: Workspace, source: str, wrong: dict[str, Any], kind: type[CupolaError]
) -> None:
    with pytest.raises(kind) as caught:
        do("import", **({"source": source, "name": "cities"} | wrong))
    assert caught.value.exit_status == (1 if kind is BadInput else 2)
    assert jobs.ls(ws.store) == []


def test_a_question_ends_with_whoever_asked(ws: Workspace) -> None:
    question = {"root": str(ws.root), "what": "sql", "limit": 1}
    question["query"] = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range = 7"
    child = subprocess.Popen(
        [sys.executable, "-m", "cupola.datasets", "answer"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/"
    )
    assert child.stdin
    child.stdin.write(msgspec.json.encode(question) + b"\n")
    child.stdin.close()
    assert child.wait(180) == 1


def test_an_interrupted_question_leaves_no_process(ws: Workspace) -> None:
    code = f"""
import sys
from cupola import actions
from cupola.datasets import importing
from cupola.datasets.records import ImportOptions
from cupola.workspace import Workspace
actions.run(Workspace.open({str(ws.root)!r}), "dataset sql", query="SELECT count(*) FROM range(10000000) a, "
            "range(10000000) b WHERE a.range * b.range = 7")
"""
    asker = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    child = _wait_for(lambda: _children(asker.pid))[0]
    os.kill(asker.pid, signal.SIGINT)
    assert asker.wait(180) != 0
    _wait_for(lambda: not Path(f"/proc/{child}").exists())


def test_of_two_changes_at_once_none_is_lost(do: Do, ws: Workspace, source: str) -> None:
    importing.run(ws.store, "cities", Path(source), ImportOptions(), lambda *_: None)
    columns = ["city", "n", "late"]
    for round in range(5):
        role = ("ignore", "sensitive")[round % 2]
        changes = [
            threading.Thread(target=do, args=("set",), kwargs={"dataset": "cities", "role": {one: role}})
            for one in columns
        ]
        for one in changes:
            one.start()
        for one in changes:
            one.join()
        assert [one.role for one in do("show", dataset="cities").columns] == [role] * 3


def _children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(one) for one in path.read_text().split()] if path.exists() else []


def _wait_for(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 180
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found
