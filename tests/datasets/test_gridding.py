"""Rows as a grid looks at them: every view is what Python makes of the same rows, whichever way its pages are had."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cupola import companions
from cupola.datasets import importing, records
from cupola.datasets.gridding import ENDS, Grid, View
from cupola.datasets.records import ImportOptions
from cupola.errors import BadFilter, BadOption, NotFound, WorkFailed
from cupola.store import Store
from cupola.workspace import Workspace

COUNT = 3 * ENDS
ROWS: list[dict[str, Any]] = [
    {
        "number": None if place % 9 == 0 else (place * 7919 % 1009) / 4,
        "whole": place % 25,
        "word": ("amber", "Blue", "cyan", None)[place % 4],
        "Word": f"text {place}",
        "flag": place % 3 == 0,
    }
    for place in range(COUNT)
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    root = tmp_path_factory.mktemp("grid")
    store = Workspace.init(root / "workspace", "test").store
    pq.write_table(pa.Table.from_pylist(ROWS), root / "rows.parquet")
    importing.run(store, "rows", root / "rows.parquet", ImportOptions(), lambda share, words: None)
    return store


@pytest.fixture(scope="module")
def grid(store: Store) -> Grid:
    return Grid(store, records.find(store, "rows"))


def ordered(column: str, backwards: bool = False, kept: Any = lambda row: True) -> list[int]:
    """The numbers of the rows in order, what is missing last."""
    there = [(row[column], place + 1) for place, row in enumerate(ROWS) if kept(row) and row[column] is not None]
    there.sort(key=lambda pair: (-pair[0] if backwards else pair[0], pair[1]))
    return [number for _, number in there] + [
        place + 1 for place, row in enumerate(ROWS) if kept(row) and row[column] is None
    ]


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("offset", [0, 100, ENDS - 3, COUNT // 2, COUNT - 10, COUNT - 1, COUNT])
def test_a_page_of_a_sorted_view_is_the_same_before_and_after_all_are_sorted(
    grid: Grid, offset: int, backwards: bool
) -> None:
    view = View(sort="number", backwards=backwards)
    grid.look(View())
    wanted = ordered("number", backwards)[offset : offset + 20]
    assert grid.page(view, offset, 20).numbers == wanted
    for work in grid.ahead():
        work()
    assert grid.page(view, offset, 20).numbers == wanted


def test_a_filter_and_an_order_go_together(grid: Grid) -> None:
    view = View(filter="whole > 20 and word = Blue", sort="number")
    page = grid.page(view, 0, 1000)
    assert page.numbers == ordered("number", kept=lambda row: row["whole"] > 20 and row["word"] == "Blue")
    assert page.count == len(page.rows) and page.total == COUNT
    assert page.columns == list(ROWS[0])
    assert page.rows[0] == list(ROWS[page.numbers[0] - 1].values())


def test_a_word_is_found_in_any_text_large_or_small(grid: Grid) -> None:
    assert grid.page(View(filter="blue"), 0, 1).count == COUNT // 4
    assert grid.page(View(filter='"TEXT 15" and not blue'), 0, 1).count == sum(
        str(place).startswith("15") and place % 4 != 1 for place in range(COUNT)
    )


def test_groups_say_how_many_rows_have_a_value_and_their_means(grid: Grid) -> None:
    page = grid.page(View(group="word", within="flag = true"), 0, 10)
    assert page.columns == ["word", "rows", "share", "mean number", "mean whole", "mean flag"]
    kept = [row for row in ROWS if row["flag"]]
    for word, rows, share, _, whole, flag in page.rows:
        of = [row["whole"] for row in kept if row["word"] == word]
        assert (rows, share, flag) == (len(of), len(of) / len(kept), 1.0)
        assert whole == pytest.approx(sum(of) / len(of))
    assert grid.page(View(group="word", within="flag = true", sort="mean whole"), 0, 1).count == 4


def test_shapes_are_of_the_rows_that_the_filter_leaves_on_the_axis_of_all(grid: Grid) -> None:
    whole, part = grid.shape(View(), "number"), grid.shape(View(filter="number < 100"), "number")
    assert sum(whole.counts) == sum(row["number"] is not None for row in ROWS)
    assert (part.low, part.high) == (whole.low, whole.high) and not any(part.counts[9:])
    words = grid.shape(View(), "word")
    assert dict(zip(words.values, words.counts, strict=True)) == dict.fromkeys(("amber", "Blue", "cyan"), COUNT // 4)
    assert grid.shape(View(), "flag").counts == [COUNT - COUNT // 3, COUNT // 3]
    assert grid.shape(View(), "Word").distinct == COUNT and not grid.shape(View(), "Word").counts


def test_a_column_is_summed_up(grid: Grid) -> None:
    found = grid.summary(View(filter="flag = true"), "whole")
    held = sorted(row["whole"] for row in ROWS if row["flag"])
    assert (found.rows, found.missing, found.distinct) == (len(held), 0, len(set(held)))
    assert (found.min, found.max, found.quantiles[2]) == (held[0], held[-1], held[len(held) // 2 - 1])
    assert found.top[0][1] == max(map(held.count, held))


def test_a_row_is_found_where_the_view_has_it(grid: Grid) -> None:
    assert grid.find(View(), 7) == 6
    assert grid.find(View(sort="number"), 7) == ordered("number").index(7)
    assert grid.find(View(filter="flag = true"), 2) is None
    assert grid.row(3) == list(ROWS[2].values())
    with pytest.raises(BadOption, match="there is no row 0"):
        grid.row(0)


def test_what_is_wrong_leaves_the_grid_as_it_was(grid: Grid) -> None:
    with pytest.raises(BadFilter):
        grid.page(View(filter="nothing > 3"), 0, 5)
    with pytest.raises(BadOption):
        grid.page(View(sort="nothing"), 0, 5)
    assert grid.page(View(), 0, 5).numbers == [1, 2, 3, 4, 5]


@pytest.fixture
def command() -> Iterator[list[str]]:
    yield [sys.executable, "-m", "cupola.datasets", "grid"]
    companions.close("a grid")


def test_a_companion_answers_the_newest_view_and_no_older_one(store: Store, command: list[str]) -> None:
    begin = {"root": str(store.root), "dataset": "rows"}

    def ask(what: str, turn: int, **more: Any) -> Any:
        request = {"what": what, "turn": turn, "view": {"sort": "number"}, "more": more}
        return companions.ask("a grid", command, begin, request)

    assert ask("page", 5, offset=0, limit=2)["numbers"] == ordered("number")[:2]
    assert ask("page", 4, offset=0, limit=2) is None
    answers: list[Any] = []
    asking = [
        threading.Thread(target=lambda turn=turn: answers.append((turn, ask("page", turn, offset=0, limit=1))))
        for turn in range(6, 26)
    ]
    for one in asking:
        one.start()
    for one in asking:
        one.join()
    assert next(found for turn, found in answers if turn == 25)["count"] == COUNT


def test_a_companion_that_is_killed_is_said_and_another_takes_its_place(store: Store, command: list[str]) -> None:
    begin = {"root": str(store.root), "dataset": "rows"}
    request = {"what": "row", "turn": 1, "more": {"number": 1}}
    assert companions.ask("a grid", command, begin, request) == list(ROWS[0].values())
    companions._companions["a grid"]._process.kill()
    companions._companions["a grid"]._process.wait()
    try:
        again = companions.ask("a grid", command, begin, request)
    except WorkFailed:  # it was asked before its end was seen
        again = companions.ask("a grid", command, begin, request)
    assert again == list(ROWS[0].values())


def test_a_companion_of_rows_that_are_gone_says_so(store: Store, command: list[str], tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        companions.ask("a grid", command, {"root": str(store.root), "dataset": "nothing"}, {"what": "row", "turn": 1})
