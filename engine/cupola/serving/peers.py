"""Who is on the other end of a local connection: asked of the kernel, once a connection."""

import contextlib
import os
import socket
import struct
from pathlib import Path

SOCK_DIAG_BY_FAMILY = 20
NLM_F_REQUEST = 1
NETLINK_SOCK_DIAG = 4
CLOSED_STATES = 1 << 7 | 1 << 6 | 1 << 3
ALL_OPEN_STATES = 0xFFF & ~CLOSED_STATES
UNKNOWN_COOKIE = 0xFFFFFFFF
NO_INODE = 0


def is_own(connection: socket.socket, uid: int | None = None) -> bool:
    """Whether the process at the other end runs as `uid` (this process's own user, unless told).

    Unknown counts as no. A socket whose process has closed it shows no owner, so it is no one's.
    """
    return owner(connection) == (os.getuid() if uid is None else uid)


def owner(connection: socket.socket) -> int | None:
    """The user id of the peer of a Unix or TCP connection on this host; None when it cannot be known."""
    if connection.family == socket.AF_UNIX:
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", raw)[1])
    try:
        here, there = connection.getsockname()[:2], connection.getpeername()[:2]
    except OSError:
        return None
    for ask in (_ask_netlink, _read_proc):
        with contextlib.suppress(OSError, struct.error, ValueError):
            return ask(connection.family, there, here)
    return None


def _ask_netlink(family: int, local: tuple[str, int], remote: tuple[str, int]) -> int | None:
    """The owner of the socket whose own end is `local`, by an exact NETLINK_SOCK_DIAG question."""
    ends = struct.pack("!HH", local[1], remote[1])
    ends += socket.inet_pton(family, local[0]).ljust(16, b"\0") + socket.inet_pton(family, remote[0]).ljust(16, b"\0")
    ends += struct.pack("=III", 0, UNKNOWN_COOKIE, UNKNOWN_COOKIE)
    body = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 0, 0, ALL_OPEN_STATES) + ends
    header = struct.pack("=IHHII", 16 + len(body), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(1.0)
        kernel.sendto(header + body, (0, 0))
        answer = kernel.recv(8192)
    _, kind = struct.unpack_from("=IH", answer)
    if kind != SOCK_DIAG_BY_FAMILY:
        raise OSError("the kernel does not answer questions about sockets")
    uid, inode = struct.unpack_from("=II", answer, 16 + 4 + 48 + 12)
    return None if inode == NO_INODE else int(uid)


def _read_proc(family: int, local: tuple[str, int], remote: tuple[str, int]) -> int | None:
    """The same from /proc/net, for kernels without the netlink question."""
    table = "/proc/net/tcp6" if family == socket.AF_INET6 else "/proc/net/tcp"
    wanted = [_as_in_proc(family, local), _as_in_proc(family, remote)]
    for line in Path(table).read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1:3] == wanted:
            return None if int(fields[9]) == NO_INODE else int(fields[7])
    return None


def _as_in_proc(family: int, address: tuple[str, int]) -> str:
    raw = socket.inet_pton(family, address[0])
    words = struct.unpack(f"={len(raw) // 4}I", raw)
    return "".join(f"{word:08X}" for word in words) + f":{address[1]:04X}"
