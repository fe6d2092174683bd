"""The options of `endpoint deploy` and `endpoint update`, put into a wish: sizes, sleep, queue, runtime, targets."""

import msgspec

from cupola.asynchronous import records as requests
from cupola.errors import BadOption
from cupola.jobs import amounts
from cupola.runtimes.records import CHOICES
from cupola.serving.records import Endpoint, Targets
from cupola.serving.wishing import LARGEST, LARGEST_BATCH, MOST_AT_ONCE, SHORTEST_IDLE
from cupola.store import names

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def put(
    wished: Endpoint,
    *,
    workers: int | None,
    max_workers: int | None,
    memory: str | None,
    runtime: str | None,
    batch_rows: int | None,
    idle: str | None,
    max_concurrency: int | None,
    provisioned: int | None,
    notify: str | None,
    keep: str | None,
    target: list[str] | None,
    target_memory: str | None,
) -> None:
    """Changes a wish as the options say that were given; what is None stays. Raises BadName, BadOption."""
    wished.targets = _targets(wished.targets, target, target_memory)
    _slept(wished, idle, _queued(wished, max_concurrency, notify, keep), provisioned)
    if runtime is not None:
        if runtime not in CHOICES:
            raise BadOption(f"there is no runtime {runtime!r}", where="--runtime", hint=f"one of {', '.join(CHOICES)}")
        wished.runtime = runtime
    if batch_rows is not None:
        if not 1 <= batch_rows <= LARGEST_BATCH:
            hint = f"from 1 (requests are not joined) to {LARGEST_BATCH:,}"
            raise BadOption(f"--batch-rows {batch_rows} cannot be had", hint=hint)
        wished.batch_rows = batch_rows
    _sized(wished, workers, memory, max_workers)


def _sized(wished: Endpoint, workers: int | None, memory: str | None, max_workers: int | None) -> None:
    """Puts in its server processes and their memory. Those that stay are among them. Raises BadOption."""
    if max_workers is not None:
        if not 0 <= max_workers <= LARGEST:
            raise BadOption(f"{max_workers} server processes cannot be had", hint=f"from 0 (no more) to {LARGEST}")
        wished.max_workers = max_workers
    if workers is not None:
        if not 1 <= workers <= LARGEST:
            raise BadOption(f"{workers} server processes cannot be had", hint=f"from 1 to {LARGEST}")
        wished.workers = workers
    if memory is not None:
        wished.memory = _bytes(memory)
    if wished.serverless:
        wished.workers = max(wished.workers, wished.serverless.provisioned)


def _queued(wished: Endpoint, at_once: int | None, notify: str | None, keep: str | None) -> int | None:
    """Puts in how an asynchronous endpoint answers its queue; `at_once` is given on where that is not one.

    Raises BadOption.
    """
    if wished.asynchronous is None:
        if notify is not None or keep is not None:
            hint = f"deploy it with --mode {requests.MODE}"
            raise BadOption("--notify and --keep are for endpoints of the mode asynchronous", hint=hint)
        return at_once
    if at_once is not None and not 1 <= at_once <= MOST_AT_ONCE:
        raise BadOption(f"--max-concurrency {at_once} cannot be had", hint=f"from 1 to {MOST_AT_ONCE}")
    seconds = amounts.seconds(keep, "--keep")
    given = {
        "max_concurrency": at_once,
        "notify": notify and requests.recipient(notify),
        "keep": None if seconds is None else round(seconds),
    }
    changes = {name: value for name, value in given.items() if value is not None}
    wished.asynchronous = msgspec.structs.replace(wished.asynchronous, **changes)
    return None


def _targets(before: Targets | None, target: list[str] | None, memory: str | None) -> Targets | None:
    """Which models requests may name. Raises BadName, BadOption."""
    models = (before.models if before else []) if target is None else [one for one in target if one]
    for one in models:
        names.check_name(one.replace("*", "x").replace("?", "x"), "name or pattern of a model")
    if not models:
        if memory is not None:
            raise BadOption("--target-memory is for models that requests may name", hint="give --target too")
        return None
    found = msgspec.structs.replace(before, models=models) if before else Targets(models=models)
    size = amounts.size(memory, "--target-memory")
    return found if size is None else msgspec.structs.replace(found, memory=size)


def _slept(wished: Endpoint, idle: str | None, max_concurrency: int | None, provisioned: int | None) -> None:
    """Puts in what is wished for of a serverless endpoint. Raises BadOption."""
    given = {"idle": amounts.seconds(idle, "--idle"), "max_concurrency": max_concurrency, "provisioned": provisioned}
    changes = {name: value for name, value in given.items() if value is not None}
    if not changes:
        return
    if wished.serverless is None:
        option = "--" + next(iter(changes)).replace("_", "-")
        hint = "deploy it with --mode serverless"
        raise BadOption(f"{option} is for endpoints of the mode serverless", hint=hint)
    wished.serverless = msgspec.structs.replace(wished.serverless, **changes)
    if wished.serverless.idle < SHORTEST_IDLE:
        raise BadOption(f"--idle {idle} is too short", hint=f"{SHORTEST_IDLE:.0f}s or longer")
    if not 1 <= wished.serverless.max_concurrency <= MOST_AT_ONCE:
        raise BadOption(f"--max-concurrency {max_concurrency} cannot be had", hint=f"from 1 to {MOST_AT_ONCE}")
    if not 0 <= wished.serverless.provisioned <= LARGEST:
        raise BadOption(f"--provisioned {provisioned} cannot be had", hint=f"from 0 to {LARGEST}")


def _bytes(text: str) -> int:
    number, unit = text.strip().upper().removesuffix("B").removesuffix("I"), ""
    if number[-1:] in UNITS:
        number, unit = number[:-1], number[-1:]
    try:
        size = int(float(number) * UNITS[unit])
    except (ValueError, OverflowError):
        size = -1
    if size < 0 or 0 < size < 1 << 20:
        raise BadOption(f"{text!r} is not a size of memory", hint="write 512M or 2G, or 0 for no limit")
    return size
