"""What a step was asked to do, and having an action done for it: once, whoever goes on with it.

An action is filed under the execution, the step and the try: a process that takes over from one that was killed finds
what was started, and does not start it again.
"""

import builtins
import contextlib
import typing
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from cupola import actions, outcome, waiting
from cupola.errors import BadInput, CupolaError, ErrorInfo, WorkFailed
from cupola.jobs import attempts, room
from cupola.jobs import records as jobs
from cupola.pipelines import causes
from cupola.pipelines.records import Execution, Step
from cupola.pipelines.workers import Outcome, Said, Say, Task
from cupola.store import names
from cupola.workspace import Workspace

T = TypeVar("T")


class Asked(NamedTuple):
    """A task, with all that it takes to do it. code: where src/ lies as it was; driver: where its attempt lies."""

    ws: Workspace
    execution: Execution
    code: Path
    driver: str
    task: Task
    step: Step
    say: Say

    @property
    def arguments(self) -> dict[str, Any]:
        return self.task.arguments

    @property
    def again(self) -> bool:
        return self.task.again

    @property
    def directory(self) -> str:
        return self.task.directory

    @property
    def filed(self) -> str:
        return f"pipeline/{self.execution.id}/{self.step.name}/{self.task.attempt}"

    def with_room(self, do: Callable[[], T]) -> T:
        """What `do` files; on a full disk it is done anew when there is room, where jobs wait for that."""
        return room.wait_for(self.ws.store, self.driver, do)

    def typed(self, kind: type[Any]) -> Any:
        """The arguments as the type's struct. Raises BadInput."""
        try:
            return msgspec.convert(self.arguments, kind)
        except msgspec.ValidationError as error:
            raise BadInput(f"step {self.step.name}: {error}") from None


def done(asked: Asked, name: str, arguments: dict[str, Any], part: str = "") -> Outcome:
    """Has an action done, once, and waits for what it has started; `part` tells the actions of one step apart."""
    store, action = asked.ws.store, actions.find(name)
    filed = f"{asked.filed}/{part}" if part else asked.filed
    found = outcome.of(store, filed) if asked.again else None
    with names.filed_under(filed):
        if found is None:
            record = asked.with_room(partial(actions.run, asked.ws, name, **arguments))
        else:
            record = again(asked.ws, action, arguments, found)
    return outcome_of(record) if action.waits in (None, "itself") else waited(asked, action, record)


def waited(asked: Asked, action: actions.Action, record: Any) -> Outcome:
    """What becomes of what an action has started."""
    job = _job_of(action, record)
    asked.say(Said(job=job))

    def tell(state: Any) -> None:
        if not job:
            asked.say(Said(waits=f"the {action.waits} {waiting.name_of(action, record)} is {state.status}"))

    try:
        return outcome_of(waiting.wait(asked.ws, action, record, progress=tell))
    except WorkFailed as error:
        return Outcome(error=error.info(), causes=["WorkFailed", *causes_of(asked.ws, job)])


def outcome_of(record: Any) -> Outcome:
    """What others can refer to of a record: its fields, and its metrics."""
    fields = msgspec.to_builtins(record) if isinstance(record, msgspec.Struct) else {"value": record}
    if hasattr(record, "ref"):
        fields["ref"] = record.ref
    metrics = fields.get("metrics")
    return Outcome(outputs=fields, metrics=metrics if isinstance(metrics, dict) else {})


def again(ws: Workspace, action: actions.Action, arguments: dict[str, Any], found: tuple[str, str]) -> Any:
    """The record of what an earlier process has started, or made, as the action itself gave it."""
    kind, ref = found
    if kind == "note":
        return None
    shown = kind
    if kind in ("run", "job") and action.waits in ("tuning", "autopilot", "forecast"):
        shown = action.waits
        ref = str(jobs.find(ws.store, ref).spec.get(shown, ref)) if kind == "job" else ref
    record = actions.run(ws, f"{shown} show", **{actions.find(f"{shown} show").parameters[0].name: ref})
    given = typing.get_type_hints(action.function).get("return")
    if not isinstance(given, type) or not issubclass(given, msgspec.Struct) or isinstance(record, given):
        return record
    return _as_given(ws, given, kind, record, arguments)


def _as_given(
    ws: Workspace, given: type[msgspec.Struct], kind: str, record: Any, arguments: dict[str, Any]
) -> msgspec.Struct:
    """What an action says of the run or the job that it has started: what was asked for, and how that stands."""
    job = record.job if kind == "run" else record.id
    if kind == "run":
        said = {one: getattr(record, one) for one in given.__struct_fields__ if hasattr(record, one)}
    else:
        spec = jobs.find(ws.store, job).spec
        said = arguments | {one: value for one, value in spec.items() if not isinstance(value, dict)}
        said["status"] = record.status
    said |= {kind: record.id, "job": job}
    return msgspec.convert({one: said[one] for one in given.__struct_fields__ if one in said}, given)


def _job_of(action: actions.Action, record: Any) -> str:
    """The job that does it, where there is one that can be told."""
    made = getattr(record, "jobs", None)
    if isinstance(made, list) and made:
        return str(made[0])
    return "" if action.waits in ("endpoint", "request") else waiting.name_of(action, record)


def causes_of(ws: Workspace, job: str) -> list[str]:
    """Why a job has ended, in all words that a retry may name."""
    with contextlib.suppress(CupolaError):
        found = jobs.find(ws.store, job)
        ends = attempts.ends(ws.store, found, attempts.numbers(ws.store, found))
        if ends:
            kinds = _kinds(ends[-1].error) if ends[-1].error else []
            full = causes.CAUSES["disk"] if "DiskFull" in kinds else []
            return [*full, *causes.CAUSES.get(ends[-1].cause, [ends[-1].cause]), *kinds]
    return []


def _kinds(error: ErrorInfo) -> list[str]:
    """The exception by which a job has ended, and what that is one of; of another's than ours its name begins the
    message."""
    if error.kind == "DiskFull":
        return ["DiskFull", "OSError"]
    if error.kind != "Bug":
        return [error.kind]
    name = error.message.partition(":")[0]
    known = getattr(builtins, name, None)
    return [one.__name__ for one in known.__mro__] if isinstance(known, type) else [name]
