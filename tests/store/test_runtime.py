import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cupola.errors import DiskTrouble
from cupola.store import runtime
from cupola.store.runtime import Process

LOCK = """
import sys, time
from cupola.store.runtime import lock
held = lock(sys.argv[1])
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


def test_the_runtime_directory_is_private_and_made_again(home: Path) -> None:
    for _ in range(2):
        made = runtime.runtime_dir()
        assert made == home / "runtime" and stat.S_IMODE(made.stat().st_mode) == 0o700
        made.rmdir()


def test_a_runtime_directory_that_others_may_write_is_refused(home: Path) -> None:
    runtime.runtime_dir().chmod(0o777)
    with pytest.raises(DiskTrouble, match="your own"):
        runtime.runtime_dir()


def test_a_runtime_directory_that_is_a_symlink_is_refused(home: Path, tmp_path: Path) -> None:
    (home / "runtime").symlink_to(tmp_path)
    with pytest.raises(DiskTrouble, match="your own"):
        runtime.runtime_dir()


def test_the_slots_directory_is_for_all_and_sticky(home: Path) -> None:
    before = os.umask(0o077)
    try:
        assert stat.S_IMODE(runtime.slots_dir().stat().st_mode) == 0o1777
    finally:
        os.umask(before)
    assert runtime.slots_dir() == home / "slots"


def test_a_lock_has_one_holder_and_goes_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    process = subprocess.Popen([sys.executable, "-c", LOCK, path], stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "held\n"
    assert runtime.lock(path, wait=False) is None
    process.kill()
    process.communicate()
    held = runtime.lock(path)
    assert held is not None and runtime.lock(path, wait=False) is None
    held.release()
    again = runtime.lock(path, wait=False)
    assert again is not None
    again.release()


def test_a_lock_whose_file_was_replaced_is_not_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    first = runtime.lock(path)
    path.unlink()
    second = runtime.lock(path, wait=False)
    assert first is not None and second is not None
    assert runtime.lock(path, wait=False) is None


def test_a_lock_for_all_has_the_mode_for_all(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        held = runtime.lock(tmp_path / "a.lock", mode=0o666)
    finally:
        os.umask(before)
    assert held is not None and stat.S_IMODE((tmp_path / "a.lock").stat().st_mode) == 0o666
    held.release()


def test_a_lock_is_not_taken_through_a_symlink(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("")
    (tmp_path / "a.lock").symlink_to(tmp_path / "victim")
    with pytest.raises(DiskTrouble):
        runtime.lock(tmp_path / "a.lock")


def test_a_process_is_known_by_boot_pid_and_start(sleeper: "subprocess.Popen[bytes]") -> None:
    found = runtime.of(sleeper.pid)
    assert found is not None and runtime.alive(found) and runtime.alive(runtime.current())
    assert not runtime.alive(Process(found.boot, found.pid, found.start - 1))
    assert not runtime.alive(Process("another boot", found.pid, found.start))
    assert runtime.of(2**22 + 1) is None


def test_a_stranger_with_the_same_pid_is_not_signalled(sleeper: "subprocess.Popen[bytes]") -> None:
    found = runtime.of(sleeper.pid)
    assert found is not None
    assert not runtime.send(Process(found.boot, found.pid, found.start - 1), signal.SIGKILL)
    assert not runtime.send(Process("another boot", found.pid, found.start), signal.SIGKILL)
    assert sleeper.poll() is None
    assert runtime.send(found, signal.SIGTERM)
    assert sleeper.wait(30) == -signal.SIGTERM
    assert not runtime.send(found, signal.SIGTERM)


def test_the_end_of_a_process_is_waited_for(sleeper: "subprocess.Popen[bytes]") -> None:
    found = runtime.of(sleeper.pid)
    assert found is not None
    assert not runtime.wait_end(found, 0.01)
    sleeper.kill()
    assert runtime.wait_end(found, 30)
    assert not runtime.alive(found), "it waits to be reaped, and counts as gone"
    sleeper.wait()
    assert runtime.wait_end(found)
