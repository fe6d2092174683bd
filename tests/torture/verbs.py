"""The verbs that the storms and the power cuts use, through Python and the command line, and what each one promises.

A verb that ended well is acknowledged: it is noted with its arguments and its answer. `lost` looks in a workspace for
what was acknowledged.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from shlex import split
from typing import Any

import msgspec

import cupola
from cupola import actions, api
from cupola.arguments import command_line
from cupola.datasets import records as datasets
from cupola.errors import CupolaError
from cupola.store import files
from cupola.store.root import is_workspace
from cupola.team import notes

ESTIMATOR = {"dataset": "flights", "estimator": "LogisticRegression", "exclude": ["id"], "cv": 2}
SCRIPT = """\
import sys, cupola
with cupola.run(sys.argv[2], workspace=sys.argv[1]) as run:
    for step in range(3):
        run.log_metric("loss", float(sys.argv[3]) - step, step=step)
"""
Arguments = dict[str, Any]


@dataclass
class Acknowledged:
    """A verb that ended well; `answer` is what it printed."""

    verb: str
    arguments: Arguments
    answer: Any


class Failed(Exception):
    """A verb that did not end well: nothing is promised of it."""


class Python:
    """Python's door. Verbs that start work are not waited for unless `wait` is among the arguments."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __call__(self, verb: str, arguments: Arguments) -> Any:
        given = dict(arguments)
        wait = given.pop("wait", False)
        try:
            answer = self._workspace
            for word in verb.split():
                answer = getattr(answer, word)
            answer = answer(**given)
            if isinstance(answer, api.Started):
                answer = (answer.wait(300) if wait else answer).record
        except CupolaError as error:
            raise Failed(str(error)) from error
        return json.loads(msgspec.json.encode(answer, enc_hook=str))

    @cached_property
    def _workspace(self) -> Any:
        return cupola.open(self._root)


