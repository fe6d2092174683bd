"""Actions that stand in for real ones where only the command line itself is tried."""

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from cupola.actions import Arg, action
from cupola.errors import Conflict, Refused

HOSTILE = "a\x1b[31mb\x1b]0;title\x07c\u202ed\x9be\rf"


class Toy(msgspec.Struct, kw_only=True):
    id: str
    name: str
    text: None = None


@action("toy ls", writes=False)
def ls(ws: Any, *, count: Annotated[int, Arg(help="how many", short="n")] = 2) -> list[Toy]:
    """List toys."""
    return [Toy(id=f"t{place}", name=HOSTILE) for place in range(count)]


@action("toy show", writes=False)
def show(ws: Any, toy: Annotated[str, Arg(help="a toy")]) -> Toy:
    """Show a toy."""
    return Toy(id=toy, name=HOSTILE)


@action("toy make")
def make(ws: Any, name: str) -> Toy:
    """Make a toy."""
    return Toy(id="t9", name=name)


@action("toy break", writes=False)
def break_(ws: Any, how: str) -> Toy:
    """Go wrong in a way of your choice."""
    if how == "conflict":
        raise Conflict(f"it has changed: {HOSTILE}", where="toys/t1", hint="look again")
    if how == "refused":
        raise Refused("no")
    if how == "interrupt":
        raise KeyboardInterrupt
    if how == "exit":
        raise KeyboardInterrupt("job x goes on")
    return 1 // 0  # type: ignore[return-value]


@action("toy stream", writes=False)
def stream(ws: Any) -> Iterator[str]:
    """Write lines for ever."""
    while True:
        yield "line\n"


@action("toy check", writes=False)
def check(ws: Any) -> dict[str, bool]:
    """Say no."""
    return Verdict(ok=False)  # type: ignore[return-value]


def trouble(text: str) -> Conflict:
    return Conflict(text, where=text, hint=text)


class Verdict(msgspec.Struct):
    ok: bool
