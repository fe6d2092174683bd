"""Experiments: those that MLflow's clients have made, and every directory of runs that a workspace has."""

import contextlib
import time
from typing import Any

import msgspec

from cupola.errors import CupolaError
from cupola.experiments import records
from cupola.mlflow import naming
from cupola.mlflow.book import Book, Line, retag
from cupola.mlflow.filters import Filter, Grammar, Order
from cupola.mlflow.wire import EXISTS, MISSING, Json, Pair, Trouble, limit, page, pairs, required, without_empty
from cupola.store import Store, files
from cupola.store.root import MARK

COLLECTION = "mlflow-experiments"
LONGEST_TAG, LONGEST_NAME = 20000, 500
SCHEME = "mlflow-artifacts:"
GRAMMAR = Grammar(
    texts=frozenset({"name", "experiment_id"}), numbers=frozenset({"creation_time", "last_update_time"}), tags=True
)


class Experiment(msgspec.Struct, kw_only=True):
    """An experiment as MLflow's clients see it. directory: of its runs; runs: those that were deleted with it."""

    id: str
    name: str
    directory: str
    created: int = 0
    updated: int = 0
    deleted: bool = False
    tags: dict[str, str] = {}
    runs: list[str] = []

    def field(self, kind: str, key: str) -> Any:
        """What a filter or an order asks for."""
        if kind == "tag":
            return self.tags.get(key)
        return {
            "name": self.name,
            "experiment_id": self.id,
            "creation_time": self.created,
            "last_update_time": self.updated,
        }[key]

    def answer(self) -> Json:
        return without_empty(
            {
                "experiment_id": self.id,
                "name": self.name,
                "artifact_location": f"{SCHEME}/{self.id}",
                "lifecycle_stage": "deleted" if self.deleted else "active",
                "last_update_time": self.updated,
                "creation_time": self.created,
                "tags": pairs(dict(sorted(self.tags.items()))),
                "workspace": "default",
            }
        )


class Create(msgspec.Struct):
    name: str = ""
    tags: list[Pair] = []


class Named(msgspec.Struct):
    experiment_name: str = ""


class Asked(msgspec.Struct):
    experiment_id: str = ""
    new_name: str = ""
    key: str = ""
    value: str = ""


class Search(msgspec.Struct):
    filter: str = ""
    view_type: str = "ACTIVE_ONLY"
    max_results: int | None = None
    order_by: list[str] = []
    page_token: str = ""


