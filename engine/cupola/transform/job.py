"""A batch transform as the job that was filed for it: chunk by chunk, in order, and on from where another try has come.

What is done goes to a draft beside the output, which takes its place at the end. Every so often the draft is made
durable and the place in the input is noted; a later attempt goes on from there, and as the same input is always cut
alike, its output is the same byte by byte.
"""

import ctypes
import multiprocessing
import os
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import msgspec
import threadpoolctl

from cupola.errors import BadInput, CupolaError, NotFound, WorkFailed, from_info
from cupola.jobs import checkpoints
from cupola.jobs.attempt import Attempt
from cupola.registry import models
from cupola.registry import records as registry
from cupola.registry.models import Model
from cupola.runtimes.tables import Columns
from cupola.store import files, records
from cupola.store.trouble import disk
from cupola.transform import sources, tables
from cupola.transform.chunks import Chunk
from cupola.transform.records import Asked, Reached
from cupola.transform.sources import Source
from cupola.transform.worker import Done, Worker

SAFE_EVERY = 2.0  # seconds of work that a kill may cost
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT = 32 << 20  # bytes of the largest piece of memory that is kept, the most that glibc takes
AHEAD = 3  # chunks that are under way or waiting to be written, for each process

libc = ctypes.CDLL(None)
_of_this_process: tuple[Worker, Source]  # what a process of the pool works with


def work(attempt: Attempt) -> dict[str, Any]:
    """Transforms what the job's spec says. Raises BadInput naming the line, DiskTrouble, WorkFailed."""
    asked = msgspec.convert(attempt.spec, Asked)
    model = _model(attempt, asked)
    with disk(asked.input):
        source = os.open(asked.input, os.O_RDONLY | os.O_CLOEXEC)
    try:
        rows = Transform(attempt, asked, model, source).run()
    finally:
        os.close(source)
    return {"rows": rows, "output": asked.output, "model": asked.model}


def _model(attempt: Attempt, asked: Asked) -> Model:
    version = registry.find(attempt.store, asked.model)
    trusted = registry.trusted(attempt.store, version)
    return models.load(files.absolute(attempt.store, version.directory), version.files, pickle_trusted=trusted)


class Transform:
    """The work on one input: where it is read, and where what comes of it goes."""

    def __init__(self, attempt: Attempt, asked: Asked, model: Model, source: int) -> None:
        self.attempt, self.asked = attempt, asked
        self.source = sources.opened(source, asked, Columns(model.signature).form)
        self.worker = Worker(asked, model, self.source.names, getattr(self.source, "header", b""))
        told = os.fstat(source)
        self.size, self.changed = told.st_size, told.st_mtime_ns
        output = Path(asked.output)
        self.draft = output.with_name(f".{output.name}.{attempt.job.id}.part")
        self.state = f"{checkpoints.path(attempt.job, attempt.number)}/state.json"

    def run(self) -> int:
        """Writes the output; the number of rows."""
        reached = self._reached()
        with disk(self.asked.output):
            self.target = os.open(self.draft, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            self._write(reached, b"" if reached.written else self.worker.head())
            self._go_on(reached)
            self.attempt.with_room(self._finish)
        except BadInput:  # another try ends alike, or begins anew with another input
            self.draft.unlink(missing_ok=True)
            raise
        finally:
            os.close(self.target)
        return reached.rows

    def _reached(self) -> Reached:
        """How far an attempt before has come with this very input; nowhere, where its draft is gone."""
        fresh = Reached(size=self.size, changed=self.changed, read=self.source.begin, written=0, rows=0)
        try:
            found = records.read(self.attempt.store, self.state, Reached)
            there = self.draft.stat().st_size
        except (NotFound, FileNotFoundError):
            return fresh
        same = (found.size, found.changed) == (self.size, self.changed)
        return found if same and there >= found.written else fresh

    def _go_on(self, reached: Reached) -> None:
        safe = time.monotonic()
        for chunk, done in self._done(reached.read):
            self._write(reached, done.text)
            reached.read, reached.rows = chunk.end, reached.rows + done.rows
            self.attempt.report(chunk.end / self.source.end, f"{reached.rows:,} rows")
            if time.monotonic() - safe > SAFE_EVERY:
                self.attempt.with_room(lambda: self._note(reached))
                safe = time.monotonic()

    def _done(self, start: int) -> Iterator[tuple[Chunk, Done]]:
        """What each chunk has become, in the order of the input. Raises BadInput, WorkFailed."""
        cut = self.source.cut(start)
        processes = self.attempt.job.cpus
        if processes == 1:
            _start(self.worker, self.source)
            for chunk in cut:
                yield chunk, self._answer(chunk, _transform, chunk)
            return
        forking = multiprocessing.get_context("fork")  # so that all of them share the memory of the model
        with ProcessPoolExecutor(processes, forking, _start, (self.worker, self.source)) as pool:
            waiting: deque[tuple[Chunk, Future[Done]]] = deque()
            try:
                for chunk in cut:
                    waiting.append((chunk, pool.submit(_transform, chunk)))
                    if len(waiting) >= processes * AHEAD:
                        first, future = waiting.popleft()
                        yield first, self._answer(first, future.result)
                for first, future in waiting:
                    yield first, self._answer(first, future.result)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _answer(self, chunk: Chunk, result: Any, *arguments: Any) -> Done:
        try:
            done: Done = result(*arguments)
            return done
        except BrokenProcessPool as error:
            raise WorkFailed("one of its processes was killed", hint="it may need more --memory") from error
        except CupolaError as error:
            info = error.info()
            info.message = f"{self.source.place(chunk)}: {info.message}"
            info.where = self.asked.input
            raise from_info(info) from error

    def _write(self, reached: Reached, text: bytes) -> None:
        """Adds to the draft; on a full disk anew, when there is room."""

        def once() -> None:
            with disk(self.asked.output):
                os.ftruncate(self.target, reached.written)
                at = 0
                while at < len(text):
                    at += os.pwrite(self.target, text[at:], reached.written + at)

        self.attempt.with_room(once)
        reached.written += len(text)

    def _note(self, reached: Reached) -> None:
        with disk(self.asked.output):
            os.fsync(self.target)
        files.write_bytes(self.attempt.store, self.state, msgspec.json.encode(reached))

    def _finish(self) -> None:
        with disk(self.asked.output):
            if self.asked.writes == "parquet":
                whole = self.draft.with_suffix(".whole.part")
                tables.assemble(self.target, whole, self.worker.nothing())
                whole.replace(self.asked.output)
                self.draft.unlink()
            else:
                os.fsync(self.target)
                self.draft.replace(self.asked.output)


def _start(worker: Worker, source: Source) -> None:
    global _of_this_process
    _of_this_process = worker, source
    threadpoolctl.threadpool_limits(1)
    if hasattr(libc, "mallopt"):  # glibc would give each chunk's memory back, and have the next one's zeroed again
        libc.mallopt(M_MMAP_THRESHOLD, KEPT)
        libc.mallopt(M_TRIM_THRESHOLD, 1 << 30)


def _transform(chunk: Chunk) -> Done:
    worker, source = _of_this_process
    return worker.transform(source.read(chunk))
