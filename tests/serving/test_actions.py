"""The verbs on endpoints that need no server: what is asked for, refused, shown, told."""

import socket
from pathlib import Path

import msgspec
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
    assert (state.variants[0].model, state.reason) == (registered[1], None)
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
        ({"name": "e", "mode": "batch"}, BadOption),
        ({"name": "e", "workers": 0}, BadOption),
        ({"name": "e", "workers": 1000}, BadOption),
        ({"name": "e", "batch_rows": 0}, BadOption),
        ({"name": "e", "batch_rows": 5000}, BadOption),
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
    for bad in ("late@1:x", "late@1:-1", "late@1:nan"):
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


def test_one_of_another_host_is_not_looked_for_at_its_port_here(ws: Workspace, registered: list[str]) -> None:
    ws.action("endpoint deploy", model="late", name="e")
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        stranger.setblocking(False)
        url = f"http://127.0.0.1:{stranger.getsockname()[1]}"
        found = msgspec.structs.replace(records.find(ws.store, "e"), host="far", url=url, status="InService")
        with pytest.raises(NotReady, match="runs on far, not here"):
            calls.invoke(ws.store, found, "{}", None, "application/json")
        with pytest.raises(BlockingIOError):
            stranger.accept()


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
        b"PAR1...": (b"PAR1...", "application/x-parquet"),
        b"\x93NUMPY...": (b"\x93NUMPY...", "application/x-npy"),
    }.items():
        assert calls.typed(given) == expected
    for odd in (b"{a},[b]\n1,2\n", b"[a],b\n[1],2\n"):
        assert calls.typed(odd, "data/rows.CSV") == (odd, "text/csv")


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


def test_how_a_change_is_made_stays_in_the_wish(ws: Workspace, registered: list[str]) -> None:
    ws.action("endpoint deploy", model="late@1", name="e")
    ws.action("endpoint update", endpoint="e", rollout="CANARY", share=0.2, bake="10m")
    plan = records.wish(ws.store, "e").rollout
    assert (plan.strategy, plan.share, plan.bake, plan.alarms) == ("CANARY", 0.2, 600.0, ["error_rate > 5%"])
    ws.action("endpoint update", endpoint="e", model="late@2", alarm=["p99_ms > 9", "drift > 0.2"])
    plan = records.wish(ws.store, "e").rollout
    assert (plan.strategy, plan.bake, plan.alarms) == ("CANARY", 600.0, ["p99_ms > 9", "drift > 0.2"])
    for bad in (
        {"rollout": "SOON"},
        {"share": 0.0},
        {"share": 1.5},
        {"bake": "soon"},
        {"bake": "30d"},
        {"alarm": ["x > 1"]},
    ):
        with pytest.raises(BadOption):
            ws.action("endpoint update", endpoint="e", **bad)
    for wrong in ({"old": "1"}, {"AllTraffic": "0"}, {"AllTraffic": "many"}):
        with pytest.raises(BadOption):
            ws.action("endpoint weights", endpoint="e", variant=wrong)
    assert records.wish(ws.store, "e").rollout == plan


def test_a_shadow_beside_what_answers(ws: Workspace, registered: list[str]) -> None:
    ws.action("endpoint deploy", model="late@1", name="e")
    for bad in ({}, {"model": "late@2", "share": 2.0}, {"variant": {"AllTraffic": "late@2"}}):
        with pytest.raises(BadOption):
            ws.action("endpoint update", endpoint="e", rollout="SHADOW", **bad)
    for verb in ("promote", "remove", "rollback"):
        with pytest.raises(Refused):
            ws.action(f"endpoint {verb}", endpoint="e")
    state = ws.action("endpoint update", endpoint="e", model="late@2", rollout="SHADOW", share=0.5)
    assert [(one.name, one.model, one.shadow) for one in state.variants] == [
        ("AllTraffic", registered[0], 0.0),
        ("shadow", registered[1], 0.5),
    ]
    with pytest.raises(Refused):
        ws.action("endpoint remove", endpoint="e", variant="AllTraffic")
    promoted = ws.action("endpoint promote", endpoint="e")
    assert [(one.name, one.model, one.shadow) for one in promoted.variants] == [("AllTraffic", registered[1], 0.0)]
    ws.action("endpoint update", endpoint="e", variant={"few": "late@2:1", "many": "late@2:9"})
    ws.action("endpoint update", endpoint="e", model="late@1", rollout="SHADOW")
    promoted = ws.action("endpoint promote", endpoint="e")
    assert [(one.name, one.model) for one in promoted.variants] == [("many", registered[0])]


def test_a_plan_that_was_edited_by_hand_is_looked_at_before_it_is_signed(ws: Workspace, registered: list[str]) -> None:
    ws.action("endpoint deploy", model="late@1", name="e")
    ws.action("endpoint update", endpoint="e", rollout="CANARY")
    path = ws.root / records.wish_path("e")
    good = path.read_text()
    for wrong in (good.replace("CANARY", "SHADOW"), good.replace("CANARY", "x"), good.replace("error_rate", "errors")):
        path.write_text(wrong)
        with pytest.raises(BadOption):
            ws.action("endpoint confirm", endpoint="e")
    path.write_text(good.replace("bake = 60.0", "bake = 90.0"))
    ws.action("endpoint confirm", endpoint="e")
    assert records.wish(ws.store, "e").rollout.bake == 90.0


@pytest.mark.parametrize(
    ("was", "wrong"),
    [
        ("workers = 1", "workers = -1"),
        ("workers = 1", "workers = 100000"),
        ("max_workers = 0", "max_workers = -1"),
        ("batch_rows = 256", "batch_rows = 0"),
        ("memory = 0", "memory = -1"),
        ("weight = 1.0", "weight = 0.0"),
        ("weight = 1.0", "weight = nan"),
        ("shadow = 0.0", "shadow = 2.0"),
        ('"realtime"', '"serverles"'),
        ('"InService"', '"Nope"'),
        ('"auto"', '"fast"'),
    ],
)
def test_an_edited_wish_that_cannot_be_had_is_not_signed(
    ws: Workspace, registered: list[str], was: str, wrong: str
) -> None:
    ws.action("endpoint deploy", model="late@1", name="e")
    path = ws.root / records.wish_path("e")
    good = path.read_text()
    assert was in good
    path.write_text(good.replace(was, wrong))
    with pytest.raises(BadOption, match="cannot be had"):
        ws.action("endpoint confirm", endpoint="e")


def test_a_wish_of_another_name_makes_no_other_endpoint(ws: Workspace, registered: list[str]) -> None:
    ws.action("endpoint deploy", model="late@1", name="e")
    path = ws.root / records.wish_path("e")
    path.write_text(path.read_text().replace('name = "e"', 'name = "f"'))
    for act in ("endpoint confirm", "endpoint update", "endpoint stop"):
        with pytest.raises(Corrupt, match="its name is 'f'"):
            ws.action(act, endpoint="e")
    assert [one.name for one in ws.action("endpoint ls")] == ["e"] and not (path.parent.parent / "f").exists()


def test_a_course_that_somebody_else_wrote_is_not_believed(ws: Workspace, registered: list[str]) -> None:
    from cupola.serving import course

    ws.action("endpoint deploy", model="late@1", name="e")
    one = course.Course(previous=records.wish(ws.store, "e"))
    course.write(ws.store, "e", one)
    assert course.read(ws.store, "e").previous is not None
    path = ws.root / course.path("e")
    path.write_text(path.read_text().replace(registered[0], registered[1]))
    assert course.read(ws.store, "e").previous is None
