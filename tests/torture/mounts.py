"""One directory as two hosts have it, on each kind of mount that is promised to work.

    python -m tests.torture.mounts "nfs actimeo=1" -- COMMAND... {a} {b}

runs a command on it. NFS needs a kernel that has it: that is a guest's (tests/torture/guest.py), in which the command
then runs.
"""

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.faults import sshfs
from tests.torture.guest import Guest, install, make_disk

Views = tuple[Path, Path]
MOUNTS = {
    "ext4": "",
    "sshfs": "",
    "sshfs dcache_timeout=1": "dcache_timeout=1",
    "sshfs without cache": sshfs.UNCACHED,
    "nfs": "",
    "nfs actimeo=1": "actimeo=1",
}
PACKAGES = {"sshfs": "sshfs", "fusermount3": "fuse3", "sshd": "openssh-server", "ssh-keygen": "openssh-client"}
NFS_PACKAGES = {"rpc.nfsd": "nfs-kernel-server", "mount.nfs": "nfs-common", "rpcbind": "rpcbind"}
SIZE = "2048M"
DISK = "/dev/ubda"


@contextlib.contextmanager
def ext4(directory: Path) -> Iterator[Views]:
    """A disk of its own, which both hosts see as it is."""
    image, point = directory / "disk", directory / "ext4"
    make_disk(image, SIZE)
    point.mkdir()
    subprocess.run(["mount", "-o", "loop", image, point], check=True)
    shared = point / "shared"  # beside lost+found
    shared.mkdir()
    try:
        yield shared, shared
    finally:
        subprocess.run(["umount", "-l", point], check=True)


@contextlib.contextmanager
def over_sshfs(directory: Path, options: str) -> Iterator[Views]:
    """Two SSHFS mounts of a directory on ext4."""
    install(PACKAGES)
    with sshfs.mounted(directory, options=options) as mounts:
        yield mounts.a, mounts.b


@contextlib.contextmanager
def over_nfs(options: str) -> Iterator[Views]:
    """In a guest: a kernel's NFS server on ext4, and two clients of it, each with a network and caches of its own."""
    _shell(f"""
        mkdir -p /mnt/disk /mnt/a /mnt/b /run/rpcbind /run/sendsigs.omit.d /var/lib/nfs/sm /var/lib/nfs/rpc_pipefs
        mount {DISK} /mnt/disk && mkdir -m 777 /mnt/disk/export
        modprobe -a nfs nfsd nfsv4 veth
        mount -t nfsd nfsd /proc/fs/nfsd
        echo '/mnt/disk/export 10.9.0.0/16(rw,sync,no_root_squash,no_subtree_check,fsid=0)' > /etc/exports
        echo 10 > /proc/fs/nfsd/nfsv4gracetime
        echo 10 > /proc/fs/nfsd/nfsv4leasetime
        rpcbind -w
        exportfs -ra
        rpc.nfsd 4
        rpc.mountd
    """)
    for number, name in enumerate("ab"):
        given = ",".join(filter(None, ["vers=4.2,hard", options]))
        _shell(f"""
            ip netns add {name}
            ip link add v{name} type veth peer name eth0 netns {name}
            ip addr add 10.9.{number}.1/24 dev v{name}
            ip link set v{name} up
            ip -n {name} addr add 10.9.{number}.2/24 dev eth0
            ip -n {name} link set eth0 up
            ip -n {name} link set lo up
            nsenter --net=/run/netns/{name} unshare --uts sh -c \\
                'hostname host-{name}; mount -t nfs -o {given} 10.9.{number}.1:/ /mnt/{name}'
        """)
    _answers(Path("/mnt/a/up"))
    yield Path("/mnt/a"), Path("/mnt/b")


def _shell(script: str) -> None:
    subprocess.run(["sh", "-ec", script], check=True)


def _answers(path: Path) -> None:
    """Waits until the server lets its clients write: not before its grace period is over."""
    deadline = time.monotonic() + 60
    while subprocess.run(["timeout", "5", "touch", path], capture_output=True, check=False).returncode:
        if time.monotonic() > deadline:
            raise RuntimeError("the NFS server does not answer")
        time.sleep(0.5)
    path.unlink()


def main() -> int:
    name, dashes, *command = sys.argv[1:]
    assert name in MOUNTS and dashes == "--", __doc__
    if name.startswith("nfs") and not Path(DISK).exists():
        return in_guest(sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="cut-", dir="/tmp") as directory, contextlib.ExitStack() as stack:
        if name == "ext4":
            views = stack.enter_context(ext4(Path(directory)))
        elif name.startswith("sshfs"):
            views = stack.enter_context(over_sshfs(Path(directory), MOUNTS[name]))
        else:
            views = stack.enter_context(over_nfs(MOUNTS[name]))
        words = [word.format(a=views[0], b=views[1]) for word in command]
        return subprocess.run(words, check=False).returncode


def in_guest(arguments: list[str]) -> int:
    """Runs this program in a guest."""
    install(NFS_PACKAGES)
    with tempfile.TemporaryDirectory(prefix="cut-", dir="/tmp") as directory:
        disk, share = Path(directory) / "disk", Path(directory) / "share"
        share.mkdir()
        make_disk(disk, SIZE)
        with Guest([sys.executable, "-m", "tests.torture.mounts", *arguments], share, disk=disk) as guest:
            guest.wait_up()
            return guest.wait(timeout=3600)


if __name__ == "__main__":
    sys.exit(main())
