"""API tokens: made once, kept as hashes for their user alone, and good for no more than they say."""

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from cupola.errors import BadName, BadOption, Conflict, NotFound
from cupola.mlflow.app import Mlflow
from cupola.serving.app import Application
from cupola.serving.gateway import Gateway
from cupola.serving.guard import Guard
from cupola.store import secret
from cupola.tokens import records
from cupola.tokens.records import Token, Wanted
from cupola.workspace import Workspace

Status = Callable[..., int]


def guard(ws: Workspace) -> Guard:
    return Guard(secret.token, lambda text: records.find(ws.store, text))


async def status(application: Any, method: str, path: str, token: str) -> int:
    """What a client that is not known to be of our own user gets."""
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:1") as client:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return (await client.request(method, path, headers=headers, content=b"{}")).status_code


def test_a_token_is_shown_once_and_kept_as_a_hash(workspace: Workspace) -> None:
    made = workspace.action("token create", name="shop")
    assert (made.scopes, made.endpoints, made.status) == (["invoke"], [], "Active")
    assert made.expires is not None and made.expires > made.created
    (path,) = records.directory().iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(records.directory().stat().st_mode) == 0o700
    assert made.token not in path.read_text() and made.token not in path.name
    assert not [
        one for one in Path(workspace.root).rglob("*") if one.is_file() and made.token in one.read_text("latin-1")
    ]
    (listed,) = workspace.action("token ls")
    assert listed.name == "shop" and not hasattr(listed, "token")
    assert records.find(workspace.store, made.token) is not None


def test_a_revoked_token_an_expired_one_and_one_that_others_may_read_count_no_more(workspace: Workspace) -> None:
    for name in ("revoked", "open", "kept"):
        workspace.action("token create", name=name)
    text = records.create(
        Token(name="old", workspace=str(workspace.root), scopes=["manage"], created="2020", expires="2021")
    )
    assert records.find(workspace.store, text) is None
    assert [one.name for one in workspace.action("token ls") if one.status == "Expired"] == ["old"]
    workspace.action("token revoke", name="revoked")
    assert [one.name for one in workspace.action("token ls")] == ["kept", "old", "open"]
    with pytest.raises(NotFound, match="no token 'revoked'"):
        workspace.action("token revoke", name="revoked")
    again = workspace.action("token create", name="revoked", expires="never")
    assert again.expires is None and records.find(workspace.store, again.token)
    (path,) = (one for one in records.directory().iterdir() if '"open"' in one.read_text())
    path.chmod(0o644)
    assert [one.name for one in workspace.action("token ls")] == ["kept", "old", "revoked"]


def test_a_token_counts_in_its_own_workspace_only(workspace: Workspace, tmp_path: Path) -> None:
    made = workspace.action("token create", name="shop")
    other = Workspace.init(tmp_path / "other")
    assert records.find(other.store, made.token) is None and other.action("token ls") == []


def test_what_cannot_be_made_is_said(workspace: Workspace) -> None:
    workspace.action("token create", name="shop")
    with pytest.raises(Conflict, match="already"):
        workspace.action("token create", name="shop")
    with pytest.raises(BadOption, match="no scope 'root'"):
        workspace.action("token create", name="x", scope=["root"])
    for wrong in ("soon", "0s", "9999999999d"):
        with pytest.raises(BadOption, match="--expires"):
            workspace.action("token create", name="x", expires=wrong)
    for wrong in ("../x", "a/b", ""):
        with pytest.raises(BadName):
            workspace.action("token create", name="x", endpoint=[wrong])
        with pytest.raises(BadName):
            workspace.action("token create", name=wrong)


def test_what_no_token_is(workspace: Workspace) -> None:
    for text in ("", "cupola_", "cupola_../../x", "cupola_" + "0" * 40, "cupola_" + "x" * 5000, "\x00", "é" * 50):
        assert records.find(workspace.store, text) is None


