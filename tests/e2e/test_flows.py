"""A flow on the command line, on the flights sample: from raw rows to a version of a dataset and to plain Python."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cupola.agent import stopping

SAMPLE = Path(__file__).parents[2] / "workspaces" / "flights"


@pytest.fixture
def root(home: Path) -> Iterator[Path]:
    shutil.copytree(SAMPLE, home / "ws")
    yield home / "ws"
    stopping.stop(jobs=True)


def run(root: Path, *words: str, status: int = 0) -> Any:
    command = [sys.executable, "-P", "-m", "cupola_tui", "-C", str(root), *words, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, cwd=root.parent, check=False)
    assert done.returncode == status, done.stderr
    return json.loads((done.stderr if status else done.stdout).splitlines()[-1])


def test_flights_are_prepared_and_the_exported_python_gives_the_same_rows(root: Path) -> None:
    run(root, "dataset", "import", str(root / "data" / "flights.parquet"), "--name", "flights")
    steps = [
        "fill-missing columns=temp,humid,wind_gust method=median",
        "date-parts columns=scheduled parts=weekday,hour encoding=cyclic",
        "one-hot-encode columns=origin",
        "target-encode columns=dest id=places",
        "filter where='distance > 100' before=places",
    ]
    run(root, "flow", "new", "prepare", "--source", "flights", *(word for one in steps for word in ("--add", one)))
    refused = run(root, "flow", "edit", "prepare", "--add", "scale columns=distance method=robbust", status=2)
    assert refused["error"]["hint"] == "did you mean robust?"
    shown = run(root, "flow", "preview", "prepare", "--step", "fill-missing", "--rows", "10")
    assert shown["cells"]["wind_gust"] > 1000 and sum(map(sum, shown["changed"])) >= 5
    made = run(root, "flow", "run", "prepare", "--wait")
    assert made["version"] == 1 and 20_000 < made["rows"] <= 24_000
    assert run(root, "flow", "run", "prepare", "--wait")["ref"] == made["ref"]
    run(root, "flow", "export", "prepare", "--python", str(root.parent / "prepare.py"))
    subprocess.run([sys.executable, "prepare.py", "made.parquet"], cwd=root.parent, check=True, timeout=180)
    (version,) = (root / "datasets" / "prepare").glob("1-*")
    wanted, found = pd.read_parquet(version / "data.parquet"), pd.read_parquet(root.parent / "made.parquet")
    pd.testing.assert_frame_equal(found, wanted, check_dtype=False)
    columns = {one["name"]: one for one in run(root, "dataset", "show", "prepare")["columns"]}
    assert columns["late"]["role"] == "target" and columns["split"]["role"] == "ignore"
    assert columns["dest"]["type"] == "number" and columns["wind_gust"]["missing"] == 0
