import os
import signal
import stat
import subprocess
import sys
import time
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

# Its first thread ends, another one is there until somebody writes.
HALF_ENDED = """
import ctypes, sys, threading
threading.Thread(target=sys.stdin.read).start()
ctypes.CDLL(None).pthread_exit(None)
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


def test_hosts_that_share_a_tmp_share_no_sockets_locks_or_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("CUPOLA_RUNTIME_DIR", "CUPOLA_SLOTS_DIR"):
        monkeypatch.delenv(variable, raising=False)
    made = []
    mine = f"{os.getpid():07x}"  # others run this test on the same machine
    for host, boot in (("one", f"{mine}a-1/4"), ("two", f"{mine}a-1/4"), ("one", f"{mine}b-2/4")):
        monkeypatch.setenv("CUPOLA_HOST", f"test-{os.getpid()}-{host}")
        monkeypatch.setattr(runtime, "boot", lambda boot=boot: boot)
        made.append(runtime.runtime_dir())
        slots = runtime.slots_dir()
        assert slots.name == f"cupola-slots-{boot[:8]}"
        slots.rmdir()
    assert len(set(made)) == 3
    assert len(str(made[0])) < 70, "a socket's name must fit"
    for directory in made:
        directory.rmdir()


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
    assert sleeper.wait(180) == -signal.SIGTERM
    assert not runtime.send(found, signal.SIGTERM)


def test_the_end_of_a_process_is_waited_for(sleeper: "subprocess.Popen[bytes]") -> None:
    found = runtime.of(sleeper.pid)
    assert found is not None
    assert not runtime.wait_end(found, 0.01)
    sleeper.kill()
    assert runtime.wait_end(found, 180)
    assert not runtime.alive(found), "it waits to be reaped, and counts as gone"
    sleeper.wait()
    assert runtime.wait_end(found)


def test_a_process_is_there_until_the_last_of_its_threads_has_ended() -> None:
    process = subprocess.Popen([sys.executable, "-c", HALF_ENDED], stdin=subprocess.PIPE)
    found = runtime.of(process.pid)
    assert found is not None
    deadline = time.monotonic() + 180
    while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert runtime.alive(found), "it still holds its locks and sockets"
    assert not runtime.wait_end(found, 0.01)
    process.kill()
    assert runtime.wait_end(found, 180)
    assert not runtime.alive(found)
    process.communicate()
