"""The verbs on endpoints that need no server: what is asked for, refused, shown, told."""

from pathlib import Path

import pytest

from cupola.errors import BadInput, BadName, BadOption, Corrupt, NotFound, NotReady, Refused
from cupola.serving import calls, records
from cupola.workspace import Workspace


def approval_needed(ws: Workspace) -> None:
    path = ws.root / "workspace.toml"
    path.write_text(path.read_text().replace("deployments_need_approval = false", "deployments_need_approval = true"))


def test_a_deployment_is_a_signed_wish(ws: Workspace, registered: list[str]) -> None:
    state = ws.action("endpoint deploy", model="late@1", name="e", workers=2, memory="1.5G")
    assert (state.endpoint, state.status, state.workers, state.memory) == ("e", "Creating", 2, 3 << 29)
    assert [(one.name, one.model, one.weight) for one in state.variants] == [("AllTraffic", registered[0], 1.0)]
    wish = records.wish(ws.store, "e")
    assert records.signed(ws.store, wish) and records.wanted(ws.store) == ["e"]
    wish.workers = 3
    assert not records.signed(ws.store, wish)


def test_a_dry_run_writes_nothing(ws: Workspace, registered: list[str]) -> None:
    state = ws.action("endpoint deploy", model="late@2", name="e", dry_run=True)
    assert state.variants[0].model == registered[1]
    assert ws.action("endpoint ls") == []
    ws.action("endpoint deploy", model="late@2", name="e")
    assert ws.action("endpoint rm", endpoint="e", dry_run=True).trash is None
    assert len(ws.action("endpoint ls")) == 1


def test_what_was_removed_comes_back_as_it_was(ws: Workspace, registered: list[str]) -> None:
    before = ws.action("endpoint deploy", model="late@1", name="e")
    gone = ws.action("endpoint rm", endpoint="e")
    assert ws.action("endpoint ls") == []
    back = ws.action("endpoint restore", trash=gone.trash)
    assert (back.name, back.variants) == ("e", before.variants)
    assert records.signed(ws.store, records.wish(ws.store, "e"))


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"name": "../x"}, BadName),
        ({"name": "e", "mode": "serverless"}, BadOption),
        ({"name": "e", "workers": 0}, BadOption),
        ({"name": "e", "workers": 1000}, BadOption),
        ({"name": "e", "memory": "much"}, BadOption),
        ({"name": "e", "memory": "1K"}, BadOption),
        ({"name": "e", "model": "nothing"}, NotFound),
        ({"name": "e", "model": "late@7"}, NotFound),
        ({"name": "e", "model": "late@champion"}, NotFound),
    ],
)
def test_what_cannot_be_deployed(ws: Workspace, registered: list[str], options: dict[str, str], error: type) -> None:
    with pytest.raises(error):
        ws.action("endpoint deploy", **{"model": "late", **options})
    assert ws.action("endpoint ls") == []


def test_approval_is_needed_where_the_workspace_says_so(ws: Workspace, registered: list[str]) -> None:
    ws.action("endpoint deploy", model="late@1", name="free")
    approval_needed(ws)
    with pytest.raises(Refused, match="PendingManualApproval") as refused:
        ws.action("endpoint deploy", model="late@1", name="e")
    assert refused.value.exit_status == 3 and "model approve late@1" in str(refused.value.hint)
    with pytest.raises(Refused):
        ws.action("endpoint update", endpoint="free", model="late@2")
    ws.action("model approve", model="late@1")
    ws.action("endpoint deploy", model="late@1", name="e")
    ws.action("model reject", model="late@1", note="leaks")
    with pytest.raises(Refused, match="Rejected"):
        ws.action("endpoint deploy", model="late@1", name="other")


