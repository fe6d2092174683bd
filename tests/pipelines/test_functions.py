"""What steps name in src/ is looked at before anything is run."""

from pathlib import Path
from typing import Any

import pytest

from cupola.pipelines import functions
from cupola.pipelines.records import Pipeline, Step

TEXT = """
from json import loads as read
def score(depth, rows=3, *, deep=False): ...
def all(**given): ...
@print
def odd(): ...
if 1:
    late = lambda: 1
raise SystemExit  # it is never run here
"""


@pytest.fixture
def code(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "steps.py").write_text(TEXT)
    (tmp_path / "src" / "torn.py").write_text("def (")
    return tmp_path


def said(code: Path, arguments: dict[str, Any], chosen: list[str] | None = None, type: str = "Lambda") -> str:
    pipeline = Pipeline(
        name="p", path="pipelines/p.toml", sha256="", steps=[Step(name="s", type=type, arguments=arguments)]
    )
    found = functions.wrong(pipeline, chosen or [], code)
    return found[1] if found else ""


@pytest.mark.parametrize(
    ("function", "parameters", "found"),
    [
        ("steps:scor", {}, "src/steps.py has no 'scor' (did you mean score?)"),
        ("stps:score", {}, "there is no module 'stps' in src/"),
        ("torn:score", {}, "src/torn.py: line 1: this is not Python"),
        ("steps:score", {"dept": 1}, "steps:score takes no 'dept' (did you mean depth?)"),
        ("steps:score", {"rows": 1}, "steps:score needs 'depth' among its parameters"),
    ],
)
def test_a_function_that_cannot_be_called_so_is_named(
    code: Path, function: str, parameters: dict[str, Any], found: str
) -> None:
    arguments = {"function": function, "parameters": parameters}
    assert said(code, arguments).startswith(found)
    assert said(code, {"items": [1], "step": {"type": "Lambda"} | arguments}, type="ForEach").startswith(found)
    assert said(code, arguments, ["another"]) == ""


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        ("steps:score", {"depth": "${steps.a.outputs.value}", "deep": True}),
        ("steps:score", "${parameters.all}"),
        ("steps:all", {"any": 1}),
        *((f"steps:{name}", {"any": 1}) for name in ("odd", "late", "read")),
        ("json:loads", {"s": "1"}),
        ("${parameters.function}", {}),
        ("pipelines/p.toml:own", {}),
    ],
)
def test_one_that_may_do_is_let_through(code: Path, function: str, parameters: Any) -> None:
    assert said(code, {"function": function, "parameters": parameters}) == ""


def test_a_file_that_is_not_there_is_named_unless_an_earlier_step_may_write_it(code: Path) -> None:
    (code / "workspace.toml").write_text("")
    (code / "there.py").write_text("")
    assert said(code, {"script": "src/none.py"}) == "there is no file src/none.py"
    assert said(code, {"script": "src/steps.py"}) == said(code, {"script": "there.py"}) == ""
    steps = [
        Step(name="first", type="Processing", arguments={"script": "there.py"}),
        Step(name="second", type="Processing", arguments={"script": "made.py"}, depends_on=["first"]),
    ]
    pipeline = Pipeline(name="p", path="pipelines/p.toml", sha256="", steps=steps)
    assert functions.wrong(pipeline, [], code) is None
    steps[1].depends_on = []
    assert functions.wrong(pipeline, [], code) == (steps[1], "there is no file made.py")


def test_what_a_notebook_needs_and_is_not_installed_is_said_before_anything_runs(
    code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(functions, "FOR_NOTEBOOKS", ("json", "not_installed_here"))
    arguments = {"notebook": "src/steps.py"}
    missing = "a NotebookJob needs what is not installed: pip install not_installed_here"
    assert said(code, arguments, type="NotebookJob") == missing
    assert said(code, {"items": [1], "step": {"type": "NotebookJob"} | arguments}, type="ForEach") == missing
    monkeypatch.setattr(functions, "FOR_NOTEBOOKS", ("json",))
    assert said(code, arguments, type="NotebookJob") == ""
