"""What is found, and views that are kept."""

from typing import Any

import pytest
from tests.experiments.conftest import leave, run
from tests.lineage.test_actions import imported

from cupola.errors import BadFilter, BadName, BadOption, NotFound
from cupola.schedules import records as schedules
from cupola.schedules.records import Schedule
from cupola.store import journals, names
from cupola.workspace import Workspace


@pytest.fixture
def ws(workspace: Workspace) -> Workspace:
    version = imported(workspace)
    leave(workspace.store, run(1, name="calm-heron", metrics={"f1": 0.5}, dataset=version))
    leave(workspace.store, run(2, name="brave-otter", metrics={"f1": 0.9}, params={"C": 2}, user="bo", dataset=version))
    return workspace


def found(ws: Workspace, query: str) -> list[tuple[str, str]]:
    return [(one.kind, one.name) for one in ws.action("find", query=query)]


def test_a_word_is_found_in_every_kind_of_record(ws: Workspace) -> None:
    assert found(ws, "flights") == [("dataset", "flights"), ("run", "brave-otter"), ("run", "calm-heron")]
    assert found(ws, "default") == [("experiment", "default"), ("run", "brave-otter"), ("run", "calm-heron")]
    ws.action("comment", ref="calm-heron", text="The seed was lucky")
    ws.action("comment", ref="flights", text="from a lucky draw")
    ws.action("tag", ref="experiment:default", tags=["+lucky"])
    assert found(ws, "LUCKY") == [("dataset", "flights"), ("run", "calm-heron"), ("experiment", "default")]
    assert [one.text.partition(",")[0] for one in ws.action("find", query="lucky")] == [
        "from a lucky draw", "The seed was lucky", "",
    ]  # fmt: skip


def test_a_schedule_is_found_by_its_name_and_by_what_it_runs(ws: Workspace) -> None:
    schedules.save(
        ws.store,
        Schedule(
            name="nightly", id="s1", user="ana", since=names.now(), every="15m", action="train",
            arguments={"dataset": "flights", "estimator": "SVC"},
        ),
    )  # fmt: skip
    assert found(ws, "nightly") == found(ws, "SVC") == [("schedule", "nightly")]
    [one] = ws.action("find", query="kind = schedule")
    assert (one.ref, one.text) == ("nightly", "every 15m, cupola train --dataset flights --estimator SVC")


def test_fields_that_only_some_kinds_have(ws: Workspace) -> None:
    assert found(ws, "f1 > 0.6") == [("run", "brave-otter")]
    assert found(ws, "f1 > 0.6 or source = f.csv") == [("dataset", "flights"), ("run", "brave-otter")]
    assert found(ws, "kind = dataset") == [("dataset", "flights")]
    assert found(ws, "kind in (run, dataset) and not user = bo") == [("dataset", "flights"), ("run", "calm-heron")]
    assert [one.kind for one in ws.action("find", query="", limit=2)] == ["dataset", "run"]
    with pytest.raises(BadFilter, match="no kind of record has a field 'surce', at character 7") as caught:
        found(ws, "a and surce = x")
    assert (caught.value.where, caught.value.hint) == ("QUERY", "did you mean source?")
    with pytest.raises(BadFilter, match="a value is missing"):
        found(ws, "user =")


def test_a_view_shows_what_it_selects(ws: Workspace) -> None:
    ws.action("view save", name="good", filter="f1 > 0.4", sort="metrics.f1:desc", column=["name", "f1", "params.C"])
    assert ws.action("view show", view="good") == [
        {"ref": "run0000002", "name": "brave-otter", "f1": 0.9, "params.C": 2},
        {"ref": "run0000001", "name": "calm-heron", "f1": 0.5, "params.C": None},
    ]
    ws.action("view save", name="data", kind="dataset", filter="rows = 1")
    assert [one.ref for one in ws.action("view show", view="data")] == ["flights@1-abcd"]
    assert [(one.name, one.kind) for one in ws.action("view ls")] == [("data", "dataset"), ("good", "run")]
    assert [one.name for one in ws.action("view ls", kind="run")] == ["good"]
    ws.action("view save", name="good", filter="f1 > 0.8")
    assert [one.id for one in ws.action("view show", view="good")] == ["run0000002"]
    ws.action("view rm", view="good")
    with pytest.raises(NotFound, match="no view 'good'"):
        ws.action("view show", view="good")


def test_a_view_is_one_s_own_or_everybody_s(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    ws.action("view save", name="mine", filter="f1 > 0.4")
    ws.action("view save", name="ours", filter="f1 > 0.4", shared=True)
    as_user(monkeypatch, "bo")
    assert [one.name for one in ws.action("view ls")] == ["ours"]
    ws.action("view save", name="ours", filter="f1 > 0.8")
    assert len(ws.action("view show", view="ours")) == 1
    as_user(monkeypatch, "eve")
    assert len(ws.action("view show", view="ours")) == 2
    with pytest.raises(BadOption, match="everybody's"):
        ws.action("view rm", view="ours")
    ws.action("view rm", view="ours", shared=True)
    assert ws.action("view ls") == []


def as_user(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for module in ("cupola.search.views.names.who", "cupola.search.actions.who"):
        monkeypatch.setattr(module, lambda: (name, "box"))


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"name": "../x"}, BadName),
        ({"filter": "f1 >"}, BadFilter),
        ({"sort": "f1:down"}, BadOption),
        ({"column": [""]}, BadOption),
    ],
)
def test_what_could_not_be_shown_is_not_kept(ws: Workspace, more: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        ws.action("view save", **({"name": "good"} | more))
    assert ws.action("view ls") == []


def test_lines_that_a_hand_has_written_hide_no_view(ws: Workspace) -> None:
    ws.action("view save", name="good", filter="f1 > 0.4")
    lines = [{"op": "save"}, {"op": "save", "view": [1]}, {"op": "save", "view": {"name": 3}}, {"op": 7, "view": {}}]
    journals.append(ws.store, f".cupola/notes/views/{ws.store.writer}.jsonl", lines)
    assert [one.name for one in ws.action("view ls")] == ["good"]
    assert names.who()[0] == ws.action("view ls")[0].user


def test_views_of_two_copies_merge(ws: Workspace) -> None:
    ws.action("view save", name="mine", filter="f1 > 0.4")
    ours = ws.root / ".cupola/notes/views" / f"{ws.store.writer}.jsonl"
    theirs = ours.with_name("other-writer.jsonl")
    theirs.write_bytes(ours.read_bytes().replace(b'"mine"', b'"theirs"'))
    assert [one.name for one in ws.action("view ls")] == ["mine", "theirs"]
    ws.action("view rm", view="theirs")
    assert [one.name for one in ws.action("view ls")] == ["mine"]
