"""A look at what was wished for: jobs, the queue, endpoints, and the claims of those who work."""

from cupola.asynchronous.records import Accepted, Answered
from cupola.checking import tree
from cupola.checking.inspection import Finding, Inspection, Look, Mend, aside, emptied
from cupola.checking.lines import journal, journals
from cupola.checking.mending import Bench
from cupola.errors import CupolaError, NotFound
from cupola.jobs import attempts, publication
from cupola.jobs.attempts import AttemptEnd, Progress, Started
from cupola.jobs.publication import Publication, Published
from cupola.jobs.records import OVER
from cupola.jobs.wish import QUEUE, Asked, Job
from cupola.registry import records as models
from cupola.serving.records import Endpoint, Signatures
from cupola.serving.status import EndpointStatus
from cupola.store import claims, runtime
from cupola.store.records import Record
from cupola.tuning.records import Tuning

ATTEMPT: dict[str, type[Record]] = {
    "filed.json": Asked,
    "started.json": Started,
    "stop.json": Asked,
    "result.json": AttemptEnd,
    "late.json": AttemptEnd,
    "publish.json": Publication,
    "published.json": Published,
}
CONFIRM = "is not what its user filed"


def job(of: Inspection, directory: str) -> Look:
    yield from tree.look(of, directory, deep=True)
    if not of.names(directory):
        yield Finding("leftover", directory, "there is nothing in it: its writer died", emptied(directory))
        return
    path = f"{directory}/job.json"
    record = yield from of.record(path, Job)
    for number in of.names(f"{directory}/attempts"):
        yield from _attempt(of, f"{directory}/attempts/{number}")
    if record is None:
        return
    if record.directory_in_store != directory:
        yield Finding("mismatch", path, f"it says that it is {record.directory_in_store}")
        return
    for name, sha256 in (record.code.files if record.code else {}).items():
        yield from of.checksum(f"{directory}/code/{name}", sha256, "was filed")
    is_open = _is_open(of, record)
    if of.is_mine(record) and not of.verifies(record.payload(), [record.mac]):
        why = f"it {CONFIRM}" + (f"; `cupola job confirm {record.id}` shows it and signs it" if is_open else "")
        yield Finding("unsigned", path, why, note=not is_open)
    if is_open:
        yield from _queued(of, record, directory)
    else:
        yield from _published(of, record)


def _attempt(of: Inspection, directory: str) -> Look:
    there = of.names(directory)
    for name, kind in ATTEMPT.items():
        if name in there or (name == "started.json" and "result.json" in there):  # what has ended was begun
            found = yield from of.record(f"{directory}/{name}", kind)
            if isinstance(found, AttemptEnd) and found.status not in OVER:
                yield Finding("mismatch", f"{directory}/{name}", f"it says that it has ended as {found.status!r}")
    if "progress.json" in there:  # what it says is passing
        path = f"{directory}/progress.json"
        yield from of.record(path, Progress, mend=aside(path))
    for name in ("output.json", "error.json"):
        if name in there:
            yield from of.json(f"{directory}/{name}")
    if "metrics.jsonl" in there:
        yield from journal(of, f"{directory}/metrics.jsonl")


def _is_open(of: Inspection, record: Job) -> bool:
    """Whether the agent still has to do something about it."""
    try:
        made = attempts.numbers(of.store, record)
        ended = attempts.optional(of.store, f"{record.attempt(made[-1])}/result.json", AttemptEnd) if made else None
        if not ended or attempts.tried_again(of.store, record, ended):
            return True
        return publication.is_awaited(of.store, record, ended)
    except CupolaError:  # a record that is torn, which is said elsewhere
        return False


def _published(of: Inspection, record: Job) -> Look:
    """What the last attempt of a job that is over has published: said so, also when it was removed since."""
    try:
        made = attempts.numbers(of.store, record)
        ended = attempts.optional(of.store, f"{record.attempt(made[-1])}/result.json", AttemptEnd)
        done = ended is None or publication.is_done(of.store, record, ended)
    except CupolaError:  # a record that is torn, which is said elsewhere
        return
    if not done:
        path = f"{record.attempt(made[-1])}/published.json"

        def mend(bench: Bench) -> tuple[str, str | None]:
            publication.conclude(bench.store, record, made[-1])
            return "it is said to be over", None

        yield Finding("missing", path, "what it has published was removed since, and this with it", mend)


