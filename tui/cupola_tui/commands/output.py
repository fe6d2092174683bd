"""What a command prints: JSON for programs, aligned text for people, control characters for nobody."""

import re
import sys
from collections.abc import Iterator
from typing import Any

import msgspec

from cupola.errors import BadFilter, ErrorInfo
from cupola.references import reference
from cupola_tui import plain
from cupola_tui.commands import cells, views
from cupola_tui.commands.options import Options

# What JSON lets through and a terminal would act upon: DEL, the C1 controls, what turns the reading direction round.
_UNSAFE = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
AROUND = 60  # characters of a long filter on either side of the one that is wrong
# Colours are of no use among replacement signs.
_COLOUR = re.compile("\x1b\\[[0-9;:]*m")
_ENCODER = msgspec.json.Encoder(enc_hook=str)


def show(action: str, result: Any, options: Options) -> None:
    """Prints what an action gave: a text, a record, a list or a stream of them."""
    if isinstance(result, str):
        _write(as_json({"text": result}) if options.json else text(result))
    elif isinstance(result, Iterator):
        for one in result:
            _write(_item(one, options), flush=True)
    elif options.json or options.quiet:
        for one in result if isinstance(result, list | tuple) else [result]:
            _write(_item(one, options))
    elif isinstance(result, list | tuple):
        like = views.OF_TYPE.get(type(result[0]).__name__, action) if result and action not in views.LISTS else action
        _write(cells.table(views.rows(like, [cells.flat(one) for one in result])))
    elif isinstance(getattr(result, "plots", None), list):
        from cupola_tui.commands import plotting

        _write(plotting.text(result.plots, result.saved) or "no plots: they come with metrics, step by step")
    elif isinstance(getattr(result, "text", None), str):
        _write(text(result.text))
    elif result is not None:
        _write(views.whole(result))


def text(value: str) -> str:
    """Text of several lines: into a file or a pipe as it is, on a terminal without what that would act upon.

    Of a line that was drawn over again and again (a progress bar) the last state stays.
    """
    if not sys.stdout.isatty():
        return value
    lines = (line.removesuffix("\r").rpartition("\r")[2] for line in _COLOUR.sub("", value).split("\n"))
    return "\n".join(map(plain.clean, lines))


def as_json(value: Any) -> str:
    """`value` as JSON in one line that is safe to print; names on the disk that are no UTF-8 hold half characters."""
    try:
        encoded = _ENCODER.encode(value).decode()
    except UnicodeEncodeError:
        import json

        return json.dumps(msgspec.to_builtins(value, enc_hook=str), separators=(",", ":"))
    return _UNSAFE.sub(lambda found: f"\\u{ord(found.group()):04x}", encoded)


def error_json(info: ErrorInfo) -> str:
    return as_json({"error": info})


def error_line(info: ErrorInfo) -> str:
    """`cupola: WHERE: what. hint` in one line."""
    where = f"{info.where}: " if info.where else ""
    hint = f". {info.hint[0].upper()}{info.hint[1:]}" if info.hint else ""
    return f"cupola: {plain.clean(where + info.message.rstrip('.') + hint)}"


def pointed(error: BadFilter) -> list[str]:
    """The filter, or the part of it around the character that is wrong, and a line that points at that."""
    if error.at < 0:
        return []
    first = max(0, error.at - AROUND)
    before, after = plain.clean(error.text[first : error.at]), plain.clean(error.text[error.at : error.at + AROUND])
    return [f"  {before}{after}", f"  {' ' * cells.width(before)}^"]


def _item(value: Any, options: Options) -> str:
    """One item of a list or of a stream."""
    if options.json:
        return as_json({"text": value} if isinstance(value, str) else value)
    if isinstance(value, str):
        return text(value)
    if options.quiet:
        name = _named(value) if isinstance(value, msgspec.Struct | dict) else value
        return cells.cell(name) if name else ""
    return "  ".join(cells.cell(one) for one in cells.flat(value).values())


def _named(record: Any) -> str:
    """What `-q` prints of a record: the name that other commands take; of a new token the token, said this once; of a
    request to an endpoint which one it is."""
    return getattr(record, "token", "") or getattr(record, "request", "") or reference(record)


def _write(text: str, *, flush: bool = False) -> None:
    if text:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
    if flush:
        sys.stdout.flush()
