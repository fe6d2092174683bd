"""The headers of the hosted service's protocol: what they ask for beside the rows, and those of its answers."""

from collections.abc import Sequence

from cupola.errors import BadInput, WorkFailed
from cupola.registry import custom
from cupola.serving import sessions
from cupola.serving.http import Header
from cupola.serving.scoring import Variant

Headers = dict[bytes, bytes]

INFERENCE_ID = b"x-amzn-sagemaker-inference-id"
LONGEST_ID = 64
SESSION = b"x-amzn-sagemaker-session-id"
ATTRIBUTES = b"x-amzn-sagemaker-custom-attributes"
ANSWERED = "answered_attributes"  # in the attrs of the frame that own Python gets
LONGEST_ATTRIBUTES = 1024
TARGET_VARIANT = b"x-amzn-sagemaker-target-variant"
EXPLAIN = b"x-amzn-sagemaker-enable-explanations"
EXPLAINED = {b"": False, b"`false`": False, b"false": False, b"`true`": True, b"true": True}
TARGET_MODEL = b"x-amzn-sagemaker-target-model"
NOT_OFFERED = {
    TARGET_MODEL: "this endpoint has no models to choose from; leave the target model out",
    b"x-amzn-sagemaker-inference-component": "this endpoint has no inference components; leave the component out",
    b"x-amzn-sagemaker-target-container-hostname": "this endpoint has no containers to choose from; leave the name out",
}
UNUSUAL = {INFERENCE_ID, SESSION, ATTRIBUTES, EXPLAIN, TARGET_VARIANT, *NOT_OFFERED, b"content-encoding"}


def variant(headers: Headers, production: Sequence[Variant]) -> bytes | None:
    """The variant that is to answer, where the headers or the session say so. Raises BadInput."""
    if not NOT_OFFERED.keys().isdisjoint(headers):
        raise BadInput(next(why for name, why in NOT_OFFERED.items() if name in headers))
    if len(headers.get(INFERENCE_ID, b"")) > LONGEST_ID:
        raise BadInput(f"an inference id has at most {LONGEST_ID} characters")
    if TARGET_VARIANT in headers or headers.get(SESSION, sessions.NEW) == sessions.NEW:
        return headers.get(TARGET_VARIANT)
    key = sessions.key_of(headers[SESSION], [one.key for one in production])
    return None if key is None else key.encode()


def is_explained(headers: Headers) -> bool:
    """Whether the answer is to have explanations. Raises BadInput."""
    wanted = headers.get(EXPLAIN, b"").strip().lower()
    if wanted not in EXPLAINED:
        raise BadInput("explanations are enabled by `true`, for all rows of a request; expressions are not evaluated")
    return EXPLAINED[wanted]


def told(variant: Variant, headers: Headers) -> dict[str, str] | None:
    """What stands beside the rows, for a model that sees each request by itself. Raises BadInput."""
    given = headers.get(ATTRIBUTES, b"")
    if len(given) > LONGEST_ATTRIBUTES:
        raise BadInput(f"custom attributes have at most {LONGEST_ATTRIBUTES} characters")
    return {custom.ATTRIBUTES: given.decode("latin-1")} if variant.alone else None


def attributes(told: dict[str, str] | None) -> list[Header]:
    """The custom attributes that the model has answered. Raises WorkFailed for what no header can hold."""
    found = (told or {}).get(ANSWERED)
    if found is None:
        return []
    if not (isinstance(found, str) and found.isascii() and found.isprintable() and len(found) <= LONGEST_ATTRIBUTES):
        raise WorkFailed(f"the model answered custom attributes that are no {LONGEST_ATTRIBUTES} printable characters")
    return [(ATTRIBUTES, found.encode())]


def served(variant: Variant, headers: Headers, media: str) -> list[Header]:
    """The headers of an answer by the hosted service's protocol."""
    found = [(b"content-type", media.encode()), (b"x-amzn-invoked-production-variant", variant.name.encode())]
    if INFERENCE_ID in headers:
        found.append((INFERENCE_ID, headers[INFERENCE_ID]))
    if headers.get(SESSION) == sessions.NEW:
        found.append((b"x-amzn-sagemaker-new-session-id", sessions.opened(variant.key)))
    return found
