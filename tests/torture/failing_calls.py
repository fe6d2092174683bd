"""Lets the n-th system call of a verb fail, for n = 1, 2, 3, ... until a run is clean, and says what went wrong then.

    python -m tests.torture.failing_calls --verbs import,train,register,deploy --errors EIO,ENOSPC,EPERM,ESTALE,short

In each run one call in the workspace fails, in whichever process makes it: the command, the agent, a job, its keeper.
A run may fail or not. It is a violation when it ends otherwise than with one sentence and its exit status, when what it
acknowledged is not there (before and after a repair), when work it began never ends, when `check --repair` leaves a
problem, and when the same command then fails again. The workspaces lie in memory where they can (/dev/shm): the calls
are the same, and nobody waits for a disk.
"""

import argparse
import itertools
import json
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.conftest import HOMES
from tests.faults.failing_call import ERRORS, NEVER, READING, Outcome, Rig

from cupola.checking import runs, survey
from cupola.errors import CupolaError
from cupola.store import files
from cupola.workspace import Workspace

RENEW = 30  # runs in one workspace
LONGEST = 400  # characters of a sentence
ROWS = "a,b,late\n" + "".join(f"{n % 7},{n * n % 11},{'yes' if (n * n) % 7 > 2 else 'no'}\n" for n in range(60))


@dataclass
class Place:
    """The workspace of some runs: with a dataset `base`, a run of it and a model `base`."""

    root: Path
    source: Path
    run: str = ""

    def words(self, line: list[str]) -> list[str]:
        return ["-C", str(self.root), "--json", "-q", *line]


@dataclass(frozen=True)
class Verb:
    """A command (`words(place, n)`), what has to be there once it said that it was done, and what is removed then."""

    words: Callable[[Place, int], list[str]]
    there: Callable[[Workspace, dict[str, Any]], bool]
    after: Callable[[Place, int], list[str]] | None = None


def _imported(ws: Workspace, said: dict[str, Any]) -> bool:
    found = ws.action("dataset show", dataset=f"{said['dataset']}@{said['version']}")
    return bool(found.rows == 60 and len(ws.action("dataset preview", dataset=said["dataset"]).rows) > 0)


def _trained(ws: Workspace, said: dict[str, Any]) -> bool:
    found = ws.action("run show", run=said["run"])
    whole = {"model.skops", "model.json", "signature.json"} <= set(files.listing(ws.store, said["model_directory"]))
    return bool(found.status == "Completed" and found.metrics and whole)


def _registered(ws: Workspace, said: dict[str, Any]) -> bool:
    return bool(ws.action("model verify", model=f"{said['name']}@{said['version']}").ok)


def _deployed(ws: Workspace, said: dict[str, Any]) -> bool:
    return bool(ws.action("endpoint show", endpoint=said["endpoint"]).status == "InService")


def _said(ws: Workspace, said: dict[str, Any]) -> bool:
    return any(one.text == said["text"] for one in ws.action("comment ls", ref=said["ref"]))


VERBS = {
    "import": Verb(
        lambda at, n: ["dataset", "import", str(at.source), "--name", f"d{n}", "--target", "late", "--wait"], _imported
    ),
    "train": Verb(
        lambda at, n: ["train", "--dataset", "base", "--estimator", "LogisticRegression", "--name", f"t{n}", "--wait"],
        _trained,
    ),
    "register": Verb(lambda at, n: ["model", "register", at.run, "--name", f"m{n}"], _registered),
    "deploy": Verb(
        lambda at, n: ["endpoint", "deploy", "base", "--name", f"e{n}", "--wait"],
        _deployed,
        lambda at, n: ["endpoint", "rm", f"e{n}"],
    ),
    "submit": Verb(
        lambda at, n: ["job", "submit", "--wait", "--metric", "loss=loss (.*)", "--", "/bin/echo", "loss 0.5"],
        lambda ws, said: (
            ws.action("job show", job=said["job"]).status == "Completed"
            and "loss 0.5" in "".join(ws.action("job log", job=said["job"]))
        ),
    ),
    "comment": Verb(lambda at, n: ["comment", at.run, f"word {n}"], _said),
    "tag": Verb(
        lambda at, n: ["tag", at.run, f"+tag{n}"],
        lambda ws, said: set(said["tags"]) <= set(ws.action("tag ls", ref=f"run:{said['ref']}")[0].tags),
    ),
    "approve": Verb(
        lambda at, n: ["model", "approve", "base", "--note", f"because {n}"],
        lambda ws, said: ws.action("model show", model="base").approvals[-1].note == said["approvals"][-1]["note"],
    ),
}


