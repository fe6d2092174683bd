"""Format string, and search and edit."""

from typing import Annotated, Literal

import msgspec

from cupola.actions import Arg
from cupola.datasets.sql import identifier, literal
from cupola.errors import BadOption
from cupola.flows.sql import Table, free, new, of_kind, select
from cupola.flows.transforms.transform import Column, Columns, State, Transform

FORMAT, EDIT = "Format string", "Search and edit"
SYMBOLS = r"[^\p{L}\p{N}\s]"
Operation = Literal[
    "lower", "upper", "title", "strip", "left-strip", "right-strip", "left-pad", "right-pad", "center",
    "prepend-zeros", "add-prefix", "add-suffix", "remove-symbols",
]  # fmt: skip

Form = Literal["any", "letters", "letters-and-digits", "digits", "number", "lowercase", "uppercase", "blank", "email"]
FORMS = {
    "letters": r"\p{L}+",
    "letters-and-digits": r"[\p{L}\p{Nd}]+",
    "digits": r"\d+",
    "number": r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?",
    "blank": r"\s*",
    "email": r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+",
}


class FormatString(msgspec.Struct, kw_only=True, frozen=True):
    """Bring texts into one form: small or capital letters, without spaces around them, padded, with a prefix."""

    columns: Columns
    operation: Annotated[Operation, Arg(help="what is done")] = "strip"
    width: Annotated[int, Arg(help="of padded texts, in characters")] = 10
    text: Annotated[str, Arg(help="the prefix or suffix, or what is padded with (default: a space)")] = ""


class FindReplace(msgspec.Struct, kw_only=True, frozen=True):
    """Replace what is found in texts."""

    columns: Columns
    find: Annotated[str, Arg(help="what is looked for")]
    replace: Annotated[str, Arg(help=r"what stands there instead; \1 is the first group of a pattern")] = ""
    pattern: Annotated[bool, Arg(help="it is a regular expression")] = False


class Contains(msgspec.Struct, kw_only=True, frozen=True):
    """Add a column that says whether something is found in a text."""

    column: Column
    find: Annotated[str, Arg(help="what is looked for")]
    pattern: Annotated[bool, Arg(help="it is a regular expression")] = False
    name: Annotated[str, Arg(help="of the new column")] = ""


class ValidateString(msgspec.Struct, kw_only=True, frozen=True):
    """Add a column that says whether a text is as it should be: of a form, of a length, of a pattern of one's own."""

    column: Column
    form: Annotated[Form, Arg(help="what the whole of it is")] = "any"
    pattern: Annotated[str, Arg(help=r"a regular expression that fits the whole of it: [A-Z]{2}\d+")] = ""
    shortest: Annotated[int, Arg(help="so many characters at least")] = 0
    longest: Annotated[int | None, Arg(help="so many at most")] = None
    name: Annotated[str, Arg(help="of the new column")] = ""


class ExtractPattern(msgspec.Struct, kw_only=True, frozen=True):
    """Add a column for each group of a regular expression, or for what it matches."""

    column: Column
    pattern: Annotated[str, Arg(help=r"a regular expression: ([A-Z]+)(\d+)")]
    names: Annotated[list[str], Arg(help="of the new columns")] = []


class SplitText(msgspec.Struct, kw_only=True, frozen=True):
    """Split a text at a delimiter into so many columns; the last one has the rest."""

    column: Column
    delimiter: Annotated[str, Arg(help="at which it is split")]
    parts: Annotated[int, Arg(help="into how many columns")] = 2
    drop: Annotated[bool, Arg(help="drop the column itself")] = False


def _format(params: FormatString, state: State, table: Table) -> str:
    of_kind(table, params.columns, ("text",), "are formatted")
    if not 1 <= params.width <= 1000:
        raise BadOption(f"width is from 1 to 1000, not {params.width}")
    return select(table, {one: _formatted(params, identifier(one)) for one in params.columns})


def _formatted(params: FormatString, name: str) -> str:
    width, fill = params.width, literal(params.text or " ")
    longest = f"CAST(greatest({width}, length({name})) AS INT)"  # nothing is cut off
    left = f"lpad({name}, {longest}, {fill})"
    right = f"rpad({name}, {longest}, {fill})"
    middle = f"length({name}) + (greatest({width} - length({name}), 0) // 2)"
    words = f"string_split(lower({name}), ' ')"
    made = {
        "lower": f"lower({name})",
        "upper": f"upper({name})",
        "title": f"array_to_string(list_transform({words}, lambda w: concat(upper(w[1]), w[2:])), ' ')",
        "strip": f"trim({name})",
        "left-strip": f"ltrim({name})",
        "right-strip": f"rtrim({name})",
        "left-pad": left,
        "right-pad": right,
        "center": f"rpad(lpad({name}, CAST({middle} AS INT), {fill}), {longest}, {fill})",
        "prepend-zeros": f"lpad({name}, {longest}, '0')",
        "add-prefix": f"{literal(params.text)} || {name}",
        "add-suffix": f"{name} || {literal(params.text)}",
        "remove-symbols": f"regexp_replace({name}, '{SYMBOLS}', '', 'g')",
    }[params.operation]
    return f"CASE WHEN {name} IS NOT NULL THEN {made} END"


