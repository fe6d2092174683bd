"""Driving an execution, as a job: begins each step when what is before it is over, and writes down what becomes of it.

The journal of the attempt is written before a step begins, so that whoever goes on after a kill knows where; it is made
durable while the step runs. Nothing is computed here: workers are forked from this process, and steps have jobs.
"""

import contextlib
import os
import signal
import sys
import time
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from cupola.environments import installed
from cupola.errors import Corrupt, CupolaError, ErrorInfo, from_info
from cupola.jobs import agents, amounts, filing
from cupola.jobs.attempt import Attempt
from cupola.pipelines import (
    callbacks,
    causes,
    conditions,
    doing,
    fingerprints,
    foreach,
    graph,
    records,
    references,
    removing,
    results,
    standing,
    starting,
)
from cupola.pipelines.crew import Crew
from cupola.pipelines.records import Execution, Line, Step, StepState
from cupola.pipelines.workers import Outcome, Said, Task
from cupola.store import Store, feed, files
from cupola.store.journals import Appender
from cupola.store.names import now
from cupola.workspace import Workspace

TOLD_EVERY = 0.1  # seconds between two lines in the feed
LOOK = 0.5  # seconds between looks for what nobody tells of: the answer to a Callback
INTERRUPTIONS = 10  # of one step, which is begun again each time: no fault of its own


def work(attempt: Attempt) -> dict[str, Any]:
    """Drives the execution that the job's spec names until nothing is left to do; says how it has ended."""
    store = attempt.store
    execution = records.read(store, attempt.spec["pipeline"], attempt.spec["execution"])
    if starting.seal(records.as_filed(store, execution)) != attempt.spec["seal"]:
        raise Corrupt("execution.json is not what was filed", where=execution.directory, hint="start another one")
    driver = Driver(attempt, execution, doing.code_of(Workspace(store), execution.job))
    try:
        return driver.run()
    finally:
        driver.crew.dismiss()
        driver.journal.close()


