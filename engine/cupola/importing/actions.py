"""Bringing over what other tools have kept. Nothing there changes, and what is here already is passed over."""

import sys
from pathlib import Path
from typing import Annotated

import msgspec

from cupola import place
from cupola.actions import Arg, action
from cupola.errors import BadInput
from cupola.importing.records import Imported
from cupola.jobs import errands
from cupola.store import names
from cupola.workspace import Workspace


@action("import mlruns", waits="itself")
def import_mlruns(
    ws: Workspace, path: Annotated[Path, Arg(help="the mlruns directory", completes="directory")]
) -> Imported:
    """Bring over a directory of MLflow's: experiments, runs, histories of metrics, tags, artifacts and models.

    Runs keep their ids, so that they can be imported again: what is here already is passed over. Nothing there changes.
    """
    root = place.path(str(path))
    if not root.is_dir():
        raise BadInput("there is no such directory", where=str(root), hint="it is called mlruns, as a rule")
    return _import(ws, "mlruns", path=root)


@action("import mlflow-db", waits="itself")
def import_database(
    ws: Workspace,
    path: Annotated[Path, Arg(help="the SQLite file, such as mlflow.db", completes="file")],
    *,
    artifacts: Annotated[
        Path | None,
        Arg(help="where its artifacts lie; without it `mlartifacts` beside the file", completes="directory"),
    ] = None,
) -> Imported:
    """Bring over a SQLite database of MLflow's: experiments, runs, histories of metrics, tags, artifacts and models.

    Runs keep their ids, so that they can be imported again: what is here already is passed over. Nothing there changes.
    """
    file = place.path(str(path))
    if not file.is_file():
        raise BadInput("there is no such file", where=str(file), hint="it is called mlflow.db, as a rule")
    root = place.path(str(artifacts)) if artifacts else file.parent / "mlartifacts"
    return _import(ws, "mlflow-db", path=file, artifacts=root)


@action("import wandb", waits="itself")
def import_wandb(
    ws: Workspace, path: Annotated[Path, Arg(help="the wandb directory, or one run's below it", completes="directory")]
) -> Imported:
    """Bring over offline runs of W&B's: configuration, history, summary, tags and files, each project an experiment.

    A run that was resumed is one run. It can be imported again: what is here already is passed over. Nothing there
    changes.
    """
    return _import(ws, "wandb", path=_there(path, "it is called wandb, as a rule"))


@action("import tensorboard", waits="itself")
def import_tensorboard(
    ws: Workspace, path: Annotated[Path, Arg(help="the directory of logs, or one event file", completes="directory")]
) -> Imported:
    """Bring over TensorBoard's event files: scalars and hyperparameters, each directory with such files a run.

    The directory that is given is the experiment. It can be imported again: what is here already is passed over.
    Nothing there changes.
    """
    return _import(ws, "tensorboard", path=_there(path, "it is what `tensorboard --logdir` is given"))


@action("import optuna", waits="itself")
def import_optuna(
    ws: Workspace, path: Annotated[Path, Arg(help="the journal file, or the SQLite file", completes="file")]
) -> Imported:
    """Bring over studies of Optuna's: each a tuning, whose trials are runs, with all that Optuna knows of them.

    It can be imported again: what is here already is passed over. Nothing there changes.
    """
    file = place.path(str(path))
    if not file.is_file():
        raise BadInput(
            "there is no such file", where=str(file), hint="a journal file, or the file of a SQLite database"
        )
    return _import(ws, "optuna", path=file)


def _there(path: Path, hint: str) -> Path:
    found = place.path(str(path))
    if not found.exists():
        raise BadInput("there is no such directory", where=str(found), hint=hint)
    return found


def _import(ws: Workspace, tool: str, **paths: Path) -> Imported:
    """Imports in a job, and waits for it; what has come over stays where the user interrupts it."""
    output = errands.done(
        ws.store,
        command=[sys.executable, "-m", "cupola.importing"],
        spec={"from": tool} | {name: str(path) for name, path in paths.items()},
        kind="import",
        name=names.plain(paths["path"].name)[:80],
    )
    return msgspec.convert(output, Imported)
