"""Registered models: Cupola's models and versions as MLflow's clients see them, and make them.

A version is a directory of the registry (`models/NAME/N-ID/`), copied and hashed from what a run has logged; aliases
are the registry's own. What only MLflow knows (descriptions, tags, sources) is said in the notes.
"""

import contextlib
import json
from pathlib import Path
from typing import Any

import msgspec

from cupola.errors import CupolaError, NotFound
from cupola.mlflow import live, naming
from cupola.mlflow.artifacts import Artifacts
from cupola.mlflow.book import Book, Line
from cupola.mlflow.experiments import milliseconds
from cupola.mlflow.filters import Filter, Grammar, Order
from cupola.mlflow.logged import Change, LoggedModels
from cupola.mlflow.models import STAGES, Model, Version, facts_of, fold
from cupola.mlflow.runs import Runs
from cupola.mlflow.wire import EXISTS, MISSING, Json, Pair, Trouble, limit, page, required, without_empty
from cupola.registry import records as registry
from cupola.store import Store, claims, feed, files
from cupola.workspace import Workspace

COLLECTION = "mlflow-models"
VERSIONS = "mlflow.modelVersions"
LONGEST_TAG = 100_000
TIMES = frozenset({"creation_timestamp", "last_updated_timestamp", "timestamp"})
GRAMMAR = Grammar(texts=frozenset({"name"}), numbers=TIMES, tags=True, nulls=False)
OF_VERSIONS = Grammar(
    texts=frozenset({"name", "run_id", "source_path"}),
    numbers=TIMES | {"version_number"},
    tags=True,
    nulls=False,
    lists=frozenset({"name", "run_id"}),
)


class Create(msgspec.Struct):
    name: str = ""
    description: str = ""
    tags: list[Pair] = []


class Asked(msgspec.Struct):
    """A request on a model or a version."""

    name: str = ""
    version: str = ""
    new_name: str = ""
    description: str = ""
    alias: str = ""
    key: str = ""
    value: str = ""
    stage: str = ""
    archive_existing_versions: bool = False
    stages: list[str] = []


class CreateVersion(msgspec.Struct):
    name: str = ""
    source: str = ""
    run_id: str = ""
    run_link: str = ""
    description: str = ""
    model_id: str = ""
    tags: list[Pair] = []


class Search(msgspec.Struct):
    filter: str = ""
    max_results: int | None = None
    order_by: list[str] = []
    page_token: str = ""


