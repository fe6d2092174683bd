"""A pipeline is read from its file, and what is wrong with it is said with the line."""

from typing import Any

import pytest

from cupola import calls
from cupola.errors import BadInput, BadOption, Corrupt, CupolaError, NotFound
from cupola.pipelines import definition, foreach
from cupola.pipelines.records import Pipeline, Retry
from cupola.workspace import Workspace

TEXT = """\
description = "Train, and register what is good enough"

[parameters]
threshold = 0.7
kind = { type = "String", default = "a", choices = ["a", "b"] }
rows = { type = "Integer" }

[steps.prepare]
type = "Lambda"
function = "steps:prepare"
parameters = { rows = "${parameters.rows}" }

[steps.train]
type = "Training"
dataset = "flights"
estimator = "LogisticRegression"
param = { C = "${steps.prepare.outputs.value}" }

[steps.good-enough]
type = "Condition"
conditions = [{ type = "GreaterThan", left = "${steps.train.metrics.test_roc_auc}", right = "${parameters.threshold}" }]
if_steps = ["register"]
else_steps = ["too-weak"]

[steps.register]
type = "RegisterModel"
run = "${steps.train.outputs.run}"
name = "late"
retry = { causes = ["SageMaker.JOB_INTERNAL_ERROR"], attempts = 3 }

[steps.too-weak]
type = "Fail"
error_message = "only ${steps.train.metrics.test_roc_auc}"
"""


def read(text: str = TEXT) -> Pipeline:
    return definition.parse(text, "late", "pipelines/late.toml", "0" * 64)


def test_a_pipeline_says_its_parameters_and_its_steps() -> None:
    found = read()
    assert [(one.name, one.type, one.default) for one in found.parameters] == [
        ("threshold", "Float", 0.7),
        ("kind", "String", "a"),
        ("rows", "Integer", None),
    ]
    assert [(one.name, one.line) for one in found.steps][:2] == [("prepare", 8), ("train", 13)]
    assert found.step("register").retry[0].attempts == 3
    assert [one.cache for one in found.steps] == [True, True, False, True, False]


WRONG: list[tuple[str, str, str]] = [
    (
        "only ${steps.train.metrics.test_roc_auc}",
        "only ${steps.train.metrics.test_roc_auc",
        "line 33: '${steps.train.metrics.test_roc_auc' is not closed: a reference ends with }",
    ),
    (
        "error_message = ",
        "expire_after = 3\nerror_message = ",
        'line 33: expire_after takes a text such as "30d", and not 3',
    ),
    ('type = "Fail"', 'type = "Fial"', "line 32: there is no type of step 'Fial' (did you mean Fail?)"),
    ("error_message", "eror_message", "line 33: a Fail step takes no 'eror_message' (did you mean error_message?)"),
    (
        "${parameters.threshold}",
        "${parameters.treshold}",
        "line 21: ${parameters.treshold}: there is no parameter 'treshold'; did you mean threshold?",
    ),
    (
        "${steps.prepare.outputs.value}",
        "${steps.prepaer.outputs.value}",
        "line 17: ${steps.prepaer.outputs.value}: there is no step 'prepaer'; did you mean prepare?",
    ),
    (
        "${steps.prepare.outputs.value}",
        "${steps.register.outputs.ref}",
        "line 13: these steps wait for one another: train -> register -> train",
    ),
    ("${steps.train.outputs.run}", "${steps.train}", "line 27: ${steps.train}: of a step one has .outputs"),
    ('["too-weak"]', '["too-week"]', "line 23: else_steps: there is no step 'too-week' (did you mean too-weak?)"),
    ("GreaterThan", "GreaterThen", "line 21: a condition has a type, one of Equals"),
    ('"steps:prepare"', '"../steps:prepare"', "line 10: '../steps:prepare' is no function"),
    ("attempts = 3", "attempt = 3", "line 29: a retry has no 'attempt' (did you mean attempts?)"),
    ("attempts = 3", "attempts = 0", "line 29: retry: attempts is 1 or more"),
    (
        "SageMaker.JOB_INTERNAL_ERROR",
        "outofmemory",
        "line 29: retry: there is no cause 'outofmemory' (did you mean mem",
    ),
    (
        "attempts = 3 }",
        'attempts = 3 }\ndepend_on = ["train"]',
        "line 30: a RegisterModel step takes no 'depend_on' (did",
    ),
    ("attempts = 3 }", 'attempts = 3 }\ndepends_on = "train"', "line 30: depends_on: it takes a list, and not a text"),
    ("[parameters]", "[paramters]", "a pipeline has no 'paramters' (did you mean parameters?)"),
    (
        'type = "Integer" }',
        'type = "Integer", defualt = 3 }',
        "line 6: a parameter has no 'defualt' (did you mean default?)",
    ),
    (
        "only ${steps.train.metrics.test_roc_auc}",
        "${steps.prepare.properties.report.rows}",
        "line 33: ${steps.prepare.properties.report.rows}: the step prepare writes no property file 'report'",
    ),
    ('dataset = "flights"', 'dataset = "flights"\nmemory = "much"', "line 16: memory takes an amount"),
    ('dataset = "flights"\n', "", "line 13: a Training step needs dataset"),
    (
        '{ type = "Integer" }',
        '{ type = "Int" }',
        "line 6: a parameter is a String, an Integer, a Float, a Boolean or a List",
    ),
    ('default = "a"', 'default = "c"', "line 5: kind cannot be 'c'"),
    ("[steps.train]", '[steps."tr ain"]', "'tr ain' cannot be the name of a step"),
    ('name = "late"', 'name = ["late"]', "line 28: name: it takes a text, and not a list"),
]


