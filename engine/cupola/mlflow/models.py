"""Registered models and their versions as MLflow's clients see them: the registry's, and what was said of them."""

from typing import Any

import msgspec

from cupola.mlflow import live
from cupola.mlflow.book import Line, retag
from cupola.mlflow.wire import Json, pairs, without_empty
from cupola.registry.records import ModelState

STAGES = {"none": "None", "staging": "Staging", "production": "Production", "archived": "Archived"}
PROMPT = "mlflow.prompt.is_prompt"


class Facts(msgspec.Struct, kw_only=True):
    """What was said of a version in MLflow's API."""

    created: int
    updated: int
    about: str = ""
    run: str = ""
    link: str = ""
    source: str = ""
    tags: dict[str, str] = {}


class Model(msgspec.Struct, kw_only=True):
    """A registered model, as it was said to be; `facts` by version ("3-7f3a...")."""

    directory: str
    name: str
    created: int
    updated: int
    deleted: bool = False
    about: str = ""
    tags: dict[str, str] = {}
    facts: dict[str, Facts] = {}
    versions: list["Version"] = []

    def field(self, kind: str, key: str) -> Any:
        if kind == "tag":
            return self.tags.get(key, "false" if key == PROMPT else None)
        return {"name": self.name, "creation_timestamp": self.created}.get(key, self.updated)

    def answer(self) -> Json:
        latest = {one.stage: one for one in self.versions}
        aliases = [(alias, one.number) for one in self.versions for alias in one.state.aliases]
        return without_empty(
            {
                "name": self.name,
                "creation_timestamp": self.created,
                "last_updated_timestamp": self.updated,
                "description": self.about or None,
                "latest_versions": [one.answer(aliased=False) for one in latest.values()],
                "tags": pairs(self.tags),
                "aliases": [{"alias": alias, "version": number} for alias, number in sorted(aliases)],
            }
        )


class Version(msgspec.Struct):
    """A version of the registry, and what was said of it in MLflow's API."""

    model: str
    state: ModelState
    facts: Facts

    @property
    def number(self) -> str:
        return str(self.state.version)

    @property
    def key(self) -> str:
        return f"{self.state.version}-{self.state.id}"

    @property
    def stage(self) -> str:
        """The registry's stage; Development is none to MLflow."""
        return self.state.stage if self.state.stage in STAGES.values() else "None"

    def field(self, kind: str, key: str) -> Any:
        if kind == "tag":
            return self.facts.tags.get(key, "false" if key == PROMPT else None)
        return {
            "name": self.model,
            "run_id": self.facts.run or None,
            "source_path": self.facts.source,
            "version_number": self.state.version,
            "creation_timestamp": self.facts.created,
        }.get(key, self.facts.updated)

    def answer(self, aliased: bool = True) -> Json:
        found = {
            "name": self.model,
            "version": self.number,
            "creation_timestamp": self.facts.created,
            "last_updated_timestamp": self.facts.updated,
            "current_stage": self.stage,
            "description": self.facts.about,
            "source": self.facts.source,
            "run_id": self.facts.run or None,
            "status": "READY",
            "run_link": self.facts.link,
            "tags": pairs(self.facts.tags),
            "aliases": self.state.aliases if aliased else [],
        }
        return without_empty(found)


def fold(lines: list[Line]) -> dict[str, Model]:
    """Models by directory, of what was said of them."""
    found: dict[str, Model] = {}
    for line in lines:
        one = found.get(line.of)
        if one is None or (line.made and one.deleted):
            one = found[line.of] = Model(
                directory=line.of, name=line.name or line.of, created=line.at, updated=line.at, tags={}, facts={}
            )
        one.name = line.name or one.name
        one.updated = max(one.updated, line.at)
        if line.version:
            _fold_version(one, line)
            continue
        one.deleted = one.deleted if line.deleted is None else line.deleted
        one.about = one.about if line.about is None else line.about
        retag(one.tags, line.tags)
    return found


def _fold_version(of: Model, line: Line) -> None:
    one = of.facts.get(line.version)
    if one is None:
        one = of.facts[line.version] = Facts(created=line.at, updated=line.at, tags={})
    one.updated = max(one.updated, line.at)
    one.about = one.about if line.about is None else line.about
    one.run, one.link = line.run or one.run, line.link or one.link
    one.source = line.source or one.source
    retag(one.tags, line.tags)


def facts_of(state: ModelState) -> Facts:
    """What MLflow would know of a version that was registered in Cupola."""
    moment = live.stamp(state.registered)
    return Facts(
        created=moment,
        updated=moment,
        about=state.description,
        run=state.run,
        source=f"mlflow-artifacts:/{state.directory}",
    )
