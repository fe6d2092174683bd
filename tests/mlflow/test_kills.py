"""What MLflow's clients were told is logged is there, whenever the gateway was killed."""

import threading
import time
from typing import Any

import httpx

from cupola.workspace import Workspace

from .conftest import API, Client, Gateway

KILLS = 4


class Logger(threading.Thread):
    """Logs as fast as it can, and remembers what was acknowledged."""

    def __init__(self, url: str, number: int) -> None:
        super().__init__()
        self.url, self.number = url, number
        self.values: list[int] = []
        self.tags: dict[str, str] = {}
        self.runs: list[str] = []
        self.over = threading.Event()

    def run(self) -> None:
        step = 0
        id = ""
        while not self.over.is_set():
            step += 1
            try:
                with httpx.Client(base_url=self.url, timeout=60) as client:
                    if not id:
                        made = _post(client, "runs/create", experiment_id="0", run_name=f"w{self.number}")
                        id = made["run"]["info"]["run_id"]
                        self.runs.append(id)
                    while not self.over.is_set():
                        metrics = [{"key": "m", "value": step, "timestamp": step, "step": step}]
                        tags = [{"key": "last", "value": str(step)}]
                        _post(client, "runs/log-batch", run_id=id, metrics=metrics, tags=tags)
                        self.values.append(step)
                        self.tags["last"] = str(step)
                        step += 1
            except httpx.HTTPError:
                time.sleep(0.05)


def _post(client: httpx.Client, path: str, **body: Any) -> Any:
    answer = client.post(f"{API}/{path}", json=body)
    answer.raise_for_status()
    return answer.json()


async def test_nothing_acknowledged_is_lost(gateway: Gateway, workspace: Workspace) -> None:
    url = gateway.start()
    loggers = [Logger(url, number) for number in range(3)]
    for one in loggers:
        one.start()
    for _ in range(KILLS):
        before = [len(one.values) for one in loggers]
        deadline = time.monotonic() + 180
        while any(len(one.values) < count + 3 for one, count in zip(loggers, before, strict=True)):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        gateway.kill()
        assert gateway.start() == url
    for one in loggers:
        one.over.set()
    for one in loggers:
        one.join()
    client = Client(workspace)
    for one in loggers:
        [id] = one.runs
        history = await client.get("metrics/get-history", run_id=id, metric_key="m", max_results=50_000)
        assert set(one.values) <= {value["step"] for value in history["metrics"]}
        tags = {tag["key"]: tag["value"] for tag in (await client.get("runs/get", run_id=id))["run"]["data"]["tags"]}
        assert int(tags["last"]) >= int(one.tags["last"])
    gateway.kill()
    assert workspace.action("check").ok
