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
        _send(children(self.servers[mount]), signal.SIGKILL)

    def refuse(self, mount: Path) -> None:
        """Cuts the link of a mount, and lets nobody make a new one until `accept`."""
        self._key.rename(self._key.with_suffix(".away"))
        self.cut(mount)

    def accept(self) -> None:
        self._key.with_suffix(".away").rename(self._key)

    @property
    def _key(self) -> Path:
        return self.served.parent / "key.pub"

    def stall(self, mount: Path) -> None:
        """The host behind a mount answers nothing until `resume`."""
        _send(_below(self.servers[mount]), signal.SIGSTOP)

    def resume(self, mount: Path) -> None:
        """It answers again, what it was asked meanwhile too."""
        _send(_below(self.servers[mount]), signal.SIGCONT)


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
    log = directory / f"sshd-{name}.log"
    while (found := _started(directory, name, log)) is None:
        assert "already in use" in log.read_text(), f"sshd did not come up: {log.read_text()}"
        log.unlink()  # somebody else has taken the port meanwhile
    server, port = found
    try:
        yield port, server.pid
    finally:
        _send(_below(server.pid), signal.SIGCONT)
        server.terminate()
        server.wait(180)


def _started(directory: Path, name: str, log: Path) -> tuple["subprocess.Popen[bytes]", int] | None:
    """An sshd that listens, and its port; None where it has ended, as it cannot listen there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    configuration = directory / f"sshd-{name}.conf"
    configuration.write_text(CONFIGURATION.format(port=port, directory=directory))
    server = subprocess.Popen([_sshd() or "sshd", "-D", "-f", configuration, "-E", log])
    listens = f"Server listening on 127.0.0.1 port {port}"
    _wait(
        lambda: server.poll() is not None or (log.exists() and listens in log.read_text()),
        lambda: f"sshd did not come up: {log.read_text()}",
    )
    return None if server.poll() is not None else (server, port)


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


def _send(pids: list[int], number: signal.Signals) -> None:
    """Sends a signal to processes; a session of sshd that has just ended needs none."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def children(parent: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(path.parent.name))
    return found


def _below(parent: int) -> list[int]:
    """All that a process has started, and what those have."""
    return [one for child in children(parent) for one in (child, *_below(child))]


def _wait(condition, message) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + 180
    while not condition():
        assert time.monotonic() < deadline, message()
        time.sleep(0.05)
