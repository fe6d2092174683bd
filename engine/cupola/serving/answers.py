"""What clients get: predictions written as JSON, CSV or JSON Lines."""

import csv
import io
from typing import Any

import msgspec

from cupola.registry.models import Prediction
from cupola.serving.payloads import CSV_TYPES, LINES_TYPES, Unsupported

JSON = "application/json"
CSV = "text/csv"
LINES = "application/jsonlines"

_encoder = msgspec.json.Encoder()


def chosen(accept: str) -> str:
    """The content type of the answer that a client's Accept asks for. Raises Unsupported when none is had."""
    if not accept or accept == JSON:
        return JSON
    wishes = []
    for place, one in enumerate(accept.lower().split(",")):
        media, *options = (part.strip() for part in one.split(";"))
        quality = next((option[2:] for option in options if option.startswith("q=")), "1")
        wishes.append((-_quality(quality), place, media))
    for _, _, media in sorted(wishes):
        if media in (JSON, "*/*", "application/*", ""):
            return JSON
        if media in CSV_TYPES or media == "text/*":
            return CSV
        if media in LINES_TYPES:
            return LINES
    raise Unsupported(f"answers are not given as {accept!r}", hint=f"accept {JSON}, {CSV} or {LINES}")


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def encode(prediction: Prediction, classes: list[Any] | None, media: str) -> bytes:
    """The answer as `media`. Numbers are written so that they read back as the same number to the last bit."""
    values = prediction.values.tolist()
    probabilities = None if prediction.probabilities is None else prediction.probabilities.tolist()
    if media == JSON:
        if probabilities is None:
            return _encoder.encode({"predictions": values})
        return _encoder.encode({"predictions": values, "probabilities": probabilities, "classes": classes})
    if media == LINES:
        if probabilities is None:
            return _encoder.encode_lines([{"prediction": value} for value in values])
        pairs = zip(values, probabilities, strict=True)
        return _encoder.encode_lines([{"prediction": value, "probabilities": row} for value, row in pairs])
    rows = [[value] for value in values] if probabilities is None else _beside(values, probabilities)
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([[_field(field) for field in row] for row in rows])
    return text.getvalue().encode()


def _beside(values: list[Any], probabilities: list[list[float]]) -> list[list[Any]]:
    return [[value, *row] for value, row in zip(values, probabilities, strict=True)]


def _field(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value
