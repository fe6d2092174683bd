"""A flow as plain Python gives the same rows as the flow, for every transform; and as a step of a pipeline."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.flows.cases import CASES
from tests.flows.conftest import Made, Result, step

import cupola
from cupola.flows import checking, records
from cupola.flows.records import Flow
from cupola.store import Store
from cupola.workspace import Workspace

# Runs each exported file as its user would, in one process for all of them, in which Cupola cannot be imported.
DRIVER = """
import runpy, sys
from pathlib import Path
sys.modules["cupola"] = None
for file in sorted(Path(sys.argv[1]).glob("*.py")):
    sys.argv = [str(file), str(file.with_suffix(".parquet"))]
    runpy.run_path(str(file), run_name="__main__")
"""


@pytest.fixture(scope="module")
def results(made: Made) -> dict[str, Result]:
    """What each case makes."""
    return {name: made(*steps) for name, steps in CASES.items()}


def test_the_columns_that_are_foreseen_without_the_rows_are_those_that_come(
    store: Store, results: dict[str, Result]
) -> None:
    seen = 0
    for name, steps in CASES.items():
        flow = Flow(name="tried", sources={"people": "people", "ports": "ports"}, steps=steps)
        found = checking.columns(store, flow, records.ordered(flow))[steps[-1].id]
        if found is not None:
            assert sorted(found) == sorted(results[name].fitted.result), name
            seen += 1
    assert seen > len(CASES) // 3


def test_exported_python_gives_the_same_rows_for_each_transform(results: dict[str, Result], tmp_path: Path) -> None:
    import pandas as pd

    wanted = {}
    for place, (name, result) in enumerate(results.items()):
        wanted[place] = (name, result.frame)
        (tmp_path / f"{place}.py").write_text(result.python)
    subprocess.run([sys.executable, "-P", "-c", DRIVER, str(tmp_path)], check=True, timeout=180)
    differ = []
    for place, (name, frame) in wanted.items():
        found = pd.read_parquet(tmp_path / f"{place}.parquet")
        try:
            pd.testing.assert_frame_equal(found, frame, check_exact=True)
        except AssertionError as error:
            differ.append(f"{name}: {error}")
    assert differ == []


def test_the_exported_file_says_what_it_is_and_takes_other_rows(made: Made, tmp_path: Path) -> None:
    import pandas as pd
    from tests.flows.conftest import people

    result = made(step("fill-missing", columns=["fare"]), step("scale", columns=["fare"]))
    assert "cupola" not in result.python.replace("`cupola flow run tried`", "").lower().partition('"""\n\nimport')[2]
    file, other = tmp_path / "tried.py", tmp_path / "other's.parquet"
    file.write_text(result.python)
    people().slice(0, 20).to_pandas().to_parquet(other)
    command = [sys.executable, str(file), str(tmp_path / "made.parquet"), f"people={other}"]
    subprocess.run(command, check=True, timeout=180, cwd=tmp_path)
    found = pd.read_parquet(tmp_path / "made.parquet")
    assert found["fare"].tolist() == result.frame["fare"].head(20).tolist()


def test_python_that_cannot_be_indented_is_kept_as_it_is(made: Made) -> None:
    assert "exec(" in made(*CASES["python text"]).python
    assert "def step_python(df):\n    total =" in made(*CASES["python"]).python


@pytest.fixture
def flow(workspace: Workspace) -> str:
    from cupola.flows import records

    if "exported" not in records.ls(workspace.store):
        records.create(workspace.store, Flow(name="exported", sources={"people": "people"}, steps=CASES["scale"]))
    return "exported"


def test_a_flow_becomes_a_step_of_a_pipeline(workspace: Workspace, flow: str, tmp_path: Path) -> None:
    ws = cupola.open(workspace.root)
    ws.flow.export(flow, pipeline=str(tmp_path / "prepare.toml"))
    said = tomllib.loads((tmp_path / "prepare.toml").read_text())
    assert said["steps"] == {"exported": {"type": "Processing", "flow": "exported"}}


def test_a_file_that_is_there_is_not_replaced_unasked(workspace: Workspace, flow: str, tmp_path: Path) -> None:
    ws = cupola.open(workspace.root)
    (tmp_path / "there.py").write_text("mine")
    with pytest.raises(cupola.errors.BadInput, match="stands there"):
        ws.flow.export(flow, python=str(tmp_path / "there.py"))
    assert (tmp_path / "there.py").read_text() == "mine"
    ws.flow.export(flow, python=str(tmp_path / "there.py"), overwrite=True)
    assert "def prepare(" in (tmp_path / "there.py").read_text()
