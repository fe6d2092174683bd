"""What the client of MLflow gets from a server, field by field: run with `python script.py URL OUT.json`.

The same script is run against `mlflow server` and against a gateway; both must leave the same file. Ids, and the
moments that a server makes up, are replaced by what they stand for.
"""

import json
import math
import os
import re
import sys
import tempfile
from pathlib import Path

os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "1"  # an answer 500 is tried again for minutes

import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run, RunTag, ViewType
from mlflow.exceptions import MlflowException
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

URL, OUT = sys.argv[1:3]
MOMENTS = re.compile("(creation|last_update|last_updated)_time(stamp)?(_ms)?$")
mlflow.set_tracking_uri(URL)
client = MlflowClient()
known: dict[str, str] = {}
numbered: dict[str, str] = {"0": "DEFAULT"}  # experiments, whose ids are numbers
facts: dict[str, object] = {}


def name(value: str, stands_for: str) -> str:
    (numbered if value.isdigit() else known)[value] = stands_for
    return value


def plain(entity: object) -> object:
    """An entity as JSON, with ids and moments replaced."""
    if isinstance(entity, list):
        return [plain(one) for one in entity]
    if hasattr(entity, "to_proto"):
        from google.protobuf.json_format import MessageToDict

        entity = MessageToDict(entity.to_proto(), preserving_proto_field_name=True)
    return clean(entity)


