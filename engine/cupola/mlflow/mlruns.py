"""Reading an `mlruns/` directory, as MLflow's file store wrote it; nothing in it is changed.

`EXPERIMENT/meta.yaml`, `EXPERIMENT/RUN/{meta.yaml,params,metrics,tags,inputs,outputs,artifacts}`,
`EXPERIMENT/models/ID/...`, `models/NAME/version-N/...`; deleted experiments in `.trash/`.
Source: mlflow.store.tracking.file_store of MLflow 3.
"""

import contextlib
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import yaml

from cupola.errors import BadInput
from cupola.importing.framing import open_plain
from cupola.importing.records import Imported
from cupola.importing.work import Work
from cupola.mlflow import imported, live
from cupola.mlflow.imported import Import, Old, OldExperiment, OldModel, OldRegistered, OldRun, OldVersion
from cupola.mlflow.live import Line

META, MODELS, TRASH = "meta.yaml", "models", ".trash"
DELETED = "Deleted_Internal"  # the stage of a version that was deleted
NOT_RUNS = {"tags", "datasets", MODELS, "traces", "assessments"}
LARGEST = 16 * 2**20  # bytes of a file that says something
STATUSES = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
OF_MODELS = {1: "LOGGED_MODEL_PENDING", 2: "LOGGED_MODEL_READY", 3: "LOGGED_MODEL_UPLOAD_FAILED"}
Meta = dict[str, Any]


def bring(work: Work, path: Path) -> Imported:
    """Imports a directory. Raises BadInput for one that is none of MLflow's, DiskTrouble."""
    return Import(work).run(Reader(path, work.done).read())


