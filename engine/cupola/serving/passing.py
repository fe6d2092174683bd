"""What the gateway passes on to an endpoint as it is, and what it says itself of the endpoints that there are.

/endpoints/NAME/v2/..., /endpoints/NAME/docs and the like are the endpoint's own paths. /v2/models/NAME/... is the same,
so that one URL serves the clients of every endpoint of the workspace: each is a model of the Open Inference Protocol.
/api/2.0/endpoints/ lists them for `mlflow.deployments`.
"""

from importlib import metadata
from typing import Any
from urllib.parse import unquote

import msgspec

from cupola.serving import records
from cupola.serving.http import Failure
from cupola.serving.status import VariantState
from cupola.store import Store

PAGES = ("docs", "openapi.json", "ping", "health", "version")
GET, POST = b"GET, HEAD", b"POST"
ALLOWED = {"": GET, "health/live": GET, "health/ready": GET, "repository/index": POST}
LISTED = "/api/2.0/endpoints"


class Target(msgspec.Struct, frozen=True):
    """An endpoint, and the path that is asked of it."""

    endpoint: str
    path: str


def target(path: str) -> Target | None:
    """Where a path is passed on to, None where the gateway itself answers it."""
    match path.split("/"):
        case ["", "endpoints", name, "v2", *rest]:
            return Target(unquote(name), "/".join(["/v2", *rest]))
        case ["", "endpoints", name, page] if page in PAGES:
            return Target(unquote(name), f"/{page}")
        case ["", "v2", "models", name, *_]:
            return Target(unquote(name), path)
    return None


def is_open(path: str) -> bool:
    """Whether a path belongs to the Open Inference Protocol."""
    parts = path.split("/")
    return parts[1:2] == ["v2"] or (parts[1:2] == ["endpoints"] and parts[3:4] == ["v2"])


def is_told(path: str) -> bool:
    """Whether a path that is not passed on is answered by `tell`."""
    return is_open(path) or path == LISTED or path.startswith(f"{LISTED}/")


def tell(store: Store, path: str, method: str) -> bytes:
    """The gateway's own answers: that it is there, and which endpoints are. Raises Failure 404 and 405."""
    listed = path.startswith(LISTED)
    asked = path.strip("/").removeprefix("v2").strip("/")
    allowed = GET if listed else ALLOWED.get(asked)
    if allowed is None:
        raise Failure(404, "there is nothing here; /v2/models/NAME/infer asks the endpoint NAME")
    if method.encode() not in allowed.split(b", "):
        raise Failure(405, f"{path} takes {allowed.decode()}", (b"allow", allowed))
    if listed:
        return msgspec.json.encode(_deployments(store, unquote(path.removeprefix(LISTED).strip("/"))))
    if asked == "repository/index":
        return msgspec.json.encode([_row(one) for one in records.ls(store)])
    if asked:
        return msgspec.json.encode({asked.rpartition("/")[2]: True})
    return msgspec.json.encode(
        {"name": "cupola", "version": metadata.version("cupola"), "extensions": ["binary_tensor_data"]}
    )


def _deployments(store: Store, name: str) -> dict[str, Any]:
    """One endpoint, or all of them, as `mlflow.deployments` has them."""
    found = {
        one.name: {
            "name": one.name,
            "endpoint_type": one.mode,
            "model": {"name": most.model if (most := _most(one)) else None, "provider": "cupola"},
            "endpoint_url": f"/endpoints/{one.name}/invocations",
            "limit": None,
        }
        for one in records.ls(store)
    }
    if not name:
        return {"endpoints": list(found.values()), "next_page_token": None}
    if name not in found:
        raise Failure(404, f"there is no endpoint {name[:100]!r} here")
    return found[name]


def _most(endpoint: records.EndpointState) -> VariantState | None:
    """The variant that most requests go to."""
    return max(endpoint.variants, key=lambda one: one.weight, default=None)


def _row(endpoint: records.EndpointState) -> dict[str, str]:
    """An endpoint as the index of a repository has it; its version is that of the model that most requests go to."""
    most = _most(endpoint)
    version = most.model.partition("@")[2].partition("-")[0] if most else ""
    ready = endpoint.status in records.SERVING and endpoint.status != "Creating"
    reason = endpoint.reason or ("" if ready else endpoint.status)
    return {"name": endpoint.name, "version": version, "state": "READY" if ready else "UNAVAILABLE", "reason": reason}
