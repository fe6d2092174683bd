"""Logged models: what MLflow 3's clients say of a model that a run has logged, before anybody registers it.

Their files lie with the run that they came from (`.../attempts/1/models/ID`), else in `.cupola/logged-models/ID`.
"""

import uuid
from typing import Any

import msgspec

from cupola.errors import NotFound
from cupola.mlflow import naming
from cupola.mlflow.book import Book, Line, retag
from cupola.mlflow.experiments import milliseconds
from cupola.mlflow.filters import Filter, Grammar, Order
from cupola.mlflow.live import moment_of
from cupola.mlflow.runs import Runs, lines_of
from cupola.mlflow.wire import MISSING, Json, Pair, Trouble, limit, metric, page, pairs, required, without_empty
from cupola.store import Store, names

COLLECTION = "mlflow-logged-models"
ALONE = ".cupola/logged-models"
NUMBERED = {"1": "LOGGED_MODEL_PENDING", "2": "LOGGED_MODEL_READY", "3": "LOGGED_MODEL_UPLOAD_FAILED"}
LONGEST_TAG = 8000
GRAMMAR = Grammar(
    texts=frozenset({"name", "model_id", "model_type", "status", "source_run_id", "experiment_id"}),
    numbers=frozenset({"creation_timestamp", "creation_timestamp_ms", "last_updated_timestamp"}),
    metrics=True,
    params=True,
    tags=True,
    nulls=False,
    aliases={
        "creation_time": "creation_timestamp",
        "creation_timestamp_ms": "creation_timestamp",
        "last_updated_timestamp_ms": "last_updated_timestamp",
    },
)


class Create(msgspec.Struct):
    experiment_id: str = ""
    name: str = ""
    model_type: str = ""
    source_run_id: str = ""
    params: list[Pair] = []
    tags: list[Pair] = []


class Change(msgspec.Struct):
    status: str = ""
    tags: list[Pair] = []
    params: list[Pair] = []


class OrderBy(msgspec.Struct):
    field_name: str = ""
    ascending: bool = True
    dataset_name: str = ""
    dataset_digest: str = ""


class Search(msgspec.Struct):
    experiment_ids: list[str] = []
    filter: str = ""
    datasets: list[Json] = []
    max_results: int | None = None
    order_by: list[OrderBy] = []
    page_token: str = ""


class LoggedModel(msgspec.Struct, kw_only=True):
    """A logged model, as it was said to be. metrics: as they are answered."""

    id: str
    experiment: str
    name: str
    created: int
    updated: int
    kind: str = ""
    run: str = ""
    status: str = "LOGGED_MODEL_PENDING"
    deleted: bool = False
    tags: dict[str, str] = {}
    params: dict[str, str] = {}
    location: str = ""
    metrics: list[Json] = []

    def field(self, kind: str, key: str) -> Any:
        if kind == "metric":
            return next((float(one["value"]) for one in self.metrics if one["key"] == key), None)
        if kind in ("param", "tag"):
            return (self.params if kind == "param" else self.tags).get(key)
        return {
            "name": self.name,
            "model_id": self.id,
            "model_type": self.kind,
            "status": self.status.removeprefix("LOGGED_MODEL_"),
            "source_run_id": self.run or None,
            "experiment_id": self.experiment,
            "creation_timestamp": self.created,
            "last_updated_timestamp": self.updated,
        }[key]

    def answer(self) -> Json:
        info = {
            "model_id": self.id,
            "experiment_id": self.experiment,
            "name": self.name,
            "creation_timestamp_ms": self.created,
            "last_updated_timestamp_ms": self.updated,
            "artifact_uri": f"mlflow-artifacts:/{self.experiment}/models/{self.id}/artifacts",
            "status": self.status,
            "model_type": self.kind,
            "source_run_id": self.run or None,
            "tags": pairs(dict(sorted(self.tags.items()))),
        }
        data = {"params": pairs(dict(sorted(self.params.items()))), "metrics": self.metrics}
        return {"info": without_empty(info), "data": without_empty(data)}


