import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cupola.errors import Conflict, Corrupt, NewerFormat, NotFound
from cupola.store import Store, files, records
from cupola.store.records import HISTORY

quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


class Inner(msgspec.Struct, kw_only=True):
    name: str = ""
    note: str | None = None


class Sample(records.Record, kw_only=True):
    name: str
    parameters: dict[str, Any] = msgspec.field(default_factory=dict)
    inner: Inner = msgspec.field(default_factory=Inner)
    by_name: dict[str, Inner] = msgspec.field(default_factory=dict)
    started: str | None = None


class Older(records.Record, kw_only=True):
    """The same record as a version of Cupola knows it that has never heard of most fields."""

    name: str


samples = st.builds(
    Sample, name=texts, parameters=st.dictionaries(texts, values), inner=st.builds(Inner, name=texts), started=texts
)


def put(store: Store, record: records.Record, path: str = "d/a.json") -> None:
    records.write(store, path, record, kind="sample", ref="a")


@quick
@given(sample=samples)
def test_what_is_written_is_read(store: Store, sample: Sample) -> None:
    put(store, sample)
    assert records.read(store, "d/a.json", Sample) == sample


@quick
@given(sample=samples, more=st.dictionaries(texts, values, max_size=4))
def test_fields_that_this_version_does_not_know_are_kept(store: Store, sample: Sample, more: dict[str, Any]) -> None:
    strange = {f"x{name}": value for name, value in more.items()}
    content = msgspec.to_builtins(sample) | strange
    content["inner"] |= strange
    content["by_name"] = {"one": {"name": "1"} | strange}
    files.write_bytes(store, "d/a.json", msgspec.json.encode(content))
    found = records.read(store, "d/a.json", Sample)
    found.inner.name, found.by_name["one"].name = "changed", "changed too"
    put(store, found)
    after = msgspec.json.decode(files.read_bytes(store, "d/a.json"))
    assert after.items() >= strange.items() and after["inner"].items() >= strange.items()
    assert after["by_name"]["one"].items() >= strange.items()
    assert (after["inner"]["name"], after["by_name"]["one"]["name"]) == ("changed", "changed too")
    assert records.read(store, "d/a.json", Sample) == found


@quick
@given(sample=samples)
def test_an_older_version_can_rewrite_without_losing_anything(store: Store, sample: Sample) -> None:
    put(store, sample)
    older = records.read(store, "d/a.json", Older)
    older.name = "renamed"
    put(store, older)
    after = records.read(store, "d/a.json", Sample)
    assert after.name == "renamed"
    assert (after.parameters, after.inner, after.started) == (sample.parameters, sample.inner, sample.started)


def test_what_was_emptied_stays_empty(store: Store) -> None:
    put(store, Sample(name="a", parameters={"k": 1}, by_name={"one": Inner()}))
    put(store, Sample(name="a"))
    after = records.read(store, "d/a.json", Sample)
    assert (after.parameters, after.by_name) == ({}, {})


def test_the_revision_is_counted_up(store: Store) -> None:
    record = Sample(name="a")
    for revision in (1, 2, 3):
        put(store, record)
        assert record.revision == revision == records.read(store, "d/a.json", Sample).revision
    put(store, Sample(name="another"))
    assert records.read(store, "d/a.json", Sample).revision == 4


def test_a_newer_format_is_read_and_not_written(store: Store) -> None:
    files.write_bytes(store, "d/a.json", b'{"format": 2, "name": "a", "strange": 1}')
    assert records.read(store, "d/a.json", Sample).name == "a"
    with pytest.raises(NewerFormat, match="newer Cupola"):
        put(store, Sample(name="b"))
    assert files.read_bytes(store, "d/a.json") == b'{"format": 2, "name": "a", "strange": 1}'


def test_a_newer_format_that_cannot_be_read_says_why(store: Store) -> None:
    files.write_bytes(store, "d/a.json", b'{"format": 2, "name": {"first": "a"}}')
    with pytest.raises(NewerFormat):
        records.read(store, "d/a.json", Sample)


@pytest.mark.parametrize(
    "content",
    [b"", b'{"name": "a"', b"[]", b"null", b'{"name": 1}', b"\xff\xfe", b"[" * 100_000, b'{"revision": 1e99}'],
)
def test_a_broken_record_is_corrupt_and_named(store: Store, content: bytes) -> None:
    files.write_bytes(store, "d/a.json", content)
    with pytest.raises(Corrupt, match=r"d/a\.json"):
        records.read(store, "d/a.json", Sample)


def test_a_record_that_is_torn_for_a_moment_is_read_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "LOCAL_PATIENCE", 180.0)
    put(store, Sample(name="a"))
    whole = files.read_bytes(store, "d/a.json")
    answers = [whole[:10], b"", whole]
    monkeypatch.setattr(records, "read_bytes", lambda *_: answers.pop(0))
    assert records.read(store, "d/a.json", Sample).name == "a"


def test_only_the_first_creates(store: Store) -> None:
    records.create(store, "d/a.json", Sample(name="first"), kind="sample", ref="a")
    with pytest.raises(Conflict):
        records.create(store, "d/a.json", Sample(name="second"), kind="sample", ref="a")
    assert records.read(store, "d/a.json", Sample).name == "first"


