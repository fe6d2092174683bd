"""Own Python is a version as any other: copied as it was, tried before it is taken, run only where it is trusted."""

import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from cupola.errors import BadInput, BadOption, CupolaError, Refused, WorkFailed
from cupola.registry import contents, custom, models, records, unpacking
from cupola.registry.models import Model
from cupola.store import runtime
from cupola.workspace import Workspace

TIMES = """
import json
import pathlib

from factors import parts

def load(directory):
    return json.loads((pathlib.Path(directory) / "factor.json").read_text())

def predict(model, frame):
    return parts.times(frame["distance"], model)

def predict_stream(model, frame):
    for value in parts.times(frame["distance"], model):
        yield {"prediction": value}
"""


@pytest.fixture
def data(ws: Workspace, tmp_path: Path) -> Path:
    """A dataset, a module of src/ with another beside it, and a directory for its load."""
    rows = "\n".join(f"{place * 100},{'UA' if place % 2 else 'DL'},{place % 3 == 0}" for place in range(20))
    (tmp_path / "flights.csv").write_text(f"distance,carrier,late\n{rows}\n")
    ws.action("dataset import", source=str(tmp_path / "flights.csv"), name="flights", target="late")
    write(ws, "double.py", TIMES)
    write(ws, "factors/__init__.py", "")
    write(ws, "factors/parts.py", "def times(values, factor):\n    return values * factor\n")
    given = tmp_path / "given"
    given.mkdir()
    (given / "factor.json").write_text("2")
    return given


def write(ws: Workspace, path: str, text: str) -> None:
    target = ws.root / "src" / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)


def loaded(ws: Workspace, ref: str, trusted: bool = True) -> Model:
    version = records.find(ws.store, ref)
    return models.load(ws.root / version.directory, version.files, pickle_trusted=trusted)


FRAME = pd.DataFrame({"distance": [100, 250], "carrier": ["UA", "DL"]})


def test_a_module_is_a_version_with_its_code_its_files_and_its_answers(ws: Workspace, data: Path) -> None:
    made = ws.action("model add", module="double", name="own", dataset="flights", files=str(data), description="twice")
    assert (made.ref.partition("-")[0], made.storage, made.estimator) == ("own@1", "python", "double")
    assert (made.description, made.target, made.dataset.partition("-")[0]) == ("twice", "late", "flights@1")
    assert {"src/double.py", "src/factors/parts.py", "files/factor.json", "python.json"} <= made.files.keys()
    assert [(one.name, one.type) for one in made.signature.columns] == [
        ("distance", "integer"),
        ("carrier", "category"),
    ]
    assert ws.action("model verify", model="own").trusted
    assert [one.column for one in ws.action("model show", model="own").baseline] == ["distance", "carrier"]
    model = loaded(ws, "own")
    assert model.predict(FRAME).values.tolist() == [200, 500]
    assert model.answers is not None and model.answers.values == [2 * row["distance"] for row in model.sample]
    assert model.stream is not None and list(model.stream(FRAME)) == [{"prediction": 200}, {"prediction": 500}]
    assert not model.by_row


def test_a_version_stays_as_it_was_and_two_with_the_same_modules_do_not_meet(ws: Workspace, data: Path) -> None:
    ws.action("model add", module="double", name="own", dataset="flights", files=str(data))
    write(ws, "factors/parts.py", "def times(values, factor):\n    return values * factor + 1\n")
    ws.action("model add", module="double", name="own", dataset="flights", files=str(data))
    first, second = loaded(ws, "own@1"), loaded(ws, "own@2")
    assert first.predict(FRAME).values.tolist() == [200, 500]
    assert second.predict(FRAME).values.tolist() == [201, 501]
    assert "factors" not in custom.sys.modules and "double" not in custom.sys.modules


