"""Where the tests of two hosts run: a local disk, SSHFS, or the two views that $CUPOLA_VIEWS ("A:B") names."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.faults import sshfs

from cupola.store import Store
from cupola.workspace import Workspace

Views = tuple[Path, Path]
VARIABLE = "CUPOLA_VIEWS"


@contextlib.contextmanager
def local(directory: Path) -> Iterator[Views]:
    yield directory, directory


@contextlib.contextmanager
def over_sshfs(directory: Path) -> Iterator[Views]:
    with sshfs.mounted(directory) as mounts:
        yield mounts.a, mounts.b


@contextlib.contextmanager
def given(directory: Path) -> Iterator[Views]:
    """A new directory below the views, named as the test's own."""
    a, b = os.environ[VARIABLE].split(":")
    made = Path(a) / directory.name
    made.mkdir()
    yield made, Path(b) / directory.name


PLACES: dict[str, Callable[[Path], contextlib.AbstractContextManager[Views]]] = (
    {"given": given} if VARIABLE in os.environ else {"local": local, "sshfs": over_sshfs}
)


def two_hosts(views: Views) -> tuple[Store, Store]:
    """A new workspace as two hosts have it, each a writer of its own."""
    root = views[0] / "workspace"
    Workspace.init(root)
    stores = Store.open(root), Store.open(views[1] / "workspace")
    for name, store in zip(("host-a", "host-b"), stores, strict=True):
        store.__dict__.update(copy=name, writer=f"{name}-ana-{name}")
    return stores
