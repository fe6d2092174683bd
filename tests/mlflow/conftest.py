"""A workspace, and MLflow's API over it: in this process, or a gateway of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from tests.waiting import until

from cupola.jobs import agents
from cupola.mlflow.app import Mlflow
from cupola.serving import records
from cupola.serving.guard import Guard
from cupola.serving.http import OWN
from cupola.workspace import Workspace

API = "/api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"


class Client:
    """Speaks to MLflow's API over a workspace, as one who sends what the real client sends."""

    def __init__(self, workspace: Workspace) -> None:
        served = Mlflow(workspace.store, Guard(lambda: "token"))

        async def app(scope: Any, receive: Any, send: Any) -> None:
            scope[OWN] = self.own
            await served(scope, receive, send)

        self.own = True
        self.app = app
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1")

    async def post(self, path: str, **body: Any) -> Any:
        return self.answer(await self.http.post(f"{API}/{path}", json=body))

    async def get(self, path: str, **query: Any) -> Any:
        return self.answer(await self.http.get(f"{API}/{path}", params=query))

    async def refused(self, path: str, **body: Any) -> tuple[int, str]:
        """Status and error code of a request that is refused, whose error has MLflow's shape."""
        answer = await self.http.post(f"{API}/{path}", json=body)
        assert answer.json().keys() == {"error_code", "message"}, answer.text
        return answer.status_code, answer.json()["error_code"]

    async def raw(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Sends a path as it stands, dots and all, which httpx would not."""
        sent: list[Any] = []
        scope = {
            "type": "http", "method": method, "path": unquote(path), "raw_path": path.encode(), "query_string": b"",
            "headers": [(b"host", b"127.0.0.1")],
        }  # fmt: skip

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        return sent[0]["status"], b"".join(one.get("body", b"") for one in sent[1:])

    async def run(self, experiment: str = "0", **more: Any) -> str:
        made = await self.post("runs/create", experiment_id=experiment, start_time=1_700_000_000_000, **more)
        return str(made["run"]["info"]["run_id"])

    @staticmethod
    def answer(answer: httpx.Response) -> Any:
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def client(workspace: Workspace) -> Client:
    return Client(workspace)


GATEWAY = """
import sys
from cupola.serving import gateway
gateway.main([])
"""


class Gateway:
    """A gateway that can be killed and started again, at the same port."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        agents.register(workspace.root)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        self.process = subprocess.Popen([sys.executable, "-c", GATEWAY], cwd="/")
        until(lambda: self._url() and self._answers(self._url()))
        return self._url()

    def kill(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def _url(self) -> str:
        found = records.gateway(self.workspace.store)
        return found.url if found else ""

    def _answers(self, url: str) -> bool:
        try:
            return httpx.get(f"{url}/version", timeout=60).status_code == 200
        except httpx.HTTPError:
            return False


@pytest.fixture
def gateway(workspace: Workspace) -> Iterator[Gateway]:
    made = Gateway(workspace)
    yield made
    made.kill()


def has_python(path: str) -> bool:
    """Whether an interpreter has MLflow and scikit-learn."""
    command = [path, "-c", "import mlflow, sklearn"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, capture_output=True, check=False, env=environment).returncode == 0
