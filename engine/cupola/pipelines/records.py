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
from cupola.store import Store, feed, files, journals, names, records
from cupola.store.records import Record

DIRECTORY = "pipelines"
OVER = ("Succeeded", "Failed", "Stopped")
STEP_OVER = (*OVER, "Skipped")
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
    secondary_status, progress and message: how that stands (not written down: they are the job's), or what it waits
    for: WaitingForAnswer, WaitingForFile, WaitingForRetry, Waiting.
    values: of a Condition, what it has compared, and what came of it. items: of a ForEach, how many.
    attempt: the how manieth try this is; which `retry` does not count are the `interruptions` (those that a keeper or a
    host had not outlived), and the `earlier` ones, before people had it gone on with.
    """

    name: str
    type: str
    status: str = "Waiting"
    secondary_status: str = ""
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
    items: int = 0
    progress: float | None = None
    message: str = ""
    fingerprint: dict[str, str] = {}
    origin: str = ""

    @property
    def over(self) -> bool:
        return self.status in STEP_OVER

    @property
    def waits(self) -> bool:
        """Whether it is under way, and nothing is done for it now."""
        return self.secondary_status.startswith("Waiting") or self.secondary_status == "Pending"


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
    """A line of a driver's journal: op is "begin" (a round, or a step's try), "job", "waits" or "end" (of a step), or
    "over"."""

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


def _readable(store: Store, pipeline: str, ident: str) -> Execution | None:
    try:
        return read(store, pipeline, ident)
    except (NotFound, Corrupt, NewerFormat):
        return None