def _queued(of: Inspection, record: Job, directory: str) -> Look:
    path = f"{QUEUE}/{record.id}"
    data = yield from of.read(path, needed=False)
    if data is None or data.decode(errors="replace").strip() != directory:
        if of.is_mine(record):
            why = "this job is not over, and not in the queue: no agent looks after it"
            yield Finding("queue", directory, why, _queue(path, directory))
        else:
            why = (
                f"this job is not over, and not in the queue here: {record.user} on {record.host} may have it elsewhere"
            )
            yield Finding("queue", directory, why, note=True)


def _queue(path: str, directory: str) -> Mend:
    def mend(bench: Bench) -> tuple[str, str | None]:
        bench.queue(path, directory)
        return "it is in the queue again", None

    return mend


def wish(of: Inspection, path: str) -> Look:
    """An entry of the queue."""
    data = yield from of.read(path, needed=False)
    if data is None or path.rpartition("/")[2] in of.jobs:
        return
    yield Finding("queue", path, "there is no such job: its filing was never finished, or it was removed", aside(path))


def tuning(of: Inspection, directory: str) -> Look:
    """A tuning: what was asked for, and the journals of those that make its trials."""
    yield from tree.look(of, directory, deep=True)
    if (yield from tree.lacks(of, directory, "tuning.json", "a tuning")):
        return
    record = yield from of.record(f"{directory}/tuning.json", Tuning)
    for name in ("trials", "asked"):
        yield from journals(of, f"{directory}/{name}")
    if record is not None and record.directory != directory:
        yield Finding("mismatch", f"{directory}/tuning.json", f"it says that it is {record.directory}")


def endpoint(of: Inspection, directory: str) -> Look:
    yield from tree.look(of, directory, deep=True)
    path = f"{directory}/endpoint.toml"
    if (yield from tree.lacks(of, directory, "endpoint.toml", "an endpoint")):
        return
    record = yield from of.toml(path, Endpoint)
    for room, kind in (("queue", Accepted), ("answered", Answered)):
        for name in of.names(f"{directory}/{room}"):
            request = f"{directory}/{room}/{name}"
            yield from of.record(request, kind, mend=aside(request))
    status = f"{directory}/status.json"
    yield from of.record(status, EndpointStatus, needed=False, mend=aside(status))
    signatures = yield from of.record(f"{directory}/endpoint.sig", Signatures)
    if record is None:
        return
    if f"endpoints/{record.name}" != directory:
        yield Finding("mismatch", path, f"it says that it is {record.name}")
    if of.is_mine(record) and signatures and not of.verifies(record.payload(), signatures.macs):
        why = f"it {CONFIRM}; `cupola endpoint confirm {record.name}` signs it, and it takes effect"
        yield Finding("unsigned", path, why)
    for variant in record.variants:
        try:
            models.find(of.store, variant.model)
        except NotFound:
            yield Finding("dangling", path, f"the model {variant.model} of {variant.name} is not here any more")
        except CupolaError:  # it is there, and something is wrong with it, which is said elsewhere
            continue


def claim(of: Inspection, name: str) -> Look:
    """A claim that is held: by whom, and whether by somebody who lives."""
    directory = f"{claims.CLAIMS}/{name}"
    numbers = [one for one in of.names(directory) if claims.CLAIM_FILE.fullmatch(one)]
    if not numbers:
        return
    path = f"{directory}/{max(numbers)}"
    owner = yield from of.record(path, claims.Owner, mend=_replace(name, path))
    if owner is None:
        return
    try:
        held = claims.is_held(of.store, name)
        now = claims.current(of.store, name)
    except CupolaError:
        return
    if now is None or now.released or now.nonce != owner.nonce:
        return
    who = f"{owner.user} on {owner.host}"
    here = owner.host == of.host and owner.process.boot == runtime.boot()
    if here:
        if not runtime.alive(owner.process):
            yield Finding("claim", path, f"it is held by a process of {who} that is gone", _give_back(name))
        return
    why = f"it is held by {who}, who has said nothing for a lease (counter {now.beat.counter})"
    lease = of.store.mount.lease_seconds if held else 0.0
    yield Finding("claim", path, why, _give_back(name), wait=lease)


def _give_back(name: str) -> Mend:
    def mend(bench: Bench) -> tuple[str, str | None]:
        bench.give_back(name)
        return "it is given back", None

    return mend


def _replace(name: str, path: str) -> Mend:
    def mend(bench: Bench) -> tuple[str, str | None]:
        kept = bench.replace_claim(name, path)
        return f"it now lies in {kept}, and the claim is free", kept

    return mend
