"""An answer in parts, so that an answer of many rows is never in memory as a whole."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from cupola.registry.models import Prediction
from cupola.serving import answers

ROWS = 1000  # predicted at a time
LARGEST = 128 * 1024  # bytes of one part


def own(part: Any) -> bytes:
    """A part that own code has made: bytes and texts as they are, anything else as a line of JSON."""
    if isinstance(part, bytes | str):
        return part if isinstance(part, bytes) else part.encode()
    return msgspec.json.encode(part, enc_hook=_plain) + b"\n"


def _plain(value: Any) -> Any:
    """Arrays and figures of numpy as lists and numbers."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a part cannot hold a {type(value).__name__}")


def parts(
    predict: Callable[[slice], Prediction],
    rows: int,
    classes: list[Any] | None,
    media: str,
    first: Callable[[Prediction], None] = lambda _: None,
) -> Iterator[bytes]:
    """The bytes of an answer, one part after the other; `predict` is asked for some of the rows at a time.

    Media that are no lines are made as a whole, and cut. first: told what was predicted for the first rows.
    """
    step = ROWS if media in (answers.CSV, answers.LINES) else rows
    for place in range(0, rows, step):
        prediction = predict(slice(place, place + step))
        if place == 0:
            first(prediction)
        data = answers.encode(prediction, classes, media)
        for start in range(0, len(data), LARGEST):
            yield data[start : start + LARGEST]