@pytest.mark.parametrize(("right", "wrong", "said"), WRONG, ids=[one[1][:30] for one in WRONG])
def test_what_is_wrong_is_one_sentence_with_the_line(right: str, wrong: str, said: str) -> None:
    assert right in TEXT
    with pytest.raises(BadInput) as found:
        read(TEXT.replace(right, wrong, 1))
    assert said in str(found.value)
    assert found.value.where == "pipelines/late.toml"
    assert "\n" not in str(found.value)


def test_what_holds_for_each_step_of_a_foreach_is_said_of_the_foreach() -> None:
    each = """\
[steps.each]
type = "ForEach"
items = [1]
retry = { attempts = 3 }
step = { type = "Lambda", function = "steps:nap" }
"""
    assert foreach.steps(read(each).steps[0], [1], {})[0].retry == [Retry(attempts=3)]
    with pytest.raises(BadInput, match="line 3: items is a list, and not 3"):
        read(each.replace("[1]", "3"))
    with pytest.raises(BadInput, match="line 4: retry is said of the ForEach itself"):
        read(each.replace("retry = { attempts = 3 }\n", "").replace('nap"', 'nap", retry = { attempts = 3 }'))


def test_what_is_no_toml_says_where() -> None:
    with pytest.raises(Corrupt, match="line 3"):
        read("a = 1\n\n[steps\n")


def test_an_empty_pipeline_is_refused() -> None:
    with pytest.raises(BadInput, match="at least one step"):
        read('description = "nothing"\n')


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"rows": "12"}, {"threshold": 0.7, "kind": "a", "rows": 12}),
        ({"rows": 12, "threshold": "1"}, {"threshold": 1.0, "kind": "a", "rows": 12}),
        ({"rows": 0, "kind": "b", "threshold": 1}, {"threshold": 1.0, "kind": "b", "rows": 0}),
    ],
)
def test_parameters_are_what_the_pipeline_says_that_they_are(given: dict[str, Any], found: dict[str, Any]) -> None:
    assert definition.given(read(), given) == found


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, [3, 5]),
        ({"depths": "1, 2.5,a"}, [1, 2.5, "a"]),
        ({"depths": '[true, "a,b"]'}, [True, "a,b"]),
        ({"depths": "4"}, [4]),
        ({"depths": ""}, []),
        ({"depths": [7]}, [7]),
    ],
)
def test_a_list_is_given_as_toml_writes_it_or_with_commas(given: dict[str, Any], found: list[Any]) -> None:
    assert (
        definition.given(
            read(TEXT.replace("threshold = 0.7", "depths = [3, 5]\nthreshold = 0.7")), given | {"rows": 1}
        )["depths"]
        == found
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "needs its parameter rows"),
        ({"rows": "many"}, "rows is an Integer, and not 'many'"),
        ({"rows": True}, "rows is an Integer"),
        ({"rows": 1, "kind": "c"}, "kind cannot be 'c'"),
        ({"rows": 1, "threshold": "nan"}, "threshold cannot be nan"),
        ({"rows": 1, "treshold": 1}, "no parameter 'treshold'"),
    ],
)
def test_a_parameter_that_cannot_be_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(BadOption, match=said):
        definition.given(read(), given)


def test_a_pipeline_that_is_not_there_names_one_that_is(workspace: Workspace) -> None:
    (workspace.root / "pipelines").mkdir()
    (workspace.root / "pipelines" / "late.toml").write_text(TEXT)
    assert definition.names(workspace.store) == ["late"]
    with pytest.raises(NotFound, match="did you mean late"):
        definition.read(workspace.store, "lat")
    (workspace.root / "pipelines" / "late.py").write_text("")
    with pytest.raises(BadInput, match="which is meant cannot be told"):
        definition.read(workspace.store, "late")


def test_reading_one_in_python_runs_nothing(workspace: Workspace) -> None:
    (workspace.root / "pipelines").mkdir()
    (workspace.root / "pipelines" / "own.py").write_text("raise SystemExit('it was run')\n")
    found, text = definition.read(workspace.store, "own")
    assert found.steps == [] and "it was run" in text


def test_names_from_outside_cannot_leave_the_directory(workspace: Workspace) -> None:
    with pytest.raises(CupolaError):
        definition.read(workspace.store, "../workspace")


@pytest.mark.parametrize("path", ["../rows.csv", "/tmp/rows.csv", "a/../../b"])
def test_files_that_a_step_writes_lie_in_its_own_directory(path: str) -> None:
    text = f'[steps.one]\ntype = "Processing"\nscript = "a.py"\noutputs = {{ rows = "{path}" }}\n'
    with pytest.raises(BadInput, match="lies outside of"):
        definition.parse(text, "one", "pipelines/one.toml", "")


def test_a_form_says_what_is_wrong_with_a_parameter_before_it_is_run(workspace: Workspace) -> None:
    (workspace.root / "pipelines").mkdir()
    (workspace.root / "pipelines" / "late.toml").write_text(TEXT)

    def said(param: str) -> str:
        return calls.check(workspace, "pipeline run", {"pipeline": "late", "param": param}).get("param", "")

    assert said("rows=5 kind=b") == ""
    assert said("kind=b") == "the pipeline late needs its parameter rows"
    assert said("rows=many") == "rows is an Integer, and not 'many'"
    assert said("rows=5 kind=c") == "kind cannot be 'c' (one of a, b)"
    assert said("rows=5 treshold=1").endswith("(did you mean threshold?)")
    each = calls.check(workspace, "pipeline schedule", {"pipeline": "late", "param": "kind=c", "every": "soon"})
    assert each.keys() == {"param", "param.kind", "param.rows", "every"}
    assert each["param.kind"] == "kind cannot be 'c' (one of a, b)"
