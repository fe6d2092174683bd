"""The benchmarks are run by hand; what they are made of must still be there."""

import importlib
from pathlib import Path

import pytest

FILES = sorted((Path(__file__).parents[1] / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("name", [file.stem for file in FILES if not file.stem.startswith("__")])
def test_a_benchmark_finds_all_that_it_measures(name: str) -> None:
    importlib.import_module(f"benchmarks.{name}")
