"""What comes over from MLflow's own stores: runs, logged models and registered models, written as ours are.

A run comes whole or not at all, under the id that it has there: what is here already is passed over, so that an import
that was interrupted is simply done again.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import msgspec

from cupola.errors import BadName, Conflict, CupolaError, DiskTrouble
from cupola.experiments import records as experiments
from cupola.experiments.records import Mlflow, Run
from cupola.importing.records import Imported
from cupola.importing.work import Work
from cupola.importing.writing import copy
from cupola.mlflow import live, logged, naming, packed
from cupola.mlflow.book import Line as Said
from cupola.mlflow.experiments import Experiment, milliseconds
from cupola.mlflow.live import Line, Live
from cupola.mlflow.models import Model
from cupola.mlflow.services import services
from cupola.mlflow.wire import Trouble
from cupola.registry import records as registry
from cupola.store import claims, feed, files, names
from cupola.store.trouble import disk
from cupola.workspace import Workspace

AT_ONCE = 8192  # lines that are written together
VERSIONS = 10_000  # of a model; each number up to the highest is taken, one by one
_ENCODER = msgspec.json.Encoder()


class OldExperiment(msgspec.Struct, kw_only=True):
    id: str
    name: str
    created: int | None = None
    deleted: bool = False
    tags: dict[str, str] = {}


class OldRun(msgspec.Struct, kw_only=True):
    """A run there. metrics: gives a line for each value; artifacts: where its files lie, None where these are not."""

    id: str
    experiment: str
    name: str = ""
    user: str = ""
    status: str = "FINISHED"
    start: int | None = None
    end: int | None = None
    deleted: bool = False
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    metrics: Callable[[], Iterable[Line]] = tuple
    inputs: list[Any] = []
    models: list[Any] = []
    outputs: list[Any] = []
    artifacts: Path | None = None
    missing: str = ""


class OldModel(msgspec.Struct, kw_only=True):
    """A logged model there."""

    id: str
    experiment: str
    name: str
    created: int
    updated: int
    status: str = "LOGGED_MODEL_READY"
    kind: str = ""
    run: str = ""
    deleted: bool = False
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    artifacts: Path | None = None
    missing: str = ""


class OldVersion(msgspec.Struct, kw_only=True):
    number: int
    created: int
    updated: int
    source: str = ""
    run: str = ""
    link: str = ""
    stage: str = "None"
    about: str = ""
    tags: dict[str, str] = {}
    artifacts: Path | None = None
    missing: str = ""


class OldRegistered(msgspec.Struct, kw_only=True):
    """A registered model there; aliases: the number that each means."""

    name: str
    created: int
    updated: int
    about: str = ""
    tags: dict[str, str] = {}
    aliases: dict[str, int] = {}
    versions: list[OldVersion] = []


class Old(msgspec.Struct, kw_only=True):
    """All that a store of MLflow's holds. count: how many runs that are."""

    experiments: list[OldExperiment]
    runs: Iterable[OldRun]
    models: list[OldModel] = []
    registered: list[OldRegistered] = []
    count: int = 0


