"""An endpoint as the Open Inference Protocol sees it: a model of the endpoint's name, a version for each variant."""

import zlib
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from cupola.registry.models import Prediction
from cupola.runtimes.tables import Table
from cupola.serving import openinference
from cupola.serving.http import Failure, Header
from cupola.serving.scoring import Variant

GET, POST = b"GET, HEAD", b"POST"
COMPRESSED = 1  # zlib's level: the fastest
Headers = dict[bytes, bytes]


class Choose(Protocol):
    """Draws the variant of a request that names none."""

    def __call__(self, wanted: bytes | None, /) -> Variant: ...


class Asked(msgspec.Struct, frozen=True):
    """What a path asks for: "server", "live", "ready", "index", "model", "model ready" or "infer"; of which variant."""

    what: str
    variant: Variant | None = None


class OpenModels:
    """The answers to everything below /v2."""

    def __init__(self, name: str, server: dict[str, Any], variants: Sequence[Variant], choose: Choose) -> None:
        self._name = name
        self._server = {
            "name": "cupola",
            "version": str(server.get("version", "")),
            "extensions": openinference.EXTENSIONS,
        }
        self._variants = {_version(one, variants): one for one in variants}
        self._versions = {id(one): version for version, one in self._variants.items()}
        self._choose = choose
        self._known = {id(one): openinference.known(one.signature) for one in variants}

    def asked(self, path: str, method: str) -> Asked:
        """What a path asks for. Raises Failure 404 and 405."""
        match path.strip("/").split("/")[1:]:
            case []:
                found, allowed = Asked("server"), GET
            case ["health", "live" | "ready" as what]:
                found, allowed = Asked(what), GET
            case ["repository", "index"]:
                found, allowed = Asked("index"), POST
            case ["models", model, *rest]:
                found, allowed = self._of_model(path, model, rest)
            case _:
                raise _nothing(path)
        if method.encode() not in allowed.split(b", "):
            raise Failure(405, f"{path} takes {allowed.decode()}", (b"allow", allowed))
        return found

    def tell(self, asked: Asked) -> Any:
        """The answer, as what its JSON is made of, to everything but inference."""
        if asked.what == "server":
            return self._server
        if asked.what in ("live", "ready"):
            return {asked.what: True}
        if asked.what == "index":
            return [{"name": self._name, "version": one, "state": "READY", "reason": ""} for one in self._variants]
        if asked.what == "model ready":
            return {"name": self._name, "ready": True}
        variant = asked.variant or next(iter(self._variants.values()))
        return openinference.metadata(self._name, list(self._variants), variant.signature, variant.classes)

    def read(self, asked: Asked, headers: Headers, body: bytes) -> tuple[Variant, openinference.Request, Any]:
        """Whom a request for inference asks, how, and its inputs. Raises BadInput."""
        variant = asked.variant or self._choose(None)
        request, inputs = openinference.read(body, headers.get(openinference.LENGTH))
        return variant, request, inputs

    def table(self, variant: Variant, inputs: Any) -> Table:
        """The inputs of a request as rows of what the variant knows. Raises BadInput."""
        return openinference.table(inputs, self._known.get(id(variant)) or openinference.known(variant.signature))

    def write(
        self, variant: Variant, request: openinference.Request, prediction: Prediction, headers: Headers
    ) -> tuple[list[Header], bytes]:
        """The answer of a variant, compressed where it may be."""
        found, answer = openinference.write(prediction, request, self._name, self._versions[id(variant)])
        return _compressed(found, answer, headers.get(b"accept-encoding", b""))

    def _of_model(self, path: str, model: str, rest: list[str]) -> tuple[Asked, bytes]:
        if model != self._name:
            raise Failure(404, f"there is no model {model[:100]!r} here; the endpoint's own is {self._name!r}")
        variant = None
        if rest[:1] == ["versions"] and rest[1:]:
            if rest[1] not in self._variants:
                raise Failure(404, f"{model} has no version {rest[1][:100]!r}; it has {', '.join(self._variants)}")
            variant = self._variants[rest[1]]
            rest = rest[2:]
        kinds = {(): ("model", GET), ("ready",): ("model ready", GET), ("infer",): ("infer", POST)}
        if tuple(rest) not in kinds:
            raise _nothing(path)
        what, allowed = kinds[tuple(rest)]
        return Asked(what, variant), allowed


def _version(variant: Variant, variants: Sequence[Variant]) -> str:
    """The number of the model's version (churn@3-7f3a is 3), or the variant's name where two have the same."""
    numbers = [one.label.partition("@")[2].partition("-")[0] for one in variants]
    mine = variant.label.partition("@")[2].partition("-")[0]
    return mine if mine and numbers.count(mine) == 1 else variant.name


def _nothing(path: str) -> Failure:
    return Failure(404, f"there is nothing at {path[:100]!r}; GET /v2/models/NAME says what a model takes")


def _compressed(headers: list[Header], body: bytes, accepted: bytes) -> tuple[list[Header], bytes]:
    """The answer in the encoding that the client prefers; the length of the JSON is said of what it unpacks to."""
    for encoding, bits in ((b"gzip", 16 + zlib.MAX_WBITS), (b"deflate", zlib.MAX_WBITS)):
        if encoding in accepted and encoding + b";q=0" not in accepted.replace(b" ", b""):
            packer = zlib.compressobj(COMPRESSED, wbits=bits)
            return [*headers, (b"content-encoding", encoding)], packer.compress(body) + packer.flush()
    return headers, body
