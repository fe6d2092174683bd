"""An endpoint of many models: each is loaded when it is first asked for, and goes when there is no room for another."""

import math
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from cupola.errors import BadInput, BadName, BadOption
from cupola.jobs import memory
from cupola.registry import records as registry
from cupola.registry.models import Model
from cupola.serving import shelf
from cupola.serving.records import Targets
from cupola.serving.scoring import Variant
from cupola.workspace import Workspace

from .conftest import publish, settled

ROW = {"dataframe_records": [{"distance": 812.25, "hour": 17, "carrier": "AA", "wet": True}]}
TARGET = "X-Amzn-SageMaker-Target-Model"


def test_the_least_recently_used_goes(
    ws: Workspace, classifier: Model, classifier_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "resident", lambda pid: 0)  # what else this process does in between is no model's size
    monkeypatch.setattr(shelf, "FRESH", math.inf)
    for number in range(4):
        publish(ws.store, classifier_directory, f"late-{number}", 1)
    size = sum(path.stat().st_size for path in classifier_directory.iterdir())
    loaded: list[str] = []

    def load(version: registry.ModelState) -> Variant:
        loaded.append(version.name)
        return Variant("AllTraffic", version.ref, 1.0, classifier)

    targets = Targets(models=["late-*"], memory=3 * size + size // 2)
    shelves = shelf.Shelf(ws.root, targets, lambda one: registry.find(ws.store, one), load)
    for asked in ("late-0", "late-1", "late-2", "late-0", "late-3", "late-0", "late-1"):
        assert shelves.variant(asked).label == registry.find(ws.store, asked).ref
    assert loaded[:4] == ["late-0", "late-1", "late-2", "late-3"]
    assert loaded[4:] == ["late-1"]  # it had to go for late-3; late-0 was asked for since
    assert shelves.at_hand("late-2") is None and shelves.at_hand("late-3") is not None


def test_a_request_names_the_model(
    ws: Workspace, keep: Callable[[str], int], classifier_directory: Path, regressor_directory: Path
) -> None:
    publish(ws.store, classifier_directory, "late", 1)
    publish(ws.store, classifier_directory, "many-a", 1)
    publish(ws.store, regressor_directory, "many-b", 1)
    publish(ws.store, classifier_directory, "many-b", 2)
    publish(ws.store, regressor_directory, "other", 1)
    ws.action("endpoint deploy", model="late@1", name="e", target=["many-*"], target_memory="1K")
    keep("e")
    state = settled(ws)
    with httpx.Client(base_url=str(state.url), timeout=180) as client:

        def ask(target: str) -> httpx.Response:
            return client.post("/invocations", json=ROW, headers={TARGET: target})

        for _ in range(2):  # there is room for one: each has to come back
            assert "probabilities" in ask("many-a").json()
            assert "probabilities" not in ask("many-b@1").json()
            assert "probabilities" in ask("many-b@2").json()
        assert ask("many-a").headers["x-amzn-invoked-production-variant"] == "AllTraffic"
        strange = ("many-a@9", "many-a@1/../../late/1", "../many-a", "many-*", "", "x" * 900)
        for none in ("other", "late", "many-c", *strange):
            refused = ask(none)
            assert refused.status_code == 400, none
            assert "serves no model" in refused.json()["message"] and str(ws.root) not in refused.text
        assert ask("many-b@1").status_code == 200  # many-a has to go for it
        path = next(ws.root.glob("models/many-a/1-*/model.skops"))
        path.write_bytes(path.read_bytes()[:-1] + b"x")
        broken = ask("many-a")
        assert broken.status_code == 400 and "checksum" in broken.json()["message"] and str(ws.root) not in broken.text
        assert client.post("/invocations", json=ROW).status_code == 200
    ws.action("endpoint deploy", model="late@1", name="e", target=[""])
    state = settled(ws)
    assert state.targets is None
    refused = httpx.post(f"{state.url}/invocations", json=ROW, headers={TARGET: "many-b"}, timeout=180)
    assert refused.status_code == 400 and "no models to choose from" in refused.json()["message"]


def test_only_what_may_be_deployed_is_served(ws: Workspace, classifier_directory: Path) -> None:
    publish(ws.store, classifier_directory, "late", 1)
    for wrong in ("../x", "a/b", ".x"):
        with pytest.raises(BadName):
            ws.action("endpoint deploy", model="late@1", name="e", target=[wrong])
    with pytest.raises(BadOption, match="--target too"):
        ws.action("endpoint deploy", model="late@1", name="e", target_memory="1G")
    shelves = shelf.Shelf(
        ws.root, Targets(models=["late"]), lambda _: _refuse(), lambda _: pytest.fail("it was loaded")
    )
    with pytest.raises(BadInput, match="needs approval"):
        shelves.variant("late")


def _refuse() -> registry.ModelState:
    from cupola.errors import Refused

    raise Refused("late@1 needs approval")
