"""Reading a job's log: its end, or all of it as it grows."""

import time
from collections.abc import Iterator

from cupola.jobs import attempts, wish
from cupola.jobs.attempts import AttemptEnd
from cupola.store import Store, journals

LONG = 8 * 2**20  # bytes from which on what is not asked for is dropped while reading


def lines(store: Store, path: str, count: int | None) -> tuple[str, int]:
    """The last `count` lines of a log (None: all of it) and up to which byte that is; "" when there is none yet."""
    found = b""
    after = 0
    while True:
        data, after = journals.tail(store, path, after)
        if not data:
            break
        found += data
        if count is not None and len(found) > LONG:
            found = b"".join(found.splitlines(keepends=True)[-count:] if count else [])
    text = found.decode(errors="replace")
    if count is None:
        return text, after
    return "".join(text.splitlines(keepends=True)[-count:] if count else []), after


def follow(store: Store, job: wish.Job, number: int, after: int = 0) -> Iterator[str]:
    """What is written to the log of an attempt, from a byte on, until the attempt has ended."""
    path = f"{job.attempt(number)}/log.txt"
    rest = b""
    pause = 0.02
    while True:
        ended = attempts.optional(store, f"{job.attempt(number)}/result.json", AttemptEnd)
        data, after = journals.tail(store, path, after)
        rest += data
        text, rest = _whole(rest, final=bool(ended and not data))
        if text:
            yield text
            pause = 0.02
        elif ended:
            return
        else:
            time.sleep(pause)
            pause = min(0.25, pause * 1.5)


def _whole(data: bytes, final: bool) -> tuple[str, bytes]:
    """The text of it without a character that is not yet whole at the end, and that."""
    if final:
        return data.decode(errors="replace"), b""
    for cut in range(min(4, len(data)) + 1):
        try:
            return data[: len(data) - cut].decode(), data[len(data) - cut :]
        except UnicodeDecodeError:
            continue
    return data.decode(errors="replace"), b""
