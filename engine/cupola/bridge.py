"""The small process through which a screen reads and writes a workspace: `python -m cupola.bridge ROOT [--readonly]`.

It speaks JSON lines on its standard input and output and touches no terminal. A screen that hangs on a dead mount kills
it and starts another; nothing is lost, since it holds no state. It ends when its standard input ends.

The first line it writes says what ROOT is; `workspace` is null where ROOT is no workspace (only `init` works then, and
answers what the first line would have said), and `error` says why:

    {"ready": {"workspace": {...} | null, "error": ErrorInfo | null}}
    workspace: {"name", "path", "description", "readonly", "user", "host", "mount", "advice", "late", "mend"}
    late: up to how many seconds old views are; mend: the mount options that help, or null

A request is one line with an `id` of the caller's choice. Each is answered once, in any order, since each runs in a
thread of its own:

    {"id": 1, "call": "action", "name": "run ls", "arguments": {"limit": 10}}
    {"id": 1, "result": ...}            what the call answers, below
    {"id": 1, "error": ErrorInfo}       kind "Bug" is a fault of ours, which is then in the log
    {"id": 1, "progress": {...}}        before the answer, any number of times: the JobState an action waits for; for
                                        "records", {"read", "of"} and once "page", the newest of what was read by then

Lines that answer nothing have no `id`:

    {"changed": [{"kind", "ref", "revision"}, ...]}     what store.watch saw. "file": an edit by hand, ref its path;
                                                        kind "note": something was said of ref, as model/churn@3
    {"trouble": ErrorInfo | null}                       watching failed (it goes on trying) / has begun: what was on the
                                                        screen before is to be read again

    call      arguments                     result
    action    name, arguments, opened,      what the action returns: a record, or a list of records; opened: what
              filed                         `opened` gave when the form was opened, so that a change by somebody else
                                            since then is a Conflict that says who it was, and nothing is overwritten;
                                            filed: a random text by which `outcome` finds what it made
    outcome   filed                         the record that the action filed under it has made; null where it was not
                                            done: ask only when the process that was to do it has ended
    pulse                                   null, when the mount answers
    records   kind                          the list that `KIND ls --json` prints; kind: datasets, runs, jobs, models,
                                            endpoints, tunings, agent (its status, in a list),
                                            activity (the newest acts)
    record    kind, ref                     the record that `KIND show --json` prints
    profile   ref                           the profile of a dataset's version
    report    dataset                       what `dataset report` has found of a version; null where nobody has asked
    grid      ref, what, turn, view, more   of the rows of a dataset's version, as `datasets.gridding` has them; what:
                                            page, shape, summary, find, row, close; view: filter, sort, backwards,
                                            group, within; null where a question of a higher turn has overtaken it
    flow_preview                            what `flow preview` says; change: {OPTION of `flow edit`: [TEXT, ...]},
              flow, step, change, rows,     which is shown and not written
              python
    metrics   run                           {"entries": [{"time", "name", "value", "step", ...}]}: enough points of
                                            each metric for a plot, with the extremes
    curve     run, name                     {"names", "points", "means", "logged"}: one metric as `experiments.curves`
                                            has it, and the names of all that have a curve
    trials    tuning                        what `tuning trials --json` prints, the newest first, without their steps
    artifact  run, name                     the run's artifact of that name, decoded from JSON
    plots     run                           {"plots": those of what the run has left (cupola.plots.records),
                                            "thresholds": the counts at each threshold, or null}
    log       kind, ref, attempt, offset,   {"text", "offset", "next", "size"}; kind: job, endpoint; attempt: the newest
              limit                         unless given; limit in bytes; a negative offset counts from the end; no
                                            UTF-8 is replaced
    sample    endpoint                      a row that its model was trained on, as JSON text; null where there is none
    describe  name                          the action as a form shows it: `cupola.forms.Form`
    check     name, arguments               {PARAMETER: one sentence} for each value that does not fit; {} when all do
    command   name, arguments               the command line that does the same
    actions                                 a `Form` of each action there is, without its fields
    complete  kind, prefix, arguments       names of existing things of that kind (as `Arg.completes`); arguments: what
                                            is filled in so far, since a column belongs to a dataset
    paths     typed                         what the path of a file may become, from where the user stands
    host                                    {"cpu": percent, "memory": {"used", "total"},
                                            "gpus": [{"name", "busy", "memory_used", "memory_total"}]}
    look      pane, kind, ref               null; lets others see what is looked at (`who`), from the first call
                                            till the bridge ends; kind and ref: the record in the pane
    team                                    {"here": what `who` prints, "unread": comments that name this user and
                                            that they have not read}
    notes     kind, ref                     {"tags": [...], "comments": what `comment ls` prints}; kind: dataset, run,
                                            job, model, endpoint, tuning, experiment
    opened    kind, ref                     {"opened": {"kind", "ref", "shown"}, "record": as `show` prints it, or null
                                            for kinds without one}
    changed   kind, ref, shown              who has changed the record since, when and how, in a sentence; null: nobody
    init      name                          makes ROOT a workspace

`arguments` of an action may be given as typed in a form (texts) or as JSON values.
"""