class Import:
    """Brings one store over."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.store = work.store
        self.server = services(work.store)
        self.done = work.done
        self.of: dict[str, Experiment] = {}

    def run(self, old: Old) -> Imported:
        """Raises DiskTrouble; what came over until then stays."""
        for experiment in old.experiments:
            self._experiment(experiment)
        there = experiments.directories(self.store).keys() | {one.run.id for one in self.server.runs.trashed(None)}
        gone: dict[str, list[str]] = {}
        self.work.total = old.count
        for run in old.runs:
            if self._may_come(run, there):
                self.work.room(partial(self._run, run))
                if run.deleted:
                    gone.setdefault(run.experiment, []).append(run.id)
            self.work.tell(1, f"run {run.id}")
        for model in old.models:
            self.work.room(partial(self._logged, model))
        for one in old.registered:
            self._registered(one)
        for experiment in old.experiments:
            if experiment.deleted and experiment.id in self.of:
                self.server.experiments.mark(self.of[experiment.id], True, gone.get(experiment.id, []))
        return self.done

    def _skip(self, what: str, why: str) -> None:
        self.done.skip(what, why)

    def _experiment(self, old: OldExperiment) -> None:
        found = self.server.experiments.named(old.name)
        if found is None:
            try:
                found = self.server.experiments.make(old.name, old.tags, old.created)
            except Trouble as error:
                self._skip(f"experiment {old.name}", error.message)
                return
            self.done.experiments += 1
        elif old.tags:
            self.server.experiments.add_tags(found, old.tags)
        self.of[old.id] = found

    def _may_come(self, run: OldRun, there: Iterable[str]) -> bool:
        why = ""
        try:
            names.check_name(run.id, "id of a run")
        except BadName as error:
            why = str(error)
        if run.id in there:
            why = "it is here already"
        elif run.experiment not in self.of:
            why = f"its experiment {run.experiment} did not come over"
        if why:
            self._skip(f"run {run.id}", why)
        return not why

    def _run(self, old: OldRun) -> None:
        of = self.of[old.experiment]
        user, host = names.who()
        moment = live.iso(old.start) or names.now()
        run = Run(
            id=old.id, name=old.name or old.tags.get("mlflow.runName") or old.id, experiment=of.directory,
            status="InProgress", user=user, host=host, submitted=moment, attempt=1,
            mlflow=Mlflow(writer=self.store.writer),
        )  # fmt: skip
        begun = Line(
            time=names.now(), user=old.user, status=old.status, start=old.start, end=old.end, tags=dict(old.tags),
            run_name=run.name, params={key: naming.value_of(text) for key, text in old.params.items()},
            inputs=old.inputs, models=old.models, outputs=old.outputs,
        )  # fmt: skip
        whole = Live(self.store, run)
        values = 0
        staged = files.staging(self.store)
        try:
            with disk(run.directory):
                attempt = staged / "attempts" / "1"
                attempt.mkdir(parents=True)
                values = _write(attempt / live.OWN, whole, chain([begun], old.metrics())) - 1
                count = self._copy(old.artifacts, attempt / "artifacts", f"run {old.id}", old.missing)
                record = msgspec.json.format(msgspec.json.encode(whole.amounts()))
                (staged / "run.json").write_bytes(record + b"\n")
            files.publish_dir(self.store, staged, run.directory)
        except Conflict:
            files.discard(staged)
            self._skip(f"run {old.id}", "it is here already")
            return
        except BaseException:
            files.discard(staged)
            raise
        if old.deleted:
            files.trash(self.store, run.directory)
        feed.announce(self.store, "run", run.id, 1)
        self.done.runs += 1
        self.done.metrics += values
        self.done.params += len(old.params)
        self.done.tags += len(old.tags)
        self.done.artifacts += count

    def _copy(self, source: Path | None, target: Path, what: str, missing: str) -> int:
        """Copies files, and no symlink; gives how many."""
        if source is None or not source.is_dir():
            if missing:
                self._skip(f"artifacts of {what}", missing)
            return 0
        return copy(source, target, what, self.done)

    def _logged(self, old: OldModel) -> None:
        of = self.of.get(old.experiment)
        book = self.server.logged.book
        if of is None or old.id in book.state():
            why = "it is here already" if of else f"its experiment {old.experiment} did not come over"
            self._skip(f"logged model {old.id}", why)
            return
        if not old.id.startswith("m-") or not old.id[2:].isalnum():
            self._skip(f"logged model {old.id}", "that is no id of a logged model")
            return
        location = f"{experiments.DIRECTORY}/{of.directory}/{old.run}/attempts/1/models"
        if not old.run or not (self.store.root / location).parent.is_dir():
            location = ""
        path = f"{location or logged.ALONE}/{old.id}"
        staged = files.staging(self.store)
        try:
            with disk(path):
                self.done.artifacts += self._copy(old.artifacts, staged, f"logged model {old.id}", old.missing)
            if any(staged.iterdir()):
                files.publish_dir(self.store, staged, path)
            else:
                files.discard(staged)
        except Conflict:  # an import that was interrupted between its files and what was said of it
            files.discard(staged)
        except BaseException:
            files.discard(staged)
            raise
        said = Said(
            of=old.id, at=old.created, made=True, name=old.name, experiment=of.id, kind=old.kind or None,
            run=old.run or None, location=location or None, tags=dict(old.tags), params=old.params,
        )  # fmt: skip
        book.write(said, Said(of=old.id, at=old.updated, status=old.status, deleted=old.deleted or None))
        self.done.logged_models += 1

    def _registered(self, old: OldRegistered) -> None:
        of = self.server.registered
        try:
            if any(one.name == old.name for one in of.all()):
                self._skip(f"model {old.name}", "a model of that name is here already")
                return
            made = of.make(old.name, old.tags, old.about, old.created)
        except Trouble as error:
            self._skip(f"model {old.name}", error.message)
            return
        self.done.models += 1
        for version in sorted(old.versions, key=lambda one: one.number):
            aliases = [alias for alias, meant in old.aliases.items() if meant == version.number]
            self.work.room(partial(self._version, made, version, aliases))
        of.book.write(Said(of=made.directory, at=old.updated, name=old.name))

    def _version(self, of: Model, old: OldVersion, aliases: list[str]) -> None:
        what = f"model {of.name}, version {old.number}"
        source = old.artifacts
        if not 0 < old.number <= VERSIONS:
            self._skip(what, "that is no number of a version")
            return
        if source is None or not source.is_dir():
            self._skip(what, old.missing or "its files are not there")
            return
        staged = files.staging(self.store)
        try:
            with disk(f"{registry.DIRECTORY}/{of.directory}"):
                made = packed.pack(source, staged)
                run = self._known(old.run)
                version = packed.version(made, of.directory, self._number(of, old.number), run, old.about)
                version.registered = live.iso(old.created) or version.registered
                (staged / "version.json").write_bytes(msgspec.json.format(msgspec.json.encode(version)) + b"\n")
            key = f"{version.version}-{version.id}"
            said = Said(
                of=of.directory, at=old.created, name=of.name, version=key, about=old.about or None,
                run=old.run or None, link=old.link or None, source=old.source or None,
                tags=dict(old.tags),
            )  # fmt: skip
            self.server.registered.book.write(said, Said(of=of.directory, at=old.updated, name=of.name, version=key))
            files.publish_dir(self.store, staged, version.directory)
        except DiskTrouble:
            files.discard(staged)
            raise
        except CupolaError as error:
            files.discard(staged)
            self._skip(what, str(error))
            return
        except BaseException:
            files.discard(staged)
            raise
        feed.announce(self.store, "model", version.ref, 1)
        self.done.versions += 1
        if old.stage in registry.STAGES:
            Workspace(self.store).action("model stage", model=version.ref, stage=old.stage)
        for alias in aliases:
            try:
                Workspace(self.store).action("model alias", model=version.ref, alias=alias)
            except CupolaError as error:
                self._skip(f"{what}: alias {alias}", str(error))

    def _number(self, of: Model, wanted: int) -> int:
        """The number that it has there: those before it that are missing are used up."""
        while (number := claims.take_number(self.store, f"{registry.DIRECTORY}/{of.directory}")) < wanted:
            continue
        return number

    def _known(self, id: str) -> Run | None:
        try:
            return self.server.runs.find(id).run if id else None
        except Trouble:
            return None


def _write(path: Path, whole: Live, lines: Iterator[Line]) -> int:
    """Writes the lines of a run as they come, which `whole` takes; gives how many."""
    count = 0
    with path.open("xb") as file:
        while batch := list(islice(lines, AT_ONCE)):
            for number, line in enumerate(batch, count + 1):
                line.seq, line.clock = number, 1
            whole.take(batch)
            file.write(_ENCODER.encode_lines(batch))
            count += len(batch)
    return count


def inside(path: Path, root: Path) -> bool:
    """Whether a path lies below a directory, symlinks resolved: a store may name files that are none of its own."""
    return path.resolve().is_relative_to(root.resolve())


def moment(value: Any) -> int:
    """Milliseconds since 1970; now for what is none."""
    found = whole(value)
    return milliseconds() if found is None else found


def whole(value: Any) -> int | None:
    """A whole number of 64 bits; None for what is none."""
    try:
        found = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if -(2**63) <= found < 2**63 else None
