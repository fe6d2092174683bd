"""What is asked of a batch transform, and how far one has come."""

from typing import Literal

import msgspec

from cupola.store.records import Record

KIND = "transform"
Strategy = Literal["MultiRecord", "SingleRecord"]
Form = Literal["csv", "jsonl", "parquet"]


class Asked(msgspec.Struct, kw_only=True):
    """The job's `spec`. model: the exact reference of a version; input, output: absolute paths, and in which form each
    is; the rest as the options of `transform`."""

    model: str
    input: str
    output: str
    reads: Form
    writes: Form
    join: bool = False
    strategy: Strategy = "MultiRecord"
    input_filter: str | None = None
    output_filter: str | None = None


class Reached(Record, kw_only=True):
    """state.json among the checkpoints: how much of which input is in the draft of the output, durably.

    size, changed: of the input (bytes; nanoseconds), by which it is known again. read: bytes, or row groups of
    Parquet. written: bytes.
    """

    size: int
    changed: int
    read: int
    written: int
    rows: int
