"""A NotebookJob runs a notebook; only where what runs notebooks is installed (it is no dependency of Cupola)."""

import os
import signal
from pathlib import Path

import msgspec
import pytest
from tests.waiting import until

import cupola
from cupola import api
from cupola.errors import WorkFailed
from cupola.jobs import attempts
from cupola.workspace import Workspace

for one in ("nbclient", "ipykernel"):
    pytest.importorskip(one)

SLOW = "import os, time\nopen('pids', 'a').write(f'{os.getpid()}\\n')\nwhile not os.path.exists('go'): time.sleep(0.05)"


@pytest.fixture
def ws(home: Path, tmp_path: Path) -> api.Workspace:
    opened = cupola.init(tmp_path / "ws")
    for name in ("src", "pipelines"):
        (opened.root / name).mkdir()
    (opened.root / "src" / "helping.py").write_text("def twice(x): return 2 * x\n")
    text = '[steps.nb]\ntype = "NotebookJob"\nnotebook = "one.ipynb"\nparameters = { rows = 4 }\n'
    (opened.root / "pipelines" / "p.toml").write_text(text)
    return opened


def write(ws: api.Workspace, *cells: str) -> None:
    made = [
        {"cell_type": "code", "source": one, "metadata": {}, "outputs": [], "execution_count": None} for one in cells
    ]
    notebook = {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    (ws.root / "one.ipynb").write_bytes(msgspec.json.encode(notebook))


def pids(ws: api.Workspace) -> list[int]:
    path = ws.root / "pids"
    return [int(one) for one in path.read_text().split()] if path.exists() else []


def ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_it_imports_src_sees_its_parameters_is_kept_with_what_its_cells_said_and_a_failing_one_is_named(
    ws: api.Workspace,
) -> None:
    write(ws, "from helping import twice\nprint('said', twice(rows))", "# the second\n1 / 0", "print('never')")
    with pytest.raises(WorkFailed, match=r"one\.ipynb: cell 3 of 4 \(# the second\) failed: ZeroDivisionError"):
        ws.pipeline.run("p").wait(timeout=180)
    log = ws.pipeline.log("p", "nb").text
    assert "said 8\n" in log and "----> 2 1 / 0" in log
    failed = ws.pipeline.show(ws.pipeline.executions()[0].execution)
    kept = ws.root / f"pipelines/p/executions/{failed.execution}/work/nb/1/outputs/one.ipynb"
    assert "said 8" in kept.read_text()

    write(ws, "from helping import twice\nprint('said', twice(rows))")
    [step] = ws.pipeline.run("p").wait(timeout=180).steps
    assert "said 8" in (ws.root / step.outputs["notebook"]).read_text()
    assert ws.pipeline.why("p", "nb").cached
    (ws.root / "src" / "helping.py").write_text("def twice(x): return 3 * x\n")
    assert ws.pipeline.why("p", "nb").changes[0].startswith("the code of src/helping.py has changed")


def test_a_kernel_ends_with_its_step_and_a_killed_one_is_begun_anew(ws: api.Workspace) -> None:
    write(ws, SLOW)
    stopped = ws.pipeline.run("p")
    [first] = until(lambda: pids(ws))
    ws.pipeline.stop(stopped.execution)
    until(lambda: ended(first))

    (ws.root / "pids").unlink()
    going = ws.pipeline.run("p")
    [first] = until(lambda: pids(ws))
    job = ws.pipeline.show(going.execution).steps[0].job
    [(_, attempt)] = [one for one in attempts.open_here(Workspace.open(ws.root).store) if one[0].id == job]
    os.kill(attempt.keeper.pid, signal.SIGKILL)
    until(lambda: len(pids(ws)) == 2)
    assert ended(first)
    (ws.root / "go").write_text("")
    until(lambda: ws.pipeline.show(going.execution).status == "Succeeded")
