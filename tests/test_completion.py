"""Completion of paths, and of columns that a flow makes; that of records is tested through the bridge, the command line
and forms."""

from pathlib import Path

import pytest

from cupola.completion import names, paths
from cupola.datasets.records import Column, DatasetVersion
from cupola.flows import records as flows
from cupola.flows.records import Flow, FlowStep
from cupola.store import names as ids
from cupola.store import records
from cupola.workspace import Workspace


def test_completion_lists_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "day.csv").write_text("")
    (tmp_path / ".hidden").write_text("")
    monkeypatch.chdir(tmp_path)
    assert paths("da") == ["data/", "day.csv"]
    assert paths(f"{tmp_path}/da") == [f"{tmp_path}/data/", f"{tmp_path}/day.csv"]
    assert paths("") == ["data/", "day.csv"]
    assert paths("nowhere/x") == []


def test_a_target_and_what_is_left_out_may_be_columns_that_the_flow_makes(tmp_path: Path) -> None:
    store = Workspace.init(tmp_path / "ws", "completing").store
    version = DatasetVersion(
        id="abcd", dataset="flights", version=1, rows=1, columns=[Column(name="delay", type="number", role="feature")],
        sha256="", data_sha256="", source="f.csv", source_format="csv", bytes=1, user="u", host="h", imported=ids.now(),
    )  # fmt: skip
    records.create(store, f"{version.directory}/version.json", version, kind="dataset", ref=version.ref)
    late = FlowStep(id="late", type="formula", params={"name": "late", "expression": "delay > 15"})
    twice = FlowStep(id="twice", type="duplicate-column", params={"column": "delay", "name": "delay_again"})
    flows.create(store, Flow(name="prep", sources={"flights": "flights"}, steps=[late, twice]))
    given = {"dataset": "flights", "flow": "prep"}
    assert names(store, "target", "", given) == ["delay", "late"]
    assert names(store, "target", "la", given) == ["late"]
    assert names(store, "feature", "", given) == ["delay", "late", "delay_again"]
    assert names(store, "target", "", {"dataset": "flights"}) == ["delay"]
    lost = FlowStep(id="lost", type="drop-columns", params={"columns": ["nothing"]})
    flows.create(store, Flow(name="broken", sources={"flights": "flights"}, steps=[lost]))
    assert names(store, "feature", "", given | {"flow": "broken"}) == ["delay"]
