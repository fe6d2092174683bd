"""The catalogue of this environment, built once for a session of tests (it takes seconds), and put into each home."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cupola.environments import catalogue


@pytest.fixture(scope="session")
def built(catalogue_cache: Path) -> Path:
    """The file of the catalogue."""
    command = [sys.executable, "-m", "cupola.environments"]
    subprocess.run(command, check=True, env={**os.environ, "XDG_CACHE_HOME": str(catalogue_cache)})
    return next((catalogue_cache / "cupola").glob("catalogue-*.json"))


@pytest.fixture
def known(home: Path, built: Path) -> Iterator[Path]:
    """The same catalogue in the cache of this test's home."""
    target = catalogue.path()
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(built, target)
    yield target
    catalogue._read.cache_clear()
