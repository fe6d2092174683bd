"""A run copied out of the workspace: a directory or a zip file of plain files."""

import csv
import shutil
import zipfile
from pathlib import Path

import msgspec

from cupola.experiments import histories, records, saving
from cupola.experiments.histories import Logged
from cupola.experiments.records import Run
from cupola.store import Store, files
from cupola.store.trouble import disk


def export(store: Store, run: Run, target: Path) -> Path:
    """Copies run.json (with the status, tags and comments of now), code.patch, metrics (also as CSV), artifacts, model.

    Whole or not at all. Raises Conflict when something is there already, BadOption for a place inside the workspace.
    """
    target = saving.outside(store, target)
    draft = target.with_name(f".{target.name}.{run.id}.part")
    with disk(str(target)):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _directory(store, run, draft)
            if target.suffix == ".zip":
                packed = draft.with_suffix(".zip")
                _zip(draft, packed, run.id)
                packed.rename(target)
            else:
                draft.rename(target)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
            draft.with_suffix(".zip").unlink(missing_ok=True)
    return target


def _directory(store: Store, run: Run, draft: Path) -> None:
    draft.mkdir()
    (draft / "run.json").write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=1) + b"\n")
    if "code.patch" in files.listing(store, run.directory):
        (draft / "code.patch").write_bytes(files.read_bytes(store, f"{run.directory}/code.patch"))
    source = records.attempt_directory(store, run)
    if source is None:
        return
    for name in files.listing(store, source):
        if name in ("artifacts", "model"):
            _tree(store, f"{source}/{name}", draft / name)
        elif name in histories.files_of(store, source):
            (draft / name).write_bytes(files.read_bytes(store, f"{source}/{name}"))
    if logged := histories.of_run(store, run).logged:
        _csv(logged, draft / "metrics.csv")


def _tree(store: Store, source: str, target: Path) -> None:
    """Copies a directory and all below it; a symlink stays one."""
    target.mkdir()
    for one in files.listing(store, source):
        at = files.absolute(store, f"{source}/{one}")
        if at.is_dir() and not at.is_symlink():
            _tree(store, f"{source}/{one}", target / one)
        else:
            shutil.copyfile(at, target / one, follow_symlinks=False)


def _csv(logged: list[Logged], target: Path) -> None:
    with target.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("name", "step", "value", "time", "process"))
        table.writerows((one.name, one.step, one.value, one.time, one.process) for one in logged)


def _zip(directory: Path, target: Path, inside: str) -> None:
    with zipfile.ZipFile(target, "x", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(directory.rglob("*")):
            if path.is_file() and not path.is_symlink():
                packed.write(path, f"{inside}/{path.relative_to(directory)}")
