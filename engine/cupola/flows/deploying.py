"""A fitted flow as a file beside a model (flow.json), and what of it may go with one."""

import msgspec

from cupola.errors import Corrupt
from cupola.flows.records import Fitted

PYTHON = ("python",)  # transforms whose parameters are code


def decode(data: bytes, where: str = "flow.json") -> Fitted:
    """What a flow has learned, of the bytes of its file. Raises Corrupt."""
    try:
        return msgspec.json.decode(data, type=Fitted)
    except msgspec.MsgspecError as error:
        raise Corrupt(f"it cannot be read: {error}", where=where) from None


def brings_python(fitted: Fitted) -> bool:
    """Whether a step of it runs code that was written for it: that runs where the model is trusted."""
    return any(step.type in PYTHON for step in fitted.steps)