class Torture:
    """Runs verbs in workspaces that it renews, and counts what it sees; in the home that the environment names."""

    def __init__(self, rig: Rig, directory: Path, lasting: float = 0) -> None:
        self.rig = rig
        self.lasting = lasting
        self.directory = directory
        self.numbers = itertools.count()
        self.place: Place | None = None
        self.used = 0
        self.counted: dict[tuple[str, str], int] = {}
        self.violations: list[str] = []
        self.failing: Counter[str] = Counter()
        self.mended: Counter[str] = Counter()
        self.said: dict[str, list[str]] = {}

    def calls(self, verb: str, error: str) -> int:
        """How many calls of the verb could fail so, counted in a run in which none does."""
        if (verb, error) not in self.counted:
            self.counted[verb, error] = self._run(verb, error, NEVER)[0].calls
        return self.counted[verb, error]

    def each(self, verb: str, error: str, numbers: Iterator[int] | range) -> int:
        """Lets the calls of these numbers fail, one a run, until a run is clean; gives how many runs failed a call."""
        failing = 0
        for at in numbers:
            outcome, wrong = self._run(verb, error, at)
            failing += bool(outcome.failed)
            for one in wrong:
                self.violations.append(f"{verb} {error} {at} ({outcome.what}; exit {outcome.status}): {one}")
                print(f"  {self.violations[-1]}", flush=True)
            self.failing[error] += bool(outcome.failed)
            if not outcome.failed:
                break
        return failing

    def _run(self, verb: str, error: str, at: int) -> tuple[Outcome, list[str]]:
        place = self._place()
        number = next(self.numbers)
        chosen = VERBS[verb]
        words = chosen.words(place, number)
        outcome = self.rig.run(place.words(words), place.root, error, at, self.lasting if at != NEVER else 0)
        wrong = list(self._sentence(outcome, f"{verb} {error} {at}, {outcome.what}"))
        ws = Workspace.open(place.root)
        if not outcome.settled:
            wrong.append("a job that it filed never ends")
        if ended := self.rig.agent_ended():
            raise RuntimeError(f"the agent has died of {outcome.what}: {ended}")
        if outcome.status == 0:
            wrong += self._acknowledged(ws, chosen, outcome)
        wrong += _logs(ws)
        wrong += self._checked(ws)
        wrong += _unended(ws)
        if outcome.status == 0:
            wrong += self._acknowledged(ws, chosen, outcome)
        else:
            wrong += self._again(ws, chosen, place, words)
        if chosen.after:
            self.rig.run(place.words(chosen.after(place, number)), place.root, at=0)
        return outcome, wrong

    def _sentence(self, outcome: Outcome, run: str) -> Iterator[str]:
        """What is wrong with the end of a command: no end, another status than 0 or 1, no sentence, or more."""
        if outcome.status is None:
            yield "it hangs"
            return
        if "Traceback" in outcome.err or "Traceback" in outcome.out:
            yield f"a traceback: {outcome.err[-300:]}"
            return
        if outcome.status == 0:
            if outcome.err:
                yield f"it says {outcome.err[:200]!r} though it is done"
            return
        if outcome.status != 1:
            yield f"its exit status is {outcome.status}: {outcome.err[:200]!r}"
        try:
            (line,) = outcome.err.splitlines()
            error = json.loads(line)["error"]
        except (ValueError, KeyError):
            yield f"its error is not one line of JSON: {outcome.err[:300]!r}"
            return
        message = error["message"]
        self.said.setdefault(message, []).append(run)
        if error["kind"] == "Bug" or "[Errno" in message or "\n" in message or not 5 < len(message) < LONGEST:
            yield f"that is no sentence for a user: {message!r}"

    def _acknowledged(self, ws: Workspace, verb: Verb, outcome: Outcome) -> Iterator[str]:
        try:
            said = json.loads(outcome.out)
            if not verb.there(ws, said):
                yield f"it said {outcome.out[:400]!r}, and that is not so"
        except (CupolaError, ValueError, KeyError) as error:
            yield f"what it acknowledged cannot be had: {error!r}"

    def _again(self, ws: Workspace, verb: Verb, place: Place, words: list[str]) -> Iterator[str]:
        """Whoever tries again what has failed finds nothing in the way."""
        outcome = self.rig.run(place.words(words), place.root, at=0)
        if outcome.status == 0:
            yield from self._acknowledged(ws, verb, outcome)
        else:
            yield f"tried again, with no fault, it fails: {outcome.err[:300]!r}"

    def _checked(self, ws: Workspace) -> Iterator[str]:
        with patch.object(survey, "SETTLE", 0.05), patch.object(runs, "FILING", 0.0):
            found = ws.action("check")
            if found.problems:
                found = ws.action("check", repair=True)
                for one in found.mended:
                    self.mended[f"{one.kind}: {one.message}"] += 1
        for one in found.problems:
            yield f"check cannot mend {one.path}: {one.message}"

    def _place(self) -> Place:
        if self.place is None or self.used >= RENEW:
            if self.place:
                shutil.rmtree(self.place.root, ignore_errors=True)  # the agent may be writing there just now
            self.place, self.used = self._fresh(), 0
        self.used += 1
        return self.place

    def _fresh(self) -> Place:
        root = self.directory / f"ws{next(self.numbers)}"
        source = self.directory / "rows.csv"
        source.write_text(ROWS)
        Workspace.init(root)
        place = Place(root, source)
        self._well(place, ["dataset", "import", str(source), "--name", "base", "--target", "late", "--wait"])
        said = self._well(place, ["train", "--dataset", "base", "--estimator", "LogisticRegression", "--wait"])
        place.run = said["run"]
        self._well(place, ["model", "register", place.run, "--name", "base"])
        return place

    def _well(self, place: Place, line: list[str]) -> Any:
        outcome = self.rig.run(place.words(line), place.root, at=0)
        if outcome.status != 0:
            raise RuntimeError(f"{' '.join(line)} fails with no fault at all: {outcome.err}")
        return json.loads(outcome.out)


