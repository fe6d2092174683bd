"""What the screen asks of an endpoint, to make a form of it."""

import pytest

from cupola.details import takes
from cupola.errors import NotFound
from cupola.workspace import Workspace


def test_what_an_endpoint_takes_is_what_a_form_to_ask_it_is_made_of(ws: Workspace, registered: list[str]) -> None:
    ws.action("endpoint deploy", model="late@1", name="e")
    found = takes(ws, "e")
    assert [(one.name, one.type) for one in found["columns"]] == [
        ("distance", "number"), ("hour", "integer"), ("carrier", "category"), ("wet", "boolean"),
    ]  # fmt: skip
    assert len(found["rows"]) == 5 and {"distance", "hour", "carrier", "wet"} <= found["rows"][0].keys()
    next(ws.root.glob("models/late/1-*/sample.json")).unlink()
    assert takes(ws, "e")["rows"] == []
    with pytest.raises(NotFound):
        takes(ws, "nothing")
