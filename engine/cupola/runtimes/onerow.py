"""The usual request, one row as a JSON object, read straight into the values of the model's columns.

What is written otherwise, or is wrong in any way, is left to the reader that knows every form and says what is wrong.
"""

import re
from typing import Any

import msgspec

from cupola.registry.signature import Signature

LARGEST = 16 * 1024  # bytes of a body
MOST_COLUMNS = 500
KEY = re.compile(rb'"\s*:')
SPACED = re.compile(rb'"\s')
ESCAPED = re.compile(r'["\\\x00-\x1f\ud800-\udfff]')  # what msgspec takes in no name of a field


class OneRow:
    """Reads {"dataframe_records": [{...}]} and {"instances": [{...}]} for one model."""

    def __init__(self, signature: Signature) -> None:
        self._width = len(signature.columns)
        named = dict.fromkeys([*(one.name for one in signature.columns), *signature.source, *signature.others])
        easy = len(named) <= MOST_COLUMNS and not any(map(ESCAPED.search, named))
        self._read = _decoder(list(named)).decode if easy else None

    def values(self, body: bytes) -> tuple[Any, ...] | None:
        """The values of the model's columns, in order; None where another reader has to look at the body."""
        if self._read is None or len(body) > LARGEST:
            return None
        try:
            payload = self._read(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        rows = payload.dataframe_records or payload.instances
        if rows is None or len(rows) != 1 or None not in (payload.dataframe_records, payload.instances):
            return None
        found = msgspec.structs.astuple(rows[0])
        values = found[: self._width]
        unset = found.count(msgspec.UNSET)
        if unset and msgspec.UNSET in values:
            return None
        return values if _says_once(body, 1 + len(found) - unset) else None


def _decoder(names: list[str]) -> "msgspec.json.Decoder[Any]":
    places = {name: f"column{place}" for place, name in enumerate(names)}
    row = msgspec.defstruct(
        "Row",
        [(place, Any, msgspec.UNSET) for place in places.values()],
        rename={place: name for name, place in places.items()},
        forbid_unknown_fields=True,
    )
    rows: Any = list[row] | None  # type: ignore[valid-type]
    payload = msgspec.defstruct(
        "Rows", [("dataframe_records", rows, None), ("instances", rows, None)], forbid_unknown_fields=True
    )
    return msgspec.json.Decoder(payload)


def _says_once(body: bytes, keys: int) -> bool:
    """Whether there are no more keys in the body than were found: of one that is there twice a value would be lost."""
    if body.count(b'":') == keys and not SPACED.search(body):
        return True
    return len(KEY.findall(body)) == keys
