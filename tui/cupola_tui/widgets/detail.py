"""The detail pane: a line of tabs over a sheet, a log or a table of the record under the cursor."""

from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.reactive import reactive

from cupola_tui.paint import entitle
from cupola_tui.plain import clean
from cupola_tui.screens.pane import Ask, Listing, Pane, Scene, Tab, spoilt
from cupola_tui.widgets.bars import Tabs
from cupola_tui.widgets.log import LogView
from cupola_tui.widgets.rows import Record, Rows
from cupola_tui.widgets.sheet import Sheet
from cupola_tui.widgets.table import RecordTable, View


class Detail(Vertical):
    """Shows a record of a pane. It asks for what a tab needs by a message, and takes the answers by `answer`."""

    tab: reactive[int] = reactive(0, init=False)

    class Wanted(Message):
        """A tab needs these answers about that record."""

        def __init__(self, detail: "Detail", about: str, asks: dict[str, Ask]) -> None:
            super().__init__()
            self.detail, self.about, self.asks = detail, about, asks

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, Detail.Wanted) and message.detail is self.detail

    class TabChanged(Message):
        """Another tab is in front."""

        def __init__(self, detail: "Detail", tab: int) -> None:
            super().__init__()
            self.detail, self.tab = detail, tab

    class Led(Message):
        """Enter on a row of a table leads to a record elsewhere: its pane, and its name there."""

        def __init__(self, pane: str, ref: str) -> None:
            super().__init__()
            self.pane, self.ref = pane, ref

    def __init__(self, pane: Pane, id: str) -> None:
        super().__init__(id=id)
        self.pane = pane
        self.record: Record | None = None
        self._answers: dict[str, Any] = {}
        self._turned: dict[str, Any] = {}
        self._tabs = Tabs()
        self._sheet = Sheet()
        self.log_view: LogView | None = None
        self.table: RecordTable | None = None
        self._listed: tuple[str, Listing] | None = None

    def compose(self) -> ComposeResult:
        yield self._tabs
        yield self._sheet

    def on_show(self) -> None:
        """What was asked for out of sight was not read by anybody: it is asked for again."""
        self._want()

    @property
    def current(self) -> Tab:
        return self.pane.tabs[min(self.tab, len(self.pane.tabs) - 1)]

    def show(self, pane: Pane, record: Record | None) -> None:
        """Shows that record; what is known of it stays when it is only newer."""
        same = pane is self.pane and self._key(record) == self._key(self.record)
        newer = record is not self.record
        if pane is not self.pane or not self._tabs.names:
            self.pane = pane
            self._tabs.names = tuple(tab.name for tab in pane.tabs)
            self.set_reactive(Detail.tab, min(self.tab, len(pane.tabs) - 1))
            self._tabs.chosen = self.tab
        self.record = record
        if not same:
            self._answers = {}
        self._renew(from_top=not same)
        if newer:
            self._want()

    def answer(self, about: str, name: str, value: Any) -> None:
        """Takes an answer; one to an old question is dropped."""
        if about == self._key(self.record):
            self._answers[name] = value
            self._renew(from_top=False)

    def ask_again(self) -> None:
        """Asks anew for what the tab in front needs: a run under way has written more."""
        self._want()

    def renew(self) -> None:
        """Draws the same anew: ages have grown."""
        if not isinstance(self.body, LogView):
            self.body.renew()

    def watch_tab(self, tab: int) -> None:
        self._tabs.chosen = tab
        self._renew(from_top=True)
        self._want()
        self.post_message(self.TabChanged(self, tab))

    def on_tabs_chosen(self, message: Tabs.Chosen) -> None:
        message.stop()
        self.tab = message.place

    def _front(self, asked: Ask | None, listing: Listing | None) -> None:
        """Puts the log or the table in front, or the sheet; the others are made when they are first wanted."""
        if asked and self.log_view is None:
            self.log_view = LogView()
            self.mount(self.log_view)
        if listing and self.table is None:
            self.table = RecordTable(View(Rows(listing.ident)), [], id=f"{self.id}-table")
            self.mount(self.table)
        front = self.body
        if self.log_view is not None:
            self.log_view.display = bool(asked)
        if self.table is not None:
            self.table.display = bool(listing)
        self._sheet.display = not asked and not listing
        if asked and self.log_view:
            self.log_view.show(asked[1]["kind"], asked[1]["ref"])
        if listing and self.table:
            self._list(listing, self.table)
        if self.body is not front and self.screen.focused is front:
            self.screen.set_focus(self.body)  # at once: asked for, it would come after what a key has asked for since

    def _list(self, listing: Listing, table: RecordTable) -> None:
        """Puts the newest rows into the table; of another record or tab it begins anew."""
        about = f"{self.current.name} {self._key(self.record)}"
        if self._listed is None or self._listed[0] != about:
            view = View(Rows(listing.ident))
            view.columns = listing.columns
            view.rows.put(listing.records, listing.columns)
            table.show(view, [])
        elif listing.records is not self._listed[1].records:
            rows, table.view.columns = table.view.rows, listing.columns
            rows.put(listing.records, listing.columns, hold=table.has_focus and table.view.row > 0)
            table.renew()
        self._listed = about, listing

    def _entitle(self) -> None:
        """What the details are of; of a table how many rows it has, and how many wait above."""
        pane, record = self.pane, self.record
        rows = self.table.view.rows if self.table and self.table.display else None
        new = f"  +{len(rows.waiting)} new, g shows them" if rows and rows.waiting else ""
        count = f"{len(rows.records):,}{new}" if rows else None
        entitle(self, f"{pane.about} {clean(pane.label(record))}" if record else pane.about, count)

    def on_sheet_turned(self, message: Sheet.Turned) -> None:
        message.stop()
        self.turn(message.thing, message.by)

    def turn(self, thing: str, by: int) -> None:
        """Another one of some thing that the tab in front shows, where it has such."""
        if self.record and self.current.turn:
            self.current.turn(self._scene(self.record, *self.size), thing, by)
            self._renew(from_top=False)

    def _scene(self, record: Record, width: int, height: int) -> Scene:
        return Scene(record, self._answers, width, height, self._turned)

    def on_record_table_opened(self, message: RecordTable.Opened) -> None:
        message.stop()
        row = self.table.cursor_record() if self.table else None
        if row is None or not self._listed:
            return
        if leads := self._listed[1].leads:
            self.post_message(self.Led(*leads(row)))
        else:
            from cupola_tui.screens.result import Result

            whole = {column.key: column.value(row) for column in self._listed[1].columns}
            self.app.push_screen(Result(f"{self.current.name} of {self.pane.label(self.record or {})}", whole))

    def on_record_table_moved(self, message: RecordTable.Moved) -> None:
        message.stop()  # the record that the details are of is the same

    def on_record_table_marked(self, message: RecordTable.Marked) -> None:
        message.stop()
        self._entitle()

    @property
    def body(self) -> Sheet | LogView | RecordTable:
        """What is in front: the sheet, the log or the table."""
        shown = (one for one in (self.log_view, self.table) if one is not None and one.display)
        return next(shown, self._sheet)

    def _key(self, record: Record | None) -> str:
        return self.pane.ident(record) if record else ""

    def _want(self) -> None:
        if self.record:
            asks = self.current.needs(self.record)
            if asks:
                # Its own sender: what is sent by a parent, in whose handler this may run, goes no further than that.
                self.post_message(self.Wanted(self, self._key(self.record), asks).set_sender(self))

    def _renew(self, from_top: bool) -> None:
        record, tab = self.record, self.current
        asked = tab.log(record) if tab.log and record else None
        listing = tab.listing(self._scene(record, *self.size)) if tab.listing and record else None
        self._front(asked, listing)
        self._entitle()
        if asked or listing:
            return
        if record is None:
            self._sheet.fill(lambda width, height: [], from_top=True)
            return
        self._sheet.fill(
            lambda width, height: [
                *spoilt(record, width),
                *tab.draw(self._scene(record, width, height)),
            ],
            from_top=from_top,
        )
