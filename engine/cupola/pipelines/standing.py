"""What an execution amounts to: its journals folded, step by step, and what became of the job that drives it."""

from collections import Counter

import msgspec

from cupola.errors import NotFound
from cupola.jobs import records as jobs
from cupola.jobs.records import JobState
from cupola.pipelines import graph, records
from cupola.pipelines.records import Execution, ExecutionState, Line, Pipeline, StepState
from cupola.store import Store, files, journals

WAITS = {
    "WaitingForAnswer": "waits for an answer", "WaitingForFile": "waits for its file",
    "WaitingForRetry": "waits for its next try", "WaitingForRoom": "waits for room on the disk",
}  # fmt: skip
AGAIN = ("Failed", "Stopped", "Skipped", "Executing")  # what another round does again


def find(store: Store, reference: str) -> ExecutionState:
    """What the execution of that id amounts to now."""
    return of(store, records.find(store, reference))


def of(store: Store, execution: Execution) -> ExecutionState:
    """What an execution amounts to now."""
    wish = records.asked(store, execution)
    written = lines(store, execution, wish.jobs)
    steps = fold(execution.definition, written)
    now = ExecutionState(
        execution=execution.id, pipeline=execution.pipeline, status="Executing", version=execution.definition.version,
        parameters=execution.parameters, user=execution.user, host=execution.host, submitted=execution.submitted,
        started=next((line.time for line in written), None), jobs=wish.jobs,
        steps=in_order(steps), edges=graph.edges(execution.definition, steps),
    )  # fmt: skip
    if over := _end(written, wish.jobs[-1]):
        now.status, now.reason, now.ended = over.status, over.reason, over.time
        return _told(execution, now)
    known = jobs.some(store, {wish.jobs[-1], *(one.job for one in now.steps if one.status == "Executing")})
    driver = known.get(wish.jobs[-1])
    if driver is None:
        now.status, now.reason = "Failed", "the job that drove it is gone"
    elif driver.over and _end(lines(store, execution, wish.jobs), wish.jobs[-1]):
        return of(store, execution)  # it has ended since the journals were read
    elif driver.over:
        now.status = "Stopped" if driver.status == "Stopped" else "Failed"
        now.reason = driver.error.message if driver.error else driver.reason
        now.ended = driver.ended
    elif wish.stopped:
        now.status = "Stopping"
    else:
        now.secondary_status, now.message = driver.secondary_status, driver.message
    _tell_of_jobs(now, known)
    _tell_of_items(now)
    _tell_of_waiting(execution.definition, now)
    return _told(execution, now)


def _end(written: list[Line], driver: str) -> Line | None:
    """How the last round has ended, which this job drives; None while it has not."""
    rounds = [place for place, line in enumerate(written) if line.op == "begin" and not line.step]
    over = next((line for line in reversed(written[rounds[-1] if rounds else 0 :]) if line.op == "over"), None)
    return over if over and over.job == driver else None


def _tell_of_jobs(now: ExecutionState, known: dict[str, JobState]) -> None:
    """How far the jobs of steps are, or what they wait for."""
    for step in now.steps:
        if step.status == "Executing" and (job := known.get(step.job)) and not job.over:
            step.secondary_status, step.progress = job.secondary_status, job.progress
            step.message = job.message or step.message


def _tell_of_items(now: ExecutionState) -> None:
    """How far each ForEach is."""
    over = Counter(one.name.partition("[")[0] for one in now.steps if "[" in one.name and one.over)
    for step in now.steps:
        if step.items and step.status == "Executing":
            step.progress, step.message = over[step.name] / step.items, f"{over[step.name]} of {step.items}"


def _tell_of_waiting(definition: Pipeline, now: ExecutionState) -> None:
    """What steps wait for that have not begun; and what all that have begun wait for, the execution waits for."""
    if now.status != "Executing" or any(one.status == "Failed" for one in now.steps):
        return
    over, before = {one.name for one in now.steps if one.over}, graph.before(definition)
    for step in now.steps:
        if step.status == "Waiting":
            left = [one for one in before.get(step.name, []) if one not in over]
            step.message = f"comes after {', '.join(left)}" if left else "begins when others have made room"
    at_work = [one for one in now.steps if one.status == "Executing" and not one.items]
    if at_work and all(one.waits for one in at_work):
        now.secondary_status = at_work[0].secondary_status


