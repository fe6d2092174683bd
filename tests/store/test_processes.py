"""Eight writers and two readers at once: nothing acknowledged is lost, nothing seen torn, no turn given twice."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.faults import sshfs
from tests.store import views
from tests.store.crowd import Page, is_whole

from cupola.store import Store, files, journals, records
from cupola.workspace import Workspace

CROWD = Path(__file__).with_name("crowd.py")
WRITERS = 8


@contextmanager
def local(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    (tmp_path / "workspace").mkdir()
    yield tmp_path / "workspace", tmp_path / "workspace"


@contextmanager
def without_feed(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    root = tmp_path / "workspace"
    (root / ".cupola").mkdir(parents=True)
    (root / ".cupola" / "feed").write_text("no directory, so that no line can be written\n")
    yield root, root


@contextmanager
def over_sshfs(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    with sshfs.mounted(tmp_path) as mounts:
        yield mounts.a, mounts.b


@contextmanager
def over_sshfs_as_it_comes(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    with sshfs.mounted(tmp_path, options="") as mounts:
        yield mounts.a, mounts.b


PLACES = {
    "local": (local, 40),
    "no feed": (without_feed, 15),
    "sshfs": (over_sshfs, 8),
    "cached": (over_sshfs_as_it_comes, 5),
}
if views.VARIABLE in os.environ:
    PLACES = {"given": (views.given, 15)}


def start(home: Path, host: str, *arguments: object) -> "subprocess.Popen[str]":
    """A process of the crowd, on a host of its own."""
    own = {"CUPOLA_HOST": host, "XDG_STATE_HOME": str(home / host / "state"), "CUPOLA_RUNTIME_DIR": str(home / host)}
    (home / host).mkdir(exist_ok=True, mode=0o700)
    command = [sys.executable, CROWD, *map(str, arguments)]
    return subprocess.Popen(command, env=os.environ | own, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def answer(process: "subprocess.Popen[str]") -> Any:
    output, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    return json.loads(output.splitlines()[-1])


@pytest.mark.parametrize("place", PLACES)
def test_a_crowd_loses_and_tears_nothing(home: Path, tmp_path: Path, place: str) -> None:
    make, rounds = PLACES[place]
    with make(tmp_path) as (a, b):
        Workspace.init(a)
        stop = tmp_path / "stop"
        hosts = [("host-a", a), ("host-b", b)]
        readers = [start(home, host, "reader", root, stop, WRITERS) for host, root in hosts]
        writers = [start(home, *pick(hosts, n), f"w{n}", rounds) for n in range(WRITERS)]
        try:
            wrote = [answer(one) for one in writers]
            stop.touch()
            saw = [answer(one) for one in readers]
        finally:
            stop.touch()
            for process in writers + readers:
                process.kill()
                process.wait()
        time.sleep(Store(a).mount.stale_seconds if place == "given" else 0)  # what a mount shows late is not lost
        look_over(Store(tmp_path / "served" if (tmp_path / "served").exists() else a), wrote, saw, rounds)


def pick(hosts: list[tuple[str, Path]], n: int) -> tuple[str, str, Path]:
    host, root = hosts[n % 2]
    return host, "writer", root


def look_over(store: Store, wrote: list[Any], saw: list[Any], rounds: int) -> None:
    assert [one["odd"] for one in saw] == [[], []]
    numbers = [number for one in wrote for number in one["numbers"]]
    assert sorted(numbers) == list(range(1, WRITERS * rounds + 1))
    claimed = [number for one in wrote for number in one["claimed"]]
    assert claimed and sorted(claimed) == list(range(1, len(claimed) + 1))
    for name in (one["name"] for one in wrote):
        page = records.read(store, f"pages/{name}.json", Page)
        assert page.revision == rounds and is_whole(page)
    entries = journals.folded(store, "journal")
    assert len(entries) == WRITERS * rounds
    for name in (one["name"] for one in wrote):
        assert [entry["n"] for entry in entries if entry["by"] == name] == list(range(rounds))
    left = list(store.root.rglob(".tmp-*"))
    assert left == [] and files.listing(store, "pages") == [f"w{n}.json" for n in range(WRITERS)]