def test_variants_side_by_side(ws: Workspace, registered: list[str]) -> None:
    ws.action("endpoint deploy", model="late@1", name="e")
    state = ws.action("endpoint update", endpoint="e", variant={"old": "late@1:0.9", "new": "late@2:0.1"})
    assert [(one.name, one.model, one.weight) for one in state.variants] == [
        ("old", registered[0], 0.9),
        ("new", registered[1], 0.1),
    ]
    for bad in ("late@1:x", "late@1:0", "late@1:-1", "late@1:nan"):
        with pytest.raises(BadOption):
            ws.action("endpoint update", endpoint="e", variant={"old": bad})
    with pytest.raises(BadOption):
        ws.action("endpoint update", endpoint="e", model="late", variant={"old": "late"})


def test_a_broken_wish_is_shown_and_hides_no_other(ws: Workspace, registered: list[str]) -> None:
    for name in ("a", "b"):
        ws.action("endpoint deploy", model="late", name=name)
    (ws.root / "endpoints" / "a" / "endpoint.toml").write_text("name = [")
    broken, good = ws.action("endpoint ls")
    assert (broken.name, broken.status, good.name, good.status) == ("a", "Failed", "b", "Creating")
    assert "endpoint.toml" in broken.reason


def test_stopping_what_no_keeper_runs(ws: Workspace, registered: list[str]) -> None:
    ws.action("endpoint deploy", model="late", name="e")
    assert ws.action("endpoint stop", endpoint="e").status == "OutOfService"
    assert records.wanted(ws.store) == []
    assert ws.action("endpoint start", endpoint="e").status == "Creating"


def test_calling_what_is_not_there(ws: Workspace, registered: list[str]) -> None:
    with pytest.raises(NotFound, match="no endpoint 'e'"):
        ws.action("endpoint invoke", endpoint="e", data="{}")
    ws.action("endpoint deploy", model="late", name="e")
    with pytest.raises(NotReady, match="it is Creating"):
        ws.action("endpoint invoke", endpoint="e", data="{}")


def test_what_a_payload_is(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(b"a,b\n1,2\n")
    assert calls.payload(str(file)) == calls.payload(f"@{file}") == b"a,b\n1,2\n"
    assert calls.payload('{"a": 1}') == b'{"a": 1}'
    assert calls.payload("1,2") == b"1,2"
    with pytest.raises(BadInput, match="no such file"):
        calls.payload(str(tmp_path / "nothing.json"))
    for given, expected in {
        b'{"a": 1}': (b'{"dataframe_records":[{"a":1}]}', "application/json"),
        b'[{"a": 1}]': (b'{"instances":[{"a":1}]}', "application/json"),
        b'{"inputs": []}': (b'{"inputs": []}', "application/json"),
        b'{"a": 1}\n{"a": 2}\n': (b'{"a": 1}\n{"a": 2}\n', "application/jsonlines"),
        b"1,2\n": (b"1,2\n", "text/csv"),
    }.items():
        assert calls.typed(given) == expected


def test_the_log_and_its_end(ws: Workspace, registered: list[str]) -> None:
    ws.action("endpoint deploy", model="late", name="e")
    assert ws.action("endpoint log", endpoint="e").text == ""
    (ws.root / records.log_path("e")).write_text("".join(f"line {number}\n" for number in range(9)))
    assert ws.action("endpoint log", endpoint="e", lines=2).text == "line 7\nline 8\n"


@pytest.mark.parametrize("file", ["endpoint.toml", "status.json"])
def test_an_endpoint_that_cannot_be_read_hides_no_other(ws: Workspace, registered: list[str], file: str) -> None:
    for name in ("a", "b"):
        ws.action("endpoint deploy", model="late@1", name=name)
    (ws.root / "endpoints" / "a" / file).write_bytes(b"\0{")
    listed = {one.name: one for one in ws.action("endpoint ls")}
    assert (listed["a"].status, listed["b"].status) == ("Failed", "Creating")
    assert file in (listed["a"].reason or "")
    with pytest.raises(Corrupt):
        ws.action("endpoint show", endpoint="a")
