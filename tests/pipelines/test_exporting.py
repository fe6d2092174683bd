"""What is exported says the same when it is read again."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from cupola.errors import BadInput
from cupola.experiments.records import Run
from cupola.flows.records import Flow, create
from cupola.jobs.wish import Job
from cupola.pipelines import definition, exporting, python
from cupola.pipelines.records import Parameter, Pipeline, Step
from cupola.store import records
from cupola.tuning import records as tunings
from cupola.tuning.records import Stops, Tuning
from cupola.workspace import Workspace

SAMPLE = Path(__file__).parents[2] / "workspaces" / "flights" / "pipelines" / "late-flights.toml"


def sample() -> Pipeline:
    return definition.parse(SAMPLE.read_text(), "late", "pipelines/late.toml", "")


def bare(pipeline: Pipeline) -> list[object]:
    """All but where it stands."""
    steps = [msgspec.structs.replace(one, line=0) for one in pipeline.steps]
    parameters = [msgspec.structs.replace(one, description="") for one in pipeline.parameters]
    return [steps, parameters, pipeline.description]


def test_toml_comes_back_as_it_was() -> None:
    whole = definition.parse(exporting.toml(sample()), "late", "pipelines/late.toml", "")
    assert bare(whole) == bare(sample())
    assert [one.description for one in whole.parameters] == [one.description for one in sample().parameters]


def test_python_declares_the_same(tmp_path: Path) -> None:
    text = exporting.python(sample())
    assert "query='select" in text and "trials=trials," in text and "trained': train.outputs.run" in text
    assert "run=select.outputs.run," in text and "import_ = Processing(" in text
    assert bare(python.defined(msgspec.structs.replace(sample(), path="late.py"), text, tmp_path)) == bare(sample())


def test_a_list_among_the_parameters_comes_back_in_both(tmp_path: Path) -> None:
    made = msgspec.structs.replace(
        sample(), parameters=[Parameter(name="depths", type="List", default=[1, "a"])], path="l.py"
    )
    made.steps = [
        Step(name="each", type="ForEach", arguments={"items": "${parameters.depths}", "step": {"type": "Fail"}})
    ]
    for whole in (
        definition.parse(exporting.toml(made), "l", "pipelines/l.toml", ""),
        python.defined(made, exporting.python(made), tmp_path),
    ):
        assert bare(whole) == bare(made)


def test_a_function_of_the_file_itself_cannot_be_taken_to_toml() -> None:
    made = sample()
    made.step("select").arguments["function"] = f"{made.path}:best"
    with pytest.raises(BadInput, match="move it to a module of src/"):
        exporting.toml(made)


def filed(workspace: Workspace, **given: Any) -> str:
    """A job that was given that to work with; its id."""
    job = Job(
        id="j1", kind="train", name="j", command=[], directory="/", user="u", host="h", submitted="2026-11", **given
    )
    workspace.store.root.joinpath(job.directory_in_store).mkdir(parents=True)
    records.write(workspace.store, f"{job.directory_in_store}/job.json", job, kind="job", ref=job.id)
    return job.id


def test_a_tuning_becomes_one_that_registers_its_best(workspace: Workspace) -> None:
    job = filed(workspace, memory=3 << 29)
    asked = Tuning(
        id="t1", name="brave-otter", experiment="e", user="u", host="h", submitted="2026", directions=["maximize"],
        stops=Stops(trials=5, seconds=90, patience=3), parallel=2, jobs=[job],
    )  # fmt: skip
    tunings.create(workspace.store, asked)
    found = tunings.TuningState(
        tuning="t1", experiment="e", status="Completed",
        target="late", estimator="LogisticRegression", space=["C=0.1..10:log"], strategy="Random",
        objectives=["roc_auc"], wanted=5, options={"metric": "f1", "seed": 3, "unknown": 1}, dataset="flights@2-abcd",
        name="brave-otter",
    )  # fmt: skip
    made = exporting._of_tuning(workspace.store, found)
    tune, register = made.steps
    more = {"parallel": 2, "trials": 5, "timeout": "90s", "patience": 3, "memory": "1536M"}
    assert more.items() <= tune.arguments.items() and not {"until", "cpus", "gpus"} & tune.arguments.keys()
    assert tune.arguments["metric"] == ["f1"] and tune.arguments["dataset"] == "${parameters.dataset}"
    assert "unknown" not in tune.arguments
    assert register.arguments == {"run": "${steps.tune.outputs.best_run}", "name": "${parameters.model}"}
    assert [one.default for one in made.parameters] == ["flights", "brave-otter"]
    assert definition.parse(exporting.toml(made), "t", "pipelines/t.toml", "").step("tune").arguments == tune.arguments


def test_a_forecast_becomes_one_that_makes_and_registers_it(workspace: Workspace) -> None:
    run = Run(
        id="r", name="sales", experiment="default", user="u", host="h", submitted="", dataset="sales@2-abcd",
        target="amount", task="forecasting", estimator="Ensemble", params={"ets": 1.0},
        split={"kind": "time", "windows": 4, "horizon": 7}, options={"item": ["shop"], "budget": "10s"},
    )  # fmt: skip
    made = definition.parse(exporting.toml(exporting._of_run(workspace.store, run)), "f", "pipelines/f.toml", "")
    assert made.step("forecast").arguments == {
        "action": "forecast",
        "arguments": {
            "dataset": "${parameters.dataset}", "target": "amount", "horizon": 7, "item": ["shop"], "budget": "10s",
        },
    }  # fmt: skip
    assert made.step("register").arguments["run"] == "${steps.forecast.outputs.run}"


def test_an_autopilot_becomes_one_that_learns_from_the_same_columns_and_rows(workspace: Workspace) -> None:
    run = Run(
        id="r", name="ap", experiment="ap", user="u", host="h", submitted="", dataset="flights@2-abcd", target="late",
        task="classification", estimator="Autopilot",
        options={"exclude": ["delay"], "split": "time:70/15/15", "cv": 8, "budget": "60s", "mode": "auto"},
        job=filed(workspace, cpus=1, max_runtime=3600),
    )  # fmt: skip
    assert exporting._of_run(workspace.store, run).step("search").arguments == {
        "dataset": "${parameters.dataset}", "target": "late", "exclude": ["delay"], "split": "time:70/15/15",
        "budget": "60s", "mode": "auto", "cpus": 1,
    }  # fmt: skip


def test_a_flow_becomes_one_that_runs_without_being_told_anything(workspace: Workspace) -> None:
    create(workspace.store, Flow(name="prep"))
    made = exporting.of(workspace, "prep")
    assert definition.given(made, {}) == {"dataset": "prep"}  # as `flow run` calls it
