"""`python -m tests.tuning.optunas_own DIRECTORY [PYTEST ARGUMENT...]`: Optuna's own tests of storages, run on ours.

DIRECTORY is Optuna's source distribution, unpacked. Its tests take every storage that Optuna knows; here there is one.
Those of `test_with_server.py`, which have processes write at once, get it in the place of a database.
"""

import os
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

import optuna
import pytest

from cupola.tuning.storage import WorkspaceStorage
from cupola.workspace import Workspace

TESTS = ("test_storages.py", "test_with_server.py")


class _Server(WorkspaceStorage):
    """Our storage as what `JournalStorage(JournalRedisBackend(url))` gives."""


def _new_workspace() -> Path:
    return Workspace.init(Path(tempfile.mkdtemp(prefix="cu-", dir="/tmp")) / "workspace").root


def main(directory: str, *more: str) -> int:
    sys.modules.setdefault("fakeredis", types.ModuleType("fakeredis"))  # of a storage that is not tried here
    from optuna.testing import storages

    class Supplier(storages.StorageSupplier):
        def __enter__(self) -> Any:
            if self.storage_specifier != "workspace":
                return super().__enter__()
            self.storage = WorkspaceStorage(_new_workspace())
            return self.storage

    storages.STORAGE_MODES[:] = ["workspace"]
    storages.StorageSupplier = Supplier  # type: ignore[misc]
    optuna.storages.JournalStorage = _Server  # type: ignore[assignment, misc]
    optuna.storages.journal.JournalRedisBackend = Path  # type: ignore[assignment, misc]
    os.environ |= {"TEST_DB_URL": str(_new_workspace()), "TEST_DB_MODE": "journal-redis"}
    where = Path(directory).resolve()
    for name in [one for one in sys.modules if one.partition(".")[0] == "tests"]:  # that is theirs now
        del sys.modules[name]
    sys.path[:] = [str(where), *(one for one in sys.path if one and Path(one) != Path.cwd())]
    chosen = [str(where / "tests" / "storages_tests" / one) for one in TESTS]
    paths = [one for one in more if (where / one).exists()]
    given = [str(where / one) for one in paths] or chosen
    return int(
        pytest.main(["-q", "--rootdir", str(where), "-p", "no:cacheprovider", *given, *(set(more) - set(paths))])
    )


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
