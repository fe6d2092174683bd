"""The detail pane: a line of tabs over a sheet or a log of the record under the cursor."""

from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.reactive import reactive

from cupola_tui.paint import entitle
from cupola_tui.plain import clean
from cupola_tui.screens.pane import Ask, Pane, Scene, Tab
from cupola_tui.widgets.bars import Tabs
from cupola_tui.widgets.log import LogView
from cupola_tui.widgets.rows import Record
from cupola_tui.widgets.sheet import Sheet


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

    def __init__(self, pane: Pane, id: str) -> None:
        super().__init__(id=id)
        self.pane = pane
        self.record: Record | None = None
        self.lists: dict[str, list[Record]] = {}
        self._answers: dict[str, Any] = {}
        self._tabs = Tabs()
        self._sheet = Sheet()
        self.log_view: LogView | None = None

    def compose(self) -> ComposeResult:
        yield self._tabs
        yield self._sheet

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
        entitle(self, f"{pane.noun} {clean(pane.label(record))}" if record else pane.noun)
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

    def again(self) -> None:
        """Draws anew, for the clock's sake."""
        self._renew(from_top=False)

    def watch_tab(self, tab: int) -> None:
        self._tabs.chosen = tab
        self._renew(from_top=True)
        self._want()
        self.post_message(self.TabChanged(self, tab))

    def on_tabs_chosen(self, message: Tabs.Chosen) -> None:
        message.stop()
        self.tab = message.place

    def _show_log(self, asked: Ask | None) -> None:
        """Puts the log in front, or takes it away; it is made when it is first wanted."""
        if asked and self.log_view is None:
            self.log_view = LogView()
            self.mount(self.log_view)
        if self.log_view is not None:
            had_focus = self.log_view.has_focus or self._sheet.has_focus
            self.log_view.display = bool(asked)
            self._sheet.display = not asked
            if asked:
                self.log_view.show(asked[1]["kind"], asked[1]["ref"])
            if had_focus:
                self.body.focus()

    @property
    def body(self) -> Sheet | LogView:
        """What is in front: the sheet or the log."""
        return self.log_view if self.log_view is not None and self.log_view.display else self._sheet

    def _key(self, record: Record | None) -> str:
        return self.pane.ident(record) if record else ""

    def _want(self) -> None:
        if self.record:
            asks = self.current.needs(self.record)
            if asks:
                self.post_message(self.Wanted(self, self._key(self.record), asks))

    def _renew(self, from_top: bool) -> None:
        record, tab = self.record, self.current
        asked = tab.log(record) if tab.log and record else None
        self._show_log(asked)
        if asked:
            return
        if record is None:
            self._sheet.fill(lambda width, height: [], from_top=True)
            return
        self._sheet.fill(
            lambda width, height: tab.draw(Scene(record, self._answers, width, height, self.lists)), from_top=from_top
        )
