"""Reading a job's log: all of it, its end, or as it grows."""

import time
from collections.abc import Iterator

from cupola.jobs import attempts, wish
from cupola.jobs.attempts import AttemptEnd
from cupola.store import Store, files, journals

STEP = 1 << 20  # bytes that are read at once
LONGEST = 16 << 20  # bytes that are looked through for the last lines


def whole(store: Store, path: str) -> Iterator[str]:
    """A log as it is now, in pieces; nothing when there is none yet."""
    rest, after = b"", 0
    while True:
        data, after = journals.tail(store, path, after, STEP)
        text, rest = _whole(rest + data, final=not data)
        if text:
            yield text
        if not data:
            return


def last(store: Store, path: str, count: int) -> tuple[str, int]:
    """The last `count` lines of a log, and up to which byte that is; "" when there is none yet."""
    try:
        size = files.absolute(store, path).stat().st_size
    except OSError:
        size = 0
    back = STEP
    while True:
        begin = max(0, size - back)
        found, after = b"", begin
        while (piece := journals.tail(store, path, after, STEP))[0]:
            found, after = found + piece[0], piece[1]
        lines = found.splitlines(keepends=True)
        if begin == 0 or len(lines) > count or len(found) > LONGEST:
            return b"".join(lines[-count:] if count else []).decode(errors="replace"), after
        back *= 4


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
