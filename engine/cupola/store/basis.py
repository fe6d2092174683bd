"""The basis of a change: the state of what a form had shown, which it must still have when the change is made.

A form takes the states before it reads what it shows, and hands them in with its change; they are then `expected` while
the action runs, and whoever writes checks them under the record's claim. Nothing that somebody else has changed since
is overwritten unseen. Where nothing is expected (a command has shown nothing) all checks hold.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from cupola.errors import Conflict, NotFound
from cupola.store import journals
from cupola.store.content import listing, read_bytes
from cupola.store.root import Store

_expected: ContextVar[Mapping[str, str]] = ContextVar("expected", default={})  # noqa: B039 - it is never changed


@contextmanager
def expecting(states: Mapping[str, str]) -> Iterator[None]:
    """What is changed in here must have these states, by path, when it is changed."""
    token = _expected.set(states)
    try:
        yield
    finally:
        _expected.reset(token)


def check(path: str, now: Callable[[], str]) -> None:
    """Raises Conflict where a form had shown another state of what lies at `path`; call it under its claim."""
    wanted = _expected.get().get(path)
    if wanted is not None and wanted != now():
        hint = "open the form again, which shows how it is now, then repeat your change"
        raise Conflict("somebody has changed this since the form was opened", where=path, hint=hint)


def of_file(store: Store, path: str) -> str:
    """The state of a file: its content."""
    try:
        return of_content(read_bytes(store, path))
    except NotFound:
        return ""


def of_content(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest() if data else ""


def of_journals(store: Store, directory: str) -> str:
    """The state of a directory of journals: the last line of each."""
    found = [name for name in listing(store, directory) if name.endswith(journals.SUFFIX)]
    return ",".join(f"{name}:{journals.last(store, f'{directory}/{name}')}" for name in sorted(found))