import os
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from cupola import bugs, calls, pages, waiting
from cupola.errors import BadOption, CupolaError, DiskTrouble, NotFound
from cupola.jobs import agents
from cupola.workspace import Workspace

WATCH_AGAIN = 2.0


def main(arguments: list[str]) -> None:
    """Serves until its standard input ends. Whatever else prints here, prints to standard error."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    Bridge(Path(arguments[0]), "--readonly" in arguments[1:], answers).serve(sys.stdin.buffer)
    if presence := sys.modules.get("cupola.team.presence"):
        presence.leave()
    os._exit(0)  # a thread that hangs on a dead mount must not keep the process


class Bridge:
    """One workspace behind one pair of pipes."""

    def __init__(self, root: Path, readonly: bool, answers: BinaryIO) -> None:
        self.root = root
        self.readonly = readonly
        self._answers = answers
        self._lock = threading.Lock()
        self._workspace: Workspace | None = None

    def serve(self, requests: BinaryIO) -> None:
        self.say({"ready": self._open()})
        for line in requests:
            if line.strip():
                threading.Thread(target=self._answer, args=(line,), daemon=True).start()

    def say(self, message: Any) -> None:
        """One line to the screen; where that is gone, there is nothing left to do.

        A name on the disk that is no UTF-8 holds half characters, which are said as question marks.
        """
        try:
            line = msgspec.json.encode(message, enc_hook=str)
        except UnicodeEncodeError:
            line = msgspec.json.encode(_sayable(msgspec.to_builtins(message, enc_hook=str)))
        with self._lock:
            try:
                self._answers.write(line + b"\n")
                self._answers.flush()
            except OSError:
                os._exit(0)

    def _open(self) -> dict[str, Any]:
        try:
            self._workspace = Workspace.open(self.root, readonly=self.readonly)
            shown = calls.workspace(self._workspace)
        except CupolaError as error:
            return {"workspace": None, "error": error.info()}
        threading.Thread(target=agents.resume, args=(self._workspace.store,), daemon=True).start()
        threading.Thread(target=self._watch, args=(self._workspace,), daemon=True).start()
        return {"workspace": shown, "error": None}

    def _init(self, name: str | None = None) -> dict[str, Any]:
        Workspace.init(self.root, name=name)
        return self._open()

    def _answer(self, line: bytes) -> None:
        number = None
        try:
            request = msgspec.json.decode(line, type=dict[str, Any])
            number, call = request.pop("id", None), request.pop("call", "")
            listed = calls.DOMAIN.get(str(request.get("kind"))) if call == "records" else None

            def tell(state: Any) -> None:
                self.say({"id": number, "progress": state})

            with waiting.progress_to(tell), pages.told(listed, tell):
                answer = {"id": number, "result": self._call(call, request)}
        except (CupolaError, msgspec.DecodeError) as error:
            fact = error if isinstance(error, CupolaError) else BadOption(f"this is no request: {error}")
            answer = {"id": number, "error": fact.info()}
        except Exception as error:  # noqa: BLE001 - a bug in one call must not end the others
            answer = {"id": number, "error": bugs.told(error)}
        self.say(answer)

    def _call(self, call: str, arguments: dict[str, Any]) -> Any:
        if call == "init":
            return self._init(**arguments)
        if call not in calls.CALLS:
            raise BadOption(f"the bridge knows no call {call!r}")
        if self._workspace is None:
            raise NotFound("there is no workspace here yet", where=str(self.root))
        return calls.CALLS[call](self._workspace, **arguments)

    def _watch(self, workspace: Workspace) -> None:
        """Says what changes, for ever; a mount that breaks is said and tried again."""
        from cupola.store.watch import watch

        stop = threading.Event()
        while True:
            try:
                for begun, changes in enumerate(watch(workspace.store, stop, lambda: calls.edited_by_hand(workspace))):
                    if not begun:
                        self.say({"trouble": None})
                    told = [one for one in changes if not (one.kind == "file" and one.ref.startswith(".cupola"))]
                    if told:
                        self.say({"changed": sorted(told, key=lambda one: (one.kind, one.ref))})
            except (CupolaError, OSError) as error:
                fact = error if isinstance(error, CupolaError) else DiskTrouble(str(error))
                self.say({"trouble": fact.info()})
            stop.wait(WATCH_AGAIN)


def _sayable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_sayable(key): _sayable(one) for key, one in value.items()}
    return [_sayable(one) for one in value] if isinstance(value, list | tuple) else value


if __name__ == "__main__":
    main(sys.argv[1:])