def groups_of(pattern: str) -> int:
    """How many groups a regular expression has. Raises BadOption."""
    import re

    try:
        return re.compile(pattern).groups
    except re.error as error:
        raise BadOption(f"this is no regular expression: {error}") from None


def _replace(params: FindReplace, state: State, table: Table) -> str:
    of_kind(table, params.columns, ("text",), "are searched")
    if not params.find:
        raise BadOption("find is what is looked for, and cannot be empty")
    if params.pattern:
        groups_of(params.find)
    changed = {}
    for one in params.columns:
        name, find, replace = identifier(one), literal(params.find), literal(params.replace)
        changed[one] = (
            f"regexp_replace({name}, {find}, {replace}, 'g')"
            if params.pattern
            else f"replace({name}, {find}, {replace})"
        )
    return select(table, changed)


def _contains(params: Contains, state: State, table: Table) -> str:
    of_kind(table, [params.column], ("text",), "are searched")
    if params.pattern:
        groups_of(params.find)
    function = "regexp_matches" if params.pattern else "contains"
    name = new(table, params.name) if params.name else free(table, f"{params.column}_found")
    return select(table, added={name: f"{function}({identifier(params.column)}, {literal(params.find)})"})


def _validate(params: ValidateString, state: State, table: Table) -> str:
    of_kind(table, [params.column], ("text",), "are validated")
    text, conditions = identifier(params.column), []
    if params.form in FORMS:
        conditions.append(f"regexp_full_match({text}, {literal(FORMS[params.form])})")
    elif params.form != "any":
        same, other = ("lower", "upper") if params.form == "lowercase" else ("upper", "lower")
        conditions.append(f"({same}({text}) = {text} AND {other}({text}) <> {text})")
    if params.pattern:
        groups_of(params.pattern)
        conditions.append(f"regexp_full_match({text}, {literal(params.pattern)})")
    if params.shortest > 0:
        conditions.append(f"length({text}) >= {params.shortest}")
    if params.longest is not None:
        conditions.append(f"length({text}) <= {params.longest}")
    if not conditions:
        raise BadOption("it is not said what the text should be", hint="form=email, pattern=[A-Z]+ or longest=20")
    name = new(table, params.name) if params.name else free(table, f"{params.column}_valid")
    return select(table, added={name: " AND ".join(conditions)})


def _extract(params: ExtractPattern, state: State, table: Table) -> str:
    of_kind(table, [params.column], ("text",), "are searched")
    groups = groups_of(params.pattern)
    wanted = max(1, groups)
    if params.names and len(params.names) != wanted:
        raise BadOption(f"the pattern gives {wanted} columns, and names has {len(params.names)}")
    added: dict[str, str] = {}
    for place in range(wanted):
        usual = f"{params.column}_{place + 1}"
        name = new(table, params.names[place]) if params.names else free(table, usual, added)
        found = f"regexp_extract({identifier(params.column)}, {literal(params.pattern)}, {place + 1 if groups else 0})"
        added[name] = f"nullif({found}, '')"
    return select(table, added=added)


def _split(params: SplitText, state: State, table: Table) -> str:
    of_kind(table, [params.column], ("text",), "are split")
    if not params.delimiter:
        raise BadOption("delimiter cannot be empty")
    if not 1 <= params.parts <= 100:
        raise BadOption(f"parts is from 1 to 100, not {params.parts}")
    pieces = f"string_split({identifier(params.column)}, {literal(params.delimiter)})"
    added: dict[str, str] = {}
    for place in range(1, params.parts + 1):
        piece = f"{pieces}[{place}]"
        if place == params.parts:
            piece = f"nullif(array_to_string({pieces}[{place}:], {literal(params.delimiter)}), '')"
        added[free(table, f"{params.column}_{place}", added)] = piece
    return select(table, added=added, dropped=[params.column] if params.drop else [])


TRANSFORMS = [
    Transform(name="format-string", group=FORMAT, params=FormatString, select=_format),
    Transform(name="find-replace", group=EDIT, params=FindReplace, select=_replace),
    Transform(name="contains", group=EDIT, params=Contains, select=_contains),
    Transform(name="validate-string", group=EDIT, params=ValidateString, select=_validate),
    Transform(name="extract-pattern", group=EDIT, params=ExtractPattern, select=_extract),
    Transform(name="split-text", group=EDIT, params=SplitText, select=_split),
]
