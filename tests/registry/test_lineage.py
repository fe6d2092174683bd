"""What came from what, over runs, models and endpoints."""

import pytest

from cupola.errors import Ambiguous, BadOption, NotFound
from cupola.registry.lineage import Lineage, lineage
from cupola.serving.records import Endpoint, Variant, save
from cupola.workspace import Workspace

from .conftest import Finish


def kinds(found: Lineage) -> list[str]:
    return [node.kind for node in found.nodes]


def test_both_ways_to_any_depth(ws: Workspace, finish: Finish) -> None:
    run, other = finish(), finish()
    model = ws.action("model register", run=run.id, name="late")
    ws.action("model register", run=other.id, name="other")
    save(ws.store, Endpoint(name="e", host="h", user="u", variants=[Variant(name="v", model=model.ref)]))
    whole = lineage(ws, run.id)
    assert kinds(whole) == ["dataset", "endpoint", "model", "run"]
    assert {(edge.source.split(":")[0], edge.target.split(":")[0]) for edge in whole.edges} == {
        ("dataset", "run"),
        ("run", "model"),
        ("model", "endpoint"),
    }
    assert kinds(lineage(ws, "e", up=True)) == ["dataset", "endpoint", "model", "run"]
    assert kinds(lineage(ws, "e", down=True)) == ["endpoint"]
    assert kinds(lineage(ws, "late@1", down=True)) == ["endpoint", "model"]
    assert lineage(ws, "late").nodes[0].ref == "flights@1-abcd"


def test_what_is_gone_is_still_named(ws: Workspace, finish: Finish) -> None:
    model = ws.action("model register", run=finish().id, name="late")
    save(ws.store, Endpoint(name="e", host="h", user="u", variants=[Variant(name="v", model=model.ref)]))
    from cupola.store import files

    files.trash(ws.store, model.directory)
    assert [(node.ref, node.status) for node in lineage(ws, "e").nodes if node.kind == "model"] == [
        (model.ref, "Missing")
    ]


def test_a_name_of_two_kinds_has_to_say_which(ws: Workspace, finish: Finish) -> None:
    model = ws.action("model register", run=finish().id, name="late")
    save(ws.store, Endpoint(name="late", host="h", user="u", variants=[Variant(name="v", model=model.ref)]))
    with pytest.raises(Ambiguous, match="model, endpoint"):
        lineage(ws, "late")
    assert lineage(ws, "endpoint:late").root == "endpoint:late"
    with pytest.raises(NotFound):
        lineage(ws, "nothing")
    with pytest.raises(BadOption):
        lineage(ws, "model:late", up=True, down=True)


def test_a_name_goes_before_the_beginning_of_an_id(ws: Workspace, finish: Finish) -> None:
    run = finish()
    model = ws.action("model register", run=run.id, name="late")
    save(ws.store, Endpoint(name=run.id[:1], host="h", user="u", variants=[Variant(name="v", model=model.ref)]))
    assert lineage(ws, run.id[:1]).root == f"endpoint:{run.id[:1]}"
    assert lineage(ws, run.id[:6]).root == f"run:{run.id}"