def _logs(ws: Workspace) -> Iterator[str]:
    """Logs and metrics end with a whole line, and no log holds a traceback."""
    for place in sorted((ws.root / "jobs").glob("*/*/attempts/*/log.txt")):
        text = place.read_text(errors="replace")
        if text and not text.endswith("\n"):
            yield f"{place.name} of a job ends with half a line: {text[-100:]!r}"
        if "Traceback" in text:
            yield f"a job's log has a traceback that ends {text[-200:]!r}"
            place.unlink()
    for place in sorted(ws.root.glob("*/*/**/metrics.jsonl")):
        for line in place.read_bytes().splitlines(keepends=True):
            if line.strip() and not line.endswith(b"}\n"):
                yield f"{place} has half a line: {line[-80:]!r}"


def _unended(ws: Workspace) -> Iterator[str]:
    """No run says that it goes on, now that all jobs are over."""
    for run in ws.action("run ls"):
        if run.status not in ("Completed", "Failed", "Stopped"):
            yield f"run {run.id} is {run.status} though its job has ended"


def new_home() -> Path:
    """A new directory for a rig and its workspaces, in memory where that can be had."""
    memory = "/dev/shm"
    return Path(tempfile.mkdtemp(prefix="cu-", dir=memory if os.access(memory, os.W_OK) else "/tmp"))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture.failing_calls", description=__doc__.split("\n")[0])
    parser.add_argument("--verbs", default="import,train,register,deploy,submit,comment,tag,approve")
    parser.add_argument("--errors", default=",".join(ERRORS))
    parser.add_argument("--every", type=int, default=1, help="of errors that also reads can have only each K-th call")
    parser.add_argument("--first", type=int, default=1, help="begin with this call")
    parser.add_argument("--lasting", type=float, default=0, help="all calls from then on fail, for so many seconds")
    given = parser.parse_args()
    home = new_home()
    os.environ |= {variable: str(home / name) for variable, name in HOMES.items()}
    os.environ.pop("PYTHONPATH", None)  # with the source in it no job would start warm
    try:
        with Rig(home) as rig:
            torture = Torture(rig, home, given.lasting)
            for verb in given.verbs.split(","):
                for turn, error in enumerate(given.errors.split(",")):
                    every = given.every if error in READING else 1
                    _told(torture, verb, error, given.first + turn % every, every)
            _summary(torture, given.every)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return 3 if torture.violations else 0


def _told(torture: Torture, verb: str, error: str, first: int, every: int) -> None:
    begun, before = time.monotonic(), len(torture.violations)
    calls = torture.calls(verb, error)
    failing = torture.each(verb, error, range(first, 2 * calls + every, every))
    found = len(torture.violations) - before
    seconds = time.monotonic() - begun
    print(f"{verb} {error}: {failing} failing runs of {calls} calls, {found} violations, {seconds:.0f} s", flush=True)


def _summary(torture: Torture, every: int) -> None:
    """What was done and what went wrong; the last line is for tests/torture/results.py."""
    for what, count in torture.mended.most_common():
        print(f"  {count} mended by check --repair: {what}")
    for what, told in sorted(torture.said.items(), key=lambda one: -len(one[1])):
        print(f"  {len(told)} were told: {what} (as in {told[0]})")
    kinds = ", ".join(f"{count} {error}{_which(error, every)}" for error, count in torture.failing.items())
    did = f"{torture.failing.total()} calls failed, one a run: {kinds}; {torture.mended.total()} leftovers mended"
    print(f"result: {did} | {f'{len(torture.violations)} violations' if torture.violations else 'nothing'}")


def _which(error: str, every: int) -> str:
    return f" (1 call in {every})" if every > 1 and error in READING else ""


if __name__ == "__main__":
    sys.exit(main())
