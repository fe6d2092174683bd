"""What the guest of a power cut does: `until_cut SHARE ROUND SEED`, or `until_cut SHARE last`."""

import itertools
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.torture import verbs
from tests.torture.storm import look_over, unfinished
from tests.torture.verbs import Acknowledged, Arguments, Failed

import cupola

DISK = "/dev/ubda"
OPTIONS = "commit=60,noauto_da_alloc"
POINT = Path("/mnt/disk")
HOMES = {"XDG_CONFIG_HOME": "config", "XDG_STATE_HOME": "state", "XDG_CACHE_HOME": "cache"}
SERVED = 2  # endpoints at a time
SLOW = ("train", "dataset import", "endpoint deploy")


def wishes(draw: random.Random, number: int, outside: Path, removable: list[str]) -> tuple[str, Arguments]:
    """A verb and its arguments; `number` is in them, so that no two are alike."""
    name = f"n{number}"
    some: dict[str, Arguments] = {
        "init": {"path": str(POINT / name)},
        "comment": {"ref": draw.choice(["run:first", "flights@1", "late@1"]), "text": name},
        "tag": {"ref": draw.choice(["run:first", "flights@1", "late@1"]), "tags": [f"+{name}"]},
        "run note": {"run": "first", "text": name},
        "run tag": {"run": "first", "tags": [name]},
        "dataset import": {"source": str(verbs.table(outside, name)), "name": draw.choice(["flights", "more"])},
        "dataset set": {"dataset": "flights", "description": name},
        "train": verbs.ESTIMATOR | {"dataset": "flights@1", "name": name, "wait": draw.random() < 0.5},
        "script": {"name": name, "loss": round(draw.random(), 3)},
        "model register": {"run": "first", "name": "late", "description": name},
        "model approve": {"model": "late@1", "note": name},
        "model alias": {"model": "late@1", "alias": name},
        "job submit": {"command": ["true"], "name": name, "wait": draw.random() < 0.5},
        "endpoint deploy": {"model": "late@1", "name": name, "wait": True},
    }
    if removable:
        some["dataset rm"] = {"dataset": removable.pop()}
    verb = draw.choices(list(some), [1 if one in SLOW else 3 for one in some])[0]
    return verb, some[verb]


def work(root: Path, acks: Path, number: int, draw: random.Random) -> None:
    """Does verbs through Python and the command line, and notes what ended well, until the power goes."""
    doors: list[verbs.Door] = [verbs.CommandLine(root), verbs.Python(root)]
    removable: list[str] = []
    served = [one.name for one in cupola.open(root).endpoint.ls() if one.desired == "InService"]

    def acknowledge(verb: str, arguments: Arguments) -> Any:
        answer = doors[0 if verb in ("init", "script") else draw.randrange(2)](verb, arguments)
        verbs.note(acks, Acknowledged(verb, arguments, answer))
        return answer

    for n in itertools.count(number * 10_000):
        verb, arguments = wishes(draw, n, root.parent / "outside", removable)
        try:
            answer = acknowledge(verb, arguments)
            if verb == "dataset import" and answer["dataset"] == "more":
                removable.append(verbs.version(answer))
            if verb == "endpoint deploy":
                served.append(arguments["name"])
            if len(served) > SERVED:
                acknowledge("endpoint stop", {"endpoint": served.pop(0)})
        except Failed as error:
            print(f"{verb}: {error}", flush=True)


def main(share: Path, role: str, seed: int = 0) -> None:
    """Looks for all that was acknowledged before, and then works."""
    POINT.mkdir(parents=True)
    subprocess.run(["mount", "-o", OPTIONS, DISK, POINT], check=True)
    os.environ |= {variable: str(POINT / name) for variable, name in HOMES.items()}
    os.environ |= {"CUPOLA_RUNTIME_DIR": "/run/cupola", "CUPOLA_HERE": "/tmp"}
    root, notes = POINT / "workspace", share / "found"
    told = [one for path in share.glob("acks-*") for one in verbs.noted(path)]
    found: dict[str, Any] = json.loads(notes.read_text()) if notes.exists() else {"wrong": [], "mended": 0}
    if told:
        wrong, mended = look_over(root, told)
        found["wrong"] += [f"in round {role}: {one}" for one in wrong]
        found["mended"] += mended
    if role == "last":
        cupola.open(root).agent.start()
        found["wrong"] += unfinished(root) + verbs.lost(root, told)
    notes.write_text(json.dumps(found))
    if role != "last":
        if not told:
            (POINT / "outside").mkdir()
            verbs.begin(root, POINT / "outside")
        work(root, share / f"acks-{role}", int(role), random.Random(seed))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:]))