def clean(value: object) -> object:
    if isinstance(value, dict):
        found = {
            key: "T" if MOMENTS.search(key) else numbered.get(str(one), one) if key == "experiment_id" else clean(one)
            for key, one in value.items()
        }
        pairs = ("tags", "params", "metrics", "aliases")
        return {
            key: sorted(one, key=json.dumps) if key in pairs and isinstance(one, list) else one
            for key, one in found.items()
        }
    if isinstance(value, list):
        return [clean(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str):
        for id, stands_for in known.items():
            value = value.replace(id, stands_for)
        value = re.sub("^mlflow-artifacts:/([0-9]+)", lambda found: f"A:{numbered.get(found[1])}", value)
    return value


def keep(what: str, value: object) -> None:
    facts[what] = plain(value)


def refused(what: str, function: object, *given: object, **named: object) -> None:
    """Keeps which error it is."""
    try:
        facts[what] = f"not refused: {function(*given, **named)}"
    except MlflowException as error:
        facts[what] = error.error_code


def log() -> list[str]:
    experiment = name(client.create_experiment("Fares / 2026", tags={"team": "blue"}), "EXPERIMENT")
    other = name(client.create_experiment("plain"), "OTHER")
    runs = []
    for number in range(6):
        run = client.create_run(
            experiment if number < 5 else other,
            start_time=1_700_000_000_000 + 1000 * (number // 2),
            tags={"size": ["s", "m", "L"][number % 3], **({"odd": "yes"} if number % 2 else {})},
            run_name=f"run {number}",
        )
        id = name(run.info.run_id, f"RUN{number}")
        runs.append(id)
        client.log_batch(
            id,
            metrics=[Metric("loss", 1 / (step + 1 + number), 1_700_000_001_000 + step, step) for step in range(4)],
            params=[Param("depth", str(number)), Param("rate", "0.10"), Param("kind", "tree" if number % 2 else "Net")],
            tags=[RunTag("mlflow.note.content", f"about {number}")],
        )
    a, b, c, *_ = runs
    client.log_metric(a, "odd", float("nan"), 1_700_000_000_001, 0)
    client.log_metric(b, "odd", float("inf"), 1_700_000_000_001, 0)
    client.log_metric(c, "odd", -3.5, 1_700_000_000_001, -2)
    client.log_metric(a, "loss", 9.0, 1_700_000_009_000, 1)  # later, of a lower step
    client.log_metric(a, "loss", 0.25, 1_700_000_001_003, 3)  # once more
    client.log_param(a, "weird/name: 1", "True")
    client.log_param(a, "none", "None")
    client.log_param(a, "text", "ä\n'quoted' \"so\"")
    client.set_tag(b, "mlflow.runName", "renamed")
    client.set_tag(b, "long", "x" * 7000)
    client.set_tag(c, "gone", "1")
    client.delete_tag(c, "gone")
    client.set_terminated(a, "FINISHED", 1_700_000_100_000)
    client.set_terminated(b, "FAILED", 1_700_000_200_000)
    client.set_terminated(c, "KILLED", 1_700_000_300_000)
    client.update_run(runs[3], name="updated")
    refused("param changed", client.log_param, a, "depth", "7")
    refused("params changed", client.log_batch, a, params=[Param("depth", "8")])
    refused("no such run", client.get_run, "0" * 32)
    refused("no such experiment", client.get_experiment, "999999")
    refused("name taken", client.create_experiment, "plain")
    refused("metric's name", client.log_metric, a, "../../x", 1.0)
    refused("no such tag", client.delete_tag, a, "nope")
    return [experiment, other, *runs]


FILTERS = [
    "", "metrics.loss < 0.2", "metrics.loss >= 0.125 and metrics.loss != 0.25", "metrics.odd > 0", "metrics.odd < 1",
    "params.depth = '3'", "params.kind LIKE 'tr%'", "params.kind ILIKE 'N_T'", "params.kind LIKE 'n%'",
    "param.depth != '1'", "tags.size = 'm'", "tags.odd IS NULL", "tags.odd IS NOT NULL",
    'tags."mlflow.runName" LIKE "run%"',
    "tags.`mlflow.note.content` = 'about 2'", "attributes.status = 'FINISHED'", "status != 'RUNNING'",
    "attributes.start_time > 1700000000000", "start_time <= 1700000001000", "attributes.run_name = 'renamed'",
    "run_name ILIKE '%UPD%'", "attributes.end_time > 0", "params.`weird/name: 1` = 'True'", "created < 1700000001000",
    "metrics.loss < 0.2 AND params.kind = 'tree' AND tags.size = 'm'", "user_id = ''", "params.none = 'None'",
]  # fmt: skip
WRONG = [
    "metrics.loss < 'a'", "metrics.loss < 0.2 or metrics.loss > 1", "nothing.a = 'b'", "params.depth = 3",
    "depth = '3'",
    "metrics.loss LIKE 'a'", "params.depth > '3'", "attributes.status IN ('FINISHED')", "metrics.loss", "(", "a b c d",
    "attributes.start_time = 'x'", "metrics.loss IS NULL", "tags.size IN ('m')",
]  # fmt: skip
ORDERS = [
    [], ["metrics.loss DESC"], ["metrics.odd"], ["metrics.odd DESC"], ["params.kind ASC", "metrics.loss"],
    ["tags.odd"], ["tags.size DESC", "attributes.run_name"], ["attributes.start_time ASC"], ["start_time DESC"],
    ["attributes.end_time"], ["status", "params.depth DESC"], ["params.`weird/name: 1`"], ["run_name DESC"],
]  # fmt: skip
WRONG_ORDERS = [["metrics.loss SIDEWAYS"], ["nothing.x"], ["nothing"], ["metrics.loss", "metrics.loss"]]


def search(experiment: str, other: str) -> None:
    both = [experiment, other]

    def ids(**asked: object) -> list[str]:
        return [run.info.run_id for run in client.search_runs(both, **asked)]

    for text in FILTERS:  # runs that began together are in the order of their ids, which differ
        keep(f"filter {text}", sorted(clean(one) for one in ids(filter_string=text)))
    for order in ORDERS:
        keep(f"order {order}", ids(order_by=[*order, "params.depth"] if "params.depth DESC" not in order else order))
    for text in WRONG:
        refused(f"filter {text}", client.search_runs, both, text)
    for order in WRONG_ORDERS:
        refused(f"order {order}", client.search_runs, both, order_by=order)
    first = client.search_runs(both, max_results=4, order_by=["params.depth"])
    second = client.search_runs(both, max_results=4, order_by=["params.depth"], page_token=first.token)
    keep("pages", [len(first), len(second), bool(first.token), bool(second.token), second[0].info.run_id])
    refused("page token", client.search_runs, both, page_token="nonsense!")
    refused("max_results", client.search_runs, both, max_results=100_000)


def experiments(experiment: str, other: str) -> None:
    keep("experiment", client.get_experiment(experiment))
    keep("by name", client.get_experiment_by_name("Fares / 2026"))
    keep("no name", client.get_experiment_by_name("nope"))
    keep("Default", client.get_experiment("0"))
    keep("experiments", [one.name for one in client.search_experiments(order_by=["name"])])
    for text in ("name = 'plain'", "name LIKE 'F%'", "tags.team = 'blue'", "tags.team IS NULL"):
        keep(f"experiments {text}", sorted(one.name for one in client.search_experiments(filter_string=text)))
    refused("experiments nope", client.search_experiments, filter_string="nope = 'x'")
    client.set_experiment_tag(experiment, "more", "x" * 5000)
    client.delete_experiment_tag(experiment, "team")
    client.rename_experiment(other, "plainer")
    client.delete_experiment(other)
    keep("deleted", client.get_experiment(other))
    keep("deleted runs", [one.info.run_id for one in client.search_runs([other], run_view_type=ViewType.DELETED_ONLY)])
    keep("of a deleted one", client.get_run(next(id for id in known if known[id] == "RUN5")))
    refused("run in a deleted one", client.create_run, other)
    views = [[one.name for one in client.search_experiments(view_type=view, order_by=["name"])] for view in (1, 2, 3)]
    keep("views", views)
    client.restore_experiment(other)
    keep("restored", client.get_experiment(other))
    keep("restored runs", [one.info.run_id for one in client.search_runs([other])])


def artifacts(run: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        at = Path(directory)
        (at / "tree" / "leaf").mkdir(parents=True)
        (at / "tree" / "leaf" / "ä b.txt").write_text("leaf")
        (at / "tree" / "big.bin").write_bytes(b"\0" * 300_000)
        client.log_artifacts(run, str(at / "tree"), "tree")
        client.log_artifact(run, str(at / "tree" / "big.bin"))
        client.log_text(run, "hello", "notes/a.txt")
        client.log_dict(run, {"a": 1}, "d.json")
        got = Path(client.download_artifacts(run, "tree", str(at)))
        keep("downloaded", sorted((str(one.relative_to(got)), one.stat().st_size) for one in got.rglob("*.*")))
    for path in (None, "tree", "tree/leaf", "notes", "d.json", "nope"):
        found = [[one.path, one.is_dir, one.file_size] for one in client.list_artifacts(run, path)]
        keep(f"artifacts {path}", found)
    client.delete_run(run)
    keep("deleted run", client.get_run(run))
    refused("logged to a deleted run", client.log_metric, run, "x", 1.0)
    client.restore_run(run)
    keep("artifacts of a restored run", [one.path for one in client.list_artifacts(run)])


def registry(run: str) -> None:
    client.log_text(run, "flavors: {}", "m/MLmodel")
    client.create_registered_model("fares", tags={"a": "1"}, description="about")
    refused("model taken", client.create_registered_model, "fares")
    source = f"{client.get_run(run).info.artifact_uri}/m"
    keep("version", client.create_model_version("fares", source, run, tags={"v": "1"}, description="first"))
    client.create_model_version("fares", source, run)
    client.create_registered_model("other model")
    client.set_registered_model_alias("fares", "champion", "1")
    client.set_registered_model_alias("fares", "best", "2")
    client.set_registered_model_alias("fares", "best", "1")
    client.set_registered_model_tag("fares", "b", "2")
    client.delete_registered_model_tag("fares", "a")
    client.set_model_version_tag("fares", "2", "w", "3")
    client.update_model_version("fares", "2", "second")
    client.update_registered_model("fares", "all about it")
    keep("model", client.get_registered_model("fares"))
    keep("empty model", client.get_registered_model("other model"))
    keep("by alias", client.get_model_version_by_alias("fares", "champion"))
    keep(
        "versions", sorted((clean(plain(one)) for one in client.search_model_versions("name='fares'")), key=json.dumps)
    )
    for text in ("name = 'fares'", "name LIKE 'o%'", "tags.b = '2'", ""):
        keep(f"models {text}", [one.name for one in client.search_registered_models(text)])
    keep("models by name", [one.name for one in client.search_registered_models(order_by=["name DESC"])])
    for text in (f"run_id = '{run}'", "version_number > 1", "tags.w = '3'", "name = 'nope'"):
        found = [one.version for one in client.search_model_versions(text, order_by=["version_number ASC"])]
        facts[f"versions {text.replace(run, 'RUN')}"] = [str(one) for one in found]
    refused("models nope", client.search_registered_models, "nope = 'x'")
    refused("no such model", client.get_registered_model, "nope")
    refused("no such version", client.get_model_version, "fares", "9")
    refused("no such alias", client.get_model_version_by_alias, "fares", "nope")
    refused("name of a model", client.create_registered_model, "a/b")
    client.delete_registered_model_alias("fares", "best")
    client.delete_model_version("fares", "2")
    client.rename_registered_model("fares", "prices")
    keep("renamed", client.get_registered_model("prices"))
    client.delete_registered_model("other model")
    keep("left", [one.name for one in client.search_registered_models()])


def train() -> None:
    """Autologging, a logged model and a registered one."""
    mlflow.set_experiment("trained")
    name(mlflow.get_experiment_by_name("trained").experiment_id, "TRAINED")
    mlflow.sklearn.autolog(registered_model_name="iris", log_input_examples=False)
    random = np.random.default_rng(1)
    rows = pd.DataFrame(random.normal(size=(60, 3)), columns=["a", "b", "c"])
    with mlflow.start_run(run_name="fit") as run:
        name(run.info.run_id, "FIT")
        LogisticRegression().fit(rows, (rows.a + rows.b > 0).astype(int))
    model = mlflow.search_logged_models(output_format="list")[0]
    name(model.model_id, "MODEL")
    trained = plain(client.get_run(run.info.run_id))
    trained["info"] |= {"start_time": "T", "end_time": "T"}
    for one in trained["data"]["metrics"]:
        one["timestamp"] = "T"
    facts["trained"] = trained
    logged = plain(client.get_logged_model(model.model_id))
    for one in logged["data"].get("metrics", []):
        one["timestamp"] = "T"
    facts["logged model"] = logged
    registered = plain(client.get_model_version("iris", "1"))
    facts["registered"] = registered
    client.set_registered_model_alias("iris", "champion", "1")
    loaded = mlflow.sklearn.load_model("models:/iris@champion")
    facts["predicts"] = loaded.predict(rows.head(5)).tolist()
    facts["files"] = sorted(one.path for one in mlflow.artifacts.list_artifacts(artifact_uri=model.artifact_location))
    frame = mlflow.search_runs(experiment_names=["trained"], filter_string="datasets.name = 'dataset'")
    facts["by dataset"] = [len(frame), sorted(one for one in frame.columns)]


def nest() -> None:
    """Runs within runs, as scripts and searches make them; a model that is logged by hand; all runs, a page each."""
    experiment = mlflow.set_experiment("nested").experiment_id
    name(experiment, "NESTED")
    mlflow.sklearn.autolog(disable=True)
    random = np.random.default_rng(2)
    rows = pd.DataFrame(random.normal(size=(40, 2)), columns=["a", "b"])
    classes = (rows.a > 0).astype(int)
    with mlflow.start_run(run_name="parent", tags={"kind": "outer"}, description="what it is") as parent:
        name(parent.info.run_id, "PARENT")
        mlflow.log_params({"depth": 3, "rate": 0.1, "flag": True, "nothing": None, "list": [1, 2]})
        mlflow.log_metrics({"loss": 0.5, "f1": 1}, step=3)
        mlflow.log_dict({"a": [1]}, "said/d.json")
        mlflow.log_text("text", "said/t.txt")
        mlflow.log_table({"x": [1, 2], "y": ["a", "b"]}, "table.json")
        mlflow.log_input(mlflow.data.from_pandas(rows, name="given"), context="training", tags={"by": "hand"})
        for depth in range(3):
            with mlflow.start_run(run_name=f"child {depth}", nested=True) as child:
                name(child.info.run_id, f"CHILD{depth}")
                mlflow.log_param("depth", depth)
                mlflow.log_metric("loss", 1 / (depth + 1))
        logged = mlflow.sklearn.log_model(
            LogisticRegression().fit(rows, classes), name="by hand", registered_model_name="by hand", tags={"t": "1"},
            params={"C": 1.0}, input_example=rows.head(2), pip_requirements=["scikit-learn"],
            signature=mlflow.models.infer_signature(rows, classes), serialization_format="skops",
        )  # fmt: skip
        name(logged.model_id, "LOGGED")
    facts["table"] = mlflow.load_table("table.json", run_ids=[parent.info.run_id]).to_dict("list")
    facts["dict"] = mlflow.artifacts.load_dict(f"runs:/{parent.info.run_id}/said/d.json")
    facts["parent of"] = clean(mlflow.get_parent_run(child.info.run_id).info.run_id)
    facts["by hand"] = mlflow.pyfunc.load_model("models:/by hand/1").predict(rows.head(4)).tolist()
    facts["by id"] = mlflow.sklearn.load_model(f"models:/{logged.model_id}").predict(rows.head(4)).tolist()
    facts["input"] = [plain(one) for one in client.get_run(parent.info.run_id).inputs.dataset_inputs]
    mlflow.sklearn.autolog(log_models=False, log_datasets=False)
    with mlflow.start_run(run_name="search") as search:
        name(search.info.run_id, "SEARCH")
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2).fit(rows, classes)
    found, token = [], None
    while True:
        page = client.search_runs([experiment], max_results=1, order_by=["metrics.loss", "params.C"], page_token=token)
        found += page
        token = page.token
        if not token:
            break
    facts["nested"] = sorted((_of(run) for run in found), key=json.dumps)
    facts["children"] = sorted(
        clean(run.info.run_name) for run in client.search_runs(
            [experiment], f"tags.mlflow.parentRunId = '{parent.info.run_id}'", order_by=["params.depth DESC"]
        )
    )  # fmt: skip
    frame = mlflow.search_runs([experiment], "params.depth = '1'", max_results=1, order_by=["metrics.loss DESC"])
    facts["frame"] = sorted(one for one in frame.columns)
    last = mlflow.last_active_run()
    facts["last"] = [last.info.run_id == search.info.run_id, last.info.status]
    client.delete_run(parent.info.run_id)
    facts["deleted"] = len(client.search_runs([experiment])), len(client.search_runs([experiment], "", ViewType.ALL))
    client.restore_run(parent.info.run_id)
    facts["restored"] = len(client.search_runs([experiment]))


def _of(run: Run) -> object:
    """What is logged of a run whose moments and id are its own."""
    tags = {key: one for key, one in run.data.tags.items() if key not in ("mlflow.runName", "mlflow.log-model.history")}
    metrics = {key: round(one, 12) for key, one in run.data.metrics.items() if "time" not in key}
    return clean({"tags": tags, "params": run.data.params, "metrics": metrics, "status": run.info.status})


experiment, other, *runs = log()
for number, id in enumerate(runs):
    keep(f"run {number}", client.get_run(id))
    keep(f"history {number}", client.get_metric_history(id, "loss"))
keep("odd", [client.get_metric_history(id, "odd") for id in runs[:3]])
search(experiment, other)
experiments(experiment, other)
artifacts(runs[0])
registry(runs[0])
train()
nest()
Path(OUT).write_text(json.dumps(facts, indent=1, sort_keys=True, ensure_ascii=False))
