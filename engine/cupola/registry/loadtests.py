"""What a load test has found for a version: how it is best served on a host, kept in the version's journal."""

import msgspec


class Step(msgspec.Struct, kw_only=True):
    """One step of a staircase: so many requests a second for a while, on so many server processes, which join up to so
    many rows of requests (None: they join none, as compiled models do).

    answered: requests a second that were answered well. The latencies count from when a request was due, of every
    request of the step (those that nobody waited for any longer count as long as they were waited for); None where
    there was none. held: 99 of 100 were answered within the target, and none failed. busy: the share of its time for
    which the generator computed: near 1 it is what was measured.
    """

    workers: int
    batch_rows: int | None = None
    rate: float
    answered: float
    p50_ms: float | None = None
    p99_ms: float | None = None
    most_ms: float | None = None
    requests: int = 0
    errors: int = 0
    busy: float = 0.0
    held: bool = False


class LoadTest(msgspec.Struct, kw_only=True):
    """What a load test recommends: server processes, and the most requests a second that they hold within the target.

    batch_rows: how many rows of requests they are to join at most; None where the model is run so that none are joined.
    runtime: how it was run. needed: the requests a second that were asked for, 0 where nobody asked. cpus: those of the
    host that it had.
    """

    target_ms: float
    workers: int
    batch_rows: int | None = None
    runtime: str = ""
    rate: float
    p99_ms: float | None = None
    needed: float = 0.0
    cpus: int = 0
    user: str = ""
    host: str = ""
    time: str = ""
    steps: list[Step] = []

    @property
    def words(self) -> str:
        """What it recommends, as a person says it."""
        processes = f"{self.workers} server process{'es' * (self.workers > 1)}"
        return f"{processes}{self._batches}: {self.rate:,.0f} requests a second, 99 of 100 within {self.target_ms:g} ms"

    @property
    def _batches(self) -> str:
        if self.batch_rows is None:
            return ", compiled (requests are not joined)" if self.runtime == "compiled" else ""
        return f", batches of up to {self.batch_rows} rows" if self.batch_rows > 1 else ", no batches"
