"""What is on disk of a pipeline and of its executions, and what an execution amounts to.

pipelines/NAME.toml     a pipeline, as people edit it; NAME.py is one in Python, which only a job ever runs
pipelines/NAME/executions/ID/
  execution.json        the wish, written once by whoever started it: the parameters, and the pipeline as it was
  definition.json       of one in Python: what its job has made of the text and the parameters
  steps/JOB.N.jsonl     what has become of the steps: a journal per attempt of a job that drives the execution
  asked/WRITER.jsonl    what people have asked since: stop, retry; a journal per writer
  answers/STEP.N.json   what the Nth try of a Callback was told; made once
  work/STEP/N/          the log and the files of the Nth try of a step
"""

from typing import Any, Literal

import msgspec

from cupola.errors import Ambiguous, Corrupt, NewerFormat, NotFound
from cupola.jobs import records as jobs
from cupola.store import Store, feed, files, journals, names, records
from cupola.store.records import Record

DIRECTORY = "pipelines"
OVER = ("Succeeded", "Failed", "Stopped")
STEP_OVER = (*OVER, "Skipped")
AGAIN = ("Failed", "Stopped", "Skipped", "Executing")  # what another round does again
ParameterType = Literal["String", "Integer", "Float", "Boolean", "List"]


class Parameter(msgspec.Struct, kw_only=True):
    """A parameter of a pipeline; one without a default has to be given. choices: the only values that it (of a List:
    each of its items) takes."""

    name: str
    type: ParameterType = "String"
    default: str | int | float | bool | list[Any] | None = None
    choices: list[str | int | float] = []
    description: str = ""


