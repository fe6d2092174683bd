"""Where the keys of the main screen go: panes, tabs, the filter, the palette, the command line."""

from typing import Any

from textual import work
from textual.css.query import NoMatches
from textual.screen import Screen
from textual.widgets import Input

from cupola.errors import CupolaError
from cupola_tui import keymap
from cupola_tui.lists import Lists
from cupola_tui.plain import clean
from cupola_tui.screens import panes
from cupola_tui.screens.pane import Pane
from cupola_tui.state import State
from cupola_tui.widgets.detail import Detail
from cupola_tui.widgets.entry import Entry
from cupola_tui.widgets.log import LogView
from cupola_tui.widgets.rows import Record, holding
from cupola_tui.widgets.table import RecordTable, View

OPERATORS = ("=", ">", "<", " contains ", " exists", " in ", " and ", " or ", "not ")
WORDS = {
    "log": "the app's own log",
    "init": "make this directory a workspace",
    "quit": "leave; jobs and endpoints go on",
    "reader replace": "give up the process that reads the workspace, and start another",
    "theme": "the next theme",
    "help": "the keys",
}


class Going(Screen[None]):
    """The part of the main screen that moves about."""

    lists: Lists
    pane: Pane
    table: RecordTable
    detail: Detail
    details: list[Detail]
    kept: State
    forms: dict[str, Record]
    app: Any

    before: str
    _log_search: LogView | None = None

    def view(self, pane: Pane) -> View:
        raise NotImplementedError

    def show_pane(self) -> None:
        raise NotImplementedError

    def retitle(self, fault: str = "") -> None:
        raise NotImplementedError

    def remember(self) -> None:
        raise NotImplementedError

    # Panes and tabs.

    def action_pane(self, name: str) -> None:
        if name != self.pane.name:
            self.before = self.pane.name
        self.pane = panes.pane(name)
        self.remove_class("-detail")
        self.show_pane()
        self.table.focus()
        self.remember()

    def action_last_view(self) -> None:
        self.action_pane(self.before)

    def go_to(self, pane: str, ident: str | None) -> None:
        """Goes to a pane, and to a record of it as soon as it is there."""
        view = self.view(panes.pane(pane))
        if ident:
            view.cursor = view.awaited = ident
        self.action_pane(pane)

    def action_tab(self, by: int) -> None:
        self.detail.tab = (self.detail.tab + by) % len(self.pane.tabs)

    def action_next_pane(self, by: int) -> None:
        if self.has_class("-narrow"):
            self.toggle_class("-detail")
        order = [self.table, *(one.body for one in self.details if one.is_on_screen)]
        here = order.index(self.focused) if self.focused in order else 0
        order[(here + by) % len(order)].focus()

    def action_zoom(self) -> None:
        """The pane in hand takes the whole width, or gives it back."""
        wanted = "-zoom-table" if self.table.has_focus else "-zoom-detail"
        on = not self.has_class(wanted)
        self.remove_class("-zoom-table", "-zoom-detail")
        self.set_class(on, wanted)

    def on_record_table_opened(self) -> None:
        if self.table.cursor_record() is None:
            return
        self.add_class("-detail")
        self.detail.body.focus()

    def action_back(self) -> None:
        """Out of what was opened last: the zoom, the details, the marks, the filter."""
        rows = self.view(self.pane).rows
        if self.has_class("-zoom-table") or self.has_class("-zoom-detail"):
            self.remove_class("-zoom-table", "-zoom-detail")
        elif not self.table.has_focus:
            self.remove_class("-detail")
            self.table.focus()
        elif rows.marks:
            rows.marks.clear()
            self.table.refresh()
            self.retitle()
        elif self.kept.panes[self.pane.name].filter:
            self.set_filter("")

    def action_log(self) -> None:
        place = next((place for place, tab in enumerate(self.pane.tabs) if tab.log), None)
        if place is None or self.table.cursor_record() is None:
            self.app.say("log: there is none here", "warning")
            return
        self.detail.tab = place
        self.add_class("-detail")
        self.call_after_refresh(self.detail.body.focus)

    # The filter, and the search of a log.

    async def _prompt(self, value: str, placeholder: str) -> None:
        try:
            prompt = self.query_one("#prompt", Input)
        except NoMatches:
            prompt = Entry(id="prompt")
            await self.mount(prompt, before=self.query_one("Footer"))
        with prompt.prevent(Input.Changed):
            prompt.value, prompt.placeholder = value, placeholder
        prompt.cursor_position = len(value)
        prompt.add_class("-asking")
        prompt.focus()

    async def action_filter(self) -> None:
        self._log_search = None
        await self._prompt(
            self.kept.panes[self.pane.name].filter, 'filter: a word, or validation_roc_auc > 0.8 and user = "ana"'
        )

    async def on_log_view_search(self, message: LogView.Search) -> None:
        self._log_search = message.log
        await self._prompt("", "search in the log")

    def on_input_changed(self, event: Input.Changed) -> None:
        if self._log_search is None:
            self.set_filter(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        log, self._log_search = self._log_search, None
        event.input.remove_class("-asking")
        (log or self.table).focus()
        if log:
            log.search(event.value)

    def leave_prompt(self) -> bool:
        """esc while asking: clears and closes it."""
        prompt = self.query("#prompt.-asking")
        if not prompt:
            return False
        prompt.remove_class("-asking")
        log, self._log_search = self._log_search, None
        if log is None:
            self.set_filter("")
        (log or self.table).focus()
        return True

    def set_filter(self, text: str) -> None:
        """Shows only what fits; what cannot be understood is said, and the filter before it stays."""
        view = self.view(self.pane)
        self.kept.panes[self.pane.name].filter = text
        fault = self.apply_filter(view, text)
        view.rows.arrange(view.columns)
        self.table.renew()
        self.retitle(fault)
        self.detail.show(self.pane, self.table.cursor_record())
        self.remember()

    def apply_filter(self, view: View, text: str) -> str:
        """Gives the rows their test; the sentence that says what is wrong with the text, if anything."""
        if not text.strip():
            view.rows.wanted = None
        elif any(sign in text for sign in OPERATORS):
            from cupola.experiments import search

            try:
                view.rows.wanted = search.parse(text, fields(list(view.rows.records.values())))
            except CupolaError as error:
                return clean(error.message)
        else:
            view.rows.wanted = holding(text, view.rows.said)
        return ""

    # The palette, the command line, help.

    def action_verb(self, name: str) -> Any:
        raise NotImplementedError

    async def known_actions(self) -> dict[str, Record]:
        raise NotImplementedError

    @work(group="menu", exclusive=True, exit_on_error=False)
    async def action_palette(self) -> None:
        from cupola_tui.screens.choice import Choice, Palette

        try:
            actions = await self.known_actions()
        except CupolaError:
            actions = {}
        rows = [
            Choice(f"go {name}", panes.pane(name).title, key=str(place), kind="screen")
            for place, name in enumerate(panes.named(), 1)
        ]
        rows += [Choice(f"do {name}", name, kind="action") for name in actions]
        rows += [
            Choice(f"key {key.action}", key.words, key.label, kind="key")
            for key in keymap.TABLE
            if key.scope == "main"
            and not key.action.startswith(("verb", "pane"))
            and keymap.applies(key, self.pane.name)
        ]
        rows += [Choice(f"word {word}", said, kind=f":{word}") for word, said in WORDS.items()]
        for name in panes.named():
            pane = panes.pane(name)
            rows += [
                Choice(f"at {name} {pane.ident(one)}", clean(pane.label(one)), kind=pane.noun)
                for one in self.lists.get(pane.kind)[:2000]
            ]
        chosen = await self.app.push_screen_wait(Palette(rows))
        if chosen:
            await self._chosen(*chosen.split(" ", 1))

    async def _chosen(self, what: str, rest: str) -> None:
        match what:
            case "go":
                self.action_pane(rest)
            case "at":
                self.go_to(*rest.split(" ", 1))
            case "do":
                self.action_verb(rest)
            case "key":
                await self.run_action(rest)
            case "word":
                await self.obey(rest)

    @work(group="command", exclusive=True, exit_on_error=False)
    async def action_command(self) -> None:
        from cupola_tui.screens.commandline import CommandLine

        try:
            actions = await self.known_actions()
        except CupolaError:
            actions = {}
        words = {**dict.fromkeys(panes.named(), "the pane"), **WORDS}
        text = await self.app.push_screen_wait(
            CommandLine(self.lists.bridge, actions, words, self.kept.commands, self.forms)
        )
        if text:
            self.kept.commands = [*(one for one in self.kept.commands if one != text), text][-50:]
            self.remember()
            await self.obey(text)

    async def obey(self, text: str) -> None:
        """Does what a line after `:` says."""
        match text.split():
            case [name] if name in panes.named():
                self.action_pane(name)
            case ["init"]:
                self.no_workspace(None)
            case ["log"]:
                self.app.show_log()
            case ["quit" | "q"]:
                self.app.leave()
            case ["reader", "replace"]:
                self.replace_reader()
            case ["theme"]:
                self.app.action_theme()
            case ["help"]:
                self.action_help()
            case _:
                await self.run_command(text)

    async def run_command(self, text: str) -> None:
        raise NotImplementedError

    def no_workspace(self, error: Record | None) -> Any:
        raise NotImplementedError

    def replace_reader(self) -> None:
        raise NotImplementedError

    def action_help(self) -> None:
        from cupola_tui.screens.help import Help

        self.app.push_screen(Help(self.pane.name, dict(self.app._keymap)))

    def action_compare(self) -> None:
        chosen = self.table.chosen()
        if len(chosen) < 2:
            self.app.say("compare: mark two or more runs with space first", "warning")
            return
        from cupola_tui.screens.compare import Compare

        self.app.push_screen(Compare(chosen[:6]))

    @work(group="menu", exclusive=True, exit_on_error=False)
    async def action_jump(self) -> None:
        from cupola_tui.screens.jump import Jump

        targets = [one for one in self.app.screen.query("*") if one.focusable and one.is_on_screen]
        target = await self.app.push_screen_wait(Jump(targets))
        if target is not None:
            target.focus()

    def action_leave(self) -> None:
        self.app.leave()


def fields(records: list[Record]) -> Any:
    """The fields of these records for the search language: their own, and those of params, metrics and the like."""
    from cupola.experiments.search import Fields

    inner: set[tuple[str, str]] = set()
    plain: set[str] = set()
    for record in records[:2000]:
        for name, value in record.items():
            if name.endswith("_errors"):
                continue  # a metric named without its field is its value, not its error
            if isinstance(value, dict):
                inner.update((name, key) for key in value)
            else:
                plain.add(name)
    getters: dict[str, Any] = {name: lambda one, name=name: one.get(name) for name in plain}
    getters |= {f"{name}.{key}": lambda one, name=name, key=key: (one.get(name) or {}).get(key) for name, key in inner}
    return Fields(getters, text=sorted(plain), open_ended=("params.", "metrics."))
