"""A run copied out of the workspace: a directory or a zip file of plain files."""

import shutil
import zipfile
from pathlib import Path

import msgspec

from cupola import place
from cupola.errors import BadOption, Conflict
from cupola.experiments import records
from cupola.experiments.records import Run
from cupola.store import Store, files
from cupola.store.trouble import disk


def export(store: Store, run: Run, target: Path) -> Path:
    """Copies run.json (with the status, tags and comments of now), code.patch, metrics, artifacts and model.

    Whole or not at all. Raises Conflict when something is there already, BadOption for a place inside the workspace.
    """
    target = place.path(target)
    if target.resolve().is_relative_to(store.root):
        raise BadOption(f"{target} lies in the workspace", where="PATH", hint="give a place outside of it")
    if target.exists():
        raise Conflict("something is there already", where=str(target))
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
            (draft / name).mkdir()
            for one in files.listing(store, f"{source}/{name}"):
                shutil.copyfile(
                    files.absolute(store, f"{source}/{name}/{one}"), draft / name / one, follow_symlinks=False
                )
        elif name == "metrics.jsonl":
            (draft / name).write_bytes(files.read_bytes(store, f"{source}/{name}"))


def _zip(directory: Path, target: Path, inside: str) -> None:
    with zipfile.ZipFile(target, "x", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(directory.rglob("*")):
            if path.is_file() and not path.is_symlink():
                packed.write(path, f"{inside}/{path.relative_to(directory)}")
