"""Values as people read them, aligned under headings. Nothing here lets a control character through."""

import os
import re
import sys
import unicodedata
from typing import Any

import msgspec

from cupola_tui import plain

LONGEST = 300  # cells that one value of a table takes at most
DRAWN = frozenset({"series"})  # figures second by second, which the screen draws and --json has
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d+Z")


def flat(value: Any) -> dict[str, Any]:
    """A record as a dict of its fields."""
    if isinstance(value, msgspec.Struct):
        return {name: getattr(value, name) for name in value.__struct_fields__}
    return dict(value) if isinstance(value, dict) else {"value": value}


def cell(value: Any) -> str:
    """One value, short and clean; of a moment the seconds."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, msgspec.Struct):
        return cell({name: item for name, item in flat(value).items() if name not in DRAWN})
    if isinstance(value, dict):
        return " ".join(f"{plain.clean(key)}={cell(item)}" for key, item in value.items() if item is not None) or "-"
    if isinstance(value, list | tuple):
        return ", ".join(cell(item) for item in value) or "-"
    moment = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    return f"{moment[1]}Z" if moment else plain.clean(value)


def table(rows: list[dict[str, Any]]) -> str:
    """Rows under their headings; figures stand to the right. A long value is cut, on a terminal a line to its width.

    Where a terminal is too narrow for all, no column takes more than half of it.
    """
    if not rows:
        return ""
    heads = list(rows[0])
    right = [all(isinstance(row.get(head), int | float | None) for row in rows) for head in heads]
    lines = [[plain.clean(head) for head in heads], *([cell(row.get(head)) for head in heads] for row in rows)]
    lines, widths = _columns(lines, LONGEST)
    most = _screen()
    if most is not None and sum(widths) + 2 * (len(heads) - 1) > most:
        lines, widths = _columns(lines, most // 2)
    drawn = [_cut("  ".join(map(_placed, line, widths, right)).rstrip(), most) for line in lines]
    return "\n".join([bold(drawn[0]), *drawn[1:]])


def _columns(lines: list[list[str]], most: int) -> tuple[list[list[str]], list[int]]:
    """The cells, cut to so many, and how wide each column then is."""
    cut = [[_cut(text, most) for text in line] for line in lines]
    return cut, [max(width(line[place]) for line in cut) for place in range(len(cut[0]))]


def record(fields: dict[str, Any], most: int | None = None) -> str:
    """One field a line; lists of records, and dicts of many figures, as small tables below, cut to the terminal."""
    simple, below = [], []
    for name, value in fields.items():
        if isinstance(value, list) and value and isinstance(value[0], msgspec.Struct | dict):
            below.append(f"\n{bold(name)}\n{table([flat(one) for one in value])}")
        elif isinstance(value, dict) and len(value) > 4:
            below.append(f"\n{bold(name)}\n{record(value, _screen())}")
        else:
            simple.append((name, value))
    return "\n".join([*_pairs(simple, most), *below])


def _pairs(pairs: list[tuple[str, Any]], most: int | None) -> list[str]:
    """Names and values, one a line, the names aligned; cut to so many cells."""
    names = [_cut(plain.clean(name), None if most is None else most // 2) for name, _ in pairs]
    longest = max(map(width, names), default=0)
    room = None if most is None else most - longest - 2
    return [
        f"{bold(name + ' ' * (longest - width(name)))}  {_cut(cell(value), room)}"
        for name, (_, value) in zip(names, pairs, strict=True)
    ]


def bold(text: str) -> str:
    """Bold on a terminal that wants it."""
    wanted = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return f"\x1b[1m{text}\x1b[0m" if wanted and text else text


def width(text: str) -> int:
    """How many cells the text takes."""
    if text.isascii():
        return len(text)
    return sum(_cells(character) for character in text)


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _placed(text: str, wide: int, right: bool) -> str:
    gap = " " * (wide - width(text))
    return gap + text if right else text + gap


def _screen() -> int | None:
    """The width of the terminal; None where the output goes elsewhere."""
    if not sys.stdout.isatty():
        return None
    import shutil

    return shutil.get_terminal_size().columns


def _cut(text: str, most: int | None) -> str:
    if most is None or width(text) <= most:
        return text
    taken = 0
    for place, character in enumerate(text):
        taken += _cells(character)
        if taken >= most:
            return text[:place] + "…"
    return text