def _told(execution: Execution, now: ExecutionState) -> ExecutionState:
    """How far it is; of one that is over no step is at work any more."""
    if now.over:
        for step in now.steps:
            if step.status == "Executing":
                step.status, step.ended = "Stopped" if now.status == "Stopped" else "Failed", now.ended
    counted = [one for one in now.steps if (one.name in execution.steps if execution.steps else "[" not in one.name)]
    shares = [1.0 if one.over else one.progress or 0.0 for one in counted]
    now.progress = sum(shares) / len(shares) if shares else None
    now.message = now.message or _message(now)
    return now


def in_order(steps: dict[str, StepState]) -> list[StepState]:
    """The steps as the file has them, those that a ForEach has become after it."""
    inner: dict[str, list[StepState]] = {}
    for name, one in steps.items():
        if "[" in name:
            inner.setdefault(name.partition("[")[0], []).append(one)
    return [each for name, one in steps.items() if "[" not in name for each in (one, *inner.get(name, []))]


def _message(now: ExecutionState) -> str:
    under_way = [one for one in now.steps if one.status == "Executing" and not one.items]
    at_work = [one.name for one in under_way if not one.waits]
    waits = [f"{one.name} {WAITS.get(one.secondary_status, 'waits')}" for one in under_way if one.waits]
    return ", ".join([*([f"at {', '.join(at_work)}"] if at_work else []), *waits])


def lines(store: Store, execution: Execution, drivers: list[str]) -> list[Line]:
    """What the drivers of an execution have written, round by round and attempt by attempt; torn lines are left out."""
    directory = f"{execution.directory}/steps"
    places = []
    for name in files.listing(store, directory):
        job, _, number = name.removesuffix(journals.SUFFIX).partition(".")
        if job in drivers and number.isdigit():
            places.append((drivers.index(job), int(number), f"{directory}/{name}"))
    found = []
    for _, _, path in sorted(places):
        for entry in journals.read(store, path)[0]:
            try:
                found.append(msgspec.convert(entry, Line))
            except msgspec.ValidationError:
                continue
    return found


def fold(definition: Pipeline, written: list[Line]) -> dict[str, StepState]:
    """How each step stands after these lines; a step that was begun and not ended is Executing."""
    found = {one.name: StepState(name=one.name, type=one.type) for one in definition.steps}
    for line in written:
        if line.op == "begin" and not line.step:
            begin_round(found)
        elif line.op in ("begin", "waits", "end") and line.state is not None:
            found[line.step] = line.state
        elif line.op == "job" and line.step in found:
            found[line.step].job = line.job
    return found


def step_of(now: ExecutionState, step: str) -> StepState:
    """How a step of an execution stands. Raises NotFound."""
    for one in now.steps:
        if one.name == step:
            return one
    hint = f"it has: {', '.join(one.name for one in now.steps)}"
    raise NotFound(f"the execution {now.execution} has no step {step!r}", where=now.pipeline, hint=hint)


def log_path(store: Store, execution: Execution, step: str, attempt: int | None = None) -> str:
    """Where the log of a step lies, relative to the workspace: a job's own; of a cached result that of its time.

    Raises NotFound, also where the execution of that time is gone.
    """
    found = step_of(of(store, execution), step)
    if found.cached and found.origin:
        try:
            return log_path(store, records.read(store, execution.pipeline, found.origin), step, attempt)
        except NotFound:
            said = f"{step} was done by the execution {found.origin}, which is gone, and its log with it"
            raise NotFound(said, where=execution.id) from None
    if found.job and attempt in (None, found.attempt):
        return jobs.log_path(store, found.job)
    return f"{execution.directory}/work/{step}/{attempt or found.attempt or 1}/log.txt"


def begin_round(states: dict[str, StepState]) -> None:
    """What has not succeeded is to be done again."""
    for name, state in states.items():
        if state.status in AGAIN:
            states[name] = StepState(name=name, type=state.type, attempt=state.attempt, earlier=state.attempt)
