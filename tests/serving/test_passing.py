"""What the gateway says itself of the endpoints that there are."""

import json

import pytest

from cupola.serving import passing, records
from cupola.serving.records import EndpointState
from cupola.workspace import Workspace


@pytest.mark.parametrize(
    "status", ["InService", "Updating", "RollingBack", "UpdateRollbackFailed", "Creating", "Failed"]
)
def test_an_endpoint_is_ready_for_clients_whenever_something_answers(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    monkeypatch.setattr(records, "ls", lambda _: [EndpointState(name="e", endpoint="e", status=status)])
    [row] = json.loads(passing.tell(ws.store, "/v2/repository/index", "POST"))
    assert row["state"] == ("UNAVAILABLE" if status in ("Creating", "Failed") else "READY")
