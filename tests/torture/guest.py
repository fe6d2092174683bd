"""A machine with a kernel of its own, for what this one's kernel cannot do (NFS) or must not suffer (a power cut).

It is User-Mode Linux, which Debian has as a package: a Linux that runs as a process, with no KVM and no image. What it
sees is the files of this machine, beneath a layer that takes all it writes and goes away with it; kept are a directory
that both see and a disk in a file. It has one CPU, and of the caller's environment only $PYTHONPATH.
"""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path

NEEDS = {"linux.uml": "user-mode-linux", "modprobe": "kmod", "ip": "iproute2", "mkfs.ext4": "e2fsprogs"}
MODULES = "/usr/lib/uml/modules"
BOOTS_WITHIN = 120.0  # seconds
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

INIT = """\
#!/bin/sh
export PATH={path} HOME=/root LANG=C.UTF-8
mount -t proc proc /proc
mount -t tmpfs tmpfs /mnt
mkdir -p /mnt/modules/lib /mnt/upper /mnt/work /mnt/root
ln -s {modules} /mnt/modules/lib/modules
modprobe -d /mnt/modules overlay
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
cd /mnt/root
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --rbind /dev dev
mkdir -p dev/shm dev/pts
mount -t devpts devpts dev/pts
for each in run mnt dev/shm; do mkdir -p $each; mount -t tmpfs tmpfs $each; done
mkdir -p .{share}
mount -t hostfs -o {share} none .{share}
[ -e lib/modules ] || ln -s {modules} lib/modules
mkdir mnt/old
pivot_root . mnt/old
umount -l /mnt/old
rmdir /mnt/old
exec chroot . /bin/sh {share}/main
"""

MAIN = """\
export PATH={path} HOME=/root LANG=C.UTF-8 PYTHONPATH={python_path}
cd {here}
ip link set lo up
hostname guest
echo 3 > /proc/sys/kernel/printk
echo up > {share}/up
{command} >> {share}/log 2>&1 < /dev/null
status=$?
sync
echo $status > {share}/status
sleep 1000000
"""


def install(needs: dict[str, str]) -> None:
    """Installs the Debian packages of those programs that are missing. Raises RuntimeError where that does not work."""
    search = f"{os.environ.get('PATH', '')}:{PATH}"
    missing = sorted({package for program, package in needs.items() if not shutil.which(program, path=search)})
    if not missing:
        return
    print(f"installing {', '.join(missing)}", flush=True)
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    variables = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], capture_output=True, check=False)
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"cannot install {', '.join(missing)}: {done.stderr.strip()[-500:]}")


def make_disk(path: Path, size: str) -> None:
    """An ext4 file system in a file."""
    with path.open("wb") as file:
        file.truncate(int(size.removesuffix("M")) << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", path], check=True)


class Guest:
    """A guest that runs a command as root, in the directory `here`; what it prints goes to `share`/log.

    share: the directory that both see. disk: the file that is the guest's /dev/ubda.
    """

    def __init__(self, command: list[str], share: Path, *, disk: Path | None = None, memory: str = "3G") -> None:
        install(NEEDS)
        self.share = share.resolve()
        for name in ("up", "status"):
            (share / name).unlink(missing_ok=True)
        (share / "log").touch()
        values = {"share": str(self.share), "path": PATH, "modules": MODULES, "here": str(Path.cwd())}
        values["python_path"] = os.environ.get("PYTHONPATH", "")
        (share / "init").write_text(INIT.format(**values))
        (share / "init").chmod(0o755)
        (share / "main").write_text(MAIN.format(**values, command=shlex.join(command)))
        words = ["linux.uml", "rootfstype=hostfs", "rootflags=/", "ro", f"mem={memory}", f"init={self.share}/init"]
        words += ["quiet", "con=null", "con0=fd:0,fd:1", *([f"ubd0={disk.resolve()}"] if disk else [])]
        self._quiet, keep_open = os.pipe()  # a console that never says anything
        self._keep_open = keep_open
        with (share / "console").open("w") as console:
            self._process = subprocess.Popen(
                words, stdin=self._quiet, stdout=console, stderr=console, start_new_session=True
            )

    def wait_up(self) -> None:
        """Waits until the command has been started. Raises RuntimeError with what the console says."""
        deadline = time.monotonic() + BOOTS_WITHIN
        while not (self.share / "up").exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                console = (self.share / "console").read_text(errors="replace")
                raise RuntimeError(f"the guest did not come up: {console[-1500:]}")
            time.sleep(0.05)

    @property
    def status(self) -> int | None:
        """The command's exit status, None while it runs."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            return int((self.share / "status").read_text())
        return None

    def wait(self, timeout: float) -> int:
        """The command's exit status; what it prints is printed here. Raises TimeoutError."""
        deadline = time.monotonic() + timeout
        with (self.share / "log").open(errors="replace") as log:
            while (status := self.status) is None:
                print(log.read(), end="", flush=True)
                if self._process.poll() is not None and self.status is None:
                    raise RuntimeError("the guest has ended before its command did")
                if time.monotonic() > deadline:
                    raise TimeoutError(f"the guest was not done after {timeout:.0f} s")
                time.sleep(0.2)
            print(log.read(), end="", flush=True)
        return status

    def cut(self) -> None:
        """Cuts its power: what had not reached the disk is lost."""
        for pid in _session(self._process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def __enter__(self) -> "Guest":
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        os.close(self._quiet)
        os.close(self._keep_open)


def _session(leader: int) -> list[int]:
    """The processes of a session: the guest is several."""
    found = [leader]
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[3]) == leader:
                found.append(int(path.parent.name))
    return found
