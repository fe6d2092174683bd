"""Hosts on one machine: each with a name, a boot id, a wall clock and pids of its own; /tmp and $HOME are shared.

Made of Linux namespaces, which need root. A host is the process that is 1 in its pid namespace; when that one is
killed, all of the host dies with it.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

INIT = """
import os, signal, subprocess, sys
signal.signal(signal.SIGCHLD, signal.SIG_DFL)
subprocess.run(["hostname", sys.argv[1]], check=True)
subprocess.run(["mount", "--bind", sys.argv[2], "/proc/sys/kernel/random/boot_id"], check=True)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print(open("/proc/sys/kernel/random/boot_id").read().strip(), flush=True)
while True:
    signal.pause()
"""
CUPOLA = [sys.executable, "-m", "cupola_tui"]
SEAM = Path(__file__).with_name("seam")


def need() -> None:
    """Skips the test where no hosts can be made; for root on CI that is a failure."""
    say = pytest.fail if os.environ.get("CI") == "true" and os.geteuid() == 0 else pytest.skip
    if os.geteuid() != 0:
        say("only root can make hosts of namespaces")
    made = subprocess.run(
        ["unshare", "--uts", "--pid", "--fork", "--mount-proc", "true"], capture_output=True, text=True
    )
    if made.returncode:
        say(f"no hosts can be made of namespaces here: {made.stderr.strip()}")


class Host:
    """A host that runs; `directory` is the shared workspace as it sees it, `home` where its user is at home."""

    def __init__(self, name: str, directory: Path, home: Path, variables: dict[str, str]) -> None:
        self.name = name
        self.directory = directory
        self.home = home
        self.variables = variables
        self.boots: list[str] = []
        self.boot()

    def boot(self) -> None:
        """Starts it, with a new boot id; after `crash` it is the same host, rebooted."""
        self.boots.append(str(uuid.uuid4()))
        file = self.home / f"boot-{self.name}"
        file.write_text(f"{self.boots[-1]}\n")
        command = ["unshare", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "slave"]
        command += [sys.executable, "-c", INIT, self.name, str(file)]
        self.outer = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.outer.stdout
        assert self.outer.stdout.readline().strip() == self.boots[-1]
        [self.init] = map(int, Path(f"/proc/{self.outer.pid}/task/{self.outer.pid}/children").read_text().split())

    def crash(self) -> None:
        """Kills all its processes at once."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.init, signal.SIGKILL)
        self.outer.wait(180)

    def run(self, *words: str, check: bool = True, cap: float = 180) -> str:
        """Runs a command on it, in the workspace; what that prints."""
        enter = ["nsenter", f"--target={self.init}", "--uts", "--pid", "--mount", f"--wd={self.directory}"]
        done = subprocess.run(
            [*enter, *words], env=self._environment(), capture_output=True, text=True, timeout=cap, check=False
        )
        assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def cupola(self, *words: str, check: bool = True) -> str:
        """Runs a command of Cupola on it."""
        return self.run(*CUPOLA, *words, check=check)

    def processes(self, *of: str) -> list[int]:
        """Its processes, as this machine numbers them; with words, those whose command line holds one of them."""
        namespace = os.readlink(f"/proc/{self.init}/ns/pid")  # noqa: PTH115
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.readlink(entry / "ns" / "pid") == namespace and int(entry.name) != self.init:  # noqa: PTH115
                    said = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    if not of or any(word in said for word in of):
                        found.append(int(entry.name))
        return found

    def outer_pid(self, pid: int) -> int:
        """How this machine numbers the process that has that pid on the host. Raises LookupError."""
        for one in self.processes():
            with contextlib.suppress(OSError):
                status = Path(f"/proc/{one}/status").read_text()
                if int(status.partition("NSpid:")[2].split("\n")[0].split()[-1]) == pid:
                    return one
        raise LookupError(f"{self.name} has no process {pid}")

    def signal(self, number: signal.Signals, pids: list[int]) -> None:
        """Signals processes of it, as this machine numbers them."""
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _environment(self) -> dict[str, str]:
        own = ("CUPOLA_", "XDG_")
        bare = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        modules = os.pathsep.join(filter(None, (str(SEAM), bare.get("PYTHONPATH"))))
        return bare | {"HOME": str(self.home), "PYTHONPATH": modules} | self.variables


@contextlib.contextmanager
def pair(home: Path, a: Path, b: Path, lease: float, skew: float = 600.0) -> Iterator[tuple[Host, Host, Path]]:
    """Two hosts of one user over one workspace, which each sees at its own place; and the directory of their history.

    `lease` (seconds) stands in for that of the mount; the clock of the second is wrong by `skew` seconds.
    """
    history = home / "history"
    history.mkdir(parents=True, exist_ok=True)
    common = {"CUPOLA_TEST_LEASE": str(lease), "CUPOLA_TEST_HISTORY": str(history)}
    mark = uuid.uuid4().hex[:6]
    with contextlib.ExitStack() as stack:
        made = []
        for letter, directory, wrong in (("a", a, 0.0), ("b", b, skew)):
            made.append(Host(f"{letter}-{mark}", directory, home, common | {"CUPOLA_TEST_SKEW": str(wrong)}))
            stack.callback(_remove, made[-1])
        yield made[0], made[1], history


def _remove(host: Host) -> None:
    host.crash()
    for boot in host.boots:
        for left in (f"/tmp/cupola-{os.getuid()}/{host.name}-{boot[:8]}", f"/tmp/cupola-slots-{boot[:8]}"):
            shutil.rmtree(left, ignore_errors=True)
