"""Each action through all three doors - the command line, Python, the screen's bridge - on the same start.

The records that come out are equal but for ids, times and what differs between two processes. A new action needs a line
in CASES.
"""

import json
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.screen import Screen, bridge

import cupola
from cupola import actions, api, place
from cupola.arguments import command_line

PATIENCE = 60.0
ROW = {"distance": 300, "carrier": "UA"}

# (action, arguments, what of the answer later cases call what). {root} is the workspace, {out} a directory beside it.
CASES: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("dataset import", {"source": "{root}/more.csv", "name": "more", "target": "late", "role": {"id": "id"}}, {}),
    ("dataset ls", {}, {}),
    ("dataset show", {"dataset": "more"}, {}),
    ("dataset preview", {"dataset": "flights", "limit": 3, "sort": "distance:desc", "filter": "carrier = 'UA'"}, {}),
    ("dataset profile", {"dataset": "flights@1"}, {}),
    ("dataset sql", {"query": "select carrier, count(*) as n from flights group by all order by all", "limit": 5}, {}),
    ("dataset export", {"dataset": "flights", "path": "{out}/flights.jsonl"}, {}),
    ("dataset set", {"dataset": "more", "description": "more of it", "tag": ["a", "b"]}, {}),
    ("dataset rm", {"dataset": "more", "dry_run": True}, {}),
    ("dataset rm", {"dataset": "more"}, {"trash": "trash"}),
    ("dataset restore", {"trash": "{trash}"}, {}),
    (
        "train",
        {
            "dataset": "flights",
            "estimator": "DecisionTreeClassifier",
            "param": {"max_depth": "3"},
            "exclude": ["id"],
            "name": "second",
            "seed": 7,
        },
        {"run": "run", "job": "training"},
    ),
    ("job wait", {"job": "{training}", "timeout": "60s"}, {}),
    ("run ls", {"filter": 'estimator = "DecisionTreeClassifier"'}, {}),
    ("run show", {"run": "{run}"}, {}),
    ("run compare", {"runs": ["first", "second"]}, {}),
    ("run metrics", {"run": "second"}, {}),
    ("run note", {"run": "second", "text": "deeper, and no better"}, {}),
    ("run tag", {"run": "second", "tags": ["tried"]}, {}),
    ("run export", {"run": "second", "path": "{out}/run"}, {}),
    ("job submit", {"command": [sys.executable, "-c", "print('hello')"], "name": "greeting"}, {"job": "job"}),
    ("job wait", {"job": "greeting"}, {}),
    ("job ls", {"status": "Completed"}, {}),
    ("job show", {"job": "{job}"}, {}),
    ("job log", {"job": "{job}"}, {}),
    ("job retry", {"job": "{job}"}, {}),
    ("job wait", {"job": "greeting"}, {}),
    ("job submit", {"command": ["sleep", "600"], "name": "sleeper"}, {}),
    ("job stop", {"job": "sleeper", "reason": "too long"}, {}),
    ("job show", {"job": "sleeper"}, {}),
    ("job confirm", {"job": "sleeper", "dry_run": True}, {}),
    ("model register", {"run": "second", "name": "late", "description": "the second"}, {}),
    ("model ls", {}, {}),
    ("model show", {"model": "late@2"}, {}),
    ("model approve", {"model": "late@1", "note": "good enough"}, {}),
    ("model reject", {"model": "late@2", "note": "no better"}, {}),
    ("model alias", {"model": "late@1", "alias": "champion"}, {}),
    ("model verify", {"model": "late@champion"}, {}),
    ("model rm", {"model": "late@2"}, {"trash": "trash"}),
    ("model restore", {"trash": "{trash}"}, {}),
    ("model rm", {"model": "late@2"}, {}),
    ("endpoint deploy", {"model": "late@1", "name": "e", "dry_run": True}, {}),
    ("endpoint deploy", {"model": "late@1", "name": "e"}, {}),
    ("endpoint ls", {}, {}),
    ("endpoint show", {"endpoint": "e"}, {}),
    ("endpoint invoke", {"endpoint": "e", "data": json.dumps(ROW)}, {}),
    ("endpoint update", {"endpoint": "e", "variant": {"a": "late@1:3", "b": "late@1"}}, {}),
    ("endpoint log", {"endpoint": "e", "lines": 1}, {}),
    ("endpoint stop", {"endpoint": "e"}, {}),
    ("endpoint start", {"endpoint": "e"}, {}),
    ("endpoint confirm", {"endpoint": "e"}, {}),
    ("lineage", {"reference": "model:late@1"}, {}),
    ("comment", {"ref": "model:late@1", "text": "slow at night, @ana"}, {}),
    ("comment ls", {"ref": "model:late@1"}, {}),
    ("tag", {"ref": "flights@1", "tags": ["+clean", "+small"]}, {}),
    ("tag ls", {"ref": "flights@1"}, {}),
    ("activity", {"ref": "model:late@1", "limit": 5}, {}),
    ("who", {}, {}),
    ("access", {}, {}),
    ("endpoint rm", {"endpoint": "e"}, {"trash": "trash"}),
    ("endpoint restore", {"trash": "{trash}"}, {}),
    ("endpoint rm", {"endpoint": "e"}, {}),
    ("run rm", {"run": "second"}, {"trash": "trash"}),
    ("run restore", {"trash": "{trash}"}, {}),
    ("check", {}, {}),
    ("agent status", {}, {}),
    ("agent stop", {}, {}),
    ("agent start", {}, {}),
    ("agent log", {"lines": 1}, {}),
    ("agent unit", {}, {}),
]
# What two processes cannot have alike.
VOLATILE = {
    *(
        "id",
        "pid",
        "pids",
        "process",
        "port",
        "url",
        "gateway",
        "socket",
        "usage",
        "traffic",
        "milliseconds",
        "mac",
        "trash",
    ),
    *("workspaces", "workers_ready", "progress", "message", "memory", "peak_memory", "seconds", "peers"),
    # A model's files hold the times of a zip archive.
    *("sha256", "files", "bytes"),
}
ID = re.compile(r"(?<=[@/]\d-)[a-z2-7]{4,10}\b|\b[a-z2-7]{10}\b")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z")
# Between the answer and the next look it may already have gone on.
RACING = {
    "job stop",
    "job retry",
    "endpoint deploy",
    "endpoint update",
    "endpoint stop",
    "endpoint start",
    "endpoint confirm",
}
ON_ITS_WAY = {
    "status",
    "secondary_status",
    "reason",
    "started",
    "ended",
    "exit_code",
    "error",
    "updated",
    "attempt",
} | {"heard"}

