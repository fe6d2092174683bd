"""Taking in connections that have to agree on TLS first, of which only so many may be at it at once.

What has not agreed yet is no connection that `connection.py` knows and counts. Beyond `MOST` the next waits in the
kernel's queue, until one is through or has kept the others waiting for `PATIENCE`: that one goes.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable

MOST = 200  # of one process
PATIENCE = 1.0  # seconds
FULL = 0.1  # seconds until the next try, where this process can open no more


class Door:
    """A listening socket: each connection is given to a protocol of its own once both sides have agreed on TLS.

    timeout: seconds that one may take for that while there is room. under_way: those that are at it, and since when.
    """

    def __init__(
        self, listener: socket.socket, tls: ssl.SSLContext, connect: Callable[[], asyncio.Protocol], timeout: float
    ) -> None:
        listener.setblocking(False)
        self._listener = listener
        self._tls = tls
        self._connect = connect
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self.under_way: dict[asyncio.Task[None], float] = {}
        self._taking = asyncio.create_task(self._take_in())

    def close(self) -> None:
        """Takes nobody in any more; those that are under way go on."""
        self._taking.cancel()

    async def _take_in(self) -> None:
        with self._listener:
            while True:
                await self._come()
                await self._room()
                try:
                    client, _ = self._listener.accept()
                except BlockingIOError:  # another process has taken it
                    continue
                except OSError:  # there are no descriptors left, or it was gone again
                    await asyncio.sleep(FULL)
                    continue
                client.setblocking(False)
                task = asyncio.create_task(self._agree(client))
                self.under_way[task] = self._loop.time()
                task.add_done_callback(lambda done: self.under_way.pop(done, None) and None)

    async def _come(self) -> None:
        """Waits for somebody to take in. (An accept that is waited for, and cancelled, loses who has just come.)"""
        come = asyncio.Event()
        self._loop.add_reader(self._listener, come.set)
        try:
            await come.wait()
        finally:
            self._loop.remove_reader(self._listener)

    async def _room(self) -> None:
        while len(self.under_way) >= MOST:
            oldest, since = next(iter(self.under_way.items()))
            waited = self._loop.time() - since
            if waited < PATIENCE:
                await asyncio.wait(self.under_way, timeout=PATIENCE - waited, return_when=asyncio.FIRST_COMPLETED)
            else:
                oldest.cancel()
                del self.under_way[oldest]

    async def _agree(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):  # an SSLError and a TimeoutError are such: whoever asks hears of it
            await self._loop.connect_accepted_socket(
                self._connect, client, ssl=self._tls, ssl_handshake_timeout=self._timeout
            )
