"""Listening sockets: loopback ports that stay the same, and Unix sockets of this user alone."""

import contextlib
import errno
import os
import socket
import struct
import time

LOOPBACK = "127.0.0.1"
BACKLOG = 1024
TRIES, PAUSE = 100, 0.05  # how often the same port as before is tried, seconds between two tries


def allow_many() -> None:
    """Lets this process have as many open connections as the system allows it."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def url(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"


def tcp(port: int) -> socket.socket:
    """A listening loopback socket: at `port` if it can be had (a server that is just dying may hold it a moment)."""
    left = TRIES
    while True:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
            listener.listen(BACKLOG)
        except OSError as error:
            listener.close()
            if error.errno != errno.EADDRINUSE or not port:
                raise
            left -= 1
            if not left:
                port = 0
            else:
                time.sleep(PAUSE)
            continue
        return listener


def bound(path: str, kind: socket.SocketKind) -> socket.socket:
    """A Unix socket at `path`, for this user alone (the directory is)."""
    remove(path)
    bound = socket.socket(socket.AF_UNIX, kind | socket.SOCK_NONBLOCK)
    bound.bind(path)
    return bound


def remove(path: str) -> None:
    """Removes a socket's name, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # noqa: PTH108


def peer(line: socket.socket) -> int:
    """The pid of who has connected a Unix socket."""
    pid, _, _ = struct.unpack("3i", line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return int(pid)
