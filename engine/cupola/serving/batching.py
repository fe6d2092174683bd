"""Requests that arrive while others are predicted, joined into one call of the pipeline.

A call of scikit-learn costs milliseconds for one row, and hardly more for a hundred. A request that comes alone is
worked on at once; those that come meanwhile wait for its end and are then predicted together.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pandas as pd
import threadpoolctl

from cupola.registry.models import Prediction
from cupola.runtimes import native
from cupola.runtimes.frames import Frames
from cupola.runtimes.tables import Table
from cupola.serving.lineup import call
from cupola.serving.records import MOST_ROWS

LONGEST_WAIT = 0.002  # seconds for which the clients that were just answered are given to ask again
SHARE = 0.25  # of the time that the last call took; the next one waits for them no longer than that


class Waiting(msgspec.Struct, eq=False):
    """A request that waits: its columns, and what decides about the types of its frame; when it came, in seconds.

    told: what goes to the model beside the rows, and comes back.
    """

    columns: list[list[Any]]
    rows: int
    kinds: Any
    answer: asyncio.Future[Prediction]
    came: float
    told: dict[str, str] | None = None
    begun: float = 0.0


class Batches:
    """The requests to one model: each is answered as if it had come alone.

    One call runs at a time, in a thread of its own, so that the event loop answers others meanwhile. predict: of a
    frame. joins: what it says of a row does not hang on the rows beside it; without, each request has its own call.
    most_rows: of one call; a request of more is predicted by itself.
    """

    def __init__(
        self,
        frames: Frames,
        predict: Callable[[pd.DataFrame], Prediction],
        *,
        joins: bool = True,
        most_rows: int = MOST_ROWS,
    ) -> None:
        self._frames, self._predict = frames, predict
        self.joins, self._most_rows = joins and most_rows > 1, most_rows
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="predict", initializer=one_thread)
        self._waiting: deque[Waiting] = deque()
        self._running: asyncio.Task[None] | None = None
        self._wanted = 0
        self._came: asyncio.Event = asyncio.Event()

    async def predict(self, table: Table, told: dict[str, str] | None = None) -> Prediction:
        """What the model says of a table. Raises BadInput for what the client got wrong, without harm to others.

        told: goes into the frame's `attrs`, and what the model puts there comes back in it; of one that joins nothing.
        """
        columns = self._frames.matched(table)
        kinds = self._frames.kinds(columns) if self.joins and table.rows <= self._most_rows else None
        answer: asyncio.Future[Prediction] = asyncio.get_running_loop().create_future()
        mine = Waiting(columns, table.rows, kinds, answer, time.perf_counter(), told)
        self._waiting.append(mine)
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        elif len(self._waiting) >= self._wanted:
            self._came.set()
        try:
            return await answer
        finally:
            if mine.begun and (now := call.get()) is not None:
                now.queued += mine.begun - mine.came

    async def _run(self) -> None:
        """Works until nobody waits."""
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                batch = self._next()
                begun = loop.time()
                said = await loop.run_in_executor(self._thread, self._together, batch)
                for one, found in zip(batch, said, strict=True):
                    if one.answer.done():  # its client has left
                        continue
                    if isinstance(found, Prediction):
                        one.answer.set_result(found)
                    else:
                        one.answer.set_exception(found)
                await self._gather(len(batch) + len(self._waiting), loop.time() - begun)
        finally:
            self._running = None

    def _next(self) -> list[Waiting]:
        """The longest waiting request, and all that can go into one call with it."""
        first = self._waiting.popleft()
        batch, left, rows = [first], deque[Waiting](), first.rows
        for one in self._waiting:
            if first.kinds is None or one.kinds != first.kinds or rows + one.rows > self._most_rows:
                left.append(one)
            else:
                batch.append(one)
                rows += one.rows
        self._waiting = left
        now = time.perf_counter()
        for one in batch:
            one.begun = now
        return batch

    async def _gather(self, together: int, took: float) -> None:
        """Gives those who were just answered a moment to ask again, where several had been waiting together."""
        if together < 2:
            await asyncio.sleep(0)
            return
        self._wanted = together
        self._came.clear()
        try:
            if len(self._waiting) < together:
                await asyncio.wait_for(self._came.wait(), min(LONGEST_WAIT, SHARE * took))
        except TimeoutError:
            pass
        finally:
            self._wanted = 0

    def _together(self, batch: Sequence[Waiting]) -> list[Prediction | Exception]:
        """The answer to each; where all together fail, each is tried alone, so that only the one at fault fails."""
        try:
            columns = batch[0].columns
            if len(batch) > 1:
                joined = zip(*(one.columns for one in batch), strict=True)
                columns = [[value for part in parts for value in part] for parts in joined]
            frame = self._frames.of_columns(columns)
            found = native.predicted(self._predict, frame, batch[0].told)
        except Exception as error:  # noqa: BLE001  it is raised where the request is answered
            return [error] if len(batch) == 1 else [said for one in batch for said in self._together([one])]
        parts, start = [], 0
        for one in batch:
            parts.append(_rows(found, slice(start, start + one.rows)))
            start += one.rows
        return list(parts)


def _rows(of: Prediction, rows: slice) -> Prediction:
    more = (None if one is None else one[rows] for one in (of.probabilities, of.scores))
    return Prediction(of.values[rows], *more)


def one_thread() -> None:
    """OpenMP counts threads per thread that asks: what the process said of itself does not hold here."""
    threadpoolctl.threadpool_limits(1)
