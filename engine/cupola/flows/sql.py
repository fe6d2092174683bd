"""SQL as transforms write it: columns of a table that stay, change, come and go, and values of JSON as literals."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from cupola.datasets.sql import identifier, literal
from cupola.errors import BadInput, BadOption, meant

ROW, TRAIN = (
    "__row__",
    "__train__",
)  # columns that every table of a flow has beside its own: its order, its training part
HIDDEN = (ROW, TRAIN)
ORIGIN = "__origin__"  # in a preview, the row of the table before that a row came from
LONGEST_NAME = 80

Kind = Literal["integer", "number", "boolean", "text", "date", "datetime", "vector", "other"]
KINDS: dict[str, Kind] = {
    "BIGINT": "integer", "DOUBLE": "number", "BOOLEAN": "boolean", "VARCHAR": "text", "DATE": "date",
    "TIMESTAMP": "datetime", "TIMESTAMP WITH TIME ZONE": "datetime",
}  # fmt: skip
NUMBERS: tuple[Kind, ...] = ("integer", "number", "boolean")
TIMES: tuple[Kind, ...] = ("date", "datetime")


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """What a step takes, as SQL knows it. columns: {NAME: SQL type}, without the hidden ones.

    id: of the step or source that it comes from. split: the column that says which rows train, where there is one.
    target: what models learn. rows: how many there are, where that is known (while a flow is fitted).
    """

    name: str
    columns: dict[str, str]
    id: str = ""
    split: str = ""
    target: str | None = None
    seed: int = 0
    rows: int = 0

    @property
    def sql(self) -> str:
        return identifier(self.name)

    @property
    def training(self) -> str:
        """Its training part, to be selected from."""
        return f"(SELECT * FROM {self.sql} WHERE {TRAIN})"

    def kind(self, column: str) -> Kind:
        return kind(self.columns[column])


def kind(type: str) -> Kind:
    """What a column of a SQL type holds."""
    return KINDS.get(type) or ("vector" if type.endswith("[]") else "other")


def known(table: Table, columns: Iterable[str], what: str = "column") -> None:
    """Raises BadOption for a column that the table has not, with the one that was probably meant."""
    for column in columns:
        if column not in table.columns:
            hint = meant(column, table.columns, f"there are {', '.join([*table.columns][:20])}")
            raise BadOption(f"there is no {what} {column!r} here", hint=hint)


def of_kind(table: Table, columns: Iterable[str], kinds: Sequence[Kind], why: str) -> None:
    """Raises BadInput for a column that is of none of these kinds. why: "is scaled"."""
    for column in columns:
        if table.kind(column) not in kinds:
            raise BadInput(
                f"{column} is {_article(table.kind(column))}, and only {_listed(kinds)} {why}",
                hint="the transform parse-type makes another type of a column",
            )


def _article(kind: Kind) -> str:
    return f"{'an' if kind in ('integer', 'other') else 'a'} {'other type' if kind == 'other' else kind}"


def _listed(kinds: Sequence[Kind]) -> str:
    plural = {"text": "texts", "boolean": "booleans"}
    return " or ".join(plural.get(one, f"{one}s") for one in kinds)


def free(table: Table, wanted: str, taken: Iterable[str] = ()) -> str:
    """A name for a new column that no other has, in small or capital letters."""
    clean = "".join(letter if letter.isprintable() else " " for letter in wanted)[:LONGEST_NAME].strip() or "column"
    used = {one.casefold() for one in (*table.columns, *taken, *HIDDEN)}
    name, number = clean, 1
    while name.casefold() in used:
        name, number = f"{clean}_{number}", number + 1
    return name


def new(table: Table, name: str) -> str:
    """The name of a column that the user wants to have made. Raises BadOption where it cannot be had."""
    if not name or not name.isprintable() or len(name) > LONGEST_NAME:
        raise BadOption(f"{name!r} is no name for a column", hint=f"1 to {LONGEST_NAME} letters that can be printed")
    if name.casefold() in {one.casefold() for one in (*table.columns, *HIDDEN)}:
        raise BadOption(f"there is a column called {name!r} already", hint="give another name")
    return name


def columns(names: Iterable[str]) -> str:
    return ", ".join(identifier(one) for one in names)


def select(
    table: Table,
    changed: Mapping[str, str] | None = None,
    added: Mapping[str, str] | None = None,
    dropped: Iterable[str] = (),
    rest: str = "",
    source: str = "",
) -> str:
    """A SELECT that keeps each row of the table: expressions for columns that change or are added.

    rest: what follows FROM (WHERE, QUALIFY, ORDER BY). source: from where, if not the table itself.
    """
    changed, gone = changed or {}, set(dropped)
    if source or len(gone) == len(table.columns):
        kept = [
            f"{changed[one]} AS {identifier(one)}" if one in changed else identifier(one)
            for one in table.columns
            if one not in gone
        ]
        kept = [*HIDDEN, *kept]
    else:
        excluded = f" EXCLUDE ({columns(dict.fromkeys(gone))})" if gone else ""
        replaced = [f"{expression} AS {identifier(one)}" for one, expression in changed.items()]
        kept = ["*" + excluded + (" REPLACE (\n  " + ",\n  ".join(replaced) + "\n)" if replaced else "")]
    fresh = [f"{expression} AS {identifier(name)}" for name, expression in (added or {}).items()]
    listed = ",\n  ".join([*kept, *fresh])
    return f"SELECT {listed}\nFROM {source or table.sql}{f' {rest}' if rest else ''}"


def value(plain: Any, type: str = "") -> str:
    """A plain value as SQL writes it; with a type as a value of it."""
    if plain is None:
        return f"CAST(NULL AS {type})" if type else "NULL"
    if isinstance(plain, bool):
        text = "true" if plain else "false"
    elif isinstance(plain, int):
        text = str(plain)
    elif isinstance(plain, float):
        text = number(plain)
    elif isinstance(plain, list):
        text = f"[{', '.join(value(one) for one in plain)}]"
    else:
        text = literal(str(plain))
    return f"CAST({text} AS {type})" if type and not (type == "DOUBLE" and isinstance(plain, float)) else text


def number(plain: float) -> str:
    """A 64-bit float, exactly."""
    if not math.isfinite(plain):
        return f"CAST('{plain}' AS DOUBLE)"
    text = repr(float(plain))
    return text if "e" in text else f"{text}e0"


def code(expression: str, categories: Sequence[Any]) -> str:
    """The place of a value among categories from 0 on, NULL for others: one lookup, however many there are."""
    if not categories:
        return "CAST(NULL AS BIGINT)"
    listed = ", ".join(literal(as_text(one)) for one in categories)
    return f"CAST(enum_code(TRY_CAST(CAST({expression} AS VARCHAR) AS ENUM({listed}))) AS BIGINT)"


def looked_up(expression: str, categories: Sequence[Any], numbers: Sequence[float]) -> str:
    """The number that belongs to a value among categories, NULL for others."""
    if not categories:
        return "CAST(NULL AS DOUBLE)"
    return f"list_extract([{', '.join(map(number, numbers))}], {code(expression, categories)} + 1)"


def as_text(plain: Any) -> str:
    """A category as DuckDB casts it to text."""
    return str(plain).lower() if isinstance(plain, bool) else str(plain)


def chance(seed: int, salt: str = "") -> str:
    """A number from 0 to 1 for each row, the same for the same place and seed, on every version of DuckDB."""
    return f"(md5_number_lower(concat({ROW}, ':', {seed}, {literal(':' + salt)})) / 18446744073709551616.0e0)"
