"""Verbs and records are read by screens and commands: they must not bring the libraries that do the work."""

import subprocess
import sys

import pytest

HEAVY = {"sklearn", "pandas", "numpy", "scipy", "pyarrow", "duckdb", "skops", "joblib"}
LOOP = {"asyncio", "uvicorn", "http.client"}


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("cupola.registry.actions", HEAVY | LOOP),
        ("cupola.lineage.actions", HEAVY | LOOP),
        ("cupola.serving.actions", HEAVY | LOOP),
        ("cupola.serving.gateway", HEAVY),
    ],
)
def test_what_a_module_brings(module: str, unwanted: set[str]) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert unwanted.isdisjoint(done.stdout.split())