Door = Callable[[str, dict[str, Any]], Any]


def through_command_line(root: Path) -> Door:
    def run(name: str, arguments: dict[str, Any]) -> Any:
        words = shlex.split(command_line(actions.find(name), arguments))[1:]
        words = [*words[: len(name.split())], "--json", *words[len(name.split()) :]]
        command = [sys.executable, "-P", "-m", "cupola_tui", "-C", str(root), *words]
        # A job runs where it was filed from: here the same directory for all doors.
        variables = os.environ | {place.VARIABLE: str(Path.cwd())}
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=variables, check=False)
        assert done.returncode == 0, f"{name}: {done.stderr}"
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


def through_python(root: Path) -> Door:
    ws = cupola.open(root)

    def run(name: str, arguments: dict[str, Any]) -> Any:
        verb: Any = ws
        for word in name.split():
            verb = getattr(verb, word + "_" if word in ("import", "set") and word != name else word)
        result = verb(**arguments)
        result = result.record if isinstance(result, api.Started) else result
        return msgspec.json.decode(
            msgspec.json.encode(list(result) if isinstance(result, Iterator) else result, enc_hook=str)
        )

    return run


def through_bridge(screen: Screen) -> Door:
    return lambda name, arguments: screen.ask("action", name=name, arguments=arguments)


