"""A script that logs into a workspace on SSHFS, while the server does not answer and when the link is cut."""

import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults import sshfs

from cupola.experiments import histories, records
from cupola.store import Store
from cupola.workspace import Workspace

SCRIPT = """
import cupola, sys, time
with cupola.run(workspace=sys.argv[1]) as run:
    step = 0
    while True:
        for _ in range(100):
            run.log_metric("loss", step, step=step)
            step += 1
        print(step, flush=True)
        if not sys.stdin.readline().strip():
            break
"""


@pytest.fixture
def mounts(home: Path, tmp_path: Path) -> Iterator[sshfs.Mounts]:
    with sshfs.mounted(tmp_path) as mounts:
        yield mounts


@pytest.mark.parametrize("trouble", ["silent", "cut"])
def test_a_link_in_trouble_stops_no_script_and_loses_nothing(mounts: sshfs.Mounts, trouble: str) -> None:
    Workspace.init(mounts.served)
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), mounts.a], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, cwd="/", bufsize=1,
    ) as process:  # fmt: skip
        assert process.stdin and process.stdout

        def go_on(times: int) -> None:
            for _ in range(times):
                assert process.stdout and process.stdin
                assert process.stdout.readline()
                process.stdin.write("on\n")
                time.sleep(0.01)

        go_on(10)
        if trouble == "cut":
            mounts.cut(mounts.a)
        else:
            mounts.stall(mounts.a)
        try:
            go_on(200)  # while nothing that it writes arrives
        finally:
            if trouble == "silent":
                mounts.resume(mounts.a)
        last = int(process.stdout.readline())
        process.stdin.write("\n")
        assert process.wait(180) == 0
    store = Store.open(mounts.served)
    (found,) = records.ls(store)
    assert found.status == "Completed"
    assert [one.step for one in histories.of_run(store, found).logged] == list(range(last))