class Driver:
    """An execution under way. states: how each step stands; later: when those are tried again that wait for it;
    waiting: Callbacks, and until when they wait; expanded: of a ForEach the steps that it has become."""

    def __init__(self, attempt: Attempt, execution: Execution, code: Path) -> None:
        self.attempt, self.execution = attempt, execution
        self.code = fingerprints.Code(code, execution.definition.path, execution.text)
        self.store: Store = attempt.store
        self.known: dict[str, Any] = {"execution": execution.about, "steps": {}}
        self._define(execution)
        wish = records.asked(self.store, execution)
        written = standing.lines(self.store, execution, wish.jobs)
        self.states = standing.fold(execution.definition, written)
        self.begun = any(line.job == attempt.job.id for line in written if line.op == "begin" and not line.step)
        self.over = next((line for line in reversed(written) if line.op == "over"), None) if self.begun else None
        self.later: dict[str, float] = {}
        self.waiting: dict[str, float | None] = {}
        self.expanded: dict[str, list[str]] = {}
        self.failed, self.told = "", 0.0
        self.stopping = self.interrupted = False
        self.installed = installed.stamp()
        self.cpus = max(1, int(agents.slots().get("cpus") or 1))
        self.wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        do = partial(doing.do, Workspace(self.store), execution, code, attempt.directory)
        self.crew = Crew(do, self.store.root, self.wake)
        path = f"{execution.directory}/steps/{attempt.job.id}.{attempt.number}.jsonl"
        self.journal = Appender(self.store, path, settled=False)

    def run(self) -> dict[str, Any]:
        """Until nothing runs and nothing may begin."""
        signal.set_wakeup_fd(self.wake[1])
        signal.signal(signal.SIGTERM, lambda *_: None)
        if self.over:
            return {"execution": self.execution.id, "status": self.over.status, "reason": self.over.reason}
        if not self.begun:
            self._line(Line(op="begin", job=self.attempt.job.id))
            standing.begin_round(self.states)
        if not self.steps:
            self._compile()
        self._take_over()
        while not self.interrupted:
            self._begin()
            if self.failed:
                self._wait_no_longer()
            self._announce()
            self._flush()
            if not self.crew.busy and not self.waiting and not self.later:
                return self._end()
            self._wait()
        return {}

    def _compile(self) -> None:
        """Has a pipeline in Python made into its definition, by a worker."""
        self.crew.give("", Task(directory=f"{self.execution.directory}/work/definition"))
        outcome = None
        while outcome is None and not self.interrupted:
            said, woken = self.crew.hear(None)
            outcome = next((one.outcome for _, one in said if one.outcome), None)
            if woken:
                self._woken()
        if outcome is None or outcome.error:
            self.failed = str(from_info(outcome.error)) if outcome and outcome.error else ""
            return
        self.execution = records.read(self.store, self.execution.pipeline, self.execution.id)
        self._define(self.execution)
        self.states = standing.fold(self.execution.definition, [])

    def _define(self, execution: Execution) -> None:
        """Takes what the definition says."""
        self.known["parameters"] = execution.parameters
        self.steps = {one.name: one for one in execution.definition.steps}
        self.before = graph.before(execution.definition)
        self.conditions = graph.decided(execution.definition)

    def _take_over(self) -> None:
        """What is known of steps that are over, and those that an earlier process was at."""
        if self.execution.steps:
            self._take_from_origin()
        for name, state in list(self.states.items()):
            if not state.over:
                continue
            self._fail(state)
            if "[" not in name:
                self._know(state)
        for name, state in list(self.states.items()):
            if state.status == "Executing" and "[" not in name:
                self._try(self.steps[name], state.attempt, again=True)

    def _take_from_origin(self) -> None:
        """Steps that were not chosen are as they were in the execution that this one goes out from."""
        before: dict[str, StepState] = {}
        if self.execution.origin:
            before = {one.name: one for one in standing.find(self.store, self.execution.origin).steps}
        for name in self.steps.keys() - {*self.execution.steps}:
            found = before.get(name)
            if self.states[name].over:
                continue
            if found is not None and found.status == "Succeeded":
                origin = found.origin or self.execution.origin
                self._over(msgspec.structs.replace(found, cached=True, origin=origin))
            else:
                type = self.steps[name].type
                self._over(StepState(name=name, type=type, status="Skipped", reason="it was not chosen"))

    def _begin(self) -> None:
        """Begins, or decides about, every step that has nothing before it any more; again while that frees others."""
        changed = True
        while changed and not self.failed and not self.stopping and not self._is_outdated():
            changed = False
            for name, state in list(self.states.items()):
                if name not in self.steps:  # of a ForEach that is to be begun again
                    continue
                if state.status != "Waiting" or not all(self.states[one].over for one in self.before.get(name, [])):
                    continue
                if self._is_skipped(name):
                    self._over(msgspec.structs.replace(state, status="Skipped", ended=now()))
                    changed = True
                elif self._has_room(name):
                    self._try(self.steps[name], state.attempt + 1)
                    changed = True
                if self.failed:
                    return

    def _is_outdated(self) -> bool:
        """Whether a library was installed or upgraded since: steps are not done with what this process has imported
        before, but by one that takes its place as soon as nobody is at a step."""
        if installed.stamp() == self.installed:
            return False
        if not self.crew.busy:
            self._flush()
            self.crew.dismiss()
            sys.stdout.flush()
            os.execve(sys.executable, [sys.executable, "-m", "cupola.pipelines"], os.environ)
        return True

    def _is_skipped(self, name: str) -> bool:
        if self.execution.steps:  # what was chosen is run, whatever its Condition has said in the origin
            return False
        return graph.is_skipped(self.steps[name], self.conditions.get(name, []), self.states)

    def _has_room(self, name: str) -> bool:
        """Whether one more may be begun: functions are called on as many CPUs as there are, other steps only wait."""
        busy = self.crew.busy
        parent, _, inner = name.partition("[")
        if inner and sum(one.startswith(f"{parent}[") for one in busy) >= foreach.parallel(self.steps[parent]):
            return False
        if self.steps[name].type == "Lambda" and sum(self.steps[one].type == "Lambda" for one in busy) >= self.cpus:
            return False
        return len(busy) < self.execution.definition.parallel

    def _try(self, step: Step, attempt: int, again: bool = False) -> None:
        """Begins a try of a step; one whose result is known, or follows from values, is over at once."""
        before = self.states[step.name]
        state = StepState(
            name=step.name, type=step.type, status="Executing", attempt=attempt, interruptions=before.interruptions,
            earlier=before.earlier, started=(before.started if again else None) or now(),
        )  # fmt: skip
        try:
            if step.type == "ForEach":
                self._expand(step, state)
                return
            arguments = references.resolved(step.arguments, self.known)
            if step.type == "Condition":
                self._decide(state, arguments["conditions"])
            elif step.type == "Fail":
                said = str(arguments.get("error_message") or "the pipeline has come to a Fail step")
                self._ended(state, Outcome(error=ErrorInfo(kind="Fail", message=said)))
            elif step.type == "Callback":
                self._ask(state, arguments)
            elif not self._is_known(step, state, again):
                self._give(step, state, arguments, again)
        except CupolaError as error:
            self._ended(state, Outcome(error=error.info(), causes=[type(error).__name__]))

    def _fingerprint(self, step: Step) -> fingerprints.Fingerprint:
        """What it depends on now; where that changes while it is done, nobody knows what the result is of."""
        return fingerprints.of(self.store, step, references.resolved(step.arguments, self.known), self.code)

    def _is_known(self, step: Step, state: StepState, again: bool) -> bool:
        """Takes what the step has come to before, where nothing that it depends on has changed."""
        execution = self.execution
        state.fingerprint = self._fingerprint(step)
        if again or not step.cache or not execution.cache:
            return False
        before = results.take(self.store, execution.pipeline, state.fingerprint, step.expire_after)
        if before is None:
            return False
        same = {one: getattr(before.state, one) for one in ("outputs", "metrics", "properties", "job")}
        ended = {"status": "Succeeded", "cached": True, "ended": state.started, "origin": before.execution}
        self._over(msgspec.structs.replace(state, **same | ended))
        return True

    def _give(self, step: Step, state: StepState, arguments: dict[str, Any], again: bool) -> None:
        """Has a worker do it, once it is written down that it begins."""
        self.states[step.name] = state
        self._line(Line(op="begin", step=step.name, state=state))
        self._flush(durable=False)
        directory = f"{self.execution.directory}/work/{step.name}/{state.attempt}"
        timeout = amounts.seconds(arguments.get("timeout"), "timeout") if step.type == "Lambda" else None
        task = Task(step=step, arguments=arguments, attempt=state.attempt, directory=directory, again=again)
        self.crew.give(step.name, task, timeout)

    def _decide(self, state: StepState, said: list[dict[str, Any]]) -> None:
        values = [conditions.judged(one) for one in said]
        result = all(one.result for one in values)
        self._over(msgspec.structs.replace(state, status="Succeeded", ended=now(), values=values, result=result))

    def _ask(self, state: StepState, arguments: dict[str, Any]) -> None:
        """Waits for the answer to a Callback, which is looked for now and then."""
        file = arguments.get("file")
        state.message = str(arguments.get("message") or (f"waits for the file {file}" if file else ""))
        state.secondary_status = "WaitingForFile" if file else "WaitingForAnswer"
        self.states[state.name] = state
        seconds = amounts.seconds(arguments.get("timeout"), "timeout")
        self.waiting[state.name] = None if seconds is None else time.monotonic() + seconds - results.age(state.started)
        self._line(Line(op="begin", step=state.name, state=state))

    def _expand(self, step: Step, state: StepState) -> None:
        """A ForEach becomes as many steps as it has items; it is over when they are."""
        items = references.resolved(step.arguments["items"], self.known)
        inner = foreach.steps(step, items, self.known)
        state.items = len(inner)
        self.states[step.name] = state
        self._line(Line(op="begin", step=step.name, state=state))
        self.expanded[step.name] = [one.name for one in inner]
        for one in inner:
            self.steps[one.name] = one
            before = self.states.setdefault(one.name, StepState(name=one.name, type=one.type))
            if before.status == "Executing":
                self._try(one, before.attempt, again=True)
        self._gather(step.name)

    def _gather(self, name: str) -> None:
        """Ends a ForEach when all of its steps are over."""
        each = [self.states[one] for one in self.expanded[name]]
        if all(one.over for one in each) and not self.states[name].over:
            self._ended(self.states[name], foreach.gathered(each))

    def _wait(self) -> None:
        """Until a worker has something to say, or it is time for something."""
        due = [*self.later.values(), *([time.monotonic() + LOOK] if self.waiting else [])]
        said, woken = self.crew.hear(min(due, default=None))
        if woken:
            self._woken()
        for name, one in said:
            self._note(name, one)
            state = self.states[name]
            if one.killed and state.job and not self.stopping and not self.interrupted:
                self._try(self.steps[name], state.attempt, again=True)  # it only waited, and the job has gone on
            elif one.outcome:
                self._ended(state, one.outcome)
        for name in list(self.waiting):
            self._look(name)
        for name, moment in list(self.later.items()):
            if time.monotonic() >= moment:
                del self.later[name]
                self._try(self.steps[name], self.states[name].attempt)

    def _note(self, name: str, said: Said) -> None:
        state = self.states[name]
        if said.job and said.job != state.job:
            state.job = said.job
            self._line(Line(op="job", step=name, job=said.job))
        if said.waits:
            state.secondary_status, state.message = "Waiting", said.waits
            self._line(Line(op="waits", step=name, state=state))

    def _ended(self, state: StepState, outcome: Outcome) -> None:
        """A try is over: with what it has come to, or failed, or to be tried again. After an interruption it is left
        to the next attempt."""
        if self.interrupted:
            return
        step = self.steps[state.name]
        if outcome.error is None:
            self._succeeded(step, state, outcome)
            return
        said = str(from_info(outcome.error))
        if self.stopping:
            self._over(msgspec.structs.replace(state, status="Stopped", ended=now()))
            return
        if "interrupted" in outcome.causes and state.interruptions < INTERRUPTIONS and not self.failed:
            self._later(msgspec.structs.replace(state, interruptions=state.interruptions + 1), said, 1)
            return
        if (pause := causes.pause(step, state, outcome.causes)) is not None and not self.failed:
            self._later(state, said, pause)
            return
        cause = next(iter(outcome.causes), "")
        self._over(msgspec.structs.replace(state, status="Failed", ended=now(), reason=said, cause=cause))

    def _succeeded(self, step: Step, state: StepState, outcome: Outcome) -> None:
        made = msgspec.structs.replace(
            state, status="Succeeded", ended=now(), outputs=outcome.outputs, metrics=outcome.metrics,
            properties=outcome.properties,
        )  # fmt: skip
        if state.fingerprint and step.cache and state.fingerprint == self._fingerprint(step):
            written = doing.written(self.execution, made)
            keep = partial(results.keep, self.store, self.execution.pipeline, self.execution.id, made, written)
            self.attempt.with_room(keep)
        self._over(made)

    def _later(self, state: StepState, why: str, seconds: float) -> None:
        waits = {"secondary_status": "WaitingForRetry", "message": f"tried again in {seconds:g} s: {why}"}
        self.states[state.name] = msgspec.structs.replace(state, attempt=state.attempt + 1, job="", **waits)
        self.later[state.name] = time.monotonic() + seconds
        self._line(Line(op="begin", step=state.name, state=self.states[state.name]))

    def _over(self, state: StepState) -> None:
        """Writes down how a step has ended."""
        state = msgspec.structs.replace(state, secondary_status="", message="")
        self.states[state.name] = state
        self._line(Line(op="end", step=state.name, state=state))
        self._know(state)
        self._fail(state)
        parent, _, inner = state.name.partition("[")
        if inner and parent in self.expanded:
            self._gather(parent)

    def _fail(self, state: StepState) -> None:
        """The first step that fails lets the execution fail."""
        if state.status == "Failed" and not self.failed:
            self.failed = state.reason if state.type == "Fail" else f"step {state.name}: {state.reason}"

    def _wait_no_longer(self) -> None:
        """Steps that wait for an answer, or for their next try, end: the execution comes to its end without them."""
        self.later.clear()
        for name in list(self.waiting):
            del self.waiting[name]
            self._over(msgspec.structs.replace(self.states[name], status="Stopped", ended=now()))

    def _know(self, state: StepState) -> None:
        """What others can refer to of a step that is over."""
        self.known["steps"][state.name] = {"status": state.status}
        if state.status == "Succeeded":
            none = state.type == "ForEach" and not any(one.startswith(f"{state.name}[") for one in self.states)
            for field in ("outputs", "metrics", "properties"):  # of no items each field is an empty list
                said = getattr(state, field)
                self.known["steps"][state.name][field] = defaultdict(list, said) if none else said

    def _look(self, name: str) -> None:
        """Looks whether a Callback was answered, or waits no longer."""
        state = self.states[name]
        file = references.resolved(self.steps[name].arguments.get("file"), self.known)
        outcome = callbacks.answer(self.store, self.execution, name, state.attempt, file, self.waiting[name])
        if outcome is not None:
            del self.waiting[name]
            self._ended(state, outcome)

    def _woken(self) -> None:
        """A SIGTERM: the execution is to stop, or only this process is to end, and another one goes on."""
        stop = files.absolute(self.store, f"{self.attempt.directory}/stop.json")
        if not records.asked(self.store, self.execution).stopped and not stop.exists():
            self.interrupted = True
            return
        self.stopping = True
        self._wait_no_longer()
        for name in self.crew.busy:
            if name and self.states[name].job:
                with contextlib.suppress(CupolaError):
                    filing.stop(self.store, self.states[name].job, "its pipeline was stopped")
        self.crew.kill()

    def _end(self) -> dict[str, Any]:
        status = "Stopped" if self.stopping else "Failed" if self.failed else "Succeeded"
        for state in list(self.states.values()):
            if state.status == "Executing":  # a try, or a ForEach, that comes to nothing any more
                self._over(msgspec.structs.replace(state, status=status, ended=now()))
        self._line(Line(op="over", status=status, reason=self.failed, job=self.attempt.job.id))
        self._flush()
        self.told = 0.0
        self._announce()
        with contextlib.suppress(CupolaError):
            if gone := removing.prune(self.store, self.execution.pipeline):
                print(f"removed {gone} older executions, as workspace.toml says")
        return {"execution": self.execution.id, "status": status, "reason": self.failed}

    def _line(self, line: Line) -> None:
        line.time = now()
        self.journal.extend([line])

    def _flush(self, durable: bool = True) -> None:
        self.attempt.with_room(partial(self.journal.flush, durable))

    def _announce(self) -> None:
        if time.monotonic() - self.told >= TOLD_EVERY:
            self.told = time.monotonic()
            feed.announce(self.store, "execution", self.execution.id, 0)
