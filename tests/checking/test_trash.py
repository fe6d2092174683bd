"""The trash, and what repairs have moved away, is emptied of what is old, when somebody says so, and check knows."""

import time
from pathlib import Path

import pytest

from cupola import actions
from cupola.checking import trash
from cupola.checking.mending import REPAIRED
from cupola.errors import BadOption, NotFound
from cupola.store import files
from cupola.workspace import Workspace

from .conftest import only

RUN = "experiments/default/*"
NOW = time.time()


def token(days: float) -> str:
    """As one of the trash is named that came there so many days ago."""
    return time.strftime(trash.MOMENT, time.gmtime(NOW - 86400 * days)) + "-abcdefghjk"


@pytest.fixture
def full(ws: Workspace) -> Workspace:
    """A workspace with a run and its dataset in the trash for 40 days, a model for 2, and others."""
    for pattern, days in ((RUN, 40), ("datasets/flights/1-*", 41), ("models/late/1-*", 2)):
        put = files.trash(ws.store, only(ws.root, pattern))
        (ws.root / files.TRASH / put).rename(ws.root / files.TRASH / token(days))
    kept = ws.root / REPAIRED / token(50) / "jobs"
    kept.mkdir(parents=True)
    (kept / "torn.json").write_bytes(b"{" * 1000)
    (kept / "elsewhere").symlink_to("/etc")
    return Workspace.open(ws.root)


def test_what_is_old_goes_for_good_and_what_is_young_stays(full: Workspace) -> None:
    planned = full.action("trash empty", dry_run=True)
    assert [one.path.split("/")[0] for one in planned.gone] == ["datasets", "experiments", ".cupola"]
    assert (planned.younger, planned.left, planned.bytes > 1000) == (2, [], True)
    with pytest.raises(BadOption, match="would be removed for good: 3") as caught:
        full.action("trash empty")
    assert "--yes" in (caught.value.hint or "") and full.action("trash empty", dry_run=True) == planned
    done = full.action("trash empty", yes=True)
    assert (done.gone, done.bytes, done.younger) == (planned.gone, planned.bytes, 2)
    assert [one.path.split("/")[0] for one in files.discarded(full.store).values()] == ["models", "experiments"]
    assert files.listing(full.store, REPAIRED) == files.listing(full.store, files.STAGING) == []
    assert list(Path("/etc").iterdir())
    with pytest.raises(NotFound, match="does not hold it any more"):
        files.untrash(full.store, token(40))
    assert [(one.verb, one.kind) for one in full.action("activity")][:1] == [("emptied", "trash")]


def test_check_knows_what_was_removed_on_purpose(full: Workspace) -> None:
    before = full.action("check").problems
    full.action("trash empty", yes=True)
    assert full.action("check").problems == before


def test_what_was_restored_meanwhile_is_left_alone(full: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody restores a run between the look into the trash and the removal."""
    lying = list(trash._lying(full.store))
    back = files.untrash(full.store, token(40))
    monkeypatch.setattr(trash, "_lying", lambda store: iter(lying))
    done = full.action("trash empty", yes=True)
    assert [one.path.split("/")[0] for one in done.gone] == ["datasets", ".cupola"]
    assert (full.root / back / "run.json").exists()


def test_what_names_no_time_stays_until_all_of_it_is_meant(full: Workspace) -> None:
    (full.root / REPAIRED / "mine").mkdir()
    full.action("trash empty", yes=True)
    assert files.listing(full.store, REPAIRED) == ["mine"]
    full.action("trash empty", older_than="0s", yes=True)
    assert files.listing(full.store, REPAIRED) == [] and not files.discarded(full.store)


RESTORED = {  # an action that brings back, and where what it brings back had been
    "dataset restore": "datasets/a/1-x", "flow restore": "flows/a.toml", "run restore": "experiments/default/x",
    "model restore": "models/a/1-x", "endpoint restore": "endpoints/a", "schedule restore": "schedules/a",
    "pipeline restore": "pipelines/a",
}  # fmt: skip


def test_a_token_of_another_kind_of_record_brings_nothing_back(ws: Workspace) -> None:
    assert {one.name for one in actions.catalogue() if one.name.endswith(" restore")} == set(RESTORED)
    for path in RESTORED.values():
        files.write_bytes(ws.store, f"{path}/kept", b"")
    tokens = {path: files.trash(ws.store, path) for path in RESTORED.values()}
    for name, own in RESTORED.items():
        for path, given in tokens.items():
            if path != own:
                with pytest.raises(NotFound, match=given):
                    ws.action(name, trash=given)
    assert set(RESTORED.values()) <= {what.path for what in files.discarded(ws.store).values()}
