"""Tensors of the Open Inference Protocol: the datatypes of its document, in JSON and as raw little-endian bytes."""

import math
import struct
from typing import Any

import numpy as np

from cupola.errors import BadInput

DTYPES = {
    "BOOL": "?",
    "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8",
    "INT8": "i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8",
    "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
    "BF16": "<u2",  # the upper half of a float32
    "BYTES": "O",
}  # fmt: skip
KINDS = {"b": "BOOL", "i": "INT64", "u": "INT64", "f": "FP64"}


def from_json(data: Any, shape: list[int], datatype: str, what: str) -> list[Any]:
    """The elements of a tensor that stands in JSON, flat or nested, in row-major order; null is a missing value.

    Raises BadInput.
    """
    if datatype == "BF16":
        raise BadInput(f"{what}: BF16 is sent as binary data only")
    flat = _flat(data, shape, what)
    for place, value in enumerate(flat):
        if value is not None and not _fits(value, datatype):
            raise BadInput(f"{what}: element {place + 1} is not of the datatype {datatype}")
    return flat


def from_bytes(data: memoryview, shape: list[int], datatype: str, what: str) -> Any:
    """The elements of a tensor that came as raw bytes: an array, or a list of texts for BYTES. Raises BadInput."""
    count = math.prod(shape)
    if datatype == "BYTES":
        return _texts(data, count, what)
    dtype = np.dtype(DTYPES[datatype])
    if len(data) != count * dtype.itemsize:
        needed = f"{count * dtype.itemsize:,} bytes are {datatype} of the shape {shape}"
        raise BadInput(f"{what}: it has {len(data):,} bytes where {needed}")
    found = np.frombuffer(data, dtype)
    if datatype == "BF16":
        return (found.astype(np.uint32) << 16).view(np.float32)
    if datatype == "BOOL":
        return found.view(np.uint8) != 0
    return found


def datatype_of(values: Any) -> str:
    """The datatype in which an array is answered."""
    return KINDS.get(np.asarray(values).dtype.kind, "BYTES")


def to_json(values: Any, datatype: str) -> list[Any]:
    """The elements of an array, flat."""
    flat: list[Any] = np.asarray(values).ravel().tolist()
    return [one if one is None else str(one) for one in flat] if datatype == "BYTES" else flat


def to_bytes(values: Any, datatype: str) -> bytes:
    """The elements of an array as raw little-endian bytes."""
    array = np.asarray(values)
    if datatype != "BYTES":
        return array.astype(DTYPES[datatype]).tobytes()
    texts = [str(one).encode() for one in array.ravel().tolist()]
    return b"".join(struct.pack("<I", len(one)) + one for one in texts)


def _flat(data: Any, shape: list[int], what: str) -> list[Any]:
    if not isinstance(data, list):
        raise BadInput(f"{what}: its data is no list")
    if data and isinstance(data[0], list):
        width = shape[1] if shape[1:] else 1
        if len(data) != shape[0] or not all(isinstance(one, list) and len(one) == width for one in data):
            raise BadInput(f"{what}: its data does not have the shape {shape}")
        data = [value for one in data for value in one]
    flat: list[Any] = data
    if len(flat) != math.prod(shape):
        raise BadInput(f"{what}: it has {len(flat):,} elements where {math.prod(shape):,} are of the shape {shape}")
    return flat


def _fits(value: Any, datatype: str) -> bool:
    if datatype == "BYTES":
        return isinstance(value, str)
    if datatype == "BOOL":
        return value is True or value is False or (type(value) is int and value in (0, 1))
    if type(value) is int and datatype[0] in "UI":
        limits = np.iinfo(DTYPES[datatype])
        return bool(limits.min <= value <= limits.max)
    return type(value) in (int, float) and datatype[0] == "F"


def _texts(data: memoryview, count: int, what: str) -> list[str]:
    found: list[str] = []
    place = 0
    while place < len(data):
        if len(data) - place < 4:
            raise BadInput(f"{what}: it ends within the length of an element")
        (length,) = struct.unpack_from("<I", data, place)
        place += 4
        if length > len(data) - place:
            raise BadInput(f"{what}: element {len(found) + 1} is longer than the data")
        try:
            found.append(str(data[place : place + length], "utf-8"))
        except UnicodeDecodeError:
            raise BadInput(f"{what}: element {len(found) + 1} is not UTF-8") from None
        place += length
    if len(found) != count:
        raise BadInput(f"{what}: it has {len(found):,} elements where the shape needs {count:,}")
    return found
