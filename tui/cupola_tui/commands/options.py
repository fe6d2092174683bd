"""The options that every command takes, wherever they stand."""

import os

import msgspec

from cupola.actions import Arg, Parameter
from cupola.errors import NotFound


class Options(msgspec.Struct, kw_only=True):
    """directory: of -C, as in git: all goes as if started there. quiet: only names of what came out, no progress."""

    directory: str = ""
    readonly: bool = False
    json: bool = False
    quiet: bool = False
    wait: bool = False
    help: bool = False
    version: bool = False


def _parameter(name: str, kind: type, help: str, short: str = "", completes: str = "") -> Parameter:
    return Parameter(
        name=name,
        type=kind,
        required=False,
        default=None,
        positional=False,
        repeated=False,
        arg=Arg(help=help, short=short, completes=completes),
    )


EVERYWHERE = [
    _parameter("json", bool, "print records as JSON, lists as JSON lines; errors too"),
    _parameter("quiet", bool, "print only the names of what came out, and no progress", short="q"),
    _parameter("directory", str, "work as if started in this directory", short="C", completes="directory"),
    _parameter("readonly", bool, "refuse whatever writes"),
    _parameter("help", bool, "what a command does and takes", short="h"),
]
WAIT = _parameter("wait", bool, "wait for the work to end; progress on standard error")
VERSION = _parameter("version", bool, "the version of Cupola")


def leading(words: list[str]) -> tuple[Options, list[str]]:
    """The options before the first word that is none, and the rest."""
    from cupola import arguments

    takes_value = {"-C", "--directory"}
    end = 0
    while end < len(words) and words[end].startswith("-") and words[end] != "--":
        end += 2 if words[end] in takes_value else 1
    if end == 0:
        return Options(), words
    return Options(**arguments.parse([*EVERYWHERE, VERSION], words[:end])), words[end:]


def take(options: Options, found: dict[str, object]) -> Options:
    """`options` with those that `found` (parsed arguments) holds, which are taken out of it."""
    taken = {name: found.pop(name) for name in list(found) if name in Options.__struct_fields__}
    return msgspec.structs.replace(options, **taken)


def enter(options: Options) -> None:
    """Goes where -C says; there, or where the user stands, must be a directory."""
    if options.directory:
        try:
            os.chdir(options.directory)
        except OSError as error:
            raise NotFound(f"one cannot go there: {error.strerror}", where=options.directory) from None
    try:
        os.getcwd()  # noqa: PTH109 - pathlib costs 8 ms here
    except FileNotFoundError:
        raise NotFound("the directory that you are in has been removed", hint="go to another, or use -C") from None
