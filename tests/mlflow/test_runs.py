"""Runs over MLflow's API: what was logged is what is got, and an ordinary run of the workspace."""

import asyncio
import os
from typing import Any

import msgspec
import pytest

from cupola.mlflow import naming
from cupola.workspace import Workspace

from .conftest import Client

METRIC = {"key": "loss", "value": 0.5, "timestamp": 1_700_000_000_123, "step": 3}


async def test_what_mlflow_logs_is_an_ordinary_run(client: Client, workspace: Workspace) -> None:
    experiment = (await client.post("experiments/create", name="Fares / 2026"))["experiment_id"]
    id = await client.run(experiment, run_name="first", user_id="ana", tags=[{"key": "team", "value": "blue"}])
    params = [{"key": "rate", "value": "0.1"}, {"key": "n", "value": "3"}, {"key": "odd", "value": "0.10"}]
    await client.post("runs/log-batch", run_id=id, metrics=[METRIC], params=params)
    await client.post("runs/update", run_id=id, status="FINISHED", end_time=1_700_000_100_000)
    [run] = workspace.action("run ls", filter="params.rate < 0.2 and tags contains 'team=blue'")
    assert (run.id, run.name, run.status) == (id, "first", "Completed")
    assert run.experiment.startswith("Fares-2026-")
    assert run.params == {"rate": 0.1, "n": 3, "odd": "0.10"}
    assert run.metrics == {"loss": 0.5}
    assert (run.started, run.ended) == ("2023-11-14T22:13:20.000000Z", "2023-11-14T22:15:00.000000Z")
    [value] = workspace.action("run metrics", run=id)
    assert (value.name, value.value, value.step, value.time) == ("loss", 0.5, 3, "2023-11-14T22:13:20.123000Z")
    assert workspace.action("check").ok


async def test_texts_of_parameters_come_back_as_they_were(client: Client) -> None:
    id = await client.run()
    texts = ["1", "1.0", "0.10", "1e5", "1e-05", "True", "None", "nan", "-0.0", "007", "١", "1_0", "9" * 30, "ä\n'"]
    params = [{"key": f"p{number}", "value": text} for number, text in enumerate(texts)]
    await client.post("runs/log-batch", run_id=id, params=params)
    found = (await client.get("runs/get", run_id=id))["run"]["data"]["params"]
    assert [one["value"] for one in found] == texts
    assert await client.refused("runs/log-parameter", run_id=id, key="p1", value="1") == (
        400,
        "INVALID_PARAMETER_VALUE",
    )
    await client.post("runs/log-parameter", run_id=id, key="p1", value="1.0")


async def test_of_a_metric_counts_the_highest_step_then_the_latest_then_the_largest(client: Client) -> None:
    id = await client.run()
    for value, timestamp, step in ((1.0, 10, 1), (2.0, 5, 2), (9.0, 99, 1), (3.0, 5, 2), (0.5, 4, 2), ("NaN", 5, 2)):
        await client.post("runs/log-metric", run_id=id, key="m", value=value, timestamp=timestamp, step=step)
    await client.post("runs/log-metric", run_id=id, key="m", value=1.0, timestamp=10, step=1)  # once more
    await client.post("runs/log-metric", run_id=id, key="top", value="Infinity", timestamp=1, step=-4)
    metrics = {one["key"]: one for one in (await client.get("runs/get", run_id=id))["run"]["data"]["metrics"]}
    assert metrics["m"] == {"key": "m", "value": 3.0, "timestamp": 5, "step": 2}
    assert metrics["top"] == {"key": "top", "value": 1.7976931348623157e308, "timestamp": 1, "step": -4}
    history = (await client.get("metrics/get-history", run_id=id, metric_key="m"))["metrics"]
    assert [(one["timestamp"], one["step"]) for one in history] == [(4, 2), (5, 2), (5, 2), (5, 2), (10, 1), (99, 1)]
    page = await client.get("metrics/get-history", run_id=id, metric_key="m", max_results=4)
    rest = await client.get("metrics/get-history", run_id=id, metric_key="m", page_token=page["next_page_token"])
    assert page["metrics"] + rest["metrics"] == history


async def test_times_that_no_calendar_has_are_kept(client: Client) -> None:
    id = await client.run()
    for timestamp in (0, 1, 2**62):
        await client.post("runs/log-metric", run_id=id, key="m", value=1.0, timestamp=timestamp, step=timestamp)
    history = (await client.get("metrics/get-history", run_id=id, metric_key="m"))["metrics"]
    assert [one["timestamp"] for one in history] == [0, 1, 2**62]


async def test_a_new_process_finds_what_was_acknowledged(client: Client, workspace: Workspace) -> None:
    id = await client.run(run_name="lasting")
    await client.post("runs/log-batch", run_id=id, metrics=[METRIC], tags=[{"key": "a", "value": "1"}])
    await client.post("runs/set-tag", run_id=id, key="a", value="2")
    await client.post("runs/set-tag", run_id=id, key="b", value="3")
    await client.post("runs/delete-tag", run_id=id, key="b")
    before = await client.get("runs/get", run_id=id)
    assert await Client(Workspace.open(workspace.root)).get("runs/get", run_id=id) == before
    assert {"key": "a", "value": "2"} in before["run"]["data"]["tags"]


