"""What is asked of the process that runs a flow or previews it."""

from typing import Any

import msgspec

from cupola.flows.records import Flow

KIND = "flow"


class Asked(msgspec.Struct, kw_only=True):
    """The job's `spec`. flow: as it was when it was filed. inputs: the exact version of each source, by its id.

    dataset: of which it makes a version. step: up to which it runs (none: its last).
    """

    flow: Flow
    inputs: dict[str, str]
    dataset: str
    step: str | None = None


class FlowPreview(msgspec.Struct, kw_only=True):
    """What a step does to some rows of a sample of the data: `after` with what they were `before`.

    rows: values by row and column, dates as ISO text. changed: whether a cell of `after` differs from the row that it
    came from (all of a new column, all of a new row); came_from: the place of that row in `before`. removed: whether a
    row of `before` is gone. added, dropped: names of columns. cells: how many changed cells a column has in the whole
    sample. sample, left: its rows before and after.
    """

    flow: str
    step: str
    type: str
    sample: int
    left: int
    columns_before: list[str]
    types_before: list[str]
    before: list[list[Any]]
    removed: list[bool]
    columns: list[str]
    types: list[str]
    after: list[list[Any]]
    changed: list[list[bool]]
    came_from: list[int | None]
    added: list[str]
    dropped: list[str]
    cells: dict[str, int]
    notes: list[str] = msgspec.field(default_factory=list)
    milliseconds: float = 0.0

    @property
    def text(self) -> str:
        """It for people."""
        from cupola.flows import words

        return words.text(self)