def test_a_change_of_what_has_changed_since_is_refused(store: Store) -> None:
    put(store, Sample(name="a"))
    shown = records.read(store, "d/a.json", Sample)
    put(store, Sample(name="theirs"))
    with pytest.raises(Conflict, match="changed it since"):
        records.write(store, "d/a.json", Sample(name="mine"), kind="sample", ref="a", expected=shown)
    shown = records.read(store, "d/a.json", Sample)
    records.write(store, "d/a.json", Sample(name="mine"), kind="sample", ref="a", expected=shown)
    assert records.read(store, "d/a.json", Sample).name == "mine"


def test_a_late_view_is_not_shown_after_a_newer_one(distant: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "PATIENCE", 180.0)
    put(distant, Sample(name="old"))
    old = files.read_bytes(distant, "d/a.json")
    put(distant, Sample(name="new"))
    assert records.read(distant, "d/a.json", Sample).name == "new"
    new, real = files.read_bytes(distant, "d/a.json"), time.monotonic()
    monkeypatch.setattr(records, "read_bytes", lambda *_: old if time.monotonic() - real < 0.1 else new)
    assert records.read(distant, "d/a.json", Sample).name == "new"


def test_a_record_that_somebody_put_back_is_believed_once_the_mount_cannot_be_late(
    distant: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "PATIENCE", 0.05)
    put(distant, Sample(name="old"))
    old = files.read_bytes(distant, "d/a.json")
    put(distant, Sample(name="new"))
    records.read(distant, "d/a.json", Sample)
    files.write_bytes(distant, "d/a.json", old)
    assert records.read(distant, "d/a.json", Sample).name == "new"
    deadline = time.monotonic() + 180
    while records.read(distant, "d/a.json", Sample).name == "new":
        assert time.monotonic() < deadline


def test_on_a_local_disk_what_somebody_put_back_is_believed_at_once(store: Store) -> None:
    put(store, Sample(name="old"))
    old = files.read_bytes(store, "d/a.json")
    put(store, Sample(name="new"))
    assert records.read(store, "d/a.json", Sample).name == "new"
    files.write_bytes(store, "d/a.json", old)
    assert records.read(store, "d/a.json", Sample).name == "old"


EDITED = """\
# by hand
name = "a"  # the name

[inner]
# kept too
name = "b"
mine = [1, 2]

[extra]
x = 1
"""


def test_comments_and_unknown_keys_of_toml_survive(store: Store) -> None:
    (store.root / "a.toml").write_text(EDITED)
    found = records.read_toml(store, "a.toml", Sample)
    assert (found.name, found.inner.name, found.revision) == ("a", "b", 1)
    found.inner.name = "changed"
    records.write_toml(store, "a.toml", found, kind="sample", ref="a")
    text = (store.root / "a.toml").read_text()
    for kept in ("# by hand", "# the name", "# kept too", "mine = [1, 2]", "[extra]\nx = 1", 'name = "changed"'):
        assert kept in text, text
    after = records.read_toml(store, "a.toml", Sample)
    assert (after.inner.name, after.revision) == ("changed", 2)


@quick
@given(sample=samples)
def test_what_is_written_as_toml_is_read(store: Store, sample: Sample) -> None:
    sample.parameters = {name: value for name, value in sample.parameters.items() if isinstance(value, str | int)}
    records.write_toml(store, "a.toml", sample, kind="sample", ref="a")
    assert records.read_toml(store, "a.toml", Sample) == sample


def test_the_version_before_an_edit_by_form_is_kept(store: Store) -> None:
    (store.root / "a.toml").write_text(EDITED)
    records.write_toml(store, "a.toml", Sample(name="form"), kind="sample", ref="a")
    kept = {files.read_bytes(store, f"{HISTORY}/a.toml/{one}") for one in files.listing(store, f"{HISTORY}/a.toml")}
    assert kept == {EDITED.encode(), (store.root / "a.toml").read_bytes()}


def test_an_edit_by_hand_meanwhile_makes_the_form_a_conflict(store: Store) -> None:
    (store.root / "a.toml").write_text(EDITED)
    shown = records.read_toml(store, "a.toml", Sample)
    (store.root / "a.toml").write_text(EDITED.replace('"b"', '"by hand"'))
    with pytest.raises(Conflict):
        records.write_toml(store, "a.toml", Sample(name="form"), kind="sample", ref="a", expected=shown)
    assert "by hand" in (store.root / "a.toml").read_text()


@pytest.mark.parametrize("content", ["name = ", 'name = "a"\nname = "b"', "name = 1", "x = " + "[" * 5000, "\x00"])
def test_broken_toml_is_corrupt_and_is_not_overwritten(store: Store, content: str) -> None:
    (store.root / "a.toml").write_text(content)
    with pytest.raises(Corrupt, match=r"a\.toml"):
        records.read_toml(store, "a.toml", Sample)
    if content != "name = 1":
        with pytest.raises(Corrupt):
            records.write_toml(store, "a.toml", Sample(name="a"), kind="sample", ref="a")
        assert (store.root / "a.toml").read_text() == content


def test_a_missing_record_is_not_found(store: Store, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        records.read(store, "d/a.json", Sample)
    with pytest.raises(NotFound):
        records.read_toml(store, "a.toml", Sample)
    with pytest.raises(NotFound, match="cupola init"):
        Store.open(tmp_path / "nowhere")