@pytest.mark.parametrize(
    ("scopes", "endpoints", "wanted", "good"),
    [
        (["invoke"], [], Wanted("invoke", "e"), True),
        (["invoke"], [], Wanted("read", "e"), True),
        (["invoke"], [], Wanted("read"), False),
        (["invoke"], [], Wanted(), False),
        (["invoke"], ["e"], Wanted("invoke", "e"), True),
        (["invoke"], ["e"], Wanted("invoke", "ee"), False),
        (["invoke"], ["churn-*"], Wanted("invoke", "churn-eu"), True),
        (["invoke"], ["churn-*"], Wanted("invoke", "flights"), False),
        (["read"], [], Wanted("read"), True),
        (["read"], [], Wanted("read", "e"), True),
        (["read"], [], Wanted("invoke", "e"), False),
        (["read"], [], Wanted(), False),
        (["manage"], [], Wanted(), True),
        (["manage"], [], Wanted("invoke", "e"), True),
        (["manage"], ["e"], Wanted(), False),
        (["manage"], ["e"], Wanted("read"), False),
        (["read"], ["e"], Wanted("read"), False),
        (["invoke"], ["e"], Wanted(""), True),
    ],
)
def test_what_a_token_is_good_for(scopes: list[str], endpoints: list[str], wanted: Wanted, good: bool) -> None:
    token = Token(name="t", workspace="/", scopes=scopes, endpoints=endpoints, created="")
    assert records.allows(token, wanted) == good


async def test_it_is_asked_for_before_every_route_of_every_door(workspace: Workspace) -> None:
    ws, its = workspace, guard(workspace)
    endpoint = Application([], its, {"endpoint": "e"})
    gateway, mlflow = Gateway(ws.store, its), Mlflow(ws.store, its)
    texts = {
        name: ws.action("token create", name=name, scope=[scope], endpoint=only).token
        for name, scope, only in (
            ("invoke", "invoke", None), ("other", "invoke", ["f"]), ("read", "read", None), ("manage", "manage", None)
        )
    } | {"none": "", "wrong": records.PREFIX + "0" * 40, "own": secret.token()}  # fmt: skip
    search = "/api/2.0/mlflow/runs/search"
    create = "/api/2.0/mlflow/experiments/create"
    lets_in = {
        ("endpoint", "GET", "/ping"): {"invoke", "read", "manage", "own"},
        ("endpoint", "POST", "/invocations"): {"invoke", "manage", "own"},
        ("endpoint", "DELETE", "/nowhere"): {"invoke", "manage", "own"},
        ("gateway", "GET", "/ping"): {"invoke", "other", "read", "manage", "own"},
        ("gateway", "POST", "/endpoints/e/invocations"): {"invoke", "manage", "own"},
        ("gateway", "POST", "/endpoints/f/invocations"): {"invoke", "other", "manage", "own"},
        ("gateway", "POST", "/endpoints/%66/invocations"): {"invoke", "other", "manage", "own"},
        ("gateway", "POST", "/v2/models/f/infer"): {"invoke", "other", "manage", "own"},
        ("gateway", "POST", "/endpoints/e/v2/models/e/infer"): {"invoke", "manage", "own"},
        ("gateway", "GET", "/v2/health/ready"): {"invoke", "other", "read", "manage", "own"},
        ("gateway", "POST", "/v2/repository/index"): {"read", "manage", "own"},
        ("gateway", "POST", "/nowhere"): {"manage", "own"},
        ("gateway", "POST", search): {"read", "manage", "own"},
        ("gateway", "POST", create): {"manage", "own"},
        ("mlflow", "GET", "/version"): {"read", "manage", "own"},
        ("mlflow", "POST", search): {"read", "manage", "own"},
        ("mlflow", "POST", create): {"manage", "own"},
        ("mlflow", "PUT", "/api/2.0/mlflow-artifacts/artifacts/x"): {"manage", "own"},
    }
    doors = {"endpoint": endpoint, "gateway": gateway, "mlflow": mlflow}
    for (door, method, path), good in lets_in.items():
        for name, text in texts.items():
            answered = await status(doors[door], method, path, text)
            expected = (
                answered not in (401, 403)
                if name in good
                else answered == (403 if name in texts.keys() - {"none", "wrong"} else 401)
            )
            assert expected, (door, method, path, name, answered)
    ws.action("token revoke", name="manage")
    assert await status(gateway, "POST", create, texts["manage"]) == 401
