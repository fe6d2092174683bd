"""A model taken out of a workspace and into another: byte by byte what was registered, or nothing at all."""

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cupola.errors import BadInput, BadOption, Conflict, Corrupt, CupolaError, NewerFormat
from cupola.registry.records import ModelState
from cupola.store import files
from cupola.workspace import Workspace

from .conftest import Finish


@pytest.fixture
def packed(ws: Workspace, finish: Finish, tmp_path: Path) -> Path:
    ws.action("model register", run=finish().id, name="late", description="the first")
    target = tmp_path / "late.zip"
    ws.action("model export", model="late", path=str(target))
    return target


@pytest.fixture
def elsewhere(tmp_path: Path) -> Workspace:
    return Workspace.init(tmp_path / "elsewhere")


def test_a_model_arrives_as_it_was_registered(ws: Workspace, elsewhere: Workspace, packed: Path) -> None:
    was = ws.action("model show", model="late")
    made: ModelState = elsewhere.action("model import", path=str(packed))
    kept = ("files", "sha256", "bytes", "metrics", "run", "dataset", "signature", "storage", "description", "estimator")
    assert [getattr(made, name) for name in kept] == [getattr(was, name) for name in kept]
    assert (made.name, made.version, made.origin, made.status) == ("late", 1, was.ref, "PendingManualApproval")
    assert elsewhere.action("model verify", model="late").ok
    checked = elsewhere.action("check")
    assert (checked.problems, checked.notes) == ([], [])
    acts = [(one.verb, one.ref, one.text) for one in elsewhere.action("activity")]
    assert acts == [("imported", made.ref, "the first")]


def test_the_same_file_twice_is_one_version(ws: Workspace, elsewhere: Workspace, packed: Path) -> None:
    first = elsewhere.action("model import", path=str(packed))
    assert elsewhere.action("model import", path=str(packed)).ref == first.ref
    assert elsewhere.action("model import", path=str(packed), name="other").version == 1
    assert ws.action("model import", path=str(packed)).origin == ""
    assert [len(one.action("model ls")) for one in (ws, elsewhere)] == [1, 2]


def test_a_file_of_a_version_that_is_there_is_checked_all_the_same(elsewhere: Workspace, packed: Path) -> None:
    elsewhere.action("model import", path=str(packed))
    packed.write_bytes(packed.read_bytes().replace(b'"columns"', b'"colunms"'))
    with pytest.raises((BadInput, Corrupt)):
        elsewhere.action("model import", path=str(packed))


def test_the_same_version_gives_the_same_file(ws: Workspace, packed: Path, tmp_path: Path) -> None:
    ws.action("model approve", model="late")
    again = ws.action("model export", model="late", path=str(tmp_path / "new" / "again.zip"))
    assert Path(again.path).read_bytes() == packed.read_bytes()


def test_an_export_replaces_nothing_and_stays_out_of_the_workspace(ws: Workspace, packed: Path) -> None:
    with pytest.raises(Conflict):
        ws.action("model export", model="late", path=str(packed))
    with pytest.raises(BadOption, match="lies in the workspace"):
        ws.action("model export", model="late", path=str(ws.root / "late.zip"))


def test_what_has_changed_is_not_exported(ws: Workspace, packed: Path, tmp_path: Path) -> None:
    found = ws.action("model show", model="late")
    files.write_bytes(ws.store, f"{found.directory}/model.skops", b"another")
    with pytest.raises(Corrupt, match="not what was registered"):
        ws.action("model export", model="late", path=str(tmp_path / "changed.zip"))
    assert not list(tmp_path.glob("*changed*"))