def test_code_runs_only_where_it_is_trusted(
    ws: Workspace, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ws.action("model add", module="double", name="own", dataset="flights", files=str(data))
    with pytest.raises(Refused, match="own Python code can run any code"):
        loaded(ws, "own", trusted=False)
    version = records.find(ws.store, "own")
    assert records.loadable(ws.store, version)
    ws.action("model export", model="own", path=str(tmp_path / "own.zip"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "somebody"))  # with another key
    assert not records.loadable(ws.store, version)
    with pytest.raises(Refused, match="brings its own code"):
        ws.action("endpoint deploy", model="own", name="e", dry_run=True)


def test_what_was_checked_is_what_runs(ws: Workspace, data: Path) -> None:
    """The code comes from a directory of this user alone, whatever becomes of the workspace meanwhile."""
    made = ws.action("model add", module="double", name="own", dataset="flights", files=str(data))
    model = loaded(ws, "own")
    private = runtime.runtime_dir() / "models" / made.sha256
    assert (private / "src" / "double.py").read_text() == TIMES
    assert private.parent.stat().st_mode & 0o077 == 0
    changed = ws.root / made.directory / "src" / "double.py"
    changed.chmod(0o600)
    changed.write_text("raise SystemExit('taken over')\n")
    assert model.predict(FRAME).values.tolist() == [200, 500]
    with pytest.raises(CupolaError, match="checksum"):
        loaded(ws, "own")


BAD = [
    ("def load(directory):\n    return 1\n", "bad has no predict"),
    ("import nothing_of_this_name\n", "bad cannot be imported: ModuleNotFoundError"),
    ("def load(directory):\n    1 / 0\ndef predict(model, frame):\n    return frame\n", "bad.load failed: Zero"),
    (
        "def load(directory):\n    return 1\ndef predict(model, frame):\n    return frame['no']\n",
        "predict failed: KeyError",
    ),
    ("def load(directory):\n    return 1\ndef predict(model, frame):\n    return [1]\n", "1 answer for 5 rows"),
    ("import os\nos._exit(3)\n", "without a word"),
]


def test_what_does_not_work_is_refused_with_the_reason(ws: Workspace, data: Path) -> None:
    for code, why in BAD:
        write(ws, "bad.py", code)
        with pytest.raises(BadInput, match=why):
            ws.action("model add", module="bad", name="own", dataset="flights", files=str(data))
    assert ws.action("model ls") == []
    assert list((ws.root / ".cupola" / "staging").iterdir()) == []


def test_what_is_not_there_is_said(ws: Workspace, data: Path) -> None:
    for given, why in (
        ({"module": "missing"}, "no src/missing.py"),
        ({"module": "../double"}, "names no module"),
        ({"module": "double", "files": str(data / "none")}, "is no directory"),
        ({"module": "double", "target": "nothing"}, "no column 'nothing'"),
    ):
        with pytest.raises(BadOption, match=why):
            ws.action("model add", name="own", dataset="flights", **given)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (pd.DataFrame({"a": [1, 2], "b": ["x", None]}), [{"a": 1, "b": "x"}, {"a": 2, "b": None}]),
        (pd.Series([0.5, 1.5]), [0.5, 1.5]),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        ([{"label": np.int64(3), "at": [np.float64(0.5)]}, {}], [{"label": 3, "at": [0.5]}, {}]),
        (["x", "y"], ["x", "y"]),
        ([[1], [2, 3]], [[1], [2, 3]]),
    ],
)
def test_answers_of_any_kind_are_one_a_row(found: Any, expected: Any) -> None:
    assert msgspec.json.decode(msgspec.json.encode(custom.values(found, 2).tolist())) == expected


def test_too_few_answers_are_the_models_fault() -> None:
    for found in ([1], [1, 2, 3], 5, pd.DataFrame({"a": [1]})):
        with pytest.raises(WorkFailed, match="for 2 rows"):
            custom.values(found, 2)


def test_files_never_leave_their_directory(home: Path) -> None:
    for name in ("../outside", "/tmp/outside", "a/../../outside"):
        with pytest.raises(CupolaError, match="no name"):
            unpacking.directory({name: b"x"}, {name: "00"})
    assert not (runtime.runtime_dir() / "outside").exists()


def test_a_directory_goes_when_it_is_old_and_nobody_has_it_open(home: Path) -> None:
    found = []
    for text in (b"one", b"two", b"three"):
        found.append(unpacking.directory({"a": text}, {"a": contents.hashlib.sha256(text).hexdigest()}))
        os.utime(found[-1], (1, 1))
    assert all(one.is_dir() for one in found)  # this process has them open
    for descriptor in unpacking._held:
        os.close(descriptor)
    unpacking._held.clear()
    unpacking.directory({"a": b"four"}, {"a": contents.hashlib.sha256(b"four").hexdigest()})
    assert not any(one.exists() for one in found)