class Retry(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """That a step is tried again: after which causes (all where none is named), at most how often in all, and when.

    causes: Step.SERVICE_FAULT, Step.THROTTLING, SageMaker.JOB_INTERNAL_ERROR, SageMaker.CAPACITY_ERROR,
    SageMaker.RESOURCE_LIMIT as the hosted service names them, or memory, timeout, lost, exit, signal, disk, or
    the name of an exception. interval: seconds before the second try, each later one `backoff` times as long after.
    """

    causes: list[str] = []
    attempts: int = 2
    interval: float = 1.0
    backoff: float = 2.0


class Step(msgspec.Struct, kw_only=True):
    """A step of a pipeline. arguments: what its type takes, where "${...}" stands for what is known only later.

    if_steps, else_steps: what a Condition decides about. cache: whether an earlier result is taken where nothing has
    changed, and expire_after how old it may be, in seconds. line: where it stands in the file.
    """

    name: str
    type: str
    description: str = ""
    arguments: dict[str, Any] = {}
    depends_on: list[str] = []
    if_steps: list[str] = []
    else_steps: list[str] = []
    cache: bool = True
    expire_after: float | None = None
    retry: list[Retry] = []
    line: int = 0


class Pipeline(msgspec.Struct, kw_only=True):
    """What a file in pipelines/ says. sha256: of its text, by which a version of it is known."""

    name: str
    path: str
    sha256: str
    description: str = ""
    parameters: list[Parameter] = []
    steps: list[Step] = []
    parallel: int = 8

    @property
    def version(self) -> str:
        return self.sha256[:12]

    def step(self, name: str) -> Step:
        """The step of that name. Raises NotFound."""
        for one in self.steps:
            if one.name == name:
                return one
        hint = f"it has: {', '.join(one.name for one in self.steps)}"
        raise NotFound(f"the pipeline {self.name} has no step {name!r}", where=self.path, hint=hint)


class Execution(Record, kw_only=True):
    """An execution as it was asked for: the pipeline as it was then (of one in Python its text, until a job reads it).

    steps: the only ones that are run, where some were chosen; what else is referred to comes from the execution
    `origin`. job: the first that drives it. code: where src/ lies as it was.
    """

    id: str
    pipeline: str
    user: str
    host: str
    submitted: str
    parameters: dict[str, Any] = msgspec.field(default_factory=dict)
    definition: Pipeline
    text: str = ""
    steps: list[str] = msgspec.field(default_factory=list)
    origin: str = ""
    cache: bool = True
    job: str = ""

    @property
    def directory(self) -> str:
        return f"{DIRECTORY}/{self.pipeline}/executions/{self.id}"

    @property
    def about(self) -> dict[str, str]:
        """What steps can refer to as ${execution....}."""
        return {"id": self.id, "pipeline": self.pipeline, "user": self.user, "started": self.submitted}

    @property
    def in_python(self) -> bool:
        return self.definition.path.endswith(".py")


class Compiled(Record, kw_only=True):
    """definition.json: what a job has made of a pipeline in Python, and of the parameters that were given."""

    definition: Pipeline
    parameters: dict[str, Any]


class StepState(msgspec.Struct, kw_only=True):
    """How a step stands. status: Waiting, Executing, Succeeded, Failed, Stopped, or Skipped (its branch is not taken).

    cached: its result is that of an earlier execution, where nothing has changed. job: what does it in the background.
    values: of a Condition, what it has compared, and what came of it. attempt: the how manieth try this is;
    which `retry` does not count are the `interruptions` (those that a keeper or a host had not outlived), and the
    `earlier` ones, before people had it gone on with.
    """

    name: str
    type: str
    status: str = "Waiting"
    cached: bool = False
    started: str | None = None
    ended: str | None = None
    outputs: dict[str, Any] = {}
    metrics: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    reason: str = ""
    cause: str = ""
    attempt: int = 0
    interruptions: int = 0
    earlier: int = 0
    job: str = ""
    values: list["Compared"] = []
    result: bool | None = None
    progress: float | None = None
    message: str = ""
    fingerprint: dict[str, str] = {}
    origin: str = ""

    @property
    def over(self) -> bool:
        return self.status in STEP_OVER


class Compared(msgspec.Struct, kw_only=True):
    """One comparison of a Condition, with the values that it saw."""

    type: str
    left: Any = None
    right: Any = None
    result: bool = False


class Edge(msgspec.Struct, kw_only=True):
    """That `target` comes after `source`. branch: "if" or "else" where a Condition decides about it; text: what it has
    compared, once it has; taken: whether it goes on there, once that is known."""

    source: str
    target: str
    branch: str = ""
    text: str = ""
    taken: bool | None = None


class ExecutionState(msgspec.Struct, kw_only=True):
    """What an execution amounts to now. status: Executing, Stopping, Stopped, Failed or Succeeded."""

    execution: str
    pipeline: str
    status: str
    secondary_status: str = ""
    version: str = ""
    parameters: dict[str, Any] = {}
    user: str = ""
    host: str = ""
    submitted: str = ""
    started: str | None = None
    ended: str | None = None
    reason: str = ""
    progress: float | None = None
    message: str = ""
    steps: list[StepState] = []
    edges: list[Edge] = []
    jobs: list[str] = []

    @property
    def name(self) -> str:
        return self.pipeline

    @property
    def over(self) -> bool:
        return self.status in OVER


class Line(msgspec.Struct, kw_only=True):
    """A line of a driver's journal: op is "begin" (a round, or a step's try), "job", "end" (of a step), "over"."""

    op: str
    step: str = ""
    seq: int = 0
    time: str = ""
    state: StepState | None = None
    job: str = ""
    status: str = ""
    reason: str = ""


class Asked(msgspec.Struct, kw_only=True):
    """What people have asked of an execution: the jobs that drive it, one a round, and whether it is to stop."""

    jobs: list[str] = []
    stopped: bool = False


def executions(store: Store, pipeline: str) -> list[Execution]:
    """The executions of a pipeline that can be read, the newest first."""
    found = [_readable(store, pipeline, one) for one in files.listing(store, f"{DIRECTORY}/{pipeline}/executions")]
    return sorted((one for one in found if one), key=lambda one: (one.submitted, one.id), reverse=True)


def every(store: Store) -> list[Execution]:
    """All executions of all pipelines, the newest first."""
    found = [one for name in names_of_executed(store) for one in executions(store, name)]
    return sorted(found, key=lambda one: (one.submitted, one.id), reverse=True)


def names_of_executed(store: Store) -> list[str]:
    """The names of pipelines that were ever started, whether or not their file is still there."""
    return [one for one in files.listing(store, DIRECTORY) if not one.endswith((".toml", ".py"))]


def find(store: Store, reference: str) -> Execution:
    """The execution of that id or beginning of one; by a pipeline's name its newest. Raises NotFound, Ambiguous."""
    matches = []
    for name in names_of_executed(store):
        for one in files.listing(store, f"{DIRECTORY}/{name}/executions"):
            if one == reference:
                return read(store, name, one)
            if reference and one.startswith(reference):
                matches.append((name, one))
    if len(matches) == 1:
        return read(store, *matches[0])
    if not matches and reference in names_of_executed(store) and (found := executions(store, reference)):
        return found[0]
    if not matches:
        hint = "`cupola pipeline executions` lists them"
        raise NotFound(f"there is no execution {reference!r} here", hint=hint)
    raise Ambiguous(f"{reference!r} could be {', '.join(one for _, one in matches[:5])}", hint="give more letters")


def read(store: Store, pipeline: str, ident: str) -> Execution:
    """An execution; the definition of one in Python is what its job has made of it. Raises NotFound, Corrupt."""
    found = records.read(store, f"{DIRECTORY}/{pipeline}/executions/{ident}/execution.json", Execution)
    if found.in_python and "definition.json" in files.listing(store, found.directory):
        compiled = records.read(store, f"{found.directory}/definition.json", Compiled)
        found.definition, found.parameters = compiled.definition, compiled.parameters
    return found


def as_filed(store: Store, execution: Execution) -> Execution:
    """An execution as its file says it, without what a job has made of a pipeline in Python."""
    return records.read(store, f"{execution.directory}/execution.json", Execution)


def create(store: Store, execution: Execution) -> None:
    """Writes the execution, which is new. Raises Conflict, DiskTrouble."""
    path = f"{execution.directory}/execution.json"
    records.create(store, path, execution, kind="execution", ref=execution.id)


def ask(store: Store, execution: Execution, what: str, **more: Any) -> None:
    """Writes down what somebody asks of an execution: "stop", or "retry" (with the `job` that is to drive it)."""
    user, host = names.who()
    entry = {"op": what, "user": user, "host": host} | more
    seq = journals.append(store, f"{execution.directory}/asked/{store.writer}.jsonl", [entry])
    feed.announce(store, "execution", execution.id, seq)


def asked(store: Store, execution: Execution) -> Asked:
    """What was asked of an execution by now."""
    found = Asked(jobs=[execution.job])
    for entry in journals.folded(store, f"{execution.directory}/asked"):
        if entry.get("op") == "stop":
            found.stopped = True
        elif entry.get("op") == "retry" and isinstance(entry.get("job"), str):
            found.stopped = False
            found.jobs.append(entry["job"])
    return found


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
        elif line.op in ("begin", "end") and line.state is not None:
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
    found = step_of(state_of(store, execution), step)
    if found.cached and found.origin:
        try:
            return log_path(store, read(store, execution.pipeline, found.origin), step, attempt)
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


def state(store: Store, reference: str) -> ExecutionState:
    """What the execution of that id amounts to now."""
    return state_of(store, find(store, reference))


def state_of(store: Store, execution: Execution) -> ExecutionState:
    """What an execution amounts to now."""
    from cupola.pipelines import graph

    wish = asked(store, execution)
    written = lines(store, execution, wish.jobs)
    steps = fold(execution.definition, written)
    now = ExecutionState(
        execution=execution.id, pipeline=execution.pipeline, status="Executing", version=execution.definition.version,
        parameters=execution.parameters, user=execution.user, host=execution.host, submitted=execution.submitted,
        started=next((line.time for line in written), None), jobs=wish.jobs,
        steps=in_order(steps), edges=graph.edges(execution.definition, steps),
    )  # fmt: skip
    rounds = [place for place, line in enumerate(written) if line.op == "begin" and not line.step]
    over = next((line for line in reversed(written[rounds[-1] if rounds else 0 :]) if line.op == "over"), None)
    if over and over.job == wish.jobs[-1]:
        now.status, now.reason, now.ended = over.status, over.reason, over.time
        return _told(execution, now)
    driver = jobs.some(store, {wish.jobs[-1]}).get(wish.jobs[-1])
    if driver is None:
        now.status, now.reason = "Failed", "the job that drove it is gone"
    elif driver.over:
        now.status = "Stopped" if driver.status == "Stopped" else "Failed"
        now.reason = driver.error.message if driver.error else driver.reason
        now.ended = driver.ended
    elif wish.stopped:
        now.status = "Stopping"
    else:
        now.secondary_status, now.message = driver.secondary_status, driver.message
    return _told(execution, now)


def _told(execution: Execution, now: ExecutionState) -> ExecutionState:
    """How far it is; of one that is over no step is at work any more."""
    if now.over:
        for step in now.steps:
            if step.status == "Executing":
                step.status, step.ended = "Stopped" if now.status == "Stopped" else "Failed", now.ended
    counted = [one for one in now.steps if not execution.steps or one.name in execution.steps]
    now.progress = sum(one.over for one in counted) / len(counted) if counted else None
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
    running = [one.name for one in now.steps if one.status == "Executing"]
    return f"at {', '.join(running)}" if running else ""


def _readable(store: Store, pipeline: str, ident: str) -> Execution | None:
    try:
        return read(store, pipeline, ident)
    except (NotFound, Corrupt, NewerFormat):
        return None