def rewritten(packed: Path, change: Callable[[dict[str, bytes]], Any], compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(packed) as before:
        content = {name: before.read(name) for name in before.namelist()}
    change(content)
    with zipfile.ZipFile(packed, "w", compression) as after:
        for name, data in content.items():
            after.writestr(name, data)
        after.comment = hashlib.sha256(content.get("version.json", b"")).hexdigest().encode()


def record(**fields: Any) -> Callable[[dict[str, bytes]], None]:
    def change(content: dict[str, bytes]) -> None:
        content["version.json"] = json.dumps(json.loads(content["version.json"]) | fields).encode()

    return change


WRONG: dict[str, tuple[Callable[[dict[str, bytes]], Any], type[CupolaError]]] = {
    "a changed file": (lambda all: all.update({"model.skops": b"another"}), Corrupt),
    "a missing file": (lambda all: all.pop("sample.json"), BadInput),
    "one more file": (lambda all: all.update({"more.txt": b"more"}), BadInput),
    "a path out of it": (lambda all: all.update({"../../late.txt": b"more"}), BadInput),
    "a listed path out of it": (record(files={"../../late.txt": "0" * 64}), BadInput),
    "a newer record": (record(format=99), NewerFormat),
    "no record": (lambda all: all.pop("version.json"), BadInput),
    "a torn record": (lambda all: all.update({"version.json": b'{"id": '}), BadInput),
    "a deep record": (lambda all: all.update({"version.json": b"[" * 100_000}), BadInput),
    "a wrong sum": (record(sha256="0" * 64), Corrupt),
    "another storage": (record(storage="pickle"), Corrupt),
    "a name that is none": (record(name="../late"), CupolaError),
}


@pytest.mark.parametrize("what", WRONG)
def test_nothing_is_made_of_a_file_that_is_not_as_it_was_packed(elsewhere: Workspace, packed: Path, what: str) -> None:
    change, error = WRONG[what]
    rewritten(packed, change)
    with pytest.raises(error):
        elsewhere.action("model import", path=str(packed))
    assert files.listing(elsewhere.store, "models") == []
    assert files.listing(elsewhere.store, ".cupola/staging") == []
    assert not list(elsewhere.root.parent.glob("**/late.txt"))


def test_what_its_record_says_is_checked_too(elsewhere: Workspace, packed: Path) -> None:
    data = packed.read_bytes()
    with zipfile.ZipFile(packed) as whole:
        said = whole.comment
    rewritten(packed, record(estimator="Another"))
    with zipfile.ZipFile(packed, "a") as changed:
        changed.comment = said
    with pytest.raises(Corrupt, match=r"version\.json is not what was packed"):
        elsewhere.action("model import", path=str(packed))
    packed.write_bytes(data)
    assert elsewhere.action("model import", path=str(packed)).estimator != "Another"


def test_what_grows_when_it_is_unpacked_is_refused(elsewhere: Workspace, packed: Path) -> None:
    rewritten(packed, lambda all: None, zipfile.ZIP_DEFLATED)
    with pytest.raises(BadInput, match="not as it was packed"):
        elsewhere.action("model import", path=str(packed))


def test_what_is_no_archive_is_said_in_a_sentence(elsewhere: Workspace, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    for path, why in (("rows.csv", "not a packed model"), ("none.zip", "no such file"), (".", "no MLflow model")):
        with pytest.raises(BadInput, match=why):
            elsewhere.action("model import", path=str(tmp_path / path))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cut=st.booleans())
def test_a_flipped_bit_or_a_torn_file_makes_no_other_model(
    ws: Workspace, packed: Path, tmp_path: Path, where: float, bit: int, cut: bool
) -> None:
    data = bytearray(packed.read_bytes())
    at = int(where * len(data))
    data[at] ^= 1 << bit
    (tmp_path / "damaged.zip").write_bytes(data[:at] if cut else data)
    root = tmp_path / "damaged"
    shutil.rmtree(root, ignore_errors=True)
    fresh = Workspace.init(root)
    try:
        made = fresh.action("model import", path=str(tmp_path / "damaged.zip"))
    except CupolaError:
        assert fresh.action("model ls") == []
    else:
        assert made.sha256 == ws.action("model show", model="late").sha256
        assert fresh.action("model verify", model=made.ref).ok
