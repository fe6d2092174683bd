"""The forms of some actions, as `cupola.bridge` describes them."""

from typing import Any


def _field(name: str, kind: str = "text", required: bool = False, **more: Any) -> dict[str, Any]:
    base = {
        "name": name,
        "option": f"--{name}",
        "kind": kind,
        "help": "",
        "required": required,
        "default": None,
        "positional": False,
        "repeated": False,
        "choices": [],
        "completes": "",
    }
    return base | more


def _form(name: str, summary: str, about: str, fields: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    base = {
        "name": name,
        "summary": summary,
        "description": summary,
        "writes": True,
        "waits": None,
        "dry_run": False,
        "confirm": "",
        "about": about,
        "key": "",
    }
    return base | {"fields": fields} | more


FORMS = {
    form["name"]: form
    for form in (
        _form(
            "dataset import",
            "Makes a new version of a dataset from a file.",
            "dataset",
            [
                _field("source", "path", True, positional=True, completes="file", help="the file to read"),
                _field("name", required=True, help="what to call it"),
                _field("target", help="the column to predict"),
            ],
            key="i",
        ),
        _form(
            "dataset rm",
            "Moves a dataset version to the trash.",
            "dataset",
            [_field("dataset", required=True, positional=True, completes="dataset")],
            confirm="y",
            key="D",
        ),
        _form(
            "train",
            "Trains a model.",
            "dataset",
            [
                _field("dataset", required=True, completes="dataset", help="what to learn from"),
                _field("target", required=True, completes="column", help="what to predict"),
                _field(
                    "estimator", required=True, completes="estimator", help="any scikit-learn classifier or regressor"
                ),
                _field("params", "pairs", repeated=True, help="its parameters, NAME=VALUE"),
                _field("exclude", repeated=True),
                _field("class_weights"),
                _field("threshold"),
                _field("seed", "integer", default=0),
                _field("cpus", "integer", default=1, help="threads"),
            ],
            key="t",
        ),
        _form(
            "tune",
            "Searches good parameters of an estimator.",
            "dataset",
            [
                _field("dataset", required=True, completes="dataset", help="what to learn from"),
                _field("target", completes="column", help="what to predict"),
                _field("estimator", required=True, completes="estimator"),
                _field("space", repeated=True, help="NAME=LOW..HIGH[:log]"),
                _field("param", "pairs", repeated=True),
                _field("metric", repeated=True),
                _field("exclude", repeated=True),
                _field("cv", "integer"),
                _field("experiment"),
            ],
            key="T",
        ),
        _form(
            "autopilot",
            "Finds a good model within a budget.",
            "dataset",
            [
                _field("dataset", required=True, completes="dataset", help="what to learn from"),
                _field("target", completes="column", help="what to predict"),
                _field("budget", default="60s", help="how long it may take in all"),
                _field("metric", help="what is to be good"),
                _field("register", completes="model"),
            ],
            key="a",
        ),
        _form(
            "tuning narrow",
            "Searches on about the best trials of a tuning.",
            "tuning",
            [
                _field("tuning", required=True, positional=True, completes="tuning"),
                _field("space", repeated=True, help="what to search"),
                _field("trials", "integer"),
            ],
            key="N",
        ),
        _form(
            "tuning stop",
            "Stops a tuning.",
            "tuning",
            [_field("tuning", required=True, positional=True, completes="tuning")],
            confirm="y",
            key="x",
        ),
        *(
            _form(
                f"tuning {verb}",
                f"{verb} a tuning.",
                "tuning",
                [_field("tuning", required=True, positional=True, completes="tuning")],
            )
            for verb in ("pause", "resume", "extend")
        ),
        _form(
            "model register",
            "Makes a new model version from a finished run.",
            "run",
            [
                _field("run", required=True, positional=True, completes="run"),
                _field("name", required=True, help="the model's name", completes="model"),
            ],
            key="r",
        ),
        _form(
            "run rm",
            "Moves a run to the trash.",
            "run",
            [_field("run", required=True, positional=True, completes="run")],
            confirm="y",
            key="D",
        ),
        _form(
            "model approve",
            "Approves a model version.",
            "model",
            [_field("model", required=True, positional=True, completes="model"), _field("reason", help="why")],
            key="a",
        ),
        _form(
            "run ls",
            "Lists the runs.",
            "",
            [_field("filter", completes="run filter"), _field("sort", completes="run sort")],
            writes=False,
        ),
        _form(
            "view save",
            "Keeps a filter, an order and columns under a name.",
            "",
            [
                _field("name", required=True, positional=True),
                _field("kind", "choice", choices=["run", "dataset"]),
                _field("filter"),
                _field("sort"),
                _field("column", repeated=True),
                _field("shared", "boolean"),
            ],
        ),
        _form(
            "comment",
            "Writes a comment on any record.",
            "",
            [
                _field("ref", required=True, positional=True, completes="record"),
                _field("text", required=True, positional=True),
            ],
        ),
        _form(
            "tag",
            "Sets tags on any record, or takes them away.",
            "",
            [
                _field("ref", required=True, positional=True, completes="record"),
                _field("tags", required=True, positional=True, repeated=True),
            ],
        ),
        _form(
            "endpoint deploy",
            "Deploys a model version to an endpoint.",
            "model",
            [
                _field("model", required=True, positional=True, completes="model"),
                _field("name", required=True),
                _field("workers", "integer", default=1),
            ],
            key="d",
            dry_run=True,
        ),
        _form(
            "endpoint rm",
            "Removes an endpoint.",
            "endpoint",
            [_field("endpoint", required=True, positional=True, completes="endpoint")],
            confirm="name",
            key="D",
        ),
        _form(
            "endpoint invoke",
            "Sends a payload to an endpoint.",
            "endpoint",
            [
                _field("endpoint", required=True, positional=True, completes="endpoint"),
                _field("data", required=True, completes="file"),
            ],
            writes=False,
            key="i",
        ),
        _form(
            "endpoint bench",
            "Finds out how many requests a second a model holds.",
            "endpoint",
            [
                _field("endpoint", required=True, positional=True, completes="endpoint"),
                _field("p99", "number", default=50.0, help="milliseconds"),
            ],
            key="b",
        ),
        _form(
            "endpoint rollback",
            "Brings back what was served before.",
            "endpoint",
            [_field("endpoint", required=True, positional=True, completes="endpoint")],
            confirm="name",
            key="R",
        ),
        _form(
            "job stop",
            "Stops a job.",
            "job",
            [_field("job", required=True, positional=True, completes="job")],
            confirm="y",
            key="x",
        ),
        _form(
            "pipeline run",
            "Runs a pipeline.",
            "pipeline",
            [
                _field("pipeline", required=True, positional=True, completes="pipeline", help="a pipeline"),
                _field("param", "pairs", help="a parameter of the pipeline"),
                _field("steps", repeated=True, help="run only these"),
                _field("origin", completes="execution"),
            ],
            waits="pipeline",
        ),
        _form(
            "pipeline schedule",
            "Runs a pipeline by the clock.",
            "pipeline",
            [_field("pipeline", required=True, positional=True, completes="pipeline"), _field("cron"), _field("every")],
        ),
        _form(
            "pipeline step",
            "Adds or changes a step.",
            "pipeline",
            [_field("pipeline", required=True, completes="pipeline"), _field("step", required=True), _field("type")],
        ),
        *(
            _form(
                f"pipeline {verb}",
                f"{verb} an execution.",
                "execution",
                [_field("execution", required=True, positional=True, completes="execution")],
                confirm="y" if verb == "stop" else "",
            )
            for verb in ("stop", "retry")
        ),
    )
}
