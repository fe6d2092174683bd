"""Whether a compiled model answers as the native one does, row by row, and how long each takes."""

import statistics
import time
from typing import Any

import msgspec
import numpy as np

from cupola.errors import BadInput
from cupola.registry.models import Prediction
from cupola.runtimes import trials
from cupola.runtimes.program import Program
from cupola.runtimes.records import COMPILED, NATIVE, Report
from cupola.runtimes.runtime import Runtime
from cupola.runtimes.tables import Table

CLOSE = {"float64": 1e-9, "float32": 1e-5}
FEW, MANY = 7, 50  # one-row predictions that are timed

Row = dict[str, Any]
Said = tuple[Any, list[float]]  # of one row: its class, and the figures


def report(program: Program, native: Runtime, compiled: Runtime) -> Report:
    """Compares both on the sample and on made-up rows; compiled is chosen where it says the same, and faster."""
    names = [one.name for one in program.signature.columns]
    rows = [*program.sample, *trials.rows(program)]
    found = Report(runtime=NATIVE, precision=program.precision, rows=len(rows))
    by_native = answers(native, rows, names)
    for several in (answers(compiled, rows, names), [answers(compiled, [row], names)[0] for row in rows]):
        found.reason = _compared(rows, by_native, several, found)
        if found.reason:
            return found
    row = trials.table(rows[:1], names)
    found.native_ms, found.compiled_ms = _median(native, row, FEW), _median(compiled, row, MANY)
    if found.compiled_ms >= found.native_ms:
        found.reason = f"compiled it takes {found.compiled_ms:.3g} ms for a row, and {found.native_ms:.3g} ms as it is"
    else:
        found.runtime = COMPILED
    return found


def answers(runtime: Runtime, rows: list[Row], names: list[str]) -> list[Said | None]:
    """What is said of each row, all at once; None of those that are refused."""
    try:
        said = runtime.predict(runtime.rows(trials.table(rows, names)))
    except BadInput:
        if len(rows) == 1:
            return [None]
        half = len(rows) // 2
        return answers(runtime, rows[:half], names) + answers(runtime, rows[half:], names)
    return list(zip(classes(said), figures(said), strict=True))


def difference(one: float, other: float) -> float:
    """Between two figures, as a share of the larger where that is above 1."""
    if one == other or (one != one and other != other):
        return 0.0
    found = abs(one - other) / max(1.0, abs(one), abs(other))
    return found if found == found else float("inf")


def _compared(rows: list[Row], native: list[Said | None], compiled: list[Said | None], found: Report) -> str:
    """Why the answers are not the same, or nothing; notes the largest difference."""
    largest = found.difference or 0.0
    for row, one, other in zip(rows, native, compiled, strict=True):
        if one is None or other is None:
            if one is not other:
                taken = "compiled it takes" if one is None else "compiled it refuses"
                return f"{taken} a row that it does not as it is: {_shown(row)}"
            continue
        largest = max([largest, *map(difference, one[1], other[1])])
        if one[0] != other[0]:
            return f"compiled it says {other[0]} and not {one[0]} of the row {_shown(row)}"
    found.difference = largest
    close = CLOSE[found.precision]
    return (
        f"compiled its figures differ by up to {largest:.2g}, which is more than {close:g}" if largest > close else ""
    )


def classes(said: Prediction) -> list[Any]:
    """The class of each row; None where a number is said."""
    return [None] * len(said.values) if np.asarray(said.values).dtype.kind == "f" else list(said.values.tolist())


def figures(said: Prediction) -> list[list[float]]:
    """The probabilities, the score or the number of each row; of a class without them nothing."""
    for one in (said.probabilities, said.scores, said.values):
        if one is not None and np.asarray(one).dtype.kind == "f":
            array = np.asarray(one, dtype=np.float64)
            found: list[list[float]] = array.reshape(len(array), -1).tolist()
            return found
    return [[] for _ in said.values]


def _median(runtime: Runtime, row: Table, times: int) -> float:
    """Milliseconds of one row, from its values as they came to what is said of it."""
    taken = []
    for _ in range(times + 1):
        begun = time.perf_counter()
        runtime.predict(runtime.rows(row))
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken[1:]) * 1000


def _shown(row: Row) -> str:
    text = msgspec.json.encode(row).decode()
    return text if len(text) <= 300 else text[:297] + "..."
