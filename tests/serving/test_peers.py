"""Who is at the other end: the kernel's word, not the client's."""

import os
import socket
from collections.abc import Callable

import pytest

from cupola.serving import peers

FAMILIES = [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]


def accept(family: int, address: str, uid: int, then: Callable[[socket.socket], None]) -> tuple[socket.socket, int]:
    """A connection that a process of another user has made; `then` is what that does next, before it ends."""
    with socket.socket(family) as listener:
        listener.bind((address, 0))
        listener.listen()
        pid = os.fork()
        if pid == 0:
            try:
                os.setuid(uid)
                then(socket.create_connection(listener.getsockname()[:2]))
            finally:
                os._exit(0)
        return listener.accept()[0], pid


@pytest.mark.parametrize(("family", "address"), FAMILIES)
@pytest.mark.parametrize("ask", [peers.owner, lambda one: peers._read_proc(one.family, *ends(one))])
def test_our_own_connections_are_ours(family: int, address: str, ask: Callable[[socket.socket], int | None]) -> None:
    with socket.socket(family) as listener:
        listener.bind((address, 0))
        listener.listen()
        with socket.create_connection(listener.getsockname()[:2]), listener.accept()[0] as accepted:
            assert ask(accepted) == os.getuid()
            assert peers.is_own(accepted)


def ends(one: socket.socket) -> tuple[tuple[str, int], tuple[str, int]]:
    return one.getpeername()[:2], one.getsockname()[:2]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize(("family", "address"), FAMILIES)
def test_another_users_are_not(family: int, address: str) -> None:
    reading, writing = os.pipe()
    accepted, pid = accept(family, address, 65534, lambda _: os.read(reading, 1) and None)
    with accepted:
        assert peers.owner(accepted) == peers._read_proc(family, *ends(accepted)) == 65534
        assert not peers.is_own(accepted)
        os.write(writing, b"x")
        os.waitpid(pid, 0)
        assert peers.owner(accepted) is None, "a socket without a process must not count as root's"


def test_unix_sockets_and_what_is_gone() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert peers.is_own(one) and not peers.is_own(one, os.getuid() + 1)
    with socket.socket() as unconnected:
        assert peers.owner(unconnected) is None
