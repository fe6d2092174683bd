"""The command line: a thin skin over the declared actions.

Nothing that is slow to import is imported before it is known to be needed: `cupola run ls` loads one domain's actions,
and no Textual; see benchmarks/.
"""

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import Any

from cupola.actions import DOMAINS
from cupola.errors import BadFilter, CupolaError, Usage, from_info, meant

# Commands that are no actions on a workspace; each module has `run(words, options) -> int`.
OWN = {
    "init": "cupola_tui.commands.init",
    "demo": "cupola_tui.commands.demo",
    "completion": "cupola_tui.commands.completion",
    "_complete": "cupola_tui.commands.completing",
    "help": "cupola_tui.commands.help",
}
INTERRUPTED = 130


def main(words: Sequence[str] | None = None) -> int:
    """Runs one command and gives the exit status that cli.md names."""
    given = list(sys.argv[1:] if words is None else words)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    as_json = "--json" in given[: given.index("--")] if "--" in given else "--json" in given
    try:
        status = _dispatch(given)
        sys.stdout.flush()
    except CupolaError as error:
        return _fail(error, as_json)
    except KeyboardInterrupt as interrupt:
        if interrupt.args:
            _say(str(interrupt))
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001 - the one place where a bug ends
        from cupola import bugs

        return _fail(from_info(bugs.told(error)), as_json, kind="Bug")
    return status


def _dispatch(given: list[str]) -> int:
    from cupola_tui.commands import options

    before, rest = options.leading(given)
    if not rest:
        return _without_command(before)
    name = rest[0]
    if name in OWN:
        import importlib

        return int(importlib.import_module(OWN[name]).run(rest[1:], before))
    if name in DOMAINS:
        from cupola_tui.commands import acting

        return acting.run(rest, before)
    if _is_path(name):
        if len(rest) > 1:
            raise Usage(f"{rest[1]!r} is one word too many", where=name)
        return _open_app(name, before)
    known = [*DOMAINS, *(one for one in OWN if not one.startswith("_"))]
    hint = meant(name, known, "`cupola --help` lists the commands")
    raise Usage(f"there is no command {name!r}", hint=hint)


def _without_command(options: Any) -> int:
    if options.help:
        from cupola_tui.commands import help as helping

        return helping.overview()
    if options.version:
        from importlib.metadata import version

        print(f"cupola {version('cupola')}")
        return 0
    return _open_app(".", options)


def _open_app(path: str, options: Any) -> int:
    """Opens the screen; without a terminal there is nothing to draw on."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Usage("the app needs a terminal", where=path, hint="`cupola --help` lists the commands that need none")
    from cupola_tui import app
    from cupola_tui.commands.options import enter

    enter(options)
    return app.run(path, readonly=options.readonly)


def _is_path(word: str) -> bool:
    return "/" in word or word in (".", "..") or os.path.isdir(word)  # noqa: PTH112 - pathlib costs 8 ms here


def _fail(error: CupolaError, as_json: bool, kind: str = "") -> int:
    from cupola_tui.commands import output

    info = error.info()
    if kind:
        info.kind = kind
    pointed = output.pointed(error) if isinstance(error, BadFilter) and not as_json else []
    _say("\n".join([output.error_json(info) if as_json else output.error_line(info), *pointed]))
    return error.exit_status


def _say(line: str) -> None:
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)