class CommandLine:
    """The command line's door: a process for each verb, which is acknowledged by its exit status.

    "script" is a verb too: a script that logs into a run of its own.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def __call__(self, verb: str, arguments: Arguments) -> Any:
        if verb == "init":
            return self._run(["-m", "cupola_tui", "init", arguments["path"]])
        if verb == "script":
            return self._run(["-c", SCRIPT, str(self._root), arguments["name"], str(arguments["loss"])])
        given = dict(arguments)
        wait = ["--wait"] if given.pop("wait", False) else []
        count = len(verb.split())
        words = split(command_line(actions.find(verb), given))[1:]
        words = ["-m", "cupola_tui", "-C", str(self._root), *words[:count], "--json", *wait, *words[count:]]
        return json.loads(self._run(words))

    @staticmethod
    def _run(words: list[str]) -> str:
        done = subprocess.run([sys.executable, "-P", *words], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed(done.stderr.strip())
        return done.stdout


Door = Callable[[str, Arguments], Any]


def begin(root: Path, outside: Path) -> None:
    """Makes the workspace that the verbs need: a dataset, a run and a model. Raises Failed."""
    cupola.init(root, name="torture")
    do = Python(root)
    do("dataset import", {"source": str(table(outside, "flights")), "name": "flights", "target": "late"})
    do("train", ESTIMATOR | {"name": "first", "wait": True})
    do("model register", {"run": "first", "name": "late"})


def table(outside: Path, name: str) -> Path:
    """A small CSV whose bytes no other has."""
    path = outside / f"{name}.csv"
    rows = [f"{n},{n * 37 % 900},{'UA' if n % 3 else 'DL'},{n * 37 % 900 > 400}" for n in range(60)]
    path.write_text("\n".join(["id,distance,carrier,late", *rows, f"60,1,{name},True"]) + "\n")
    return path


def note(path: Path, done: Acknowledged) -> None:
    """Appends an acknowledgement to a file that lies outside of what is tortured."""
    line = json.dumps([done.verb, done.arguments, done.answer]) + "\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        os.write(descriptor, line.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def noted(path: Path) -> Iterator[Acknowledged]:
    """The acknowledgements in a file; a last line that is not whole was never one."""
    for line in path.read_text().splitlines(keepends=True) if path.exists() else []:
        if line.endswith("\n"):
            yield Acknowledged(*json.loads(line))


@dataclass
class Seen:
    """What a workspace shows at one moment, each part read once and only when it is asked for."""

    root: Path
    workspace: Any = field(init=False)

    def __post_init__(self) -> None:
        self.workspace = cupola.open(self.root)

    @cached_property
    def store(self) -> Any:
        return self.workspace._workspace.store

    @cached_property
    def datasets(self) -> dict[str, Any]:
        return {one.ref: one for name in datasets.names(self.store) for one in datasets.versions(self.store, name)}

    @cached_property
    def models(self) -> dict[str, Any]:
        return {one.ref: one for one in self.workspace.model.ls()}

    @cached_property
    def runs(self) -> dict[str, Any]:
        return {one.id: one for one in self.workspace.run.ls()}

    @cached_property
    def jobs(self) -> dict[str, Any]:
        return {one.id: one for one in self.workspace.job.ls()}

    @cached_property
    def endpoints(self) -> dict[str, Any]:
        return {one.name: one for one in self.workspace.endpoint.ls()}

    @cached_property
    def said(self) -> set[tuple[str, str, str, str]]:
        """Kind, exact name, "tag" or "comment", and what was said."""
        return {
            (kind, str(one.get("ref")), str(one.get("op")), str(one.get("value")))
            for kind in notes.COLLECTIONS
            for one in notes.entries(self.store, kind)
        }

    @cached_property
    def trash(self) -> set[str]:
        return set(files.discarded(self.store))


def _comment(seen: Seen, given: Arguments, answer: Any) -> bool:
    return (answer["kind"], answer["ref"], "comment", given["text"]) in seen.said


def _tag(seen: Seen, given: Arguments, answer: Any) -> bool:
    return all((answer["kind"], answer["ref"], "tag", tag.lstrip("+")) in seen.said for tag in given["tags"])


def _import(seen: Seen, given: Arguments, answer: Any) -> bool:
    found = seen.datasets.get(version(answer))
    return found is not None and found.data_sha256 == answer["data_sha256"]


def _remove(seen: Seen, given: Arguments, answer: Any) -> bool:
    return answer["trash"] in seen.trash and not seen.datasets.keys() & set(answer["removed"])


def _train(seen: Seen, given: Arguments, answer: Any) -> bool:
    found = seen.runs.get(answer["run"])
    if found is None or not given.get("wait"):
        return found is not None
    return bool(found.status == "Completed" and found.metrics == answer["metrics"])


def _script(seen: Seen, given: Arguments, answer: Any) -> bool:
    return any(
        one.name == given["name"] and one.status == "Completed" and one.metrics == {"loss": given["loss"] - 2}
        for one in seen.runs.values()
    )


def _model(seen: Seen, answer: Any) -> Any:
    return seen.models.get(f"{answer['name']}@{answer['version']}-{answer['id']}")


def _register(seen: Seen, given: Arguments, answer: Any) -> bool:
    found = _model(seen, answer)
    return found is not None and found.files == answer["files"]


def _approve(seen: Seen, given: Arguments, answer: Any) -> bool:
    found = _model(seen, answer)
    return found is not None and given["note"] in [one.note for one in found.approvals]


def _alias(seen: Seen, given: Arguments, answer: Any) -> bool:
    found = _model(seen, answer)
    return found is not None and given["alias"] in found.aliases


def _submit(seen: Seen, given: Arguments, answer: Any) -> bool:
    found = seen.jobs.get(answer["job"])
    return found is not None and (not given.get("wait") or found.status == answer["status"])


def _deploy(seen: Seen, given: Arguments, answer: Any) -> bool:
    return given["name"] in seen.endpoints


def _stop(seen: Seen, given: Arguments, answer: Any) -> bool:
    found = seen.endpoints.get(given["endpoint"])
    return found is not None and found.desired != "InService"


PROMISES: dict[str, Callable[[Seen, Arguments, Any], bool]] = {
    "init": lambda seen, given, answer: is_workspace(given["path"]),
    "comment": _comment,
    "tag": _tag,
    "run note": lambda seen, given, answer: ("run", answer["id"], "comment", given["text"]) in seen.said,
    "run tag": lambda seen, given, answer: all(("run", answer["id"], "tag", tag) in seen.said for tag in given["tags"]),
    "dataset import": _import,
    "dataset rm": _remove,
    "dataset set": lambda seen, given, answer: answer["dataset"] in datasets.names(seen.store),  # and see _edits
    "train": _train,
    "script": _script,
    "model register": _register,
    "model approve": _approve,
    "model alias": _alias,
    "job submit": _submit,
    "endpoint deploy": _deploy,
    "endpoint stop": _stop,
}


def lost(root: Path, acknowledged: Iterable[Acknowledged]) -> list[str]:
    """What was acknowledged and is not there, each in a few words. Raises CupolaError where nothing can be read."""
    seen = Seen(root)
    told = list(acknowledged)
    removed = {ref for one in told if one.verb == "dataset rm" for ref in one.answer["removed"]}
    missing = []
    for one in told:
        if one.verb == "dataset import" and version(one.answer) in removed:
            continue
        if not PROMISES[one.verb](seen, one.arguments, one.answer):
            missing.append(f"{one.verb} {json.dumps(one.arguments)}")
    return missing + _edits(seen, told)


def version(answer: Any) -> str:
    """The exact name of an imported version."""
    return f"{answer['dataset']}@{answer['version']}-{answer['id']}"


def _edits(seen: Seen, told: list[Acknowledged]) -> list[str]:
    """Each acknowledged edit of a dataset.toml has counted its revision up."""
    counted = Counter(one.answer["dataset"] for one in told if one.verb == "dataset set")
    missing = []
    for name, count in counted.items():
        revision = datasets.settings_of(seen.store, name).revision
        if revision < count:
            missing.append(f"{count} edits of {name} were acknowledged, it counts {revision}")
    return missing
