"""The answer to a Callback: a record that is made once, by a person or an HTTP call; or a file that comes."""

import time
from typing import Any

import msgspec

from cupola.errors import BadInput, BadOption, Conflict, ErrorInfo, NotReady
from cupola.pipelines import records, standing
from cupola.pipelines.records import Execution
from cupola.pipelines.workers import Outcome
from cupola.store import Store, feed, files, toml
from cupola.store.names import now, who
from cupola.store.records import Record


class Answer(Record, kw_only=True):
    """answers/STEP.json: what was said, by whom. failed: the step is to fail, for that reason."""

    user: str
    host: str
    time: str
    outputs: dict[str, Any] = msgspec.field(default_factory=dict)
    failed: str = ""


class Posted(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The body of an HTTP call: {"outputs": {...}}, or {"failed": "why"}; {} says no more than that it may go on."""

    outputs: dict[str, Any] = {}
    failed: str = ""


def posted(store: Store, reference: str, step: str, body: bytes) -> bytes:
    """Answers a Callback with what was posted, and gives what was written down as JSON. Raises as `give` does."""
    try:
        said = msgspec.json.decode(body or b"{}", type=Posted)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        wrong = toml.in_words(str(error))
        raise BadInput(f'the body is {{"outputs": {{...}}}} or {{"failed": "why"}}: {wrong}') from None
    execution = records.find(store, reference)
    return msgspec.json.encode(give(store, execution, step, said.outputs, said.failed))


def give(store: Store, execution: Execution, step: str, outputs: dict[str, Any], failed: str) -> Answer:
    """Answers a Callback that waits, or will. Raises NotFound, BadOption, NotReady, Conflict where it was answered."""
    chosen = execution.definition.step(step)
    if chosen.type != "Callback":
        raise BadOption(f"the step {step} is a {chosen.type}, and waits for no answer", where="STEP")
    now_ = standing.of(store, execution)
    state = standing.step_of(now_, step)
    if state.status in ("Succeeded", "Skipped") or now_.over:
        raise NotReady(f"the step {step} is {state.status}, and waits for no answer", where=execution.id)
    user, host = who()
    made = Answer(user=user, host=host, time=now(), outputs=outputs, failed=failed)
    attempt = state.attempt if state.status == "Executing" else state.attempt + 1
    if not files.create_bytes(store, _path(execution, step, attempt), msgspec.json.encode(made)):
        raise Conflict(f"the step {step} was answered already", where=execution.id)
    feed.announce(store, "execution", execution.id, 0)
    return made


def answer(
    store: Store, execution: Execution, step: str, attempt: int, file: Any, deadline: float | None
) -> Outcome | None:
    """What a Callback was answered by now, or that it waits no longer; None while it does. deadline: of the monotonic
    clock."""
    path = _path(execution, step, attempt)
    if files.absolute(store, path).exists():
        said = msgspec.json.decode(files.read_bytes(store, path), type=Answer)
        if said.failed:
            return Outcome(error=ErrorInfo(kind="Refused", message=said.failed), causes=["Refused"])
        return Outcome(outputs=said.outputs | {"user": said.user})
    if file and files.absolute(store, str(file)).exists():
        return Outcome(outputs={"file": file})
    if deadline is not None and time.monotonic() > deadline:
        error = ErrorInfo(kind="WorkFailed", message="nobody has answered in time")
        return Outcome(error=error, causes=["timeout"])
    return None


def _path(execution: Execution, step: str, attempt: int) -> str:
    return f"{execution.directory}/answers/{step}.{attempt}.json"
