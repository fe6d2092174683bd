"""One of the processes of test_processes.py: `writer ROOT NAME ROUNDS` or `reader ROOT STOP WRITERS`.

A writer says what was acknowledged as JSON on its last line; a reader, what it saw.
"""

import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any

from cupola.errors import NotFound
from cupola.store import Store, claims, files, journals, records


class Page(records.Record, kw_only=True):
    writer: str
    body: str
    digest: str


def page(writer: str, n: int) -> Page:
    body = f"{writer} {n} " * (20 + 37 * (n % 11))
    return Page(writer=writer, body=body, digest=hashlib.sha256(body.encode()).hexdigest())


def is_whole(found: Page) -> bool:
    return hashlib.sha256(found.body.encode()).hexdigest() == found.digest


def write(root: str, name: str, rounds: int) -> dict[str, Any]:
    store = Store.open(root)
    numbers, claimed, lines = [], [], 0
    for n in range(rounds):
        records.write(store, f"pages/{name}.json", page(name, n), kind="page", ref=name)
        journals.append(store, f"journal/{store.writer}.jsonl", [{"by": name, "n": n}])
        lines += 1
        numbers.append(claims.take_number(store, "datasets/a"))
        mine = claims.take(store, "turn")
        if mine is not None:
            assert files.create_bytes(store, f"turns/{mine.number}", f"{name} {n}".encode())
            claimed.append(mine.number)
            if claims.renew(store, mine):  # where all stood still for a lease, another may have called this one dead
                claims.release(store, mine)
    return {"name": name, "numbers": numbers, "claimed": claimed, "lines": lines, "writer": store.writer}


def watch(root: str, stop: str, writers: int) -> dict[str, Any]:
    store = Store.open(root, readonly=True)
    revisions: dict[str, int] = {}
    offsets: dict[str, journals.Offset] = {}
    seen: dict[str, list[int]] = {}
    odd: list[str] = []
    reads = 0
    while not Path(stop).exists() or not reads:
        for name in files.listing(store, "pages"):
            try:
                found = records.read(store, f"pages/{name}", Page)
            except NotFound:
                odd.append(f"{name} was listed and is missing")
                continue
            reads += 1
            if not is_whole(found):
                odd.append(f"{name} is torn")
            if found.revision < revisions.get(name, 0):
                odd.append(f"{name} went back from {revisions[name]} to {found.revision}")
            revisions[name] = found.revision
        for name in files.listing(store, "journal"):
            entries, offsets[name] = journals.read(store, f"journal/{name}", offsets.get(name, journals.START))
            seen.setdefault(name, []).extend(entry["seq"] for entry in entries)
        time.sleep(0.002)
    for name, numbers in seen.items():
        if numbers != list(range(1, len(numbers) + 1)):
            odd.append(f"{name} has gaps or repeats")
    return {"reads": reads, "odd": odd}


if __name__ == "__main__":
    _, role, *rest = sys.argv
    answer = write(rest[0], rest[1], int(rest[2])) if role == "writer" else watch(rest[0], rest[1], int(rest[2]))
    print(json.dumps(answer))
