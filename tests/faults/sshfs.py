"""Two SSHFS mounts of one directory, as two hosts would have them, each served by an sshd of our own on loopback."""

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

UNCACHED = "dir_cache=no,attr_timeout=0,entry_timeout=0,negative_timeout=0"

CONFIGURATION = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {directory}/host
AuthorizedKeysFile {directory}/key.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100
Subsystem sftp internal-sftp
"""


@dataclass(frozen=True)
class Mounts:
    """The directory itself (as the host with the disk sees it), and its two mounts."""

    served: Path
    a: Path
    b: Path
    servers: dict[Path, int] = field(default_factory=dict)

    def cut(self, mount: Path) -> None:
        """Cuts the link of a mount; SSHFS makes a new one when it is next used."""
        for pid in _children(self.servers[mount]):
            os.kill(pid, signal.SIGKILL)


def need() -> None:
    """Skips the test where SSHFS cannot be mounted; on CI that is a failure."""
    missing = [name for name in ("sshfs", "fusermount3", "ssh-keygen") if not shutil.which(name)]
    if not _sshd():
        missing.append("sshd")
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        missing.append("access to /dev/fuse")
    if missing:
        say = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        say(f"no SSHFS here: {', '.join(missing)} (Debian: sshfs, openssh-server)")


@contextlib.contextmanager
def mounted(directory: Path, options: str = UNCACHED) -> Iterator[Mounts]:
    """Serves `directory`/served and mounts it on `directory`/a and `directory`/b."""
    need()
    mounts = Mounts(directory / "served", directory / "a", directory / "b")
    for path in (mounts.served, mounts.a, mounts.b):
        path.mkdir()
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    for name in ("host", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / name], check=True)
    with contextlib.ExitStack() as stack:
        for point in (mounts.a, mounts.b):
            port, mounts.servers[point] = stack.enter_context(_server(directory, point.name))
            stack.enter_context(_mount(directory, port, mounts.served, point, options))
        yield mounts


def _sshd() -> str | None:
    return shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


@contextlib.contextmanager
def _server(directory: Path, name: str) -> Iterator[tuple[int, int]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    configuration, log = directory / f"sshd-{name}.conf", directory / f"sshd-{name}.log"
    configuration.write_text(CONFIGURATION.format(port=port, directory=directory))
    server = subprocess.Popen([_sshd() or "sshd", "-D", "-f", configuration, "-E", log])
    try:
        _wait(lambda: _listens(port), lambda: f"sshd did not come up: {log.read_text()}")
        yield port, server.pid
    finally:
        server.terminate()
        server.wait(10)


@contextlib.contextmanager
def _mount(directory: Path, port: int, served: Path, point: Path, options: str) -> Iterator[None]:
    ours = f"IdentityFile={directory / 'key'},IdentitiesOnly=yes,StrictHostKeyChecking=no,UserKnownHostsFile=/dev/null"
    given = ",".join(filter(None, [ours, "LogLevel=ERROR,reconnect", options]))
    source = f"{getpass.getuser()}@127.0.0.1:{served}"
    command = ["sshfs", source, str(point), "-f", "-p", str(port), "-o", given]
    log = directory / f"sshfs-{point.name}.log"
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        _wait(lambda: os.path.ismount(point), lambda: f"sshfs did not mount: {log.read_text()}")
        yield
    finally:
        subprocess.run(["fusermount3", "-u", "-z", point], check=False, capture_output=True)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _children(parent: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(path.parent.name))
    return found


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _wait(condition, message) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, message()
        time.sleep(0.05)
