"""Rows as they came, and which of their columns are the model's."""

from typing import Any

import msgspec

from cupola.errors import BadInput, meant
from cupola.registry.signature import PLAIN, Signature, Writing


class Table(msgspec.Struct, frozen=True):
    """Rows as they came: `columns` holds a list of values per column; `names` is None where the payload had none."""

    names: list[str] | None
    columns: list[list[Any]]
    rows: int

    def first(self, rows: int) -> "Table":
        """Its first rows."""
        return Table(self.names, [column[:rows] for column in self.columns], min(rows, self.rows))


class Form(msgspec.Struct, frozen=True):
    """What the rows of a CSV may look like: the names that the model's data had, the widths that rows without names may
    have, and how the source was written."""

    known: frozenset[str]
    widths: frozenset[int]
    writing: Writing = PLAIN


class Columns:
    """The columns of one model; what depends on the signature alone is worked out once."""

    def __init__(self, signature: Signature) -> None:
        self._source = signature.source
        self.names = [one.name for one in signature.columns]
        self._optional = {one.name for one in signature.columns if one.optional}
        known = frozenset([*signature.source, *self.names, *signature.others])
        self.form = Form(known, frozenset([len(self.names), len(signature.source)]), signature.writing)

    def of(self, table: Table) -> list[list[Any]]:
        """The values of the model's columns, in its order. Raises BadInput naming the columns that do not fit."""
        if table.names is None:
            return self._by_position(table.columns)
        by_name = dict(zip(table.names, table.columns, strict=True))
        unknown = [name for name in by_name if name not in self.form.known]
        if unknown:
            hint = meant(unknown[0], self.form.known, f"the columns are: {_listed(self.names)}")
            raise BadInput(f"the model's data has no column {_listed(unknown)}", hint=hint)
        by_name = {name: [None] * table.rows for name in self._optional} | by_name
        missing = [name for name in self.names if name not in by_name]
        if missing:
            raise BadInput(
                f"the columns {_listed(missing)} are missing"
                if missing[1:]
                else f"the column {missing[0]!r} is missing"
            )
        return [by_name[name] for name in self.names]

    def _by_position(self, columns: list[list[Any]]) -> list[list[Any]]:
        if len(columns) == len(self.names):
            return columns
        source = self._source
        if len(columns) == len(source):
            by_name = dict(zip(source, columns, strict=True))
            return [by_name[name] for name in self.names]
        also = f" (or all {len(source)} of the source)" if len(source) > len(self.names) else ""
        raise BadInput(
            f"the rows have {len(columns)} values where the model takes {len(self.names)}{also}",
            hint=f"the columns are: {_listed(self.names)}",
        )


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name) if len(name) <= 60 else repr(name[:57] + "...") for name in names[:12])
    return shown if len(names) <= 12 else f"{shown} and {len(names) - 12} more"
