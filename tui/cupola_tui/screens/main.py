"""The main screen: it decides; the widgets say what was pressed, and show what they are given."""

import asyncio
import time
from typing import Any, ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from cupola.errors import CupolaError
from cupola_tui import keymap, verbs
from cupola_tui.actions import Actions
from cupola_tui.company import Company
from cupola_tui.lists import Lists
from cupola_tui.plain import clean
from cupola_tui.reader import Reader
from cupola_tui.screens import doing, lineage, panes
from cupola_tui.screens.doing import Chosen
from cupola_tui.state import State
from cupola_tui.widgets.bars import Facts, Footer, Header, PaneTabs
from cupola_tui.widgets.body import Body
from cupola_tui.widgets.detail import Detail
from cupola_tui.widgets.filterline import FilterEntry
from cupola_tui.widgets.log import LogView
from cupola_tui.widgets.rows import Record
from cupola_tui.widgets.table import RecordTable

IDLE = 30.0
SETTINGS = "workspace.toml"  # where roles stand
OPENING = ("verb", "menu", "command")  # groups of workers that end in a dialog: keys wait for it


class Main(Screen[None]):
    """Shows one pane at a time; `lists` are what it shows, `actions` what it does, `kept` what it remembers,
    `company` who else is here, `reader` how the reading goes."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("main")
    AUTO_FOCUS = "#table"
    app: Any

    def __init__(self, lists: Lists, actions: Actions, kept: State, root: str, readonly: bool) -> None:
        super().__init__()
        self.lists, self.actions, self.kept, self.root = lists, actions, kept, root
        self.pane = panes.pane(kept.pane if kept.pane in panes.named() else keymap.EXPERIMENTS)
        self.before = keymap.DATASETS if self.pane.name != keymap.DATASETS else keymap.EXPERIMENTS
        self.header = Header()
        self.header.set_reactive(Header.facts, Facts(path=root, readonly=readonly))
        self.company = Company(lists.bridge, self.header.say)
        self.reader = Reader(lists, self.header.say, self.ready)
        self.tabs = PaneTabs()
        self.tabs.set_reactive(PaneTabs.names, tuple(name.capitalize() for name in panes.named()))
        self.tabs.set_reactive(PaneTabs.chosen, panes.named().index(self.pane.name))
        self.body = Body(self.pane, lists.records, lists.reading, kept.panes)
        self.table, self.detail = self.body.table, self.body.detail
        self.footer = Footer()
        self.footer.set_reactive(Footer.keys, tuple(keymap.footer("table", self.pane.name)))
        self._looked = 0.0

    def compose(self) -> ComposeResult:
        yield self.header
        yield self.tabs
        yield self.body
        yield self.footer

    @property
    def readonly(self) -> bool:
        return self.header.facts.readonly

    def on_resize(self, event: events.Resize) -> None:
        self.body.fit(event.size.width)

    # The workspace: opened, watched, lost and found.

    def begin(self) -> None:
        """After the first frame: asks for everything, the list in front first."""
        self._show_pane()
        self.ready()
        self.lists.begin(self.pane.kind)
        self.set_timer(0.2, self.body.still_reading)
        self.set_interval(2.0 if self.app.slow else 1.0, self._tick)

    @work(exclusive=True, group="ready", exit_on_error=False)
    async def ready(self) -> None:
        """What the reader says of the directory: its name, its mount, or that it is no workspace."""
        self._opened(await asyncio.wrap_future(self.lists.bridge.ready))

    def _opened(self, said: Record) -> None:
        workspace = said.get("workspace")
        if workspace is None:
            self.action_init(said.get("error"))
            return
        self.app.user = self.company.me = str(workspace.get("user") or "")
        self.look_round()
        self._stand()
        self.header.opened(workspace)
        if advice := workspace.get("advice"):
            self.notify(clean(advice), severity="warning", markup=False, timeout=10)

    @work(exclusive=True, group="offer", exit_on_error=False)
    async def action_init(self, error: Record | None = None) -> None:
        """A directory that is no workspace is offered to become one; a broken one says what is wrong."""
        from cupola_tui.screens import offer

        if made := await offer.make(self, error):
            self.body.forget()
            self._opened(made)
            self.lists.again()
            self.action_pane(keymap.DATASETS)

    def action_replace_reader(self) -> None:
        """Gives the reader up and starts another."""
        self.reader.replace()

    def took(self, kind: str) -> None:
        """A list was read, or could not be."""
        if not self.is_active:
            return  # beneath a dialog each change would draw the whole screen; it is caught up with afterwards
        if kind == "agent":
            agent = (self.lists.get("agent") or [{}])[0]
            self.header.say(agent=bool(agent.get("running", agent.get("pid"))))
        if kind == self.pane.kind:
            self.body.fill(self.lists.errors.get(kind))
            self._dim()
            if not self.actions.by_name and kind not in self.lists.errors:
                self.learn()
        elif kind in ("models", "endpoints"):
            self.body.ask_again(lineage.TITLE)
        self.header.say(jobs=len(self.lists.open_jobs()), endpoints=len(self.lists.serving()))

    def on_screen_resume(self) -> None:
        """A dialog is gone: what changed meanwhile is shown."""
        for kind in self.lists.records:
            self.took(kind)

    def _tick(self) -> None:
        """Once a second: what is open is read again, what is silent is said, ages grow."""
        silent = self.reader.tend()
        if silent < 1 and self.is_active:
            self.lists.follow(endpoints=self.pane.name == keymap.ENDPOINTS)
            self.body.tick()
            if self.company.late:
                self.look_round()
            # The gauges follow the host while something of this workspace runs; else they are looked at now and then.
            live = self.lists.open_jobs() or self.lists.serving()
            if time.monotonic() - self._looked >= (1.5 if live else IDLE):
                self._looked = time.monotonic()
                self.measure()

    @work(exclusive=True, group="host", exit_on_error=False)
    async def measure(self) -> None:
        host = await self._answer("host")
        if self.is_active and not isinstance(host, CupolaError):
            self.header.measured(host)

    # The others: who is here, what they do, and what they see of this user.

    def heard(self, changes: list[Record]) -> None:
        """Somebody has done something: who is here, what is said of a record, the activity may be others than shown."""
        kinds = {str(one.get("kind")) for one in changes}
        if any(one.get("ref") == SETTINGS for one in changes):  # what this user may do
            self.learn()
        if kinds & {"presence", "note"}:
            self.look_round()
        if "note" in kinds:
            self.body.ask_again()
        if self.pane.name == keymap.ACTIVITY and kinds - {"presence"}:
            self.lists.refresh(self.pane.kind)

    @work(exclusive=True, group="company", exit_on_error=False)
    async def look_round(self) -> None:
        await self.company.refresh()

    def _stand(self) -> None:
        self.company.stand(self._sight)

    def _sight(self) -> tuple[str, str, str]:
        """What is looked at: the pane, and the record under the cursor."""
        record = self.table.cursor_record() if self.pane.leads is None else None
        return (self.pane.title, self.pane.about, self.pane.ref(record)) if record else (self.pane.title, "", "")

    def on_body_led(self, message: Body.Led) -> None:
        """Goes to the record that an act is about."""
        from cupola_tui.screens import obeying

        obeying.lead(self, message.pane, message.ref, said=message.said)

    @work(group="learn", exclusive=True, exit_on_error=False)
    async def learn(self) -> None:
        await self.actions.learn()
        self._dim()

    # What the widgets ask and say.

    async def _answer(self, call: str, **more: Any) -> Any:
        """What the bridge answers; an error stands for itself."""
        try:
            return await asyncio.wrap_future(self.lists.bridge.ask(call, **more))
        except CupolaError as error:
            return error

    @work(exclusive=False, group="details", exit_on_error=False)
    async def on_log_view_wanted(self, message: LogView.Wanted) -> None:
        asked = {"kind": message.kind, "ref": message.ref, "offset": message.offset, "limit": message.limit}
        message.log.take(message.kind, message.ref, await self._answer("log", **asked))

    @work(exclusive=False, group="details", exit_on_error=False)
    async def on_detail_wanted(self, message: Detail.Wanted) -> None:
        async def answer(name: str, call: str, more: dict[str, Any]) -> None:
            found = await self._answer(call, **more)
            message.detail.answer(message.about, name, found)
            if call == "notes" and isinstance(found, dict) and message.detail.display:
                await self.company.read(found)

        await asyncio.gather(*(answer(name, call, more) for name, (call, more) in message.asks.items()))

    def on_body_changed(self) -> None:
        self._stand()
        self._dim()
        self.remember()

    def on_body_refused(self, message: Body.Refused) -> None:
        self.app.say(message.words, "warning")

    def on_footer_pressed(self, message: Footer.Pressed) -> None:
        self.call_later(self.press, message.key)

    async def press(self, key: keymap.Key) -> None:
        """Does what a key does, whoever asks for it."""
        await (self.body if key.scope == "body" else self).run_action(key.action)

    def on_tabs_chosen(self, message: PaneTabs.Chosen) -> None:
        self.action_pane(panes.named()[message.place])

    def on_record_table_menu(self, message: RecordTable.Menu) -> None:
        self.action_menu(message.x, message.y)

    def on_descendant_focus(self) -> None:
        self._foot()

    def run_worker(self, work: Any, name: str | None = "", group: str = "default", *more: Any, **named: Any) -> Any:
        if group in OPENING:
            self.app.keys.hold()
        return super().run_worker(work, name, group, *more, **named)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.worker.group in OPENING and event.worker.is_finished:
            self.app.keys.release()
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            self.app.failed(event.worker.error)

    # The line of keys, and what is remembered.

    def _show_pane(self) -> None:
        self.tabs.chosen = panes.named().index(self.pane.name)
        self.body.show(self.pane, self.lists.errors.get(self.pane.kind))
        self._foot()
        self._dim()

    def _foot(self) -> None:
        scopes = ((LogView, "log"), (RecordTable, "table"), (FilterEntry, "filter"))
        inner = next((scope for kind, scope in scopes if isinstance(self.focused, kind)), "detail")
        self.footer.keys = tuple(keymap.footer(inner, self.pane.name))

    def _dim(self) -> None:
        """Which keys of the footer could do nothing now."""
        self.footer.dimmed = verbs.dimmed(
            self.footer.keys, self.pane, self.table.chosen(), self.readonly, self.actions.by_name
        )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A key means something only in the panes that the table names for it."""
        return keymap.means("main", action, parameters, self.pane.name)

    def remember(self) -> None:
        """Writes down what is on the screen."""
        self.body.remember()
        self.kept.pane = self.pane.name
        self.app.remember()

    # Keys that go somewhere.

    def action_pane(self, name: str) -> None:
        if name != self.pane.name:
            self.before = self.pane.name
        self.pane = panes.pane(name)
        self._show_pane()
        self._stand()
        if name == keymap.ACTIVITY:
            self.lists.refresh(self.pane.kind)
        self.table.focus()
        self.remember()

    def action_last_view(self) -> None:
        self.action_pane(self.before)

    def go_to(self, pane: str, ident: str | None) -> None:
        """Goes to a pane, and to a record of it as soon as it is there."""
        view = self.body.view(panes.pane(pane))
        if ident:
            view.cursor = view.awaited = ident
        self.action_pane(pane)

    @work(group="menu", exclusive=True, exit_on_error=False)
    async def action_palette(self) -> None:
        """Everything there is, found by a few of its letters."""
        from cupola_tui.screens import obeying

        await obeying.row(self, await doing.from_palette(self.app, self.actions, self.pane, self.lists.records))

    @work(group="command", exclusive=True, exit_on_error=False)
    async def action_command(self) -> None:
        """Any action, by name."""
        from cupola_tui.screens import obeying

        text = await doing.typed_line(self.app, self.actions, self.kept)
        if text:
            self.remember()
            await obeying.line(self, text)

    def action_help(self) -> None:
        from cupola_tui.screens.help import Help

        self.app.push_screen(Help(self.pane.name, dict(self.app._keymap)))

    @work(group="menu", exclusive=True, exit_on_error=False)
    async def action_jump(self) -> None:
        from cupola_tui.screens.jump import Jump

        targets = [one for one in self.app.screen.query("*") if one.focusable and one.is_on_screen]
        target = await self.app.push_screen_wait(Jump(targets))
        if target is not None:
            target.focus()

    def action_leave(self) -> None:
        self.app.leave()

    # Keys that do something with the records chosen.

    def chosen(self) -> Chosen:
        return Chosen(self.pane, self.table.chosen(), self.readonly)

    @work(group="verb", exit_on_error=False)
    async def action_verb(self, name: str) -> None:
        """Opens the form of that action for the records chosen, or says why not."""
        chosen = self.chosen()
        if words := verbs.beforehand(name, next(iter(chosen.records), None)):
            self.app.say(f"{name}: {words}")
        result = await doing.fill_in(self.app, self.actions, name, chosen)
        if result is None:
            return
        if made := doing.made(name, result):
            self.go_to(*made)
        doing.tell(self.app, name, result)
        self.lists.begin(self.pane.kind)

    def action_edit(self) -> None:
        """The form of the action that changes the record."""
        self.action_verb(verbs.CHANGES[self.pane.name])

    @work(group="menu", exclusive=True, exit_on_error=False)
    async def action_menu(self, x: int = -1, y: int = -1) -> None:
        """All verbs of the record."""
        from cupola_tui.screens import obeying

        at = (x, y) if x >= 0 else None
        await obeying.row(self, await doing.from_menu(self.app, self.actions, self.chosen(), at))

    @work(group="verb", exit_on_error=False)
    async def action_stop(self) -> None:
        from cupola_tui.screens import losing

        await losing.stop(self)

    @work(group="verb", exit_on_error=False)
    async def action_roll_back(self) -> None:
        from cupola_tui.screens import losing

        await losing.roll_back(self)

    @work(group="verb", exit_on_error=False)
    async def action_trash(self) -> None:
        from cupola_tui.screens import losing

        await losing.trash(self)

    @work(group="undo", exit_on_error=False)
    async def action_undo(self) -> None:
        from cupola_tui.screens import losing

        await losing.undo(self)

    @work(group="menu", exclusive=True, exit_on_error=False)
    async def action_views(self) -> None:
        """Shows what one of the pane's views selects, or keeps what is shown as one."""
        from cupola_tui.screens import views

        await views.choose(self)

    @work(group="menu", exclusive=True, exit_on_error=False)
    async def action_copy(self) -> None:
        """Offers what can be copied of the record."""
        await doing.copy(self.app, self.pane, self.table.cursor_record(), self.root)

    def action_plain(self) -> None:
        """The details in a plain screen, the mouse released."""
        from cupola_tui.screens.plainview import PlainView

        self.app.push_screen(PlainView(self.detail.body.plain))

    def action_compare(self) -> None:
        """The marked runs side by side."""
        doing.compare(self.app, self.chosen())

    def action_explore(self) -> None:
        """All runs of the experiment under the cursor in one plot."""
        doing.explore(self.app, self.table, lambda run: self.go_to(keymap.EXPERIMENTS, run))

    def action_graph(self) -> None:
        """The steps of the pipeline under the cursor, as its newest execution stands."""
        self.open_graph(None)

    def open_graph(self, execution: str | None) -> None:
        chosen = self.chosen()
        doing.graph(self.app, self.actions, Chosen(self.pane, chosen.records[:1], self.readonly), execution)

    def action_report(self) -> None:
        """The report of the version under the cursor."""
        record = self.table.cursor_record()
        doing.report(self.app, self.actions, Chosen(self.pane, [record] if record else [], self.readonly))

    def action_grid(self) -> None:
        """The rows of the version under the cursor in a grid."""
        doing.grid(self.app, self.table.cursor_record())

    @work(group="verb", exit_on_error=False)
    async def action_prepare(self) -> None:
        """A flow of the dataset under the cursor in its editor."""
        await doing.prepare(self.app, self.table.cursor_record())

    def action_editor(self) -> None:
        """The record's TOML file in $EDITOR; the app waits and comes back."""
        record = self.table.cursor_record()
        doing.edit(self.app, Chosen(self.pane, [record] if record else [], self.readonly), self.root)