class LoggedModels:
    """What the requests on logged models do."""

    def __init__(self, store: Store, runs: Runs) -> None:
        self.store = store
        self.runs = runs
        self.book = Book(store, COLLECTION, fold)

    def create(self, asked: Create) -> Json:
        of = self.runs.experiments.active(required("experiment_id", asked.experiment_id))
        location = ""
        if asked.source_run_id:
            found = self.runs.find(asked.source_run_id)
            if not found.token:
                location = f"{found.directory}/models"
        id = f"m-{uuid.uuid4().hex}"
        said: dict[str, str | None] = {tag.key: tag.value for tag in asked.tags}
        line = Line(
            of=id, at=milliseconds(), made=True, name=asked.name or names.word_name(), experiment=of.id,
            kind=asked.model_type or None, run=asked.source_run_id or None, location=location or None, tags=said,
            params={one.key: one.value for one in asked.params},
        )  # fmt: skip
        self.book.write(line)
        return {"model": self.find(id).answer()}

    def get(self, id: str) -> Json:
        return {"model": self.with_metrics(self.find(id)).answer()}

    def change(self, id: str, asked: Change) -> Json:
        """Finalizes it."""
        status = NUMBERED.get(asked.status, asked.status)
        if status not in NUMBERED.values():
            raise Trouble(f"Invalid value {status[:60]!a} for parameter 'status' supplied")
        self.find(id)
        self.book.write(Line(of=id, at=milliseconds(), status=status))
        return {"model": self.with_metrics(self.find(id)).answer()}

    def set_tags(self, id: str, asked: Change) -> Json:
        self._keep_time(id, tags=dict(naming.check_tags(asked.tags, LONGEST_TAG)))
        return {}

    def delete_tag(self, id: str, key: str) -> Json:
        if key not in self.find(id).tags:
            raise Trouble(f"No tag with key {key!r} found for model with ID {id!r}.", MISSING)
        self._keep_time(id, tags={key: None})
        return {}

    def add_params(self, id: str, asked: Change) -> Json:
        self._keep_time(id, params={one.key: one.value for one in asked.params})
        return {}

    def delete(self, id: str) -> Json:
        self.find(id)
        self.book.write(Line(of=id, at=milliseconds(), deleted=True))
        return {}

    def search(self, asked: Search) -> Json:
        most = limit(asked.max_results, 100, 50000)
        wanted = Filter(asked.filter, GRAMMAR)
        order = [one for one in asked.order_by if required("field_name", one.field_name)]
        fields = [f"{_quoted(one.field_name)} {'ASC' if one.ascending else 'DESC'}" for one in order]
        ordered = Order(fields, GRAMMAR)
        of = set(asked.experiment_ids)
        there = [one for one in self.book.state().values() if one.experiment in of and not one.deleted]
        found = []
        for one in there:
            seen = self.with_metrics(one)
            if asked.datasets:
                seen.metrics = [value for value in seen.metrics if any(_is_on(value, data) for data in asked.datasets)]
            if wanted.takes(seen) and (not asked.datasets or seen.metrics):
                found.append(seen)
        found.sort(key=lambda one: one.id)
        if not ordered.has("attribute", "creation_timestamp"):
            found.sort(key=lambda one: one.created, reverse=True)
        shown, token = page(ordered.sort(found), asked.page_token, most)
        return without_empty({"models": [one.answer() for one in shown], "next_page_token": token})

    def find(self, id: str) -> LoggedModel:
        """Raises Trouble where there is none."""
        found = self.book.state().get(id)
        if found is None or found.deleted:
            raise Trouble(f"Logged model with ID '{id[:100]}' not found.", MISSING)
        return found

    def directory(self, id: str) -> tuple[str, str]:
        """Where its files lie in the workspace, and the run that it came from. Raises Trouble."""
        found = self.find(id)
        return (f"{found.location}/{id}" if found.location else f"{ALONE}/{id}"), found.run

    def with_metrics(self, one: LoggedModel) -> LoggedModel:
        """It with the values that its run has logged of it."""
        if not one.location:
            return one
        try:
            lines = lines_of(self.store, one.location.removesuffix("/models"))
        except NotFound:
            return one
        values = [
            metric(
                line.name, line.value, moment_of(line), line.step or 0,
                **without_empty(
                    {"dataset_name": line.dataset or None, "dataset_digest": line.digest or None,
                     "model_id": one.id, "run_id": one.run}
                ),
            )
            for line in lines
            if line.model == one.id and line.name and line.value is not None
        ]  # fmt: skip
        return msgspec.structs.replace(one, metrics=values)

    def _keep_time(self, id: str, **news: Any) -> None:
        found = self.find(id)
        self.book.write(Line(of=id, at=found.updated, **news))


def fold(lines: list[Line]) -> dict[str, LoggedModel]:
    """Logged models by id, of what was said of them."""
    found: dict[str, LoggedModel] = {}
    for line in lines:
        one = found.get(line.of)
        if one is None:
            if not line.made or not line.experiment:
                continue
            one = found[line.of] = LoggedModel(
                id=line.of, experiment=line.experiment, name=line.name or "", created=line.at, updated=line.at,
                kind=line.kind or "", run=line.run or "", location=line.location or "", tags={}, params={},
            )  # fmt: skip
        one.updated = max(one.updated, line.at)
        one.status = line.status or one.status
        one.deleted = one.deleted if line.deleted is None else line.deleted
        one.params |= line.params
        retag(one.tags, line.tags)
    return found


def _quoted(field: str) -> str:
    kind, dot, key = field.partition(".")
    return f"{kind}.`{key}`" if dot else field


def _is_on(value: Json, dataset: Json) -> bool:
    digest = dataset.get("dataset_digest")
    return value.get("dataset_name") == dataset.get("dataset_name") and (
        not digest or digest == value.get("dataset_digest")
    )
