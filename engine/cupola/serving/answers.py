"""What clients get: predictions written as JSON, CSV, JSON Lines, npy or Parquet."""

import csv
import io
from typing import Any

import msgspec

from cupola.registry.models import Prediction
from cupola.serving.payloads import CSV_TYPES, LINES_TYPES, NPY_TYPES, PARQUET_TYPES, Unsupported

JSON = "application/json"
CSV = "text/csv"
LINES = "application/jsonlines"
NPY = "application/x-npy"
PARQUET = "application/x-parquet"
WRITTEN = (JSON, CSV, LINES, NPY, PARQUET)

LINE = {"probabilities": "probabilities", "scores": "score"}  # as a line of one row calls them

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
        if media in NPY_TYPES or media in PARQUET_TYPES:
            return NPY if media in NPY_TYPES else PARQUET
    raise Unsupported(
        f"answers are not given as {accept[:100]!r}", hint=f"accept {', '.join(WRITTEN[:-1])} or {PARQUET}"
    )


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def encode(
    prediction: Prediction, classes: list[Any] | None, media: str, beside: dict[str, Any] | None = None
) -> bytes:
    """The answer as `media`. Numbers are written so that they read back as the same number to the last bit.

    beside: what else an object of JSON is to hold.
    """
    if media in (NPY, PARQUET):
        from cupola.serving import columnar

        return columnar.npy(prediction) if media == NPY else columnar.parquet(prediction, classes)
    values = prediction.values.tolist()
    more = {"probabilities": prediction.probabilities, "scores": prediction.scores}
    found = {name: one.tolist() for name, one in more.items() if one is not None}
    if media == JSON:
        named = {"classes": classes} if "probabilities" in found else {}
        return _encoder.encode({"predictions": values} | found | named | (beside or {}))
    if media == LINES:
        names = ["prediction", *(LINE[name] for name in found)]
        rows = zip(values, *found.values(), strict=True)
        return _encoder.encode_lines([dict(zip(names, row, strict=True)) for row in rows])
    lines = [[value] for value in values] if not found else _beside(values, *found.values())
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([[_field(field) for field in row] for row in lines])
    return text.getvalue().encode()


def _beside(values: list[Any], more: list[Any]) -> list[list[Any]]:
    return [[value, *(row if isinstance(row, list) else [row])] for value, row in zip(values, more, strict=True)]


def _field(value: Any) -> Any:
    if isinstance(value, dict | list):
        return _encoder.encode(value).decode()
    return str(value).lower() if isinstance(value, bool) else value
