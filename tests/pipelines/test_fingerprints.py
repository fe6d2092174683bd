"""What a step depends on: its values, what it reads, and the code that it runs, none of which is run to find out."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from cupola.errors import BadInput
from cupola.pipelines import fingerprints
from cupola.pipelines.fingerprints import Fingerprint
from cupola.pipelines.records import Step
from cupola.workspace import Workspace


def of(workspace: Workspace, function: str = "steps:one", **more: Any) -> Fingerprint:
    arguments = {"function": function, "parameters": {"x": 1}} | more
    step = Step(name="s", type="Lambda", arguments=arguments)
    code = fingerprints.Code(workspace.root, "pipelines/p.toml", "")
    return fingerprints.of(workspace.store, step, arguments, code)


@pytest.fixture
def source(workspace: Workspace) -> Path:
    source = workspace.root / "src"
    (source / "package").mkdir(parents=True)
    (source / "steps.py").write_text("import helper\nimport json, numpy\ndef one(x):\n    return x\n")
    (source / "helper.py").write_text("from package import inner\nraise SystemExit('this was run')\n")
    (source / "package" / "__init__.py").write_text("")
    (source / "package" / "inner.py").write_text("VALUE = 1\n")
    (source / "other.py").write_text("VALUE = 1\n")
    return source


def test_a_module_counts_with_those_that_it_imports(workspace: Workspace, source: Path) -> None:
    found = of(workspace)
    code = {name for name in found if name.startswith("code ")}
    assert code == {f"code src/{one}.py" for one in ("steps", "helper", "package/__init__", "package/inner")}
    assert found["package numpy"]
    assert "package json" not in found


def test_only_what_is_imported_makes_a_difference(workspace: Workspace, source: Path) -> None:
    before = of(workspace)
    (source / "other.py").write_text("VALUE = 2\n")
    assert of(workspace) == before
    (source / "package" / "inner.py").write_text("# said anew\nVALUE = 2\n")
    after = of(workspace)
    assert fingerprints.changes(before, after) == ["the code of src/package/inner.py has changed"]
    assert fingerprints.key(after) != fingerprints.key(before)


def test_changes_name_what_was_and_what_is(workspace: Workspace, source: Path) -> None:
    (workspace.root / "rows.csv").write_text("a\n1\n")
    before = of(workspace, inputs={"rows": "rows.csv"})
    (workspace.root / "rows.csv").write_text("a\n2\n")
    after = of(workspace, inputs={"rows": "rows.csv"}, parameters={"x": 2}, outputs={})
    said = sorted(fingerprints.changes(before, after))
    assert said[1].startswith("the input rows was rows.csv ")
    assert [said[0], said[2]] == ["outputs is new: {}", "the parameter x was 1, and is 2"]


def test_what_a_step_is_given_to_work_with_makes_no_difference(workspace: Workspace, source: Path) -> None:
    code = fingerprints.Code(workspace.root, "pipelines/p.toml", "")

    def of_type(type: str, arguments: dict[str, Any]) -> Fingerprint:
        return fingerprints.of(workspace.store, Step(name="s", type=type), arguments, code)

    more: dict[str, Any] = {"cpus": 2, "gpus": 1, "memory": "2G", "max_runtime": "1h"}
    called = {"function": "steps:one"}
    assert of_type("Processing", called | more) == of_type("Processing", called)
    assert of_type("Lambda", called | {"timeout": "5s"}) == of_type("Lambda", called)
    acted = {"action": "flow run", "arguments": {"flow": "prep"}}
    assert of_type("Processing", {**acted, "arguments": {"flow": "prep", "memory": "2G"}}) == of_type(
        "Processing", acted
    )
    tuned = {"dataset": "flights", "estimator": "SVC"}
    assert of_type("Tuning", tuned | {"timeout": "60s"}) != of_type("Tuning", tuned)  # this one decides what is tried
    own = {"parameters": {"memory": 3}}  # a function's own
    assert of_type("Processing", called | own) != of_type("Processing", called)
    deployed = {"model": "flights", "name": "e"}
    for step, small, large in (
        ("Endpoint", deployed, deployed | {"memory": "2G"}),
        ("Processing", *({"action": "endpoint deploy", "arguments": deployed | one} for one in ({}, {"memory": "2G"}))),
    ):
        assert of_type(step, small) != of_type(step, large), "an endpoint's memory is what is deployed"


def test_modules_that_are_imported_by_their_place_in_a_package_count(workspace: Workspace, source: Path) -> None:
    (source / "steps.py").write_text("import package.deep.leaf\ndef one(x): ...\n")
    (source / "package" / "deep").mkdir()
    (source / "package" / "deep" / "__init__.py").write_text("from ..inner import VALUE\nfrom . import twig\n")
    for name in ("leaf", "twig"):
        (source / "package" / "deep" / f"{name}.py").write_text("")
    code = {name.removeprefix("code src/") for name in of(workspace) if name.startswith("code ")}
    package = {f"package/{one}.py" for one in ("__init__", "inner", "deep/__init__", "deep/leaf", "deep/twig")}
    assert code == {"steps.py"} | package


def test_a_script_counts_with_what_lies_beside_it(workspace: Workspace, source: Path) -> None:
    (workspace.root / "scripts").mkdir()
    (workspace.root / "scripts" / "run.py").write_text("import common, helper\n")
    (workspace.root / "scripts" / "common.py").write_text("VALUE = 1\n")
    step = Step(name="s", type="Processing", arguments={"script": "scripts/run.py"})
    code = fingerprints.Code(workspace.root, "pipelines/p.toml", "")
    found = fingerprints.of(workspace.store, step, step.arguments, code)
    assert {"code scripts/run.py", "code scripts/common.py", "code src/helper.py"} <= {*found}
    assert "package common" not in found


def test_a_notebook_counts_as_the_code_of_its_cells(workspace: Workspace, source: Path) -> None:
    def written(code: str, outputs: list[str]) -> Fingerprint:
        cells = [
            {"cell_type": "markdown", "source": "import numpy"},
            {"cell_type": "code", "source": ["%matplotlib inline\n", code], "outputs": outputs},
            {"cell_type": "code", "source": "%%bash\nls -l | wc", "outputs": []},
        ]
        (workspace.root / "one.ipynb").write_bytes(msgspec.json.encode({"cells": cells}))
        step = Step(name="s", type="NotebookJob", arguments={"notebook": "one.ipynb"})
        code_then = fingerprints.Code(workspace.root, "pipelines/p.toml", "")
        return fingerprints.of(workspace.store, step, step.arguments, code_then)

    before = written("import helper", [])
    assert "code src/helper.py" in before
    assert written("import helper", ["said"]) == before
    after = written("import helper, other", [])
    changed = ["the code of one.ipynb has changed", "src/other.py is now part of its code"]
    assert fingerprints.changes(before, after) == changed


def test_what_an_action_and_a_flow_read_counts_by_content(workspace: Workspace) -> None:
    def of_step(type: str, arguments: dict[str, Any]) -> Fingerprint:
        step, code = Step(name="s", type=type, arguments=arguments), fingerprints.Code(workspace.root, "p.toml", "")
        return fingerprints.of(workspace.store, step, arguments, code)

    rows = workspace.root / "rows.csv"
    rows.write_text("a\n1\n")
    (workspace.root / "flows").mkdir()
    (workspace.root / "flows" / "clean.toml").write_text('[sources]\nrows = "rows"\nnames = "names@1"\n')
    imported = {"action": "dataset import", "arguments": {"source": "rows.csv", "name": "rows"}}
    before = of_step("Processing", imported)
    flow = of_step("Processing", {"flow": "clean"})
    assert flow["input rows"] == "rows" and flow["input names@1"] == "names@1"
    assert "input rows" not in of_step("Training", {"dataset": "rows@2", "flow": "clean"})

    rows.write_text("a\n2\n")
    [said] = fingerprints.changes(before, of_step("Processing", imported))
    assert said.startswith("source was rows.csv ")


def test_a_package_is_named(workspace: Workspace) -> None:
    said = fingerprints.changes({"package numpy": "1.26.4"}, {"package numpy": "2.1.0"})
    assert said == ["the package numpy was 1.26.4, and is 2.1.0"]


def test_an_input_that_is_not_there_is_said(workspace: Workspace, source: Path) -> None:
    with pytest.raises(BadInput, match="neither a file of the workspace nor a dataset"):
        of(workspace, inputs={"rows": "nowhere.csv"})


def test_of_a_pipeline_in_python_only_the_own_step_counts() -> None:
    text = (
        "FACTOR = {}\n@step\ndef a(): return FACTOR\n@step(cpus=2)\ndef b(): return {}\n@pipeline\ndef p(): a(); b()\n"
    )
    before = fingerprints.without_others(text.format(1, 1), "a")
    assert fingerprints.without_others(text.format(1, 2), "a") == before
    assert fingerprints.without_others(text.format(2, 1), "a") != before


def test_the_first_line_that_differs_is_found() -> None:
    assert fingerprints.first_difference("a\nb\nc", "a\nB\nc") == "line 2: B"
    assert fingerprints.first_difference("a\nb", "a\nb\nc") == "line 3: added"
    assert fingerprints.first_difference("a", "a") == ""


def test_a_transform_does_not_depend_on_what_it_has_written(workspace: Workspace, tmp_path: Path) -> None:
    arguments = {"model": "none", "input": "rows.csv", "output": str(tmp_path / "out.csv")}
    step, code = Step(name="s", type="Transform", arguments=arguments), fingerprints.Code(workspace.root, "p.toml", "")
    before = fingerprints.of(workspace.store, step, arguments, code)
    (tmp_path / "out.csv").write_text("1\n")
    assert fingerprints.of(workspace.store, step, arguments, code) == before
