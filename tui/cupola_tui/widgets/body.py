"""The middle of the screen: the table of the pane in front, the details beside it, the line one filters with."""

import asyncio
import shlex
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from cupola.errors import CupolaError
from cupola_tui import filters, keymap
from cupola_tui.paint import entitle
from cupola_tui.plain import clean
from cupola_tui.screens.pane import Pane, bad_data
from cupola_tui.state import PaneState
from cupola_tui.widgets.detail import Detail
from cupola_tui.widgets.filterline import FilterEntry, FilterHints
from cupola_tui.widgets.log import LogView
from cupola_tui.widgets.rows import Column, Record, Rows
from cupola_tui.widgets.table import RecordTable, View

NARROW, WIDE = 100, 180
AGES = 10
SLICE, PAUSE = 100, 0.01  # records looked through at a time, and the seconds for others in between


class Body(Vertical):
    """Shows one pane at a time and keeps the views of the others.

    records: the lists by kind; reading: of those that are being read, how far that is; both are kept fresh by others.
    """

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("body")

    class Changed(Message):
        """Another record, tab, filter or order than before: worth remembering, and other verbs may apply."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, Body.Changed)

    class Led(Message):
        """Enter leads to a record elsewhere: its pane, its name there, and whether to show what people say of it."""

        def __init__(self, pane: str, ref: str, said: bool) -> None:
            super().__init__()
            self.pane, self.ref, self.said = pane, ref, said

    class Refused(Message):
        """A key could do nothing, and why."""

        def __init__(self, words: str) -> None:
            super().__init__()
            self.words = words

    def __init__(
        self,
        pane: Pane,
        records: dict[str, list[Record]],
        reading: dict[str, tuple[int, int]],
        kept: dict[str, PaneState],
    ) -> None:
        super().__init__(id="body")
        self.pane, self.records, self.reading, self.kept = pane, records, reading, kept
        self.views: dict[str, View] = {}
        self.table = RecordTable(self.view(pane), list(pane.empty), id="table")
        self.table.add_class("-front")
        self.details = [Detail(pane, id="detail")]
        self.prompt, self.hints = FilterEntry(id="prompt"), FilterHints(id="hints")
        self.fault: CupolaError | None = None  # what is wrong with the filter
        self._searched: LogView | None = None
        self._ticks = 0

    def compose(self) -> ComposeResult:
        with Horizontal(id="panes"):
            yield self.table
            yield from self.details
        yield self.prompt
        yield self.hints

    @property
    def detail(self) -> Detail:
        return self.details[0]

    def on_mount(self) -> None:
        self.watch(self.app, "theme", self._recolour, init=False)

    def _recolour(self) -> None:
        self.call_after_refresh(self.table.renew)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A key means something only in the panes that the table names for it."""
        return keymap.means("body", action, parameters, self.pane.name)

    # What is shown.

    def view(self, pane: Pane) -> View:
        """The view of a pane, as it was left the last time."""
        if pane.name not in self.views:
            view = View(Rows(pane.ident))
            kept = self.kept.setdefault(pane.name, PaneState())
            view.cursor, view.rows.sort, view.rows.backwards = kept.cursor, kept.sort, kept.backwards
            self.views[pane.name] = view
        return self.views[pane.name]

    def show(self, pane: Pane, error: CupolaError | None) -> None:
        """Puts that pane in front; `error` is why its list could not be read."""
        self.pane = pane
        self.table.busy = ""
        self.detail.set_reactive(Detail.tab, self.kept.setdefault(pane.name, PaneState()).tab)
        for aside in self.details[1:]:
            aside.set_reactive(Detail.tab, _beside(pane))
        self.table.show(self.view(pane), list(pane.empty))
        self.fault = self._apply_filter() if self.view(pane).rows.loaded else None
        self.fill(error)
        self._retitle()

    def fill(self, error: CupolaError | None) -> None:
        """Puts the newest list into the table."""
        pane, view = self.pane, self.view(self.pane)
        if error is not None and not view.rows.loaded:
            self.table.busy = f"✗ {clean(error)}"
            return
        if pane.kind not in self.records:
            if pane.kind in self.reading:
                self.table.busy = f"reading ... {self._read()}"
            return
        self.table.busy = ""
        records = self.records[pane.kind]
        view.columns = self._columns(records)
        if not view.rows.loaded:
            view.rows.records = {pane.ident(one): one for one in records}
            self.fault = self._apply_filter()
        if view.awaited and any(pane.ident(one) == view.awaited for one in records):
            view.cursor, view.awaited = view.awaited, None
        whole = pane.kind not in self.reading
        view.rows.put(records, view.columns, hold=view.whole and self.table.has_focus and view.row > 0)
        view.whole = whole
        self.table.renew()
        self._retitle()
        self._show_record()
        self._look_through(view.rows)

    # With a description, since Textual would make one of all the records.
    @work(exclusive=True, group="look through", exit_on_error=False, description="looks a list through")
    async def _look_through(self, rows: Rows) -> None:
        """Works out what the records say while nobody waits, so that the first letter of a filter is as fast as any."""
        for number, record in enumerate(list(rows.records.values())):
            rows.said(record)
            if number % SLICE == SLICE - 1:
                await asyncio.sleep(PAUSE)

    def _columns(self, records: list[Record]) -> list[Column]:
        """Those of the pane, or of a view; of records from bad data also that, behind what they are called."""
        columns = self.pane.columns(records)
        if chosen := self.kept[self.pane.name].columns:
            more = [one for one in chosen if filters.column(one, columns[:1]) is None]
            columns = [columns[0], *filters.columns(more, records, columns[1:])]
        return [columns[0], bad_data(), *columns[1:]] if any(one.get("bad") for one in records) else columns

    def still_reading(self) -> None:
        """Says so, where nothing is there to be seen yet."""
        if not self.table.view.rows.loaded and not self.table.busy:
            self.table.busy = "reading ..."

    def ask_again(self, tab: str | None = None) -> None:
        """Something has become of a record, perhaps of the one that is shown; `tab`: it shows on that tab alone."""
        for detail in self.details:
            if tab in (None, detail.current.name):
                detail.ask_again()

    def ident(self, pane: Pane, ref: str) -> str | None:
        """What tells the record of that name from the others of a pane; else a version or a part of it; else None."""
        records, whole = self.records.get(pane.kind, []), ref.partition("@")[0]
        exact = (pane.ident(one) for one in records if ref in (pane.ident(one), pane.ref(one)))
        parts = (pane.ident(one) for one in records if whole in (one.get("dataset"), one.get("name")))
        within = (pane.ident(one) for one in records if whole == one.get("experiment"))
        return next((one for found in (exact, parts, within) for one in found), None)

    def show_tab(self, name: str) -> None:
        """Puts the tab of that name in front, where the pane has one."""
        self.detail.tab = next((place for place, tab in enumerate(self.pane.tabs) if tab.name == name), self.detail.tab)

    def tick(self) -> None:
        """Once a second: a record that is under way has more to say, and ages grow."""
        if (self.table.cursor_record() or {}).get("status") in ("InProgress", "Executing"):
            for detail in self.details:
                detail.ask_again()
        self._ticks += 1
        if self._ticks % AGES == 0:
            self.table.renew()
            for detail in self.details:
                detail.renew()

    def _retitle(self) -> None:
        fault = clean(self.fault.message) if self.fault else ""
        rows, query = self.view(self.pane).rows, self.kept[self.pane.name].filter
        total, shown = len(rows.records), len(rows.order)
        count = f"{total:,}" if self.pane.kind not in self.reading else self._read()
        said = f"  {fault}" if fault else f"  {shown:,} of {count}" if query else count
        told = f"/{clean(query)}{said}" if query or fault else said
        marks = f"  {len(rows.marks)} marked" if rows.marks else ""
        new = f"  +{len(rows.waiting)} new, g shows them" if rows.waiting else ""
        entitle(self.table, self.pane.title, told + marks + new)

    def _read(self) -> str:
        read, of = self.reading[self.pane.kind]
        return f"{read:,} of {of:,} read"

    def _show_record(self) -> None:
        record = self.table.cursor_record()
        for detail in self.details:
            detail.show(self.pane, record)

    def remember(self) -> None:
        """Puts what is on the screen into what is kept."""
        kept, view = self.kept.setdefault(self.pane.name, PaneState()), self.view(self.pane)
        kept.cursor, kept.sort, kept.backwards = view.cursor, view.rows.sort, view.rows.backwards
        kept.tab = self.detail.tab

    def forget(self) -> None:
        """What was remembered belongs to a workspace that was here before."""
        self.kept.clear()
        self.views.clear()

    def fit(self, width: int) -> None:
        """Takes the room there is: details behind enter, beside the table, or twice beside it. What has the focus
        stays in sight."""
        if width < WIDE and any(one.has_focus_within for one in self.details):
            self.detail.body.focus()
        if width < NARROW:
            self.remove_class("-zoom")
        self.set_class(width < NARROW, "-narrow")
        self.set_class(width >= WIDE, "-wide")
        if width >= WIDE and len(self.details) == 1:
            aside = Detail(self.pane, id="aside")
            aside.set_reactive(Detail.tab, _beside(self.pane))
            self.details.append(aside)
            self.query_one("#panes").mount(aside)
            self.call_after_refresh(self._show_record)

    # Moving about.

    def action_tab(self, by: int) -> None:
        self.detail.tab = (self.detail.tab + by) % len(self.pane.tabs)

    def action_turn(self, thing: str, by: int) -> None:
        """Turns what the details show, whatever has the focus."""
        for detail in self.details:
            if detail.is_on_screen:
                detail.turn(thing, by)

    def action_next_pane(self, by: int) -> None:
        """Gives the focus to the next of table and details."""
        order = [self.table, *(one.body for one in (self.details if self.has_class("-wide") else self.details[:1]))]
        here = next((place for place, one in enumerate(order) if one.has_focus), 0)
        order[(here + by) % len(order)].focus()

    def action_zoom(self) -> None:
        """The pane in hand takes the whole width, or gives it back."""
        if self.has_class("-narrow"):
            self.post_message(self.Refused("zoom: each pane has the whole width already; tab is the next one"))
            return
        self.toggle_class("-zoom")

    def on_descendant_focus(self) -> None:
        """Where one of table and details has all the room, it is the one that has the focus."""
        front = next((one for one in (self.table, *self.details) if one.has_focus_within), None)
        if front is not None:
            self._put_in_front(front)

    def _put_in_front(self, front: Widget) -> None:
        for one in (self.table, *self.details):
            one.set_class(one is front, "-front")

    def action_back(self) -> None:
        """Out of what was opened last: the prompt, the zoom, the details, the marks, the filter."""
        rows = self.view(self.pane).rows
        if self.prompt.has_class("-asking"):
            self._leave_prompt(searched=None)
        elif self.has_class("-zoom"):
            self.remove_class("-zoom")
        elif not self.table.has_focus:
            self.table.focus()
        elif rows.marks:
            self.unmark()
        elif self.kept[self.pane.name].filter:
            self.set_filter("")

    def unmark(self) -> None:
        self.view(self.pane).rows.marks.clear()
        self.table.refresh()
        self._retitle()

    def action_log(self) -> None:
        """Puts the log of the record under the cursor in front."""
        place = next((place for place, tab in enumerate(self.pane.tabs) if tab.log), None)
        if place is None or self.table.cursor_record() is None:
            self.post_message(self.Refused("log: there is none here"))
            return
        self.detail.tab = place
        self.call_after_refresh(self.detail.body.focus)

    def on_record_table_opened(self) -> None:
        record = self.table.cursor_record()
        if record is None:
            return
        if self.pane.leads:
            self.post_message(self.Led(*self.pane.leads(record)))
        else:
            self.detail.body.focus()

    def on_record_table_moved(self) -> None:
        self._show_record()
        self.post_message(self.Changed())

    def on_record_table_marked(self) -> None:
        self._retitle()
        self.post_message(self.Changed())

    def on_detail_led(self, message: Detail.Led) -> None:
        self.post_message(self.Led(message.pane, message.ref, said=False))

    def on_detail_tab_changed(self) -> None:
        self.post_message(self.Changed())

    # The filter, and the search of a log.

    def action_filter(self) -> None:
        """Asks for a filter, which works as one types."""
        self._searched = None
        self._put_in_front(self.table)
        self._ask(self.kept[self.pane.name].filter, 'filter: a word, or validation_roc_auc > 0.8 and user = "ana"')

    def on_log_view_search(self, message: LogView.Search) -> None:
        self._searched = message.log
        self._ask("", "search in the log")

    def _ask(self, value: str, placeholder: str) -> None:
        self.prompt.placeholder = placeholder
        self.prompt.begin(value)
        self.prompt.add_class("-asking")
        self.prompt.focus()
        self.hints.set_class(self._searched is None, "-asking")
        self.hints.forget()
        if self._searched is None:
            self._hint()

    def on_input_changed(self, event: Input.Changed) -> None:
        if self._searched is None and self.prompt.has_class("-asking"):
            self.set_filter(event.value)
            self._hint()

    def on_filter_entry_completing(self, message: FilterEntry.Completing) -> None:
        """Puts in what is offered; where that is all there is, says what may come after it."""
        found = self.hints.next(message.by)
        if found is None or self._searched is not None:
            return
        self.prompt.put(*found)
        self.set_filter(found[0])
        if len(self.hints.candidates) == 1:
            self._hint()

    def _hint(self) -> None:
        """Says what may stand at the cursor, or what is wrong."""
        view, text, at = self.view(self.pane), self.prompt.value, self.prompt.cursor_position
        found = filters.complete(text, at, view.rows, view.columns)
        self.hints.offer(text, found.start, found.end, found.candidates, self.fault, self.prompt.scroll_offset.x)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self._leave_prompt(searched=event.value)

    def _leave_prompt(self, searched: str | None) -> None:
        """Closes it: with what was asked for, or without (None), and then there is no filter any more."""
        log, self._searched = self._searched, None
        self.prompt.remove_class("-asking")
        self.hints.remove_class("-asking")
        if searched is None and log is None:
            self.set_filter("")
        (log or self.table).focus()
        if log and searched is not None:
            log.search(searched)

    def set_filter(self, text: str) -> None:
        """Shows only what fits; what cannot be understood is said, and the filter before it stays."""
        view = self.view(self.pane)
        self.kept[self.pane.name].filter = text
        self.fault = self._apply_filter()
        view.rows.arrange(view.columns)
        self.table.renew()
        self._retitle()
        if self.table.cursor_record() is not self.detail.record:
            self._show_record()
        self.post_message(self.Changed())

    def show_view(self, view: Record) -> None:
        """Shows what a view selects, in its order and with its columns."""
        kept, table = self.kept[self.pane.name], self.view(self.pane)
        field, _, direction = str(view.get("sort") or "").partition(":")
        kept.columns = [str(one) for one in view.get("columns") or []]
        table.columns = self._columns(self.records.get(self.pane.kind, []))
        column = filters.column(field, table.columns) if field else None
        if field and column is None:
            kept.columns = [*(kept.columns or [one.key for one in table.columns[1:]]), field]
            table.columns = self._columns(self.records.get(self.pane.kind, []))
            column = filters.column(field, table.columns)
        table.rows.sort, table.rows.backwards = column.key if column else "", direction == "desc"
        self.set_filter(str(view.get("filter") or ""))

    def shown(self) -> dict[str, str]:
        """What is shown, as the fields of a view."""
        kept, table = self.kept[self.pane.name], self.view(self.pane)
        field = filters.field(table.rows.sort, table.rows, table.columns) if table.rows.sort else ""
        sort = f"{field}:desc" if field and table.rows.backwards else field
        return {"filter": kept.filter, "sort": sort, "column": shlex.join(kept.columns)}

    def _apply_filter(self) -> CupolaError | None:
        """Gives the rows their test; what is wrong with the text, if anything."""
        view = self.view(self.pane)
        rows = view.rows
        text = self.kept[self.pane.name].filter
        try:
            rows.wanted = filters.test(text, rows, view.columns)
        except CupolaError as error:
            if filters.is_words(rows.applied) and text.startswith(rows.applied):
                rows.wanted = None  # what was looked for as a word is the field of a comparison, now that more is typed
            return error
        rows.applied = text
        return None


def _beside(pane: Pane) -> int:
    """Which tab the third pane begins with: the log, else the second."""
    return next((place for place, tab in enumerate(pane.tabs) if tab.log), 1)