class Registered:
    """What the requests on registered models do."""

    def __init__(self, store: Store, runs: Runs, logged: LoggedModels, artifacts: Artifacts) -> None:
        self.store = store
        self.runs = runs
        self.logged = logged
        self.artifacts = artifacts
        self.book = Book(store, COLLECTION, fold)

    def all(self) -> list[Model]:
        """Every model, by name."""
        said = {name: one for name, one in self.book.state().items() if not one.deleted}
        found = [self._whole(name, said.get(name)) for name in sorted({*said, *registry.names(self.store)})]
        return sorted(found, key=lambda one: one.name)

    def find(self, name: str) -> Model:
        """Raises Trouble where there is none."""
        check_name(name)
        for one in self.all():
            if one.name == name:
                return one
        raise Trouble(f"Registered Model with name={name[:100]} not found", MISSING)

    def version(self, name: str, version: str) -> Version:
        """Raises Trouble where there is none."""
        if not version.isascii() or not version.isdigit():
            raise Trouble(f"Parameter 'version' must be an integer, got '{version[:60]}'.")
        found = [one for one in self.find(name).versions if one.state.version == int(version)]
        if not found:
            raise Trouble(f"Model Version (name={name}, version={version}) not found", MISSING)
        return found[0]

    def make(self, name: str, tags: dict[str, str], about: str, at: int | None = None) -> Model:
        """A new model, without versions. Raises Trouble where the name is taken."""
        check_name(name)
        with self.book.lock:
            if any(one.name == name for one in self.all()):
                raise Trouble(f"Registered Model (name={name}) already exists.", EXISTS)
            said: dict[str, str | None] = dict(tags)
            now = milliseconds() if at is None else at
            self.book.write(Line(of=naming.directory(name), at=now, made=True, name=name, about=about, tags=said))
        return self.find(name)

    def create(self, asked: Create) -> Json:
        tags = naming.check_tags(asked.tags, LONGEST_TAG)
        return {"registered_model": self.make(asked.name, tags, asked.description).answer()}

    def get(self, asked: Asked) -> Json:
        return {"registered_model": self.find(asked.name).answer()}

    def update(self, asked: Asked) -> Json:
        self._say(self.find(asked.name), about=asked.description)
        return self.get(asked)

    def rename(self, asked: Asked) -> Json:
        check_name(asked.new_name)
        with self.book.lock:
            found = self.find(asked.name)
            if any(one.name == asked.new_name for one in self.all()):
                raise Trouble(f"Registered Model (name={asked.new_name}) already exists.", EXISTS)
            self._say(found, name=asked.new_name)
        return {"registered_model": self.find(asked.new_name).answer()}

    def delete(self, asked: Asked) -> Json:
        """Its versions go to the trash; one that an endpoint serves stays, and with it the model."""
        found = self.find(asked.name)
        for one in found.versions:
            self._ws.action("model rm", model=one.state.ref)
        self._say(found, deleted=True)
        return {}

    def search(self, asked: Search) -> Json:
        most = limit(asked.max_results, 100, 1000)
        wanted, order = Filter(asked.filter, GRAMMAR), Order(asked.order_by, GRAMMAR)
        found = order.sort([one for one in self.all() if wanted.takes(one)])
        shown, token = page(found, asked.page_token, most)
        return without_empty({"registered_models": [one.answer() for one in shown], "next_page_token": token})

    def latest(self, asked: Asked) -> Json:
        wanted = {_stage(stage) for stage in asked.stages} or set(STAGES.values())
        latest = {one.stage: one for one in self.find(asked.name).versions}
        return without_empty({"model_versions": [one.answer() for stage, one in latest.items() if stage in wanted]})

    def set_tag(self, asked: Asked) -> Json:
        naming.check_key(asked.key, "key")
        self._say(self.find(asked.name), keep_time=True, tags={asked.key: asked.value[:LONGEST_TAG]})
        return {}

    def delete_tag(self, asked: Asked) -> Json:
        self._say(self.find(asked.name), keep_time=True, tags={asked.key: None})
        return {}

    def set_alias(self, asked: Asked) -> Json:
        found = self.version(asked.name, asked.version)
        alias = required("alias", asked.alias)
        if alias.lower() == "latest" or (alias[:1] in "vV" and alias[1:].isdigit()):
            raise Trouble(f"alias name '{alias}' is reserved.")
        self._ws.action("model alias", model=found.state.ref, alias=alias)
        return {}

    def delete_alias(self, asked: Asked) -> Json:
        for one in self.find(asked.name).versions:
            if asked.alias in one.state.aliases:
                self._ws.action("model alias", model=one.state.ref, alias=asked.alias, remove=True)
        return {}

    def by_alias(self, asked: Asked) -> Json:
        for one in self.find(asked.name).versions:
            if asked.alias in one.state.aliases:
                return {"model_version": one.answer()}
        raise Trouble(f"Registered model alias {asked.alias[:100]} not found.")

    def create_version(self, asked: CreateVersion) -> Json:
        of = self.find(asked.name)
        said: dict[str, str | None] = dict(naming.check_tags(asked.tags, LONGEST_TAG))
        directory = self.source(required("source", asked.source))
        if not asked.run_id and asked.source.startswith("models:/m-"):
            asked.run_id = self.logged.find(asked.source.removeprefix("models:/")).run
        facts = Line(
            of=of.directory, at=milliseconds(), name=of.name, about=asked.description or None, tags=said,
            run=asked.run_id or None, link=asked.run_link or None, source=asked.source,
        )  # fmt: skip
        run = None
        if asked.run_id:
            with contextlib.suppress(Trouble):
                run = self.runs.find(asked.run_id).run
        from cupola.mlflow import packed  # with its reader of YAML, which nothing else here needs

        with files.staged(self.store, f"{registry.DIRECTORY}/{of.directory}") as staged:
            made = packed.pack(self.store.root / directory, staged)
            number = claims.take_number(self.store, f"{registry.DIRECTORY}/{of.directory}")
            version = packed.version(made, of.directory, number, run, asked.description)
            facts.version = f"{number}-{version.id}"
            self._publish(version, staged, facts)
        self._tell(asked, of.name, number)
        return {"model_version": self.version(of.name, str(number)).answer()}

    def source(self, source: str) -> str:
        """The directory of the workspace that a source means. Raises Trouble for one that lies elsewhere."""
        scheme, _, rest = source.partition(":/")
        path = rest.split("/", 2)[-1] if rest.startswith("/") else rest  # an authority, which is this server
        try:
            if scheme == "models" and rest.startswith("m-"):
                return self.logged.directory(rest)[0]
            if scheme == "models":
                name, _, number = rest.rpartition("/")
                return self.version(name, number).state.directory
            if scheme == "runs":
                run, _, below = path.partition("/")
                of = self.runs.find(run)
                return self.artifacts.spot(f"{of.run.experiment}/{run}/artifacts/{below}").path
            if scheme == "mlflow-artifacts":
                return self.artifacts.spot(path).path
        except NotFound:
            pass
        raise Trouble(
            f"Invalid model version source: '{source[:200]}'. A version is made of what was logged to this workspace."
        )

    def get_version(self, asked: Asked) -> Json:
        return {"model_version": self.version(asked.name, asked.version).answer()}

    def update_version(self, asked: Asked) -> Json:
        found = self.version(asked.name, asked.version)
        self._say_version(found, about=asked.description)
        return self.get_version(asked)

    def delete_version(self, asked: Asked) -> Json:
        found = self.version(asked.name, asked.version)
        for alias in found.state.aliases:
            self._ws.action("model alias", model=found.state.ref, alias=alias, remove=True)
        if found.stage == "Production":
            self._move(found, "Archived")
        self._ws.action("model rm", model=found.state.ref)
        self._say(self.find(asked.name))
        return {}

    def move(self, asked: Asked) -> Json:
        found = self.version(asked.name, asked.version)
        stage = _stage(asked.stage)
        if asked.archive_existing_versions:
            if stage not in ("Staging", "Production"):
                raise Trouble(f"Model version transition cannot archive existing model versions because '{stage}' is "
                              "not an Active stage. Valid stages are ['Staging', 'Production']")  # fmt: skip
            for one in self.find(asked.name).versions:
                if one.stage == stage and one.key != found.key:
                    self._move(one, "Archived")
        self._move(found, stage)
        return self.get_version(asked)

    def search_versions(self, asked: Search) -> Json:
        most = limit(asked.max_results, 10000, 200_000)
        wanted, order = Filter(asked.filter, OF_VERSIONS), Order(asked.order_by, OF_VERSIONS)
        found = [one for model in self.all() for one in reversed(model.versions) if wanted.takes(one)]
        shown, token = page(order.sort(found), asked.page_token, most)
        answers = [one.answer(aliased=False) for one in shown]
        return without_empty({"model_versions": answers, "next_page_token": token})

    def set_version_tag(self, asked: Asked) -> Json:
        naming.check_key(asked.key, "key")
        found = self.version(asked.name, asked.version)
        self._say_version(found, keep_time=True, tags={asked.key: asked.value[:LONGEST_TAG]})
        return {}

    def delete_version_tag(self, asked: Asked) -> Json:
        self._say_version(self.version(asked.name, asked.version), keep_time=True, tags={asked.key: None})
        return {}

    def download_uri(self, asked: Asked) -> Json:
        return {"artifact_uri": f"mlflow-artifacts:/{self.version(asked.name, asked.version).state.directory}"}

    @property
    def _ws(self) -> Workspace:
        return Workspace(self.store)

    def _publish(self, version: registry.ModelVersion, staged: Path, facts: Line) -> None:
        """What was said of it comes first: nobody sees that before the version is there."""
        (staged / "version.json").write_bytes(msgspec.json.format(msgspec.json.encode(version)) + b"\n")
        self.book.write(facts)
        files.publish_dir(self.store, staged, version.directory)
        feed.announce(self.store, "model", version.ref, version.revision)

    def _tell(self, asked: CreateVersion, name: str, number: int) -> None:
        """A logged model says which versions were made of it."""
        id = asked.model_id or asked.source.removeprefix("models:/")
        with contextlib.suppress(Trouble, CupolaError, msgspec.MsgspecError):
            if id.startswith("m-"):
                before = msgspec.json.decode(self.logged.find(id).tags.get(VERSIONS, "[]"))
                value = json.dumps([*before, {"name": name, "version": number}])
                self.logged.set_tags(id, Change(tags=[Pair(VERSIONS, value)]))

    def _whole(self, directory: str, said: Model | None) -> Model:
        states = registry.versions(self.store, directory)
        times = [live.stamp(one.registered) for one in states]
        found = said or Model(directory=directory, name=directory, created=min(times), updated=max(times))
        versions = [
            Version(found.name, one, found.facts.get(f"{one.version}-{one.id}") or facts_of(one)) for one in states
        ]
        updated = max([found.updated, *(one.facts.updated for one in versions)])
        return msgspec.structs.replace(found, versions=versions, updated=updated)

    def _say(self, of: Model, keep_time: bool = False, **news: Any) -> None:
        at = of.updated if keep_time else milliseconds()
        self.book.write(Line(of=of.directory, at=at, **{"name": of.name, **news}))

    def _move(self, one: Version, stage: str) -> None:
        self._ws.action("model stage", model=one.state.ref, stage="Development" if stage == "None" else stage)
        self._say_version(one)

    def _say_version(self, one: Version, keep_time: bool = False, **news: Any) -> None:
        at = one.facts.updated if keep_time else milliseconds()
        said = self.book.state().get(one.state.name)
        known: Json = {}
        if said is None or one.key not in said.facts:  # registered in Cupola: what it had from there stays
            known = {"source": one.facts.source, "run": one.facts.run or None, "about": one.facts.about or None}
        line = Line(of=one.state.name, at=at, name=one.model, version=one.key, **{**known, **news})
        self.book.write(line)


def _stage(stage: str) -> str:
    found = STAGES.get(stage.lower())
    if found is None:
        raise Trouble(f"Invalid Model Version stage: {stage[:60]}. Value must be one of {', '.join(STAGES.values())}.")
    return found


def check_name(name: str) -> str:
    """Raises Trouble for a name that no model can have."""
    if not name.strip():
        raise Trouble("Registered model name cannot be empty.")
    if "/" in name or ":" in name or "\0" in name or len(name) > 250:
        raise Trouble(f"Invalid name: '{name[:100]}'. Registered model names may not contain '/' or ':'.")
    return name
