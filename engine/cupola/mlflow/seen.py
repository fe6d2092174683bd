"""A run as MLflow's clients see it: in answers, and where filters and orders look at it."""

from typing import Any

from cupola.experiments.records import Latest, Mlflow, Run
from cupola.mlflow import live, naming
from cupola.mlflow.filters import Grammar
from cupola.mlflow.wire import Json, metric, pairs, without_empty

NATIVE = {
    "Queued": "SCHEDULED", "Completed": "FINISHED", "Failed": "FAILED", "Stopped": "KILLED",
}  # fmt: skip
ALIASES = {
    "created": "start_time", "Created": "start_time", "run name": "run_name", "Run name": "run_name",
    "Run Name": "run_name",
}  # fmt: skip
GRAMMAR = Grammar(
    texts=frozenset({"run_id", "run_name", "user_id", "status", "artifact_uri", "experiment_id", "lifecycle_stage"}),
    numbers=frozenset({"start_time", "end_time"}),
    metrics=True,
    params=True,
    tags=True,
    datasets=True,
    lists=frozenset({"run_id"}),
    aliases=ALIASES,
)
NAME, USER = "mlflow.runName", "mlflow.user"


class Seen:
    """A run as MLflow's clients see it, for filters and for answers."""

    def __init__(self, run: Run, deleted: bool = False) -> None:
        self.run = run
        self.deleted = deleted
        self.experiment = naming.experiment_id(run.experiment)
        self.facts = run.mlflow or facts_of(run)

    @property
    def info(self) -> Json:
        return without_empty(
            {
                "run_uuid": self.run.id,
                "experiment_id": self.experiment,
                "run_name": self.run.name,
                "user_id": self.facts.user,
                "status": self.facts.status,
                "start_time": self.facts.start,
                "end_time": self.facts.end,
                "artifact_uri": f"mlflow-artifacts:/{self.experiment}/{self.run.id}/artifacts",
                "lifecycle_stage": "deleted" if self.deleted else "active",
                "run_id": self.run.id,
            }
        )

    def answer(self) -> Json:
        data = {
            "metrics": [metric(name, *one) for name, one in self.facts.latest.items()],
            "params": pairs({key: naming.text_of(value) for key, value in self.run.params.items()}),
            "tags": pairs(self.tags),
        }
        inputs = {"dataset_inputs": self.facts.inputs, "model_inputs": self.facts.models}
        outputs = {"model_outputs": self.facts.outputs}
        return {
            "info": self.info,
            "data": without_empty(data),
            "inputs": without_empty(inputs),
            "outputs": without_empty(outputs),
        }

    @property
    def tags(self) -> dict[str, str]:
        """Those that clients have set, and what people have said in Cupola."""
        own = set(live.words(self.facts.tags))
        said = dict(pair(tag) for tag in self.run.tags if tag not in own)
        return said | self.facts.tags

    def field(self, kind: str, key: str) -> Any:
        if kind == "metric":
            found = self.facts.latest.get(key)
            return float(found.value) if found else None
        if kind == "param":
            return naming.text_of(self.run.params[key]) if key in self.run.params else None
        if kind == "tag":
            return self.facts.tags.get(key) if key in self.facts.tags else self.tags.get(key)
        if kind == "dataset":
            return self._of_datasets(key)
        if key == "start_time":
            return self.facts.start
        return self.info.get(key)

    def _of_datasets(self, key: str) -> list[str]:
        if key == "context":
            given = [tag for one in self.facts.inputs for tag in one.get("tags", [])]
            return [str(tag.get("value")) for tag in given if tag.get("key") == "mlflow.data.context"]
        return [str(one.get("dataset", {}).get(key)) for one in self.facts.inputs]


def facts_of(run: Run) -> Mlflow:
    """What MLflow would know of a run of Cupola's own."""
    start = live.stamp(run.started or run.submitted)
    end = live.stamp(run.ended) if run.ended else None
    return Mlflow(
        writer="",
        user=run.user,
        status=NATIVE.get(run.status, "RUNNING"),
        start=start,
        end=end,
        tags={NAME: run.name, USER: run.user},
        latest={name: Latest(value, end or start, 0) for name, value in run.metrics.items()},
    )


def pair(tag: str) -> tuple[str, str]:
    """A tag of Cupola's as key and value."""
    key, _, value = tag.partition("=")
    return key, value