async def test_two_gateways_log_to_one_run(client: Client, workspace: Workspace) -> None:
    """As of two users: each writes files of its own, and both see all of it."""
    id = await client.run()
    there = Workspace.open(workspace.root)
    there.store.__dict__["copy"] = "other"
    other = Client(there)
    for number in range(5):
        who = (client, other)[number % 2]
        await who.post("runs/log-metric", run_id=id, key="m", value=number, timestamp=number, step=number)
        await who.post("runs/set-tag", run_id=id, key="last", value=str(number))
    await other.post("runs/update", run_id=id, status="KILLED", end_time=7)
    for who in (client, other):
        run = (await who.get("runs/get", run_id=id))["run"]
        assert run["info"]["status"] == "KILLED"
        assert {"key": "last", "value": "4"} in run["data"]["tags"]
        assert len((await who.get("metrics/get-history", run_id=id, metric_key="m"))["metrics"]) == 5
    assert workspace.action("run show", run=id).status == "Stopped"


async def test_many_at_once_lose_nothing(client: Client) -> None:
    id = await client.run()

    async def log(worker: int) -> None:
        for step in range(20):
            await client.post("runs/log-metric", run_id=id, key=f"m{worker}", value=step, timestamp=step, step=step)
            await client.post("runs/log-parameter", run_id=id, key=f"p{worker}.{step}", value="x")

    await asyncio.gather(*(log(worker) for worker in range(8)))
    run = (await client.get("runs/get", run_id=id))["run"]
    assert len(run["data"]["params"]) == 160
    for worker in range(8):
        history = await client.get("metrics/get-history", run_id=id, metric_key=f"m{worker}")
        assert [one["step"] for one in history["metrics"]] == list(range(20))


async def test_a_deleted_run_is_in_the_trash_and_comes_back(client: Client, workspace: Workspace) -> None:
    id = await client.run()
    await client.post("runs/log-metric", run_id=id, **METRIC)
    await client.post("runs/delete", run_id=id)
    assert workspace.action("run ls") == []
    assert (await client.get("runs/get", run_id=id))["run"]["info"]["lifecycle_stage"] == "deleted"
    assert await client.refused("runs/log-metric", run_id=id, **METRIC) == (400, "INVALID_PARAMETER_VALUE")
    found = await client.post("runs/search", experiment_ids=["0"], run_view_type="DELETED_ONLY")
    assert [one["info"]["run_id"] for one in found["runs"]] == [id]
    workspace.action("run restore", trash=id)
    assert (await client.get("runs/get", run_id=id))["run"]["info"]["lifecycle_stage"] == "active"
    await client.post("runs/log-metric", run_id=id, **{**METRIC, "step": 4})
    assert len((await client.get("metrics/get-history", run_id=id, metric_key="loss"))["metrics"]) == 2


async def test_runs_of_cupola_are_seen_and_tagged(client: Client, workspace: Workspace, monkeypatch: Any) -> None:
    import cupola

    with cupola.run("own", experiment="mine", params={"depth": 3}, workspace=workspace.root, tags=["good"]) as run:
        run.log_metric("loss", 0.25, step=7)
    id = naming.experiment_id("mine")
    [found] = (await client.post("runs/search", experiment_ids=[id], filter="metrics.loss < 1 and params.depth='3'"))[
        "runs"
    ]
    assert (found["info"]["run_name"], found["info"]["status"]) == ("own", "FINISHED")
    exact = (await client.get("runs/get", run_id=run.id))["run"]["data"]
    assert [(one["key"], one["value"], one["step"]) for one in exact["metrics"]] == [("loss", 0.25, 7)]
    assert {"key": "good", "value": ""} in exact["tags"]
    await client.post("runs/set-tag", run_id=run.id, key="team", value="blue")
    assert "team=blue" in workspace.action("run show", run=run.id).tags
    await client.post("runs/delete-tag", run_id=run.id, key="team")
    assert "team=blue" not in workspace.action("run show", run=run.id).tags
    assert await client.refused("runs/log-metric", run_id=run.id, **METRIC) == (400, "INVALID_PARAMETER_VALUE")


async def test_a_record_that_lags_behind_is_brought_up_to_date(client: Client, workspace: Workspace) -> None:
    """As after a kill between the line and the record."""
    id = await client.run()
    path = workspace.root / "experiments" / "default" / id / "run.json"
    before, then = path.read_bytes(), path.stat().st_mtime_ns
    await client.post("runs/log-batch", run_id=id, params=[{"key": "late", "value": "1"}])
    await client.post("runs/update", run_id=id, status="FINISHED", end_time=5)
    path.write_bytes(before)
    os.utime(path, ns=(then, then))
    other = Client(Workspace.open(workspace.root))
    [found] = (await other.post("runs/search", experiment_ids=["0"], filter="params.late = '1'"))["runs"]
    assert found["info"]["status"] == "FINISHED"
    await other.post("runs/set-tag", run_id=id, key="x", value="y")
    assert msgspec.json.decode(path.read_bytes())["status"] == "Completed"


@pytest.mark.parametrize("role", ["viewer", "nonsense"])
async def test_a_viewer_looks_only(client: Client, workspace: Workspace, role: str) -> None:
    from cupola.store import names

    with (workspace.root / "workspace.toml").open("a") as file:
        file.write(f'{names.who()[0]} = "{role}"\n')
    assert await client.refused("runs/create", experiment_id="0") == (403, "PERMISSION_DENIED")
    assert (await client.post("experiments/search", max_results=5))["experiments"]