class Experiments:
    """What the requests on experiments do."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.book = Book(store, COLLECTION, fold)

    def all(self) -> dict[str, Experiment]:
        """Every experiment by its id."""
        said = self.book.state()
        found = dict(said)
        for directory in ["default", *records.names(self.store)]:
            id = naming.experiment_id(directory)
            if id not in found:
                name = naming.DEFAULT_NAME if directory == naming.DEFAULT else directory
                made = _age(self.store, directory)
                found[id] = Experiment(id=id, name=name, directory=directory, created=made, updated=made)
        return found

    def find(self, id: str) -> Experiment:
        """Raises Trouble where there is none."""
        required("experiment_id", id)
        found = self.all().get(id)
        if found is None:
            raise Trouble(f"No Experiment with id={id[:100]} exists", MISSING)
        return found

    def active(self, id: str) -> Experiment:
        """One that runs can be logged to. Raises Trouble."""
        found = self.find(id)
        if found.deleted:
            raise Trouble(f"The experiment {id} must be in the 'active' state. Current state is deleted.")
        return found

    def named(self, name: str) -> Experiment | None:
        return next((one for one in self.all().values() if one.name == name), None)

    def make(self, name: str, tags: dict[str, str], at: int | None = None) -> Experiment:
        """A new experiment. Raises Trouble where the name is taken."""
        check_name(name)
        with self.book.lock:
            directory = naming.directory(name)
            id = naming.experiment_id(directory)
            if self.named(name) or id in self.all():
                raise Trouble(f"Experiment(name={name}) already exists.", EXISTS)
            files.make_dir(self.store, f"{records.DIRECTORY}/{directory}")
            now = at if at is not None else milliseconds()
            given: dict[str, str | None] = dict(tags)
            self.book.write(Line(of=id, at=now, name=name, location=directory, made=True, tags=given))
        return self.find(id)

    def create(self, asked: Create) -> Json:
        tags = naming.check_tags(asked.tags, LONGEST_TAG)
        return {"experiment_id": self.make(required("name", asked.name), tags).id}

    def get(self, asked: Asked) -> Json:
        return {"experiment": self.find(asked.experiment_id).answer()}

    def get_by_name(self, asked: Named) -> Json:
        found = self.named(required("experiment_name", asked.experiment_name))
        if found is None:
            raise Trouble(f"Could not find experiment with name '{asked.experiment_name}'", MISSING)
        return {"experiment": found.answer()}

    def search(self, asked: Search) -> Json:
        most = limit(asked.max_results, 1000, 50000)
        wanted = Filter(asked.filter, GRAMMAR)
        order = Order(asked.order_by or ["creation_time DESC", "experiment_id ASC"], GRAMMAR)
        stages = view(asked.view_type)
        found = [one for one in self.all().values() if one.deleted in stages and wanted.takes(one)]
        found.sort(key=lambda one: int(one.id), reverse=True)
        shown, token = page(order.sort(found), asked.page_token, most)
        return without_empty({"experiments": [one.answer() for one in shown], "next_page_token": token})

    def rename(self, asked: Asked) -> Json:
        check_name(required("new_name", asked.new_name))
        with self.book.lock:
            found = self.find(asked.experiment_id)
            if found.deleted:
                raise Trouble("Cannot rename a non-active experiment.", "INVALID_STATE")
            other = self.named(asked.new_name)
            if other and other.id != found.id:
                raise Trouble(f"Experiment(name={asked.new_name}) already exists.", EXISTS)
            self._say(found, name=asked.new_name)
        return {}

    def set_tag(self, asked: Asked) -> Json:
        naming.check_key(asked.key, "key")
        if len(asked.value) > LONGEST_TAG:
            raise Trouble(f"'value' exceeds the maximum length of {LONGEST_TAG} characters")
        self._say(self.active(asked.experiment_id), keep_time=True, tags={asked.key: asked.value})
        return {}

    def delete_tag(self, asked: Asked) -> Json:
        found = self.active(asked.experiment_id)
        if asked.key not in found.tags:
            raise Trouble(f"No tag with name: {asked.key} in experiment with id {found.id}", MISSING)
        self._say(found, keep_time=True, tags={asked.key: None})
        return {}

    def add_tags(self, found: Experiment, tags: dict[str, str]) -> None:
        """Sets tags that it does not have."""
        new = {key: value for key, value in tags.items() if key not in found.tags}
        if new:
            self._say(found, keep_time=True, tags=new)

    def mark(self, found: Experiment, deleted: bool, runs: list[str]) -> None:
        """Says that it was deleted, and which runs with it, or that it is there again."""
        self._say(found, deleted=deleted, runs=runs)

    def _say(self, found: Experiment, keep_time: bool = False, **news: Any) -> None:
        at = found.updated if keep_time else milliseconds()
        self.book.write(Line(of=found.id, at=at, location=found.directory, **{"name": found.name, **news}))


def fold(lines: list[Line]) -> dict[str, Experiment]:
    """Experiments by id, of what was said of them."""
    found: dict[str, Experiment] = {}
    for line in lines:
        one = found.get(line.of)
        if one is None:
            if not line.location or not line.name:
                continue
            one = found[line.of] = Experiment(
                id=line.of, name=line.name, directory=line.location, created=line.at, updated=line.at, tags={}
            )
        one.name = line.name or one.name
        one.updated = max(one.updated, line.at)
        if line.deleted is not None:
            one.deleted, one.runs = line.deleted, line.runs if line.deleted else []
        retag(one.tags, line.tags)
    return found


def check_name(name: str) -> str:
    """Raises Trouble for a name that no experiment can have."""
    if not name.strip() or len(name) > LONGEST_NAME or "\0" in name:
        raise Trouble(f"Invalid value {name[:60]!a} for parameter 'name' supplied: 1 to {LONGEST_NAME} characters")
    return name


def view(type: str) -> tuple[bool, ...]:
    """Whether what is deleted is shown, by the word of the protocol. Raises Trouble."""
    views = {"ACTIVE_ONLY": (False,), "DELETED_ONLY": (True,), "ALL": (False, True)}
    views |= {"1": (False,), "2": (True,), "3": (False, True)}
    if type not in views:
        raise Trouble(f"Invalid value {type[:60]!a} for parameter 'view_type' supplied")
    return views[type]


def milliseconds() -> int:
    return time.time_ns() // 10**6


def _age(store: Store, directory: str) -> int:
    """When a directory was made, as far as it can be told; of one that is not there yet, the workspace."""
    for path in (f"{records.DIRECTORY}/{directory}", MARK):
        with contextlib.suppress(OSError, CupolaError):
            return files.absolute(store, path).stat().st_mtime_ns // 10**6
    return 0