def test_each_action_gives_the_same_record_through_all_three_doors(home: Path) -> None:
    assert {name for name, _, _ in CASES} == {one.name for one in actions.catalogue()}
    start = make_start(home / "start")
    roots = [Path(shutil.copytree(start, home / name / "ws")) for name in ("line", "python", "screen")]
    with bridge(roots[2]) as screen:
        doors = [through_command_line(roots[0]), through_python(roots[1]), through_bridge(screen)]
        known: list[dict[str, str]] = [{"root": str(root), "out": str(root.parent)} for root in roots]
        differ = []
        for name, arguments, keep in CASES:
            answers = [door(name, filled(arguments, told)) for door, told in zip(doors, known, strict=True)]
            for answer, told in zip(answers, known, strict=True):
                told |= {called: single(answer)[field] for field, called in keep.items()}
            line, python, bridged = (alike(name, answer, root) for answer, root in zip(answers, roots, strict=True))
            if not line == python == bridged:
                differ.append({"action": name, "line": line, "python": python, "bridge": bridged})
            if name in RACING:
                settle(roots)
    assert differ == []


def make_start(root: Path) -> Path:
    """A workspace with a dataset, a run of it and a model."""
    draw = random.Random(1)
    rows = [f"{i},{draw.randint(1, 900)},{draw.choice(['UA', 'DL', 'B6'])},{draw.random() < 0.3}" for i in range(300)]
    ws = cupola.init(root, name="doors")
    (root / "flights.csv").write_text("\n".join(["id,distance,carrier,late", *rows]) + "\n")
    (root / "more.csv").write_text("\n".join(["id,distance,carrier,late", *rows[:50]]) + "\n")
    ws.dataset.import_(root / "flights.csv", name="flights", target="late", role={"id": "id"})
    first = ws.train(dataset="flights", estimator="LogisticRegression", name="first").wait(PATIENCE)
    ws.model.register(first, name="late")
    return root


def filled(value: Any, known: dict[str, str]) -> Any:
    """The arguments, with what was learnt before put in."""
    if isinstance(value, dict):
        return {name: filled(one, known) for name, one in value.items()}
    if isinstance(value, list):
        return [filled(one, known) for one in value]
    if isinstance(value, str) and re.search(r"\{(root|out|run|job|training|trash)\}", value):
        return value.format(**known)
    return value


def single(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = answer[0] if isinstance(answer, list) else answer
    return found


def alike(name: str, answer: Any, root: Path) -> Any:
    """The answer without what may differ."""
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if isinstance(answer, str):
        answer = {"text": answer}
    if name.endswith(" log") and name != "job log":
        answer = answer | {"text": bool(answer["text"])}
    if name in RACING:
        answer = {field: value for field, value in answer.items() if field not in ON_ITS_WAY}
    return plain(answer, root)


def plain(value: Any, root: Path) -> Any:
    if isinstance(value, dict):
        return {plain(name, root): "*" if name in VOLATILE else plain(one, root) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one, root) for one in value]
    if isinstance(value, str):
        return ID.sub("ID", MOMENT.sub("TIME", value.replace(str(root.parent), "HOME")))
    return value


def settle(roots: list[Path]) -> None:
    """Waits until nothing is on its way, so that the next answer does not depend on the moment."""
    deadline = time.monotonic() + PATIENCE
    for root in roots:
        ws = cupola.open(root)
        while any(one.status in ("Queued", "Stopping") for one in ws.job.ls()) or any(
            one.status in ("Creating", "Updating") for one in ws.endpoint.ls()
        ):
            assert time.monotonic() < deadline, "it does not settle"
            time.sleep(0.05)


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", ".hidden", "a\x1bb", "x" * 101])
def test_a_name_that_is_none_is_refused_alike_everywhere(home: Path, name: str) -> None:
    from cupola.errors import BadName

    ws = cupola.init(home / "ws")
    (home / "d.csv").write_text("a,b\n1,2\n")
    arguments = {"source": str(home / "d.csv"), "name": name}
    with pytest.raises(BadName) as python:
        ws.dataset.import_(**arguments)
    words = ["dataset", "import", str(home / "d.csv"), f"--name={name}", "--json"]
    command = [sys.executable, "-m", "cupola_tui", "-C", str(ws.root), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    with bridge(ws.root) as screen:
        refused = screen.refuses("action", name="dataset import", arguments=arguments)
    assert json.loads(done.stderr)["error"] == msgspec.to_builtins(python.value.info())
    assert refused == msgspec.to_builtins(python.value.info())
    assert not (ws.root / "datasets").exists()