class Reader:
    """Reads one directory; what cannot be read is named in `done`, and the rest comes."""

    def __init__(self, root: Path, done: Imported) -> None:
        self.root = root
        self.done = done

    def read(self) -> Old:
        """Raises BadInput for a directory that is none of MLflow's."""
        places = [*self._directories(self.root), *self._directories(self.root / TRASH)]
        found = [(at, meta) for at in places if "experiment_id" in (meta := self._meta(at, quiet=True))]
        if not found and not (self.root / MODELS).is_dir():
            raise BadInput("this is no directory of MLflow's", where=str(self.root), hint="it holds N/meta.yaml files")
        return Old(
            experiments=[self._experiment(at, meta) for at, meta in found],
            runs=(run for at, _ in found for run in self._runs(at)),
            models=[model for at, _ in found for model in self._logged(at)],
            registered=[one for at in self._directories(self.root / MODELS) if (one := self._registered(at))],
            count=sum(len(self._places(at)) for at, _ in found),
        )

    def _experiment(self, at: Path, meta: Meta) -> OldExperiment:
        return OldExperiment(
            id=at.name,
            name=str(meta.get("name", at.name)),
            created=imported.whole(meta.get("creation_time")),
            deleted=meta.get("lifecycle_stage") == "deleted" or at.parent.name == TRASH,
            tags=self._texts(at / "tags"),
        )

    def _places(self, at: Path) -> list[Path]:
        """Where the runs of an experiment lie."""
        return [one for one in self._directories(at) if one.name not in NOT_RUNS]

    def _runs(self, at: Path) -> Iterator[OldRun]:
        for run in self._places(at):
            meta = self._meta(run)
            if not meta:
                continue
            files, missing = self._artifacts(run / "artifacts", meta.get("artifact_uri"))
            yield OldRun(
                id=str(meta.get("run_id") or meta.get("run_uuid") or run.name),
                experiment=at.name,
                name=str(meta.get("run_name") or ""),
                user=str(meta.get("user_id") or ""),
                status=_status(meta.get("status")),
                start=imported.whole(meta.get("start_time")),
                end=imported.whole(meta.get("end_time")),
                deleted=meta.get("lifecycle_stage") == "deleted" or at.parent.name == TRASH,
                params=self._texts(run / "params"),
                tags=self._texts(run / "tags"),
                metrics=partial(self._metrics, run / "metrics", str(run.name)),
                inputs=list(self._inputs(at, run)),
                models=[{"model_id": one.name} for one in self._directories(run / "inputs") if one.name[:2] == "m-"],
                outputs=list(self._outputs(run)),
                artifacts=files,
                missing=missing,
            )

    def _metrics(self, at: Path, run: str) -> Iterator[Line]:
        """The values of all metrics: lines of time, value, step, and of which model and data they are."""
        for path, name in self._files(at):
            try:
                with open_plain(path) as file:
                    for number, text in enumerate(file, 1):
                        if line := _value(name, text):
                            yield line
                        else:
                            self._skip(f"run {run}: line {number} of metric {name}", "it is not `TIME VALUE STEP`")
            except BadInput as error:
                self._skip(str(path.relative_to(self.root)), error.message)

    def _inputs(self, at: Path, run: Path) -> Iterator[dict[str, Any]]:
        for one in self._directories(run / "inputs"):
            meta = self._meta(one)
            if meta.get("source_type") != "DATASET":
                continue
            data = self._meta(at / "datasets" / str(meta.get("source_id", "")))
            names = ("name", "digest", "source_type", "source", "schema", "profile")
            tags = [{"key": str(key), "value": str(value)} for key, value in (meta.get("tags") or {}).items()]
            yield {"tags": tags, "dataset": {name: data[name] for name in names if data.get(name) is not None}}

    def _outputs(self, run: Path) -> Iterator[dict[str, Any]]:
        for one in self._directories(run / "outputs"):
            meta = self._meta(one)
            yield {
                "model_id": str(meta.get("destination_id") or one.name),
                "step": imported.whole(meta.get("step")) or 0,
            }

    def _logged(self, at: Path) -> Iterator[OldModel]:
        for one in self._directories(at / MODELS):
            meta = self._meta(one)
            if not meta:
                continue
            files, missing = self._artifacts(one / "artifacts", meta.get("artifact_location"))
            status = meta.get("status")
            yield OldModel(
                id=str(meta.get("model_id") or one.name),
                experiment=at.name,
                name=str(meta.get("name") or one.name),
                created=imported.moment(meta.get("creation_timestamp")),
                updated=imported.moment(meta.get("last_updated_timestamp")),
                status=OF_MODELS.get(status, str(status)) if isinstance(status, int) else f"LOGGED_MODEL_{status}",
                kind=str(meta.get("model_type") or ""),
                run=str(meta.get("source_run_id") or ""),
                deleted=meta.get("lifecycle_stage") == "deleted",
                params=self._texts(one / "params"),
                tags=self._texts(one / "tags"),
                artifacts=files,
                missing=missing,
            )

    def _registered(self, at: Path) -> OldRegistered | None:
        meta = self._meta(at)
        if not meta:
            return None
        aliases = {}
        for alias, number in self._texts(at / "aliases").items():
            with contextlib.suppress(ValueError):
                aliases[alias] = int(number)
        return OldRegistered(
            name=str(meta.get("name") or at.name),
            created=imported.moment(meta.get("creation_timestamp")),
            updated=imported.moment(meta.get("last_updated_timestamp")),
            about=str(meta.get("description") or ""),
            tags=self._texts(at / "tags"),
            aliases=aliases,
            versions=[
                self._version(one, said)
                for one in self._directories(at)
                if one.name.startswith("version-") and (said := self._meta(one)).get("current_stage") != DELETED
            ],
        )

    def _version(self, at: Path, meta: Meta) -> OldVersion:
        source = str(meta.get("source") or "")
        files, missing = self._source(source, str(meta.get("storage_location") or ""))
        return OldVersion(
            number=imported.whole(meta.get("version")) or imported.whole(at.name.rpartition("-")[2]) or 0,
            created=imported.moment(meta.get("creation_timestamp")),
            updated=imported.moment(meta.get("last_updated_timestamp")),
            source=source,
            run=str(meta.get("run_id") or ""),
            link=str(meta.get("run_link") or ""),
            stage=str(meta.get("current_stage") or "None"),
            about=str(meta.get("description") or ""),
            tags=self._texts(at / "tags"),
            artifacts=files,
            missing=missing,
        )

    def _source(self, source: str, storage: str) -> tuple[Path | None, str]:
        """The files that a version was made of."""
        if source.startswith("models:/m-"):
            found = list(self.root.glob(f"*/{MODELS}/{source.removeprefix('models:/')}/artifacts"))
            return (found[0], "") if found else (None, f"its source {source} is not in this directory")
        return self._artifacts(None, storage if storage and "://" in storage else source)

    def _artifacts(self, beside: Path | None, uri: Any) -> tuple[Path | None, str]:
        """Where files lie: beside their record, wherever the directory is now, else where the record says."""
        if beside is not None and beside.is_dir():
            return beside, ""
        return local(str(uri or ""), self.root)

    def _texts(self, at: Path) -> dict[str, str]:
        return {name: self._text(path) for path, name in self._files(at)}

    def _files(self, at: Path) -> Iterator[tuple[Path, str]]:
        """The plain files below a directory, by their path there: a name may have slashes."""
        for below, directories, found in os.walk(at):
            directories.sort()
            for name in sorted(found):
                path = Path(below) / name
                yield path, path.relative_to(at).as_posix()

    def _text(self, path: Path) -> str:
        try:
            if path.is_symlink() or path.stat().st_size > LARGEST * 8:
                raise OSError("it is a symlink, or too large")
            return path.read_bytes().decode()
        except (OSError, UnicodeDecodeError) as error:
            self._skip(str(path.relative_to(self.root)), f"it cannot be read: {error}")
            return ""

    def _directories(self, at: Path) -> list[Path]:
        if not at.is_dir():
            return []
        return sorted(one for one in at.iterdir() if one.is_dir() and not one.is_symlink() and one.name != TRASH)

    def _meta(self, at: Path, quiet: bool = False) -> Meta:
        path = at / META
        try:
            if path.stat().st_size > LARGEST:
                raise OSError("it is too large")
            found = yaml.safe_load(path.read_bytes())
            if isinstance(found, dict):
                return found
            raise ValueError("it says nothing")
        except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
            if not quiet or path.exists():
                said = str(error).replace("\n", " ")[:200]
                self._skip(str(path.relative_to(self.root)), f"it cannot be read: {said}")
            return {}

    def _skip(self, what: str, why: str) -> None:
        self.done.skip(what, why)


def local(uri: str, root: Path) -> tuple[Path | None, str]:
    """The directory that a URI of artifacts means, if it lies below `root`; else why it is not taken."""
    parsed = urlparse(uri)
    if not uri or parsed.scheme not in ("", "file") or parsed.netloc not in ("", "localhost"):
        return None, f"they lie at {uri[:200]}, which is not on this disk" if uri else ""
    path = Path(unquote(parsed.path)) if parsed.scheme else Path(uri)
    path = path if path.is_absolute() else root.parent / path
    if not imported.inside(path, root):
        return None, f"they lie at {str(path)[:200]}, outside of what is imported"
    return path, ""


def _value(name: str, text: bytes) -> Line | None:
    """A line of a file of a metric; None for what is none."""
    try:
        moment, value, *more = text.decode().split()
        data = more[1:3] if len(more) >= 3 else ["", ""]
        step = int(more[0]) if more else 0
        return live.value(name, float(value), int(moment), step, dataset=data[0], digest=data[1])
    except ValueError:
        return None


def _status(value: Any) -> str:
    found = STATUSES.get(value, str(value)) if isinstance(value, int) else str(value)
    return found if found in live.STATUSES else "FINISHED"
