import subprocess
import sys

import pytest

HEAVY = {"asyncio", "subprocess", "tempfile", "platformdirs", "watchfiles", "tomlkit", "tomllib", "hashlib", "ctypes"}
HEAVY |= {"numpy", "pandas", "pyarrow", "duckdb", "sklearn", "textual", "cyclopts", "shutil", "socket"}


@pytest.mark.parametrize(
    "module", ["records", "journals", "claims", "files", "watch", "runtime", "secret", "references", "names"]
)
def test_importing_the_store_is_light(module: str) -> None:
    code = f"import sys, cupola.store.{module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not HEAVY & set(loaded)
