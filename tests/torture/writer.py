"""One of the writers of a storm: `writer ROOT NAME ACKS UP`. It makes UP and does verbs until somebody kills it."""

import itertools
import random
import sys
import time
from pathlib import Path

from tests.torture import verbs
from tests.torture.verbs import Acknowledged, Arguments, Failed

REFUSALS = ("somebody has changed it since", "somebody else is changing it just now")


def wishes(name: str, outside: Path, draw: random.Random) -> tuple[str, Arguments]:
    """A verb and its arguments; `name` is in them, so that no two are alike."""
    some: dict[str, tuple[int, Arguments]] = {
        "comment": (8, {"ref": draw.choice(["run:first", "flights@1", "late@1"]), "text": name}),
        "tag": (8, {"ref": draw.choice(["run:first", "flights@1", "late@1"]), "tags": [f"+{name}"]}),
        "run note": (4, {"run": "first", "text": name}),
        "run tag": (4, {"run": "first", "tags": [name]}),
        "dataset set": (6, {"dataset": "flights", "description": name}),
        "model register": (4, {"run": "first", "name": "late", "description": name}),
        "model approve": (4, {"model": "late@1", "note": name}),
        "model alias": (2, {"model": "late@1", "alias": name}),
        "dataset import": (1, {"source": str(outside / f"{name}.csv"), "name": "flights"}),
        "job submit": (2, {"command": ["true"], "name": name}),
    }
    verb = draw.choices(list(some), [weight for weight, _ in some.values()])[0]
    if verb == "dataset import":
        verbs.table(outside, name)
    return verb, some[verb][1]


def main(root: str, name: str, acks: str, up: str) -> None:
    draw = random.Random(name)
    doors: list[verbs.Door] = [verbs.Python(Path(root)), verbs.CommandLine(Path(root))]
    Path(up).touch()
    for n in itertools.count():
        verb, arguments = wishes(f"{name}-{n}", Path(acks).parent, draw)
        try:
            answer = draw.choices(doors, [9, 1])[0](verb, arguments)
        except Failed as error:
            if not any(one in str(error) for one in REFUSALS):
                print(f"{verb}: {error}", flush=True)
            time.sleep(0.1)
            continue
        verbs.note(Path(acks), Acknowledged(verb, arguments, answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
