"""What a command prints: JSON for programs, aligned text for people, control characters for nobody."""

import os
import re
import sys
from collections.abc import Iterator
from typing import Any

import msgspec

from cupola.errors import ErrorInfo
from cupola.references import reference
from cupola_tui import plain
from cupola_tui.commands import views
from cupola_tui.commands.options import Options

# What JSON lets through and a terminal would act upon: DEL, the C1 controls, what turns the reading direction round.
_UNSAFE = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
# Colours and weights are all that a text may do to a terminal.
_COLOUR = re.compile("(\x1b\\[[0-9;]*m)")
_ENCODER = msgspec.json.Encoder(enc_hook=str)


def show(action: str, result: Any, options: Options) -> None:
    """Prints what an action gave: a text, a record, a list or a stream of them."""
    if isinstance(result, str):
        _write(as_json({"text": result}) if options.json else text(result))
    elif isinstance(result, Iterator):
        for one in result:
            _write(_one(one, options), flush=True)
    elif isinstance(result, list | tuple):
        if options.json or options.quiet:
            for one in result:
                _write(_one(one, options))
        else:
            _write(table([flat(one) for one in result], views.columns(action)))
    elif result is not None:
        _write(_one(result, options) if options.json or options.quiet else record(flat(result)))


def text(value: str) -> str:
    """Text of several lines: into a file or a pipe as it is, on a terminal without what that would act upon."""
    if not sys.stdout.isatty():
        return value
    return "".join(part if place % 2 else _lines(part) for place, part in enumerate(_COLOUR.split(value)))


def _lines(part: str) -> str:
    return "\n".join(plain.clean(line.rpartition("\r")[2] or line) for line in part.split("\n"))


def _one(value: Any, options: Options) -> str:
    """One item of a list or of a stream."""
    if options.json:
        return as_json({"text": value} if isinstance(value, str) else value)
    if isinstance(value, str):
        return text(value)
    if options.quiet and isinstance(value, msgspec.Struct | dict):
        return cell(reference(value))
    return "  ".join(cell(one) for one in flat(value).values())


def as_json(value: Any) -> str:
    """`value` as JSON in one line that is safe to print."""
    encoded = _ENCODER.encode(value).decode()
    return _UNSAFE.sub(lambda found: f"\\u{ord(found.group()):04x}", encoded)


def error_json(info: ErrorInfo) -> str:
    return as_json({"error": info})


def error_line(info: ErrorInfo) -> str:
    """`cupola: WHERE: what. hint` in one line."""
    where = f"{info.where}: " if info.where else ""
    message = info.message.rstrip(".")
    hint = f". {info.hint[0].upper()}{info.hint[1:]}" if info.hint else ""
    return f"cupola: {plain.clean(where + message + hint)}"


def flat(value: Any) -> dict[str, Any]:
    """A record as a dict of its fields."""
    if isinstance(value, msgspec.Struct):
        return {name: getattr(value, name) for name in value.__struct_fields__}
    return dict(value) if isinstance(value, dict) else {"value": value}


def cell(value: Any) -> str:
    """One value, short and clean."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, msgspec.Struct):
        return cell(flat(value))
    if isinstance(value, dict):
        return " ".join(f"{plain.clean(key)}={cell(item)}" for key, item in value.items() if item is not None) or "-"
    if isinstance(value, list | tuple):
        return ", ".join(cell(item) for item in value) or "-"
    return plain.clean(value)


def table(rows: list[dict[str, Any]], wanted: tuple[str, ...] = ()) -> str:
    """Rows under aligned headings; figures stand to the right. Wide cells are cut only on a terminal."""
    if not rows:
        return ""
    names = [name for name in wanted if name in rows[0]] or list(rows[0])
    cells = [[cell(row.get(name)) for name in names] for row in rows]
    right = [all(isinstance(row.get(name), int | float | None) for row in rows) for name in names]
    widths = [max(len(name), *(len(row[place]) for row in cells)) for place, name in enumerate(names)]
    lines = [_line(names, widths, right), *(_line(row, widths, right) for row in cells)]
    lines[0] = bold(lines[0])
    return "\n".join(_cut(line) for line in lines)


def record(fields: dict[str, Any]) -> str:
    """One field a line; lists of records as small tables below."""
    width = max((len(name) for name in fields), default=0)
    simple, tables = [], []
    for name, value in fields.items():
        if isinstance(value, list) and value and isinstance(value[0], msgspec.Struct | dict):
            tables.append(f"\n{bold(name)}\n{table([flat(one) for one in value])}")
        else:
            simple.append(f"{bold(name.ljust(width))}  {cell(value)}")
    return "\n".join([*simple, *tables])


def bold(text: str) -> str:
    return f"\x1b[1m{text}\x1b[0m" if _coloured() else text


def _coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _line(cells: list[str], widths: list[int], right: list[bool]) -> str:
    placed = (
        text.rjust(width) if to_right else text.ljust(width)
        for text, width, to_right in zip(cells, widths, right, strict=True)
    )
    return "  ".join(placed).rstrip()


def _cut(line: str) -> str:
    if not sys.stdout.isatty():
        return line
    import shutil

    width = shutil.get_terminal_size().columns
    return line if len(line) <= width or "\x1b" in line else line[: width - 1] + "…"


def _write(text: str, *, flush: bool = False) -> None:
    if text:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
    if flush:
        sys.stdout.flush()
