"""Registration, approval, aliases, verification, removal: through the actions, as every door does."""

from pathlib import Path

import pytest

from cupola.errors import BadName, BadOption, Conflict, Corrupt, NotFound, NotReady
from cupola.registry import records
from cupola.store import Store, files, secret
from cupola.workspace import Workspace

from .conftest import Finish


def test_a_version_has_all_that_its_run_said(ws: Workspace, finish: Finish) -> None:
    run = finish()
    made = ws.action("model register", run=run.id, name="late", description="the first")
    assert (made.name, made.version, made.status, made.aliases) == ("late", 1, "PendingManualApproval", [])
    assert (made.run, made.dataset, made.metrics, made.target) == (run.id, run.dataset, run.metrics, "late")
    assert (made.description, made.storage) == ("the first", "skops")
    assert [column.name for column in made.signature.columns] == ["hour"]
    assert sorted(made.files) == ["model.json", "model.skops", "sample.json", "signature.json"]
    again = ws.action("model register", run=run.name, name="late")
    assert again.version == 2
    assert [one.version for one in ws.action("model ls", name="late")] == [2, 1]
    assert ws.action("model show", model="late").version == 2
    assert ws.action("model show", model=made.ref).id == made.id


def test_the_copy_does_not_change_with_the_run(ws: Workspace, finish: Finish) -> None:
    run = finish()
    made = ws.action("model register", run=run.id, name="late")
    files.write_bytes(ws.store, f"{run.model_directory}/model.skops", b"another")
    assert ws.action("model verify", model="late").ok
    assert made.sha256 == ws.action("model show", model="late").sha256


@pytest.mark.parametrize("status", ["Queued", "InProgress", "Failed", "Stopped"])
def test_only_a_completed_run_is_registered(ws: Workspace, finish: Finish, status: str) -> None:
    with pytest.raises(NotReady, match="not completed"):
        ws.action("model register", run=finish(status=status).id, name="late")
    assert ws.action("model ls") == []


def test_names_are_checked_and_nothing_is_left_behind(ws: Workspace, finish: Finish) -> None:
    run = finish()
    for name in ("../x", ".hidden", "a/b", ""):
        with pytest.raises(BadName):
            ws.action("model register", run=run.id, name=name)
    with pytest.raises(NotReady, match="neither"):
        ws.action("model register", run=finish(extra={"notes.txt": b""}).id, name="late")
    assert files.listing(ws.store, "models") == []
    assert files.listing(ws.store, ".cupola/staging") == []


def test_approval_is_the_last_word_with_who_and_why(ws: Workspace, finish: Finish) -> None:
    ws.action("model register", run=finish().id, name="late")
    ws.action("model approve", model="late", note="good enough")
    state = ws.action("model reject", model="late@1", note="leaks")
    assert state.status == "Rejected"
    assert [(one.status, one.note) for one in state.approvals] == [("Approved", "good enough"), ("Rejected", "leaks")]
    assert all(one.user and one.host and one.time for one in state.approvals)


def test_an_alias_moves_and_goes(ws: Workspace, finish: Finish) -> None:
    for _ in range(2):
        ws.action("model register", run=finish().id, name="late")
    ws.action("model alias", model="late@1", alias="champion")
    assert ws.action("model show", model="late@champion").version == 1
    ws.action("model alias", model="late@2", alias="champion")
    assert ws.action("model show", model="late@champion").version == 2
    assert ws.action("model show", model="late@1").aliases == []
    ws.action("model alias", model="late", alias="champion", remove=True)
    with pytest.raises(NotFound, match="champion"):
        ws.action("model show", model="late@champion")
    with pytest.raises(BadOption):
        ws.action("model alias", model="late", alias="3")


def test_a_changed_byte_is_found(ws: Workspace, finish: Finish) -> None:
    made = ws.action("model register", run=finish().id, name="late")
    path = ws.root / made.directory / "model.skops"
    data = bytearray(path.read_bytes())
    data[3000] ^= 1
    path.write_bytes(data)
    (path.parent / "extra.txt").touch()
    found = ws.action("model verify", model="late")
    assert not found.ok
    assert ["checksum" in found.problems[0], "extra.txt" in found.problems[1]] == [True, True]
    with pytest.raises(Corrupt):
        ws.action("model verify", model="late", trust=True)


