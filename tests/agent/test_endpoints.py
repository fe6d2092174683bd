"""Which endpoints the agent brings up, takes up or leaves alone. The launcher is a stand-in; the records are real."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from cupola.agent import endpoints
from cupola.agent.endpoints import Endpoints, Gateway, gateways, stop_all
from cupola.agent.launching import Launch
from cupola.serving import records
from cupola.serving.records import Endpoint, Variant
from cupola.serving.status import EndpointStatus
from cupola.store import names, runtime
from cupola.store import records as store_records
from cupola.workspace import Workspace


@pytest.fixture
def ws(home: Path) -> Workspace:
    return Workspace.init(home / "ws")


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """A process that stands in for a keeper."""
    with subprocess.Popen(["sleep", "600"]) as found:
        yield found
        found.kill()


class Rig:
    """The agent's part under test, and what it asked to be launched."""

    def __init__(self, ws: Workspace) -> None:
        self.launched: list[str] = []
        self.last: Launch | None = None
        self.watched: list[runtime.Process] = []
        host = SimpleNamespace(launcher=SimpleNamespace(launch=self.launch), gateway=Gateway(), freed=lambda: None)
        self.endpoints = Endpoints(ws.store, host, self.watched.append, lambda: None)  # type: ignore[arg-type]

    def launch(self, module: str, argv: list[str], *_: object, **__: object) -> Launch:
        self.launched.append(" ".join([module.rpartition("cupola.")[2], *argv[1:]]))
        found = Launch(lambda: None)
        if module.endswith("serving.keeper"):
            self.last = found
        return found


def wish(ws: Workspace, **more: str) -> Endpoint:
    user, host = names.who()
    made = Endpoint(name="e", user=user, host=host, variants=[Variant(name="v", model="m@1-abcd")])
    for name, value in more.items():
        setattr(made, name, value)
    records.save(ws.store, made)
    return made


def seen(ws: Workspace, made: Endpoint, status: str, process: runtime.Process | None) -> None:
    user, host = names.who()
    found = EndpointStatus(name="e", status=status, host=host, user=user, process=process, wish=made.digest())
    store_records.write(ws.store, records.status_path("e"), found, kind="endpoint", ref="e")


def test_a_wish_gets_a_keeper_once_and_the_gateway_with_it(ws: Workspace):
    rig = Rig(ws)
    rig.endpoints.reconcile()
    assert rig.launched == []
    wish(ws)
    rig.endpoints.reconcile()
    rig.endpoints.reconcile()
    assert rig.launched == ["serving.keeper e", "serving.gateway"]


def test_a_keeper_that_runs_already_is_taken_up(ws: Workspace, process: subprocess.Popen[bytes]):
    rig = Rig(ws)
    keeper = runtime.of(process.pid)
    seen(ws, wish(ws), "InService", keeper)
    rig.endpoints.reconcile()
    rig.endpoints.reconcile()
    assert "serving.keeper e" not in rig.launched
    assert keeper in rig.watched


def test_a_keeper_that_is_gone_is_started_again_with_growing_pauses(
    ws: Workspace, process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(endpoints, "time", SimpleNamespace(monotonic=lambda: 100.0))  # whatever holds this test up
    rig = Rig(ws)
    wish(ws)
    rig.endpoints.reconcile()
    assert rig.last
    rig.last.process = runtime.of(process.pid)
    rig.endpoints.reconcile()
    process.kill()
    process.wait()
    rig.endpoints.reconcile()
    assert rig.launched.count("serving.keeper e") == 2, "the first time at once"
    rig.last.process = runtime.Process("this boot", process.pid, 1)
    rig.endpoints.reconcile()
    rig.endpoints.reconcile()
    assert rig.launched.count("serving.keeper e") == 2, "then after a pause"
    assert rig.endpoints.upkeep["e"].again_at == 101.0


def test_one_that_failed_waits_for_another_wish(ws: Workspace):
    rig = Rig(ws)
    seen(ws, wish(ws), "Failed", None)
    rig.endpoints.reconcile()
    assert rig.launched == []
    wish(ws, mode="serverless")
    rig.endpoints.reconcile()
    assert rig.launched[0] == "serving.keeper e"


@pytest.mark.parametrize("other", [{"user": "raj"}, {"host": "elsewhere"}, {"desired": "OutOfService"}])
def test_what_is_not_wished_for_here_is_left_alone(ws: Workspace, other: dict[str, str]):
    rig = Rig(ws)
    wish(ws, **other)
    rig.endpoints.reconcile()
    assert rig.launched == []


def test_a_wish_that_was_edited_by_hand_is_not_served(ws: Workspace):
    rig = Rig(ws)
    wish(ws)
    path = ws.root / records.wish_path("e")
    path.write_text(path.read_text().replace("m@1-abcd", "evil@1-abcd"))
    rig.endpoints.reconcile()
    assert rig.launched == []


@pytest.fixture
def gateway(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A real gateway, which no workspace knows of."""
    code = "import sys; from cupola.serving import gateway; sys.exit(gateway.main([]))"
    with subprocess.Popen([sys.executable, "-c", code]) as found:
        for _ in range(3600):
            if gateways():
                break
            time.sleep(0.05)
        yield found
        found.kill()


def test_a_gateway_that_no_workspace_knows_yet_is_stopped_with_all_the_others(gateway: subprocess.Popen[bytes]) -> None:
    assert [one.pid for one in stop_all([])] == [gateway.pid]
    assert gateway.wait(180) == 0
    assert gateways() == []


def test_a_gateway_whose_runtime_directory_is_removed_ends(gateway: subprocess.Popen[bytes]) -> None:
    shutil.rmtree(runtime.runtime_dir())
    assert gateway.wait(180) == 0
