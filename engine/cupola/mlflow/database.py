"""Reading a SQLite database of MLflow's, whatever version of MLflow made it; it is opened for reading only.

Source: mlflow.store.tracking.dbmodels.models and mlflow.store.model_registry.dbmodels.models of MLflow 3.17. Tables and
columns that an older one lacks are taken as empty.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from cupola.errors import BadInput
from cupola.importing.records import Imported, shown
from cupola.importing.work import Work
from cupola.mlflow import imported, live, mlruns
from cupola.mlflow.imported import Import, Old, OldExperiment, OldModel, OldRegistered, OldRun, OldVersion
from cupola.mlflow.live import Line

Row = dict[str, Any]
PROXIED = "mlflow-artifacts:/"


def bring(work: Work, path: Path, artifacts: Path) -> Imported:
    """Imports a database. Raises BadInput for one that is none of MLflow's, or broken, and DiskTrouble."""
    return Import(work).run(Reader(path, artifacts, work.done).read())


class Reader:
    """Reads one database. artifacts: the directory that its server kept artifacts in; done: what names the rest."""

    def __init__(self, path: Path, artifacts: Path, done: Imported) -> None:
        self.path = path
        self.done = done
        self.root = artifacts
        try:
            self.lines = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
            self.lines.row_factory = sqlite3.Row
            self.tables = {str(row[0]) for row in self.lines.execute("select name from sqlite_master")}
        except sqlite3.Error as error:
            raise BadInput(f"this is no SQLite database: {error}", where=str(path)) from None
        if not {"experiments", "runs"} <= self.tables:
            raise BadInput("this database is none of MLflow's: it has no runs and experiments", where=str(path))

    def read(self) -> Old:
        """Raises BadInput where the database is broken."""
        try:
            return Old(
                experiments=[self._experiment(row) for row in self._rows("experiments")],
                runs=self._runs(),
                models=[self._logged(row) for row in self._rows("logged_models")],
                registered=[self._registered(row) for row in self._rows("registered_models")],
                count=int(self.lines.execute("select count(*) from runs").fetchone()[0]),
            )
        except sqlite3.Error as error:
            raise BadInput(f"this database cannot be read: {error}", where=str(self.path)) from None

    def _rows(self, table: str, **where: Any) -> Iterator[Row]:
        if table not in self.tables:
            return
        columns = {row[1] for row in self.lines.execute(f"pragma table_info({table})")}
        if not where.keys() <= columns:
            return
        clause = " and ".join(f'"{name}" = ?' for name in where)
        query = f'select * from "{table}"' + (f" where {clause}" if where else "")
        for row in self.lines.execute(query, list(where.values())):
            yield dict(row)

    def _texts(self, table: str, key: str = "key", value: str = "value", **where: Any) -> dict[str, str]:
        return {str(row[key]): str(row[value] or "") for row in self._rows(table, **where)}

    def _experiment(self, row: Row) -> OldExperiment:
        return OldExperiment(
            id=str(row["experiment_id"]),
            name=str(row["name"]),
            created=imported.whole(row.get("creation_time")),
            deleted=row.get("lifecycle_stage") == "deleted",
            tags=self._texts("experiment_tags", experiment_id=row["experiment_id"]),
        )

    def _runs(self) -> Iterator[OldRun]:
        try:
            for row in self._rows("runs"):
                yield self._run(row)
        except sqlite3.Error as error:
            raise BadInput(f"this database cannot be read: {error}", where=str(self.path)) from None

    def _run(self, row: Row) -> OldRun:
        id = str(row["run_uuid"])
        files, missing = self._artifacts(row.get("artifact_uri"))
        status = str(row.get("status"))
        return OldRun(
            id=id,
            experiment=str(row["experiment_id"]),
            name=str(row.get("name") or ""),
            user=str(row.get("user_id") or ""),
            status=status if status in live.STATUSES else "FINISHED",
            start=imported.whole(row.get("start_time")),
            end=imported.whole(row.get("end_time")),
            deleted=row.get("lifecycle_stage") == "deleted",
            params=self._texts("params", run_uuid=id),
            tags=self._texts("tags", run_uuid=id),
            metrics=partial(self._metrics, id),
            inputs=list(self._inputs(id)),
            models=[
                {"model_id": str(one["destination_id"])}
                for one in self._rows("inputs", source_id=id, source_type="RUN_INPUT")
            ],
            outputs=[
                {"model_id": str(one["destination_id"]), "step": one.get("step") or 0}
                for one in self._rows("inputs", source_id=id, source_type="RUN_OUTPUT")
            ],
            artifacts=files,
            missing=missing,
        )

    def _metrics(self, run: str) -> Iterator[Line]:
        of_models = self._of_models(run)
        for row in self._rows("metrics", run_uuid=run):
            moment, step = imported.whole(row["timestamp"]), imported.whole(row.get("step") or 0)
            value = float("nan") if row.get("is_nan") else row["value"]
            if moment is None or step is None or not isinstance(value, int | float):
                self.done.skip(
                    f"run {run}: a value of metric {shown(str(row['key']))}", "it is not a number with a time"
                )
                continue
            model = of_models.get((run, row["key"], row["timestamp"], step, row["value"]), {})
            yield live.value(
                str(row["key"]), float(value), moment, step, model=str(model.get("model_id") or ""),
                dataset=str(model.get("dataset_name") or ""), digest=str(model.get("dataset_digest") or ""),
            )  # fmt: skip

    def _of_models(self, run: str) -> dict[tuple[Any, ...], Row]:
        """Which values of a run are of which logged model."""
        names = ("run_id", "metric_name", "metric_timestamp_ms", "metric_step", "metric_value")
        return {tuple(row[name] for name in names): row for row in self._rows("logged_model_metrics", run_id=run)}

    def _inputs(self, run: str) -> Iterator[Row]:
        for row in self._rows("inputs", destination_id=run, destination_type="RUN"):
            tags = self._texts("input_tags", key="name", input_uuid=row["input_uuid"])
            for data in self._rows("datasets", dataset_uuid=row["source_id"]):
                known = {
                    "name": data.get("name"), "digest": data.get("digest"),
                    "source_type": data.get("dataset_source_type"), "source": data.get("dataset_source"),
                    "schema": data.get("dataset_schema"), "profile": data.get("dataset_profile"),
                }  # fmt: skip
                yield {
                    "tags": [{"key": key, "value": value} for key, value in tags.items()],
                    "dataset": {name: value for name, value in known.items() if value is not None},
                }

    def _logged(self, row: Row) -> OldModel:
        id = str(row["model_id"])
        files, missing = self._artifacts(row.get("artifact_location"))
        return OldModel(
            id=id,
            experiment=str(row["experiment_id"]),
            name=str(row["name"]),
            created=imported.moment(row.get("creation_timestamp_ms")),
            updated=imported.moment(row.get("last_updated_timestamp_ms")),
            status=mlruns.OF_MODELS.get(imported.whole(row.get("status")) or 2, "LOGGED_MODEL_READY"),
            kind=str(row.get("model_type") or ""),
            run=str(row.get("source_run_id") or ""),
            deleted=row.get("lifecycle_stage") == "deleted",
            params=self._texts("logged_model_params", "param_key", "param_value", model_id=id),
            tags=self._texts("logged_model_tags", "tag_key", "tag_value", model_id=id),
            artifacts=files,
            missing=missing,
        )

    def _registered(self, row: Row) -> OldRegistered:
        name = str(row["name"])
        aliases: dict[str, int] = defaultdict(int)
        for one in self._rows("registered_model_aliases", name=name):
            aliases[str(one["alias"])] = imported.whole(one["version"]) or 0
        return OldRegistered(
            name=name,
            created=imported.moment(row.get("creation_time")),
            updated=imported.moment(row.get("last_updated_time")),
            about=str(row.get("description") or ""),
            tags=self._texts("registered_model_tags", name=name),
            aliases=dict(aliases),
            versions=[
                self._version(one)
                for one in self._rows("model_versions", name=name)
                if one.get("current_stage") != mlruns.DELETED
            ],
        )

    def _version(self, row: Row) -> OldVersion:
        source = str(row.get("source") or "")
        files, missing = self._source(source, str(row.get("storage_location") or ""))
        return OldVersion(
            number=imported.whole(row["version"]) or 0,
            created=imported.moment(row.get("creation_time")),
            updated=imported.moment(row.get("last_updated_time")),
            source=source,
            run=str(row.get("run_id") or ""),
            link=str(row.get("run_link") or ""),
            stage=str(row.get("current_stage") or "None"),
            about=str(row.get("description") or ""),
            tags=self._texts("model_version_tags", name=row["name"], version=row["version"]),
            artifacts=files,
            missing=missing,
        )

    def _source(self, source: str, storage: str) -> tuple[Path | None, str]:
        if source.startswith("models:/m-"):
            for row in self._rows("logged_models", model_id=source.removeprefix("models:/")):
                return self._artifacts(row.get("artifact_location"))
        return self._artifacts(storage if ":/" in storage and not storage.startswith("models:") else source)

    def _artifacts(self, uri: Any) -> tuple[Path | None, str]:
        """Where files lie: what a server kept is below `root`, all else has to be."""
        text = str(uri or "")
        if not text.startswith(PROXIED):
            return mlruns.local(text, self.root)
        rest = text.removeprefix(PROXIED)
        rest = rest.split("/", 2)[-1] if rest.startswith("/") else rest  # the server's name
        path = self.root / rest
        if not imported.inside(path, self.root):
            return None, f"they lie at {text[:200]}, outside of what is imported"
        if not self.root.is_dir():
            return None, f"the artifacts of its server are not at {self.root}; --artifacts says where they are"
        return path, ""
