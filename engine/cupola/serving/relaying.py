"""An answer in parts on its way through the gateway: an endpoint's events, and one of ours where they break off."""

import asyncio

from cupola.serving import eventstream
from cupola.serving.http import Gone, Receive, Send
from cupola.serving.upstream import Lost, Upstream

ANSWER_TIME = 60.0  # seconds for the next part of an answer, or for all of one that has no parts


async def rest(upstream: Upstream) -> bytes:
    """What is left of an answer's body. Raises Lost; the connection is closed where it is not awaited to the end."""
    parts = []
    try:
        while part := await upstream.more():
            parts.append(part)
    except BaseException:
        upstream.close()
        raise
    return b"".join(parts)


async def relay(name: str, upstream: Upstream, receive: Receive, send: Send) -> None:
    """Passes the events of an endpoint on, whole ones only; one that ends too early or too late ends with an error.

    Raises Gone when the client has left, or takes nothing more.
    """
    left = asyncio.ensure_future(receive())  # ends when the client has left: nothing else comes after the body
    try:
        held, last = b"", b""
        while not last:
            try:
                async with asyncio.timeout(ANSWER_TIME):
                    part = await upstream.more()
            except Lost:
                last = eventstream.model_error(lost(name), eventstream.BROKEN)
            except TimeoutError:
                last = eventstream.model_error(late(name), eventstream.TOO_LONG)
            else:
                if not part:
                    break
                held += part
                end = eventstream.whole(held)
                await _send(send, held[:end], True)
                held = held[end:]
            if left.done():
                raise Gone
        await _send(send, last, False)
    finally:
        left.cancel()
    if last:
        upstream.close()


def late(name: str) -> str:
    return f"the endpoint {name} has not answered within {ANSWER_TIME:.0f} s"


def lost(name: str) -> str:
    return f"the server process of {name} that worked on this request is gone"


async def _send(send: Send, data: bytes, more: bool) -> None:
    try:
        async with asyncio.timeout(ANSWER_TIME):
            await send({"type": "http.response.body", "body": data, "more_body": more})
    except TimeoutError:
        raise Gone from None
