"""How soon keys have their effect in the grid of a million rows of 20 columns: moves, pages, jumps, sorts, filters.

Real keys in a pty of 120 x 40, the real app on a local disk; as in ten_thousand, a key has had its effect when what it
must show is on the screen. Reach: 100 ms for 99 of 100 keys. Beside it, in the same run, what DuckDB alone takes for
the rows that a sort and a filter show, asked of the Parquet file that the grid has read.
"""

import math
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.measure import Figure, machine, report
from benchmarks.ten_thousand import Screen
from benchmarks.workspaces import workspace
from cupola.datasets import importing, records
from cupola.datasets.records import ImportOptions

ROWS = 1_000_000
WORD = "number_1 > 0.5 and kind_2 = kind7"
LETTERS = 2  # how often the filter is typed
TURNS = 7


def table() -> pa.Table:
    """Twenty columns: numbers, whole numbers, texts of few kinds and of many, dates, truths."""
    draw = np.random.default_rng(7)
    columns: dict[str, pa.Array] = {f"number_{place}": pa.array(draw.normal(size=ROWS)) for place in range(8)}
    columns |= {f"whole_{place}": pa.array(draw.integers(0, 10 ** (place + 2), ROWS)) for place in range(5)}
    for place in range(4):
        kinds = np.array([f"kind{one}" for one in range(5 + 20 * place)])
        columns[f"kind_{place}"] = pa.array(draw.choice(kinds, ROWS))
    columns["name"] = pa.array([f"name {one}" for one in draw.integers(0, ROWS, ROWS)])
    columns["day"] = pa.array(draw.integers(10_000, 20_000, ROWS).astype("int32")).cast(pa.date32())
    columns["truth"] = pa.array(draw.random(ROWS) > 0.5)
    return pa.table(columns)


def numbers(text: str) -> list[int]:
    """The numbers of the rows in sight: those of the lines of the grid."""
    found = (re.match(r"│ *([\d,]+) ", line) for line in text.splitlines())
    return [int(one[1].replace(",", "")) for one in found if one]


def count(text: str) -> str:
    """How many rows the title says, once no answer is owed."""
    return text.splitlines()[0].partition(" of ")[0].rpartition(" ")[2]


def keys(screen: Screen) -> dict[str, list[float]]:
    """Milliseconds of each key, by what it does."""
    found: dict[str, list[float]] = {
        "moves": [], "pages": [], "jumps to an end": [], "sorts": [], "filters, a letter": [],
    }  # fmt: skip

    def press(kind: str, key: str, holds: Callable[[str], object]) -> None:
        found[kind].append(screen.took(key, holds))

    under = 1
    for key in "j" * 30 + "k" * 10:  # the row under the cursor is the one that is drawn with its number not dimmed
        under += 1 if key == "j" else -1
        press("moves", key, lambda _, under=under: screen.row() == under)  # type: ignore[misc]
    for key in "\x04" * 25 + "\x15" * 15:
        first = numbers(screen.text)[0], screen.row()
        press(
            "pages",
            key,
            lambda text, first=first: (numbers(text) or [0])[0] and (numbers(text)[0], screen.row()) != first,
        )  # type: ignore[misc]
    for _ in range(10):
        press("jumps to an end", "G", lambda text: ROWS in numbers(text))
        press("jumps to an end", "g", lambda text: 1 in numbers(text))
    for place in range(1, 13):
        shown = numbers(screen.text)
        press(
            "sorts",
            "s" if place == 1 else "S",
            lambda text, shown=shown: ("↑" in text or "↓" in text) and numbers(text) not in (shown, []),
        )  # type: ignore[misc]
    screen.type("g")
    for _ in range(LETTERS):
        screen.press("/", "a word, or")
        for end in range(1, len(WORD) + 1):
            typed = f"/{WORD[:end]}".rstrip()
            press("filters, a letter", WORD[end - 1], lambda text, typed=typed: typed in text and "reading" not in text)  # type: ignore[misc]
        screen.type("\r")
        screen.press("\x1b", f"@1  {ROWS:,} rows")
    return found


class GridScreen(Screen):
    """The app with a grid in front."""

    def row(self) -> int:
        """The number of the row under the cursor: its cell is drawn reversed."""
        for y, line in self._drawn.buffer.items():
            if y > 2 and any(line[x].reverse for x in range(8, 110)):
                return (numbers(self._drawn.display[y]) or [0])[0]
        return 0


def alone(path: Path) -> dict[str, list[float]]:
    """Milliseconds that DuckDB takes for the first rows of the same, from the file."""
    asked = {
        "DuckDB, sorted": "SELECT * FROM data ORDER BY number_0 LIMIT 200",
        "DuckDB, filtered": "SELECT * FROM data WHERE number_1 > 0.5 AND kind_2 = 'kind7' LIMIT 200",
        "DuckDB, counted": "SELECT count(*) FROM data WHERE number_1 > 0.5 AND kind_2 = 'kind7'",
    }
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"CREATE VIEW data AS SELECT * FROM read_parquet('{path}')")
        found: dict[str, list[float]] = {name: [] for name in asked}
        for _ in range(TURNS):
            for name, query in asked.items():
                begun = time.perf_counter()
                connection.execute(query).fetchall()
                found[name].append((time.perf_counter() - begun) * 1000)
    return found


def main() -> None:
    machine("textual", "duckdb", "pyarrow")
    with workspace() as opened:
        source = opened.root.parent / "rows.parquet"
        pq.write_table(table(), source)
        version = importing.run(opened.store, "rows", source, ImportOptions(), lambda share, words: None)
        peers = alone(records.data_path(opened.store, version))
        screen = GridScreen(opened.root)
        try:
            screen.press("1", "rows")
            screen.shows("@1")
            time.sleep(1)
            begun = time.monotonic()
            screen.type("o")
            screen.until(lambda text: 1 in numbers(text), "the first rows")
            opening = (time.monotonic() - begun) * 1000
            screen.until(lambda text: "reading the rows" not in text, "all of them")
            loading = (time.monotonic() - begun) * 1000
            time.sleep(2)
            by_kind = keys(screen)
        finally:
            screen.close()
    figures = [Figure(name="the first rows are there", values=[opening]), Figure(name="all of them", values=[loading])]
    figures += [Figure(name=f"a key that {name}", values=values) for name, values in by_kind.items()]
    figures += [Figure(name=name, values=values) for name, values in peers.items()]
    ratios = []
    for name, values in by_kind.items():
        high = sorted(values)[math.ceil(len(values) * 0.99) - 1]
        ratios.append((f"{name}: 99 of 100 keys / 100 ms", high / 100, "at most 1"))
    sorting = statistics.median(by_kind["sorts"]) / statistics.median(peers["DuckDB, sorted"])
    ratios.append(("sorts, key to screen / DuckDB alone", sorting, "below 1"))
    report(f"Keys on a grid of {ROWS:,} rows of 20 columns", figures, ratios)


if __name__ == "__main__":
    main()
