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


async def take_in(
    listener: socket.socket, tls: ssl.SSLContext, connect: Callable[[], asyncio.Protocol], timeout: float
) -> None:
    """Accepts for ever; each connection is given to a protocol of its own once both sides have agreed on TLS.

    timeout: seconds that one may take for that while there is room.
    """
    loop = asyncio.get_running_loop()
    under_way: dict[asyncio.Task[None], float] = {}
    try:
        while True:
            try:
                client, _ = await loop.sock_accept(listener)
            except OSError:  # there are no descriptors left, or it was gone again
                await asyncio.sleep(FULL)
                continue
            while len(under_way) >= MOST:
                oldest, since = next(iter(under_way.items()))
                waited = loop.time() - since
                if waited < PATIENCE:
                    await asyncio.wait(under_way, timeout=PATIENCE - waited, return_when=asyncio.FIRST_COMPLETED)
                else:
                    oldest.cancel()
                    del under_way[oldest]
            task = asyncio.create_task(_agree(client, tls, connect, timeout))
            under_way[task] = loop.time()
            task.add_done_callback(lambda done: under_way.pop(done, None) and None)
    finally:
        for task in under_way:
            task.cancel()


async def _agree(
    client: socket.socket, tls: ssl.SSLContext, connect: Callable[[], asyncio.Protocol], timeout: float
) -> None:
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError):  # an SSLError and a TimeoutError are such: whoever asks hears of it
        await loop.connect_accepted_socket(connect, client, ssl=tls, ssl_handshake_timeout=timeout)