def test_a_pickle_is_trusted_only_by_whoever_signed_it(
    ws: Workspace, finish: Finish, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    theirs = finish(extra={"model.pkl": b"code"})
    ws.action("model register", run=theirs.id, name="late")
    assert not ws.action("model verify", model="late").trusted
    ws.action("model verify", model="late", trust=True)
    assert ws.action("model verify", model="late").trusted
    assert ws.action("model show", model="late").status == "PendingManualApproval"
    mac = secret.sign(records.pickle_payload("5694d08a2e53ffcae0c3103e5ad6f6076abd960eb1f8a56577040bc1028f702b"))
    mine = finish(extra={"model.pkl": b"code", "model.json": f'{{"mac": "{mac}"}}'.encode()})
    ws.action("model register", run=mine.id, name="mine")
    assert ws.action("model verify", model="mine").trusted
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "somebody else"))
    assert not ws.action("model verify", model="mine").trusted
    assert not ws.action("model verify", model="late").trusted


def test_removal_goes_to_the_trash_and_comes_back(ws: Workspace, finish: Finish) -> None:
    for _ in range(2):
        ws.action("model register", run=finish().id, name="late")
    with pytest.raises(BadOption, match="several versions"):
        ws.action("model rm", model="late")
    assert ws.action("model rm", model="late@1", dry_run=True).trash is None
    gone = ws.action("model rm", model="late@1")
    assert [one.version for one in ws.action("model ls")] == [2]
    assert ws.action("model restore", trash=gone.trash).version == 1
    assert [one.version for one in ws.action("model ls")] == [2, 1]


def test_a_served_version_stays(ws: Workspace, store: Store, finish: Finish) -> None:
    from cupola.serving.records import Endpoint, Variant, save

    made = ws.action("model register", run=finish().id, name="late")
    save(store, Endpoint(name="e", host="h", user="u", variants=[Variant(name="AllTraffic", model=made.ref)]))
    with pytest.raises(Conflict, match="deployed to e"):
        ws.action("model rm", model="late@1")


def test_a_version_that_somebody_counts_on_stays(ws: Workspace, finish: Finish) -> None:
    made = ws.action("model register", run=finish().id, name="late")
    ws.action("model stage", model="late@1", stage="Production")
    ws.action("model alias", model="late@1", alias="champion")
    with pytest.raises(Conflict, match=f"{made.ref} is in Production"):
        ws.action("model rm", model="late@1", dry_run=True)
    ws.action("model stage", model="late@1", stage="Archived")
    with pytest.raises(Conflict, match="is what late@champion means"):
        ws.action("model rm", model="late@1")
    ws.action("model alias", model="late@1", alias="champion", remove=True)
    assert ws.action("model rm", model="late@1").removed == [made.ref]


def test_a_version_that_cannot_be_read_hides_no_other(ws: Workspace, finish: Finish) -> None:
    broken = ws.action("model register", run=finish().id, name="a")
    ws.action("model register", run=finish().id, name="b")
    files.write_bytes(ws.store, f"{broken.directory}/version.json", b'{"format": 1, "id"')
    listed = {one.name: one for one in ws.action("model ls")}
    assert listed["b"].status == "PendingManualApproval"
    assert (listed["a"].ref, listed["a"].status) == (broken.ref, "Unreadable")
    assert "version.json" in listed["a"].description
    with pytest.raises(Corrupt):
        ws.action("model show", model="a")


def test_a_stage_is_said_with_who_and_why_and_found_by(ws: Workspace, finish: Finish) -> None:
    for _ in range(2):
        ws.action("model register", run=finish().id, name="late")
    assert ws.action("model show", model="late").stage == ""
    ws.action("model stage", model="late@1", stage="Staging")
    ws.action("model stage", model="late@1", stage="Production", note="a good week")
    ws.action("model reject", model="late@1")
    found = ws.action("model ls", filter="stage = Production")
    assert [(one.version, one.stage, one.status) for one in found] == [(1, "Production", "Rejected")]
    acts = {(one.verb, one.ref, one.text) for one in ws.action("activity")}
    assert ("moved to Production", found[0].ref, "a good week") in acts
    assert len(found[0].approvals) == 1
