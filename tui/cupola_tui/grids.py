"""The rows that a grid shows, in pages that are asked for as they come into sight; a model apart from any widget."""

import asyncio
import itertools
import time
from collections.abc import Callable, Coroutine
from typing import Any

from cupola.errors import CupolaError
from cupola_tui import filters
from cupola_tui.live import Bridge
from cupola_tui.widgets.rows import Record, words_of

PAGE = 200  # rows
CELLS = 8000  # of a page, where there are many columns
KEPT = 30  # pages
TOLD = 0.2  # seconds between shapes that are shown while more are on their way: each draws the grid anew
FIRST = 100  # rows that are put aside at an import
_turns = itertools.count(1)  # one view of a companion is newer than another whichever screen asked


class GridRows:
    """One version of a dataset, by a view of it; `told()` is called when there is more to be shown.

    Of answers only those to the newest view count. What is shown stays until the first page of the next view is there.
    """

    def __init__(self, bridge: Bridge, ref: str, total: int, told: Callable[[], None]) -> None:
        self.bridge, self.ref, self.told = bridge, ref, told
        self.view: Record = {}
        self.count = self.total = total
        self.places: dict[str, int] = {}  # of the columns in a row
        self.types: list[str] = []
        self.shapes: dict[str, Record] = {}
        self.error: CupolaError | None = None
        self.is_waiting = True
        self.renewed = 0  # how often other rows than before were shown
        self.fields: tuple[int, Any] | None = None  # how the search language knows their columns, and as of when
        self._turn = 0
        self._shown = 0  # the turn whose rows are shown
        self._pages: dict[int, Record] = {}
        self._asked: set[int] = set()
        self._seen: list[str] = []
        self._is_seeing = False
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def page(self) -> int:
        """How many rows are asked for at once."""
        return max(20, min(PAGE, CELLS // max(1, len(self.places))))

    def begin(self, columns: list[Record]) -> None:
        """Asks for the first rows: for those that were put aside too, which are there at once."""
        self.places = {str(one["name"]): place for place, one in enumerate(columns)}
        self.types = [str(one["type"]) for one in columns]
        self.look({})
        self._go(self._first())
        self._go(self._profile())

    def look(self, view: Record) -> None:
        """Turns to another view."""
        self.view, self._turn, self.is_waiting = view, next(_turns), True
        self._asked = {0}
        self._go(self._read(0, self._turn))

    @property
    def columns(self) -> list[str]:
        return list(self.places)

    def row(self, place: int) -> tuple[int, list[Any]] | None:
        """The number and the values of the row at that place of the view; None while they are on their way."""
        number, within = divmod(place, self.page)
        page = self._pages.get(number)
        if page is None:
            self._want(number)
            return None
        if within > self.page * 3 // 4 and place + self.page < self.count:
            self._want(number + 1)
        rows = page["rows"]
        return (page["numbers"][within], rows[within]) if within < len(rows) else None

    def first(self) -> list[list[Any]]:
        """The first rows, as far as they are there."""
        found: list[list[Any]] = self._pages.get(0, {}).get("rows", [])
        return found

    def _want(self, number: int) -> None:
        if number not in self._pages and number not in self._asked and self._shown == self._turn:
            self._asked.add(number)
            self._go(self._read(number, self._turn))

    def close(self) -> None:
        """Lets the rows go."""
        self._turn = next(_turns)
        self.bridge.ask("grid", ref=self.ref, what="close", turn=self._turn)

    async def ask(self, what: str, **more: Any) -> Any:
        """Asks something else about the view; None where it was overtaken."""
        turn = self._turn
        asked = self.bridge.ask("grid", ref=self.ref, what=what, turn=turn, view=self.view, more=more)
        answer = await asyncio.wrap_future(asked)
        return answer if turn == self._turn else None

    def see(self, columns: list[str]) -> None:
        """Asks for the shapes of these columns, one after the other, as far as the rows they are of are others now."""
        self._seen = columns
        if not self._is_seeing:
            self._is_seeing = True
            self._go(self._shapes())

    def _go(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read(self, number: int, turn: int) -> None:
        more = {"offset": number * self.page, "limit": self.page}
        asked = self.bridge.ask("grid", ref=self.ref, what="page", turn=turn, view=self.view, more=more)
        try:
            answer = await asyncio.wrap_future(asked)
        except CupolaError as error:
            if turn == self._turn:
                self.error, self.is_waiting = error, False
                self.told()
            return
        if answer is not None and turn == self._turn:
            self._take(number, turn, answer)

    def _take(self, number: int, turn: int, answer: Record) -> None:
        if self._shown != turn:
            self._pages, self._shown = {}, turn
            self.renewed += 1
            self.places = {name: place for place, name in enumerate(answer["columns"])}
            self.types = answer["types"]
        self.error, self.is_waiting = None, False
        self.count, self.total = answer["count"], answer["total"]
        self._asked.discard(number)
        self._pages[number] = answer
        for old in list(self._pages)[:-KEPT]:
            del self._pages[old]
        self.told()

    async def _first(self) -> None:
        arguments = {"dataset": self.ref, "limit": FIRST}
        try:
            answer = await asyncio.wrap_future(self.bridge.ask("action", name="dataset preview", arguments=arguments))
        except CupolaError:
            return  # the page that is on its way will say the same
        if not self._shown:
            rows = answer["rows"][: self.page]
            self._pages = {0: {"rows": rows, "numbers": [*range(1, len(rows) + 1)]}}
            self.renewed += 1
            self.told()

    async def _profile(self) -> None:
        """The shapes of all rows are known since the import."""
        try:
            profile = await asyncio.wrap_future(self.bridge.ask("profile", ref=self.ref))
        except CupolaError:
            return
        for one in profile.get("columns", []):
            if one["name"] not in self.shapes:
                self.shapes[one["name"]] = {"counts": counts(one), "distinct": one.get("distinct"), "of": None}
        self.told()

    async def _shapes(self) -> None:
        told, is_untold = time.monotonic(), False
        try:
            while column := next((one for one in self._seen if self._is_old(one)), None):
                of = self._whole
                answer = await self.ask("shape", column=column)
                if answer is not None:
                    self.shapes[column] = answer | {"of": of}
                    is_untold = True
                if is_untold and time.monotonic() - told > TOLD:
                    told, is_untold = time.monotonic(), False
                    self.told()
        except CupolaError:
            self._seen = []  # what is wrong is said where the rows are asked for
        finally:
            self._is_seeing = False
        if is_untold:
            self.told()

    def _is_old(self, column: str) -> bool:
        """Whether the shape of a column is that of other rows than those that are shown."""
        return self._shown == self._turn and self.shapes.get(column, {}).get("of") != self._whole

    @property
    def _whole(self) -> list[Any]:
        """What says which rows a view has, in whatever order."""
        return [self.view.get(one) or "" for one in ("filter", "group", "within")]


def counts(profile: Record) -> list[int]:
    """The histogram of a column of a profile, or how often its most frequent values are there."""
    histogram = profile.get("histogram") or {}
    if histogram.get("counts"):
        return list(histogram["counts"])
    top = [int(one.get("count", 0)) for one in profile.get("top") or []]
    return top if profile.get("type") in ("category", "boolean") else []


def query(typed: str) -> str:
    """What is typed as a query: words and phrases alone are looked for all of them."""
    from cupola.search.query import write_word

    return " and ".join(map(write_word, words_of(typed))) if filters.is_words(typed) else typed


def check(query: str, rows: GridRows) -> None:
    """Raises BadFilter, which points at the character, where the query says nothing about these columns."""
    from cupola.search import evaluating

    evaluating.compiled(query, _fields(rows))


def complete(typed: str, at: int, rows: GridRows) -> Any:
    """What may stand at that place of a filter that is being typed."""
    from cupola.search import completing

    return completing.complete(typed, at, _fields(rows))


def _fields(rows: GridRows) -> Any:
    """The columns for the search language, with the values of the first rows; found once for all letters of a filter
    that leave these rows."""
    from cupola.search.fields import Fields

    if rows.fields is None or rows.fields[0] != rows.renewed:
        held = [dict(zip(rows.columns, found, strict=False)) for found in rows.first()]
        rows.fields = rows.renewed, Fields(held or [dict.fromkeys(rows.columns)])
    return rows.fields[1]


def copies(columns: list[str], values: list[Any], column: str) -> list[tuple[str, str, str]]:
    """What can be copied of a row: words, key, text."""
    import msgspec

    row = dict(zip(columns, values, strict=False))
    cell = row.get(column)
    said = cell if isinstance(cell, str) else msgspec.json.encode(cell).decode()
    cells = ["" if one is None else str(one) for one in values]
    return [
        ("cell", "c", said),
        ("row as JSON", "r", msgspec.json.encode(row).decode()),
        ("row, tabs between", "t", "\t".join(cells)),
    ]


def command(ref: str, view: Record, columns: list[Record]) -> str:
    """The command line that prints the rows of a view."""
    import shlex

    from cupola.datasets import filtering

    types = {str(one["name"]): str(one["type"]) for one in columns}
    if view.get("group"):
        return f"cupola dataset sql {shlex.quote(_counts(ref, view, types))}"
    condition = filtering.where(view.get("filter") or "", types)
    words = ["cupola", "dataset", "preview", ref]
    words += ["--filter", condition] if condition else []
    if view.get("sort"):
        words += ["--sort", f"{view['sort']}:desc" if view.get("backwards") else str(view["sort"])]
    return shlex.join(words)


def _counts(ref: str, view: Record, types: dict[str, str]) -> str:
    """The value counts of a view as a SELECT: with the share and the means where its filter or order names them."""
    from cupola.datasets import counting, filtering
    from cupola.datasets.sql import identifier

    columns = counting.counted(str(view["group"]), types)
    value, rows, *_ = columns
    within = filtering.where(view.get("within") or "", types)
    condition = filtering.where(view.get("filter") or "", {name: type for name, (type, _) in columns.items()})
    way = "desc" if view.get("backwards") else "asc"
    order = f"{identifier(view['sort'])} {way} nulls last" if view.get("sort") else f"{identifier(rows)} desc"
    listed = [
        f"{part} as {identifier(name)}"
        for name, (_, part) in columns.items()
        if name in (value, rows) or identifier(name) in condition + order
    ]
    asked = f"select {', '.join(listed)} from {identifier(ref)}{f' where {within}' if within else ''} group by 1"
    return f"{f'select * from ({asked}) where {condition}' if condition else asked} order by {order}"
