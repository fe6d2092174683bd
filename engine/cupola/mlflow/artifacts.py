"""Artifacts over HTTP: files below a run, a logged model or a version of a model, stored and handed out in pieces.

A path of the protocol is `EXPERIMENT_ID/RUN_ID/artifacts/...`, `EXPERIMENT_ID/models/MODEL_ID/artifacts/...`, or, for
reading only, `models/NAME/N-ID/...`. Names are checked one by one and opened beneath the workspace's own descriptors,
so that none leads elsewhere.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote

import msgspec

from cupola.errors import CupolaError, NotFound
from cupola.mlflow.logged import LoggedModels
from cupola.mlflow.runs import Runs
from cupola.mlflow.wire import MISSING, Json, Trouble, required, without_empty
from cupola.registry import records as registry
from cupola.store import Store, names, paths
from cupola.store.content import NOT_RECORDS, listing
from cupola.store.paths import open_directory, open_file, place, set_mode, sync_directory
from cupola.store.trouble import disk

PIECE = 1 << 20
DRAFT = ".tmp-"


class Listed(msgspec.Struct):
    path: str = ""


class OfRun(msgspec.Struct):
    run_id: str = ""
    run_uuid: str = ""
    path: str = ""


class Spot(NamedTuple):
    """Where a path of the protocol leads: a path of the workspace, whether it may be written, and its run."""

    path: str
    writable: bool
    run: str = ""


class Artifacts:
    """What the requests on artifacts do."""

    def __init__(self, store: Store, runs: Runs, logged: LoggedModels) -> None:
        self.store = store
        self.runs = runs
        self.logged = logged

    def spot(self, path: str) -> Spot:
        """Raises Trouble for a path that leads nowhere, or that no artifact has."""
        parts = checked(path)
        if parts[:1] == [registry.DIRECTORY] and len(parts) >= 3:
            return Spot("/".join(parts), False)
        if len(parts) >= 4 and parts[1] == "models" and parts[3] == "artifacts":
            root, run = self.logged.directory(parts[2])
            return Spot("/".join([root, *parts[4:]]), True, run)
        if len(parts) >= 3 and parts[2] == "artifacts":
            found = self.runs.find(parts[1])
            return Spot("/".join([f"{found.directory}/artifacts", *parts[3:]]), not found.token, parts[1])
        raise Trouble(f"Invalid path: {path[:200]!a}")

    def list(self, asked: Listed) -> Json:
        return without_empty({"files": list(self._files(self.spot(asked.path).path, ""))})

    def list_of_run(self, asked: OfRun) -> Json:
        found = self.runs.find(required("run_id", asked.run_id or asked.run_uuid))
        root = f"{found.directory}/artifacts"
        below = "/".join(checked(asked.path)) if asked.path else ""
        shown = list(self._files(f"{root}/{below}" if below else root, f"{below}/" if below else ""))
        of = self.runs.experiments.all().values()
        id = next((one.id for one in of if one.directory == found.run.experiment), "")
        return {"root_uri": f"mlflow-artifacts:/{id}/{found.run.id}/artifacts", "files": shown}

    def list_of_logged(self, id: str, asked: Listed) -> Json:
        root = self.logged.directory(id)[0]
        below = "/".join(checked(asked.path)) if asked.path else ""
        answer = self.logged.find(id).answer()["info"]["artifact_uri"]
        shown = list(self._files(f"{root}/{below}" if below else root, f"{below}/" if below else ""))
        return {"root_uri": answer, "files": shown}

    def open(self, path: str) -> tuple[int, int]:
        """A descriptor of an artifact, and its size. Raises Trouble."""
        spot = self.spot(path)
        try:
            with disk(spot.path):
                descriptor = open_file(self.store, spot.path)
        except CupolaError as error:
            raise _none(path, error) from None
        return descriptor, os.fstat(descriptor).st_size

    def delete(self, path: str) -> Json:
        """Removes an artifact, or all below a directory."""
        spot = self.spot(path)
        if not spot.writable or spot.path.rpartition("/")[2] == "artifacts":
            raise Trouble(f"Invalid path: {path[:200]!a}")
        try:
            with disk(spot.path), place(self.store, spot.path) as at:
                _remove(at.directory, at.name)
                sync_directory(at.directory)
        except CupolaError as error:
            raise _none(path, error) from None
        return {}

    def _files(self, path: str, before: str) -> Iterator[Json]:
        try:
            names = listing(self.store, path)
        except CupolaError as error:
            if isinstance(error.__cause__, NotADirectoryError):
                return
            raise
        if not names:
            return
        with disk(path):
            directory = open_directory(self.store, path)
            try:
                for name in names:
                    state = os.stat(name, dir_fd=directory, follow_symlinks=False)
                    if stat.S_ISDIR(state.st_mode):
                        yield {"path": before + name, "is_dir": True}
                    elif stat.S_ISREG(state.st_mode):
                        yield {"path": before + name, "is_dir": False, "file_size": state.st_size}
            finally:
                os.close(directory)


class Upload:
    """A file that is coming in: a draft beside its place, put there when it is whole and durable."""

    def __init__(self, store: Store, spot: Spot) -> None:
        if not spot.writable or spot.path.rpartition("/")[2] == "artifacts":
            raise Trouble("Invalid path: nothing can be written there")
        store.check_writable()
        with disk(spot.path):
            self._place: paths.Place | None = place(store, spot.path, make=True)
            self._path = spot.path
            self._draft = DRAFT + names.new_id()
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            try:
                self._descriptor = os.open(self._draft, flags, 0o600, dir_fd=self._place.directory)
            except BaseException:
                os.close(self._place.directory)
                raise

    def write(self, piece: bytes) -> None:
        with disk(self._path):
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]

    def commit(self) -> None:
        """Makes it durable, and puts it in its place."""
        assert self._place
        with disk(self._path):
            directory = self._place.directory
            set_mode(self._descriptor, os.fstat(directory).st_mode & 0o666)
            os.fsync(self._descriptor)
            os.rename(self._draft, self._place.name, src_dir_fd=directory, dst_dir_fd=directory)
            sync_directory(directory)
        self._draft = ""

    def close(self) -> None:
        """Lets go of it; a draft that was not put in its place is gone."""
        if self._place is None:
            return
        os.close(self._descriptor)
        if self._draft:
            with contextlib.suppress(OSError):
                os.unlink(self._draft, dir_fd=self._place.directory)
        os.close(self._place.directory)
        self._place = None


def checked(path: str) -> list[str]:
    """The names that make up a path. Raises Trouble for one that could lead elsewhere."""
    try:
        parts = unquote(path, errors="strict").strip("/").split("/")
    except UnicodeDecodeError:
        raise Trouble(f"Invalid path: {path[:200]!a}") from None
    for part in parts:
        odd = part in ("", ".", "..") or "\\" in part or "\0" in part or len(part.encode("utf-8", "replace")) > 255
        if odd or part.startswith(NOT_RECORDS) or unquote(part) in (".", ".."):
            raise Trouble(f"Invalid path: {path[:200]!a}")
    return parts


def _none(path: str, error: CupolaError) -> Exception:
    if isinstance(error, NotFound) or isinstance(error.__cause__, IsADirectoryError | NotADirectoryError):
        return Trouble(f"No such artifact: '{path[:200]}'", MISSING)
    return error


def _remove(directory: int, name: str) -> None:
    """Removes a file, or a directory and all in it, without following a symlink."""
    if not stat.S_ISDIR(os.lstat(name, dir_fd=directory).st_mode):
        os.unlink(name, dir_fd=directory)
        return
    below = os.open(name, paths.LIST, dir_fd=directory)
    try:
        for one in os.listdir(below):  # noqa: PTH208
            _remove(below, one)
    finally:
        os.close(below)
    os.rmdir(name, dir_fd=directory)
