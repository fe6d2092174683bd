"""What is answered without a task: byte for byte what the application answers, and counted as it counts."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import pandas as pd
import pytest
from uvicorn.server import ServerState

from cupola.registry.models import Model
from cupola.registry.signature import PLAIN
from cupola.runtimes import choosing
from cupola.runtimes.compiled import Compiled
from cupola.serving import connection
from cupola.serving.app import Application
from cupola.serving.guard import Guard
from cupola.serving.lineup import Placed
from cupola.serving.scoring import Variant
from cupola.training import fitting, saving
from cupola.training.records import Split, Training

FEATURES = [("distance", "number"), ("hour", "integer"), ("carrier", "category"), ("wet", "boolean")]
ROW: dict[str, Any] = {"distance": 812.25, "hour": 17, "carrier": "AA", "wet": True}
HOST = b"Host: 127.0.0.1\r\n"
JSON = HOST + b"Content-Type: application/json\r\n"
TIME = 180.0
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)")


@pytest.fixture(scope="module")
def compiled(flights: pd.DataFrame) -> Compiled:
    training = Training(
        dataset="flights@1", target="late", target_type="category", estimator="LogisticRegression", params={},
        task="classification", features=FEATURES, split=Split(kind="random"), metric="log_loss", seed=1,
    )  # fmt: skip
    fitted = fitting.fit(flights, training)
    described = saving.describe(fitted, training, [*flights.columns], PLAIN)
    kept = choosing.compared(Model(fitted.pipeline, described, [ROW]))
    assert kept.program is not None, kept.report.reason
    return Compiled(kept.program)


def application(compiled: Compiled, **more: Any) -> Application:
    variants = [Variant("blue", "late@1-aaaa", 1.0, compiled)]
    return Application(variants, Guard(lambda: "t" * 64), {"version": "0", "endpoint": "e"}, **more)


class Door:
    """A server on a free port of loopback, and how many requests were answered at once there, and parsed."""

    def __init__(self, app: Application) -> None:
        self.app, self.port, self.answered, self.pieces, self.parsed = app, 0, 0, 0, 0
        self.state = ServerState()

    def at_once(self, *asked: Any) -> bytes | None:
        found = self.app.at_once(*asked)
        self.answered += found is not None
        return found

    async def say(self, *pieces: bytes, answers: int = 1) -> bytes:
        """So many answers to bytes that come in pieces, as they were written."""
        async with asyncio.timeout(TIME):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            for place, piece in enumerate(pieces, start=self.pieces + 1):
                writer.write(piece)
                while self.pieces < place:
                    await asyncio.sleep(0.001)
            found = b""
            while answers:
                head = await reader.readuntil(b"\r\n\r\n")
                length = LENGTH.search(head)
                found += head + await reader.readexactly(int(length[1]) if length else 0)
                answers -= not head.startswith(b"HTTP/1.1 100")
            writer.close()
            while self.state.connections or self.state.tasks:
                await asyncio.sleep(0.001)
        return found


@asynccontextmanager
async def door(app: Application, *, at_once: bool = True) -> AsyncIterator[Door]:
    found = Door(app)
    loop, settings = asyncio.get_running_loop(), connection.config(app)

    class Counted(connection.Connection):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            found.pieces += 1

        def on_message_begin(self) -> None:
            super().on_message_begin()
            found.parsed += 1

    server = await loop.create_server(
        lambda: Counted(settings, found.state, loop, found.at_once if at_once else None), "127.0.0.1", 0
    )
    found.port = server.sockets[0].getsockname()[1]
    yield found
    server.close()
    await server.wait_closed()


def post(body: Any = None, head: bytes = JSON, line: bytes = b"POST /invocations HTTP/1.1") -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body or {"dataframe_records": [ROW]}).encode()
    return line + b"\r\n" + head + b"Content-Length: %d\r\n\r\n" % len(data) + data


USUAL = [
    [post()],
    [post({"instances": [ROW]})],
    [post(head=HOST)],
    [post(head=JSON + b"Accept: */*\r\n")],
    [post(head=JSON + b"Accept: text/csv\r\n")],
    [post(head=JSON + b"Authorization: Bearer nonsense\r\nX-Else: 1\r\n")],
    [post(head=b"HOST: localhost\r\ncontent-TYPE: application/json\r\n")],
]
NONE = b"x-amzn-sagemaker-"
UNUSUAL = [
    [post({"dataframe_records": [ROW, ROW]})],
    [post({"dataframe_records": [{**ROW, "hour": "late"}]})],
    [post({"dataframe_records": [{"hour": 1}]})],
    [post({"inputs": [[1.0, 2, "AA", True]]})],
    [post(b"{")],
    [post(b"")],
    [post(b"812.25,17,AA,true\n", HOST + b"Content-Type: text/csv\r\n")],
    [post(head=HOST + b"Content-Type: application/x-pickle\r\n")],
    [post(head=JSON + b"Accept: image/png\r\n")],
    [post(head=JSON + b"Content-Encoding: gzip\r\n")],
    [post(head=JSON + b"Connection: close\r\n")],
    [post(head=JSON + b"Expect: 100-continue\r\n")],
    [post(head=JSON + b"Origin: http://elsewhere\r\n")],
    [post(head=JSON + b"Sec-Fetch-Site: cross-site\r\n")],
    [post(head=JSON.replace(b"127.0.0.1", b"elsewhere"))],
    [post(head=JSON + HOST)],
    [post(head=JSON + NONE + b"inference-id: 7\r\n")],
    [post(head=JSON + NONE + b"custom-attributes: a\r\n")],
    [post(head=JSON + NONE + b"custom-attributes: " + b"a" * 2000 + b"\r\n")],
    [post(head=JSON + NONE + b"target-variant: blue\r\n")],
    [post(head=JSON + NONE + b"target-variant: green\r\n")],
    [post(head=JSON + NONE + b"target-model: m\r\n")],
    [post(head=JSON + NONE + b"enable-explanations: `false`\r\n")],
    [post(head=JSON + NONE + b"session-id: no-session\r\n")],
    [post(line=b"POST /invocations HTTP/1.0")],
    [post(line=b"PUT /invocations HTTP/1.1")],
    [post(line=b"POST /invocations?x=1 HTTP/1.1")],
    [post(line=b"POST /invocations/ HTTP/1.1")],
    [post()[:-40], post()[-40:]],
    [post()[:30], post()[30:-1], post()[-1:]],
    [b"POST /invocations HTTP/1.1\r\n" + JSON + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"],
    [b"POST /invocations HTTP/1.1\r\n" + JSON + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n"],
    [b"POST /invocations HTTP/1.1\r\n" + JSON + b"Content-Length: -1\r\n\r\n"],
]


def counted(app: Application) -> Any:
    """What was counted, but for how long things took."""
    return [
        (one.requests, one.errors, one.faults, sum(one.buckets.values()), one.answers)
        for one in (app.counts, app.counts.of("blue=late@1-aaaa"))
    ]


async def test_it_answers_and_counts_as_the_application_does(compiled: Compiled) -> None:
    async with door(application(compiled)) as short, door(application(compiled), at_once=False) as long:
        for pieces in USUAL:
            before = short.answered
            said = await short.say(*pieces)
            assert said == await long.say(*pieces) and said.startswith(b"HTTP/1.1 200"), pieces
            assert short.answered == before + 1, pieces
            assert counted(short.app) == counted(long.app), pieces
        for pieces in UNUSUAL:
            assert await short.say(*pieces) == await long.say(*pieces), pieces
            assert short.answered == len(USUAL), pieces
            assert counted(short.app) == counted(long.app), pieces


async def test_requests_that_come_together_are_answered_in_their_order(compiled: Compiled) -> None:
    bodies = [{"dataframe_records": [{**ROW, "hour": hour}]} for hour in range(24)]
    mixed = b"".join(map(post, bodies)) + post(b"{") + post(bodies[0])
    async with door(application(compiled)) as short, door(application(compiled), at_once=False) as long:
        assert await short.say(mixed, answers=26) == await long.say(mixed, answers=26)
        assert counted(short.app) == counted(long.app)
        both = post(bodies[1]), post(bodies[2])
        alone = [await long.say(one) for one in both]
        assert alone[0] != alone[1]
        found = await asyncio.gather(*(short.say(both[place % 2]) for place in range(40)))
        assert found == [alone[place % 2] for place in range(40)]


async def test_a_head_that_came_before_is_not_parsed_again_and_says_the_same(compiled: Compiled) -> None:
    usual = [post({"dataframe_records": [{**ROW, "hour": hour}]}) for hour in (11, 12, 13)]
    broken = usual[0][:-1] + b"!"
    chunks = b"POST /invocations HTTP/1.1\r\n" + JSON + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    pieces = [
        *usual, usual[0][:40], usual[0][40:], usual[1][:-1], usual[1][-1:] + usual[2], usual[0] + usual[1] + usual[2],
        broken, usual[0], b"\r\n" + usual[1], b"\r\n\r\n" + usual[2], chunks, usual[0], usual[1][:-1], usual[1][-1:],
    ]  # fmt: skip
    async with door(application(compiled)) as short, door(application(compiled), at_once=False) as long:
        assert await short.say(*pieces, answers=16) == await long.say(*pieces, answers=16)
        assert counted(short.app) == counted(long.app)
        parsed, answered = short.parsed, short.answered
        await short.say(*usual, answers=3)
        assert (short.parsed, short.answered) == (parsed, answered + 3)
        await short.say(usual[0].replace(b"/json", b"/jsow"))
        assert (short.parsed, short.answered) == (parsed + 1, answered + 3)
    async with door(application(compiled)) as other:  # what is known of a head is known, who may ask is asked again
        other.app.draining = True
        assert b"connection: close" in await other.say(usual[0])
        assert other.answered == 0


async def test_no_more_heads_are_known_than_there_is_room_for(compiled: Compiled) -> None:
    async with door(application(compiled)) as short:
        many = [post(head=JSON + b"X-Else: %d\r\n" % number) for number in range(connection.MOST_KNOWN + 10)]
        await short.say(*many, answers=len(many))
        assert short.answered == len(many) and len(connection._known) <= connection.MOST_KNOWN
        await short.say(post(head=JSON + b"X-Else: " + b"a" * connection.LONGEST_KNOWN + b"\r\n"))
        assert max(map(len, connection._known)) <= connection.LONGEST_KNOWN


async def test_what_needs_more_than_an_answer_goes_the_long_way(compiled: Compiled) -> None:
    asked = [(b"host", b"127.0.0.1")], True, json.dumps({"dataframe_records": [ROW]}).encode()
    app = application(compiled)
    assert app.at_once(*asked) is not None and app.counts.queued == 0
    assert app.at_once(*asked) is not None and (queued := app.counts.queued) > 0  # the first was answered before it
    await asyncio.sleep(0)
    assert app.at_once(*asked) is not None and app.counts.queued == queued
    assert app.at_once(asked[0], False, asked[2]) is None  # of another Unix user, without a token
    assert app.at_once([*asked[0], (b"authorization", b"Bearer " + b"t" * 64)], False, asked[2]) is not None
    app.draining = True
    assert app.at_once(*asked) is None
    assert application(compiled, together=nullcontext).at_once(*asked) is None
    shadowed = application(compiled)
    shadow = Variant("green", "late@2-bbbb", 0.0, compiled, shadow=0.5)
    shadowed.lineup = type(shadowed.lineup)([*shadowed.lineup.production, shadow])
    assert shadowed.at_once(*asked) is None
    shadowed.place([Placed(key="blue=late@1-aaaa", weight=1.0)])
    assert shadowed.at_once(*asked) is not None
