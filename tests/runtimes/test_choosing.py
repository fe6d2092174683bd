"""Which runtime serves a version: chosen by a comparison that is kept on the host and said of the version."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cupola.errors import Corrupt, Refused
from cupola.registry import records
from cupola.registry.models import Model
from cupola.registry.records import ModelState
from cupola.runtimes import choosing, compiling, keeping, parity
from cupola.runtimes.compiled import Compiled
from cupola.runtimes.native import Native
from cupola.runtimes.program import Linear
from cupola.store import Store
from cupola.training import saving

Train = Callable[..., Model]
Register = Callable[[Model], tuple[Store, ModelState]]


@pytest.fixture
def register(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registered: Any) -> Register:
    """Makes a version of a model in a workspace of its own, on a host that has compiled nothing yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return lambda model: registered(tmp_path / "workspace", model)


def report_of(store: Store, version: ModelState) -> Any:
    return records.find(store, version.ref).runtime


def test_a_version_is_compiled_once_and_says_so(train: Train, register: Register, monkeypatch: Any) -> None:
    store, version = register(train("Ridge", "delay"))
    first, report = choosing.chosen(store, version)
    assert isinstance(first, Compiled)
    assert (report.runtime, report.reason) == ("compiled", "")
    assert report.rows > 400 and report.difference is not None and report.difference < 1e-9
    assert report.compiled_ms is not None and report.native_ms is not None and report.compiled_ms < report.native_ms
    assert report_of(store, version) == report

    monkeypatch.setattr(choosing, "compared", lambda model: pytest.fail("it was compiled again"))
    monkeypatch.setattr(choosing, "load", lambda *_: pytest.fail("the pipeline was loaded"))
    second, again = choosing.chosen(store, version)
    assert isinstance(second, Compiled) and again == report


def test_the_same_files_in_another_workspace_are_said_there_too(
    train: Train, register: Register, tmp_path: Path
) -> None:
    store, version = register(train("Ridge", "delay"))
    _, report = choosing.chosen(store, version)
    shutil.copytree(store.root, tmp_path / "copy", ignore=shutil.ignore_patterns("approvals"))
    other = Store.open(tmp_path / "copy")
    assert report_of(other, version) is None
    choosing.chosen(other, records.find(other, version.ref))
    assert report_of(other, version) == report


def test_what_is_asked_for_is_had(train: Train, register: Register) -> None:
    store, version = register(train("Ridge", "delay"))
    assert isinstance(choosing.chosen(store, version, "native")[0], Native)
    assert report_of(store, version) is None
    assert isinstance(choosing.chosen(store, version, "compiled")[0], Compiled)


def test_what_cannot_be_compiled_is_served_native_and_says_why(train: Train, register: Register) -> None:
    store, version = register(train("KNeighborsClassifier", "two"))
    runtime, report = choosing.chosen(store, version)
    assert isinstance(runtime, Native)
    assert report.reason == "no compiled form of KNeighborsClassifier is known"
    assert report_of(store, version) == report
    with pytest.raises(Refused, match="cannot be served compiled: no compiled form"):
        choosing.chosen(store, version, "compiled")


def test_a_file_that_was_changed_is_seen_though_the_compiled_form_is_kept(train: Train, register: Register) -> None:
    store, version = register(train("Ridge", "delay"))
    choosing.chosen(store, version)
    file = store.root / version.directory / "model.skops"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(Corrupt):
        choosing.chosen(store, version)


@pytest.mark.parametrize("damage", [lambda data: data[:-1] + b"x", lambda data: data[:40], lambda data: b""])
def test_a_compiled_form_that_is_damaged_is_made_again(
    train: Train, register: Register, damage: Callable[[bytes], bytes]
) -> None:
    store, version = register(train("Ridge", "delay"))
    choosing.chosen(store, version)
    file = keeping.path(version.sha256)
    file.write_bytes(damage(file.read_bytes()))
    assert keeping.read(version.sha256) is None
    assert isinstance(choosing.chosen(store, version)[0], Compiled)
    assert keeping.read(version.sha256) is not None


def test_a_program_that_is_wrong_is_found_out(train: Train) -> None:
    model = train("Ridge", "delay")
    program = compiling.compiled(model)
    scorer = program.scorer
    assert isinstance(scorer, Linear)
    off = msgspec.structs.replace(scorer, offsets=[scorer.offsets[0] + 1e-5])
    found = parity.report(program, Native(model), Compiled(msgspec.structs.replace(program, scorer=off)))
    assert found.runtime == "native"
    assert found.reason.startswith("compiled its figures differ by up to")
    assert found.compiled_ms is None


def test_a_program_that_says_another_class_is_found_out(train: Train) -> None:
    model = train("HistGradientBoostingClassifier", "two", max_iter=8)
    program = msgspec.structs.replace(compiling.compiled(model), threshold=0.9)
    found = parity.report(program, Native(model), Compiled(program))
    assert found.runtime == "native"
    assert "and not" in found.reason and "of the row" in found.reason
    assert found.rows >= saving.SAMPLE
