"""What all libraries share: the run that is logged to, and that trouble in logging is nobody's end."""

import contextlib
from collections.abc import Callable, Iterator

from cupola.errors import CupolaError
from cupola.tracking import run as tracking
from cupola.tracking.active import ActiveRun
from cupola.tracking.pen import say

_said: set[str] = set()


def quietly(work: Callable[[], None]) -> None:
    """Does it; what goes wrong is said once."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 - what is logged is never worth a training
        once(f"autolog: {error}" if isinstance(error, CupolaError) else f"autolog: {type(error).__name__}: {error}")


def once(sentence: str) -> None:
    """Tells the user, the first time."""
    if sentence not in _said:
        _said.add(sentence)
        say(sentence)


@contextlib.contextmanager
def open_run() -> Iterator[ActiveRun | None]:
    """The open run, else one for the block; None where there can be none (no workspace), which is said once."""
    found = tracking.current()
    if found is not None:
        yield found
        return
    try:
        made = tracking.run()
    except CupolaError as error:
        once(f"autolog: {error}")
        yield None
        return
    with made:
        yield made
