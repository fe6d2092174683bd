"""The main screen: header, panes, one table and one detail pane, the keys. It decides; the widgets below only say."""

import asyncio
import time
from typing import Any, ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.worker import Worker

from cupola.errors import CupolaError
from cupola_tui import keymap, verbs
from cupola_tui.lists import Lists
from cupola_tui.paint import entitle
from cupola_tui.plain import clean
from cupola_tui.screens import panes
from cupola_tui.screens.acting import Acting
from cupola_tui.screens.pane import Pane
from cupola_tui.state import PaneState, State
from cupola_tui.widgets.bars import Facts, Footer, Header, PaneTabs
from cupola_tui.widgets.detail import Detail
from cupola_tui.widgets.log import LogView
from cupola_tui.widgets.rows import Record, Rows
from cupola_tui.widgets.table import RecordTable, View

NARROW, WIDE = 100, 180
GAUGE, IDLE, AGES = 6, 30.0, 10
OPENING = ("verb", "menu", "command")  # groups of workers that end in a dialog: keys wait for it
TITLES = ("Datasets", "Experiments", "Jobs", "Registry", "Endpoints")


class Main(Acting):
    """Shows one pane at a time; the views of the others are kept."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("main")
    AUTO_FOCUS = "#table"

    def __init__(self, lists: Lists, kept: State, root: str, readonly: bool) -> None:
        super().__init__()
        self.lists = lists
        self.kept = kept
        self.root = root
        self.actions: dict[str, Record] = {}
        self.forms: dict[str, Record] = {}
        self.trashed: list[tuple[str, str, str]] = []
        self._open_jobs: dict[str, Record] | None = None
        self._looked = 0.0
        self._user = ""
        self._ticks = 0
        self.pane = panes.pane(kept.pane if kept.pane in panes.named() else keymap.EXPERIMENTS)
        self.before = keymap.DATASETS if self.pane.name != keymap.DATASETS else keymap.EXPERIMENTS
        self.views: dict[str, View] = {}
        self.header = Header()
        self.header.set_reactive(Header.facts, Facts(path=root, readonly=readonly))
        self.tabs = PaneTabs()
        self.tabs.set_reactive(PaneTabs.names, TITLES)
        self.tabs.set_reactive(PaneTabs.chosen, panes.named().index(self.pane.name))
        self.table = RecordTable(self.view(self.pane), list(self.pane.empty), id="table")
        self.detail = Detail(self.pane, id="detail")
        self.details = [self.detail]
        self.footer = Footer()
        self.footer.set_reactive(Footer.keys, tuple(keymap.footer(("table", "main"), self.pane.name)))

    def compose(self) -> ComposeResult:
        yield self.header
        yield self.tabs
        with Horizontal(id="body"):
            yield self.table
            yield self.detail
        yield self.footer

    # What is shown.

    def view(self, pane: Pane) -> View:
        """The view of a pane, as it was left the last time."""
        if pane.name not in self.views:
            view = View(Rows(pane.ident))
            kept = self.kept.panes.setdefault(pane.name, PaneState())
            view.cursor, view.rows.sort, view.rows.backwards = kept.cursor, kept.sort, kept.backwards
            self.views[pane.name] = view
        return self.views[pane.name]

    def on_mount(self) -> None:
        self.watch(self.app, "theme", self.refresh_css_soon, init=False)

    def refresh_css_soon(self) -> None:
        self.call_after_refresh(self.table.renew)

    def begin(self) -> None:
        """After the first frame: asks for everything, the list in front first."""
        self.show_pane()
        self.ready()
        for kind in dict.fromkeys((self.pane.kind, "jobs", "endpoints", "models", "datasets", "runs", "agent")):
            self.lists.refresh(kind)
        self.set_timer(0.2, self._still_reading)
        slow = self.app.slow
        self.set_interval(2.0 if slow else 1.0, self._tick)

    @work(exclusive=True, group="ready", exit_on_error=False)
    async def ready(self) -> None:
        """What the reader says of the directory: its name, its mount, or that it is no workspace."""
        self.opened(await asyncio.wrap_future(self.lists.bridge.ready))

    def opened(self, said: Record) -> None:
        """Takes what the reader said of the directory."""
        workspace, error = said.get("workspace"), said.get("error")
        if workspace is None:
            self.no_workspace(error)
            return
        self._user = str(workspace.get("user") or "")
        self._say(
            name=workspace.get("name") or "",
            path=workspace.get("path") or self.header.facts.path,
            mount=_mount(workspace.get("mount")),
            readonly=bool(workspace.get("readonly")),
        )
        for notice in workspace.get("notices") or []:
            self.notify(clean(notice), severity="warning", markup=False, timeout=10)

    @work(exclusive=True, group="offer", exit_on_error=False)
    async def no_workspace(self, error: Record | None) -> None:
        """A directory that is no workspace is offered to become one; a broken one says what is wrong."""
        from cupola_tui.screens.offer import Offer

        said = clean((error or {}).get("message") or "this directory is no workspace yet")
        self._say(trouble=said)
        self.table.busy = said
        if error and error.get("kind") != "NotFound":
            return
        name = await self.app.push_screen_wait(Offer(self.root))
        if not name:
            self.table.busy = f"{said}: `:init` makes it one, q leaves"
            return
        try:
            answer = await self.app.ask("init", name=name)
        except CupolaError as fault:
            self.app.complain(fault)
            return
        self._say(trouble="")
        self.kept.panes.clear()  # what was remembered belongs to a workspace that was here before
        self.views.clear()
        self.opened(answer)
        self.lists.again()
        self.action_pane(keymap.DATASETS)

    def run_worker(self, work: Any, name: str | None = "", group: str = "default", *more: Any, **named: Any) -> Any:
        if group in OPENING:
            self.app.keys.hold()
        return super().run_worker(work, name, group, *more, **named)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.worker.group in OPENING and event.worker.is_finished:
            self.app.keys.release()

    def took(self, kind: str) -> None:
        """A list was read, or could not be."""
        if kind == "jobs":
            self._note_ends()
        if not self.is_active:
            return  # beneath a dialog each change would draw the whole screen; it is caught up with afterwards
        if kind == "agent":
            agent = (self.lists.get("agent") or [{}])[0]
            self._say(agent=bool(agent.get("running", agent.get("pid"))))
        if kind == self.pane.kind:
            self._fill()
            if not self.actions and kind not in self.lists.errors:
                self.learn()
        elif kind in ("models", "endpoints"):
            for detail in self.details:
                detail.again()
        self._say(jobs=len(self.lists.open_jobs()), endpoints=len(self.lists.serving()))

    def on_screen_resume(self) -> None:
        """A dialog is gone: what changed meanwhile is shown."""
        for kind in self.lists.records:
            self.took(kind)

    def trouble(self, error: Record | None) -> None:
        """Watching the workspace failed, or works again."""
        self._say(trouble=clean(error.get("message")) if error else "")

    def reader_ended(self) -> None:
        """The process that reads the workspace is gone: another one takes its place."""
        self._say(trouble="the reader of the workspace ended; starting it again")
        self.set_timer(1.0, self.replace_reader)

    def replace_reader(self) -> None:
        """Gives the reader up and starts another, which reads everything anew."""
        self.lists.bridge.start()
        self._say(trouble="", silent=0)
        self.ready()
        for kind in ("agent", "datasets", "runs", "jobs", "models", "endpoints"):
            self.lists.refresh(kind)

    def _say(self, **facts: Any) -> None:
        self.header.facts = Facts(
            **{**{name: getattr(self.header.facts, name) for name in Facts.__dataclass_fields__}, **facts}
        )

    def _still_reading(self) -> None:
        if not self.view(self.pane).rows.loaded and not self.table.busy:
            self.table.busy = "reading ..."

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A key means something only in the panes that the table names for it."""
        called = f"{action}({', '.join(map(repr, parameters))})" if parameters else action
        keys = [key for key in keymap.TABLE if key.scope == "main" and key.action == called]
        return not keys or any(keymap.applies(key, self.pane.name) for key in keys)

    @property
    def readonly(self) -> bool:
        return self.header.facts.readonly

    def plain_text(self) -> str:
        """The details as text, for the plain screen."""
        return self.detail.body.plain

    def _tick(self) -> None:
        """Once a second: what is open is read again, what is silent is said, ages grow."""
        silent = self.lists.bridge.silence()
        if self.is_active or silent > 3:
            self._say(silent=int(silent) if silent > 3 else 0)
        if silent < 1 and self.is_active:
            if self.lists.serving() and self.pane.name == keymap.ENDPOINTS:
                self.lists.refresh("endpoints")
            running = [one for one in self.lists.open_jobs() if one.get("status") != "Queued"]
            if running:
                self.lists.look("jobs", [str(one.get("id")) for one in running])
            if (self.table.cursor_record() or {}).get("status") == "InProgress":
                for detail in self.details:
                    detail.ask_again()
            self._look_at_host()
            self._ticks += 1
            if self._ticks % AGES == 0:
                self.table.renew()

    def _look_at_host(self) -> None:
        """The gauges follow the host while something of this workspace runs; else they are looked at now and then."""
        live = self.lists.open_jobs() or self.lists.serving()
        if time.monotonic() - self._looked >= (1.5 if live else IDLE):
            self._looked = time.monotonic()
            self.measure()

    @work(exclusive=True, group="host", exit_on_error=False)
    async def measure(self) -> None:
        try:
            host = await asyncio.wrap_future(self.lists.bridge.ask("host"))
        except CupolaError:
            return
        gpus = tuple(
            (float(one.get("busy") or 0), 100 * (one.get("memory_used") or 0) / (one.get("memory_total") or 1))
            for one in host.get("gpus") or []
        )
        if not self.is_active:
            return
        self._say(cpu=(*self.header.facts.cpu, float(host.get("cpu") or 0))[-GAUGE:], gpus=gpus)

    def _note_ends(self) -> None:
        """The bell and the title say it when a job of ours has ended, also to a window that is not in front."""
        now = {str(one.get("id")): one for one in self.lists.open_jobs()}
        before, self._open_jobs = self._open_jobs, now
        ended = {one.get("id"): one for one in self.lists.get("jobs")}
        for ident in set(before or {}) - set(now):
            job = ended.get(ident)
            if job and job.get("user") == (self._user or job.get("user")):
                self.app.ring(
                    f"{job.get('kind')} {job.get('name') or ident}: {job.get('status')}",
                    bad=job.get("status") == "Failed",
                )

    def _fill(self) -> None:
        """Puts the newest list into the table in front."""
        pane, view = self.pane, self.view(self.pane)
        error = self.lists.errors.get(pane.kind)
        if error is not None and not view.rows.loaded:
            self.table.busy = f"✗ {clean(error)}"
            return
        if pane.kind not in self.lists.records:
            return
        self.table.busy = ""
        records = self.lists.get(pane.kind)
        view.columns = pane.columns(records)
        if not view.rows.loaded:
            view.rows.records = {pane.ident(one): one for one in records}
            self.apply_filter(view, self.kept.panes[pane.name].filter)
        if view.awaited and any(pane.ident(one) == view.awaited for one in records):
            view.cursor, view.awaited = view.awaited, None
        view.rows.put(records, view.columns, hold=self.table.has_focus and view.row > 0)
        self.table.renew()
        self.retitle()
        self._show_record()

    def retitle(self, fault: str = "") -> None:
        rows, pane = self.view(self.pane).rows, self.pane
        total, shown = len(rows.records), len(rows.order)
        marks = f"  {len(rows.marks)} marked" if rows.marks else ""
        new = f"  +{len(rows.waiting)} new, g shows them" if rows.waiting else ""
        query = self.kept.panes[pane.name].filter
        told = (
            f"/{clean(query)}  {fault}"
            if fault
            else f"/{clean(query)}  {shown:,} of {total:,}"
            if query
            else f"{total:,}"
        )
        entitle(self.table, pane.title, told + marks + new)

    def _show_record(self) -> None:
        record = self.table.cursor_record()
        for detail in self.details:
            detail.lists = self.lists.records
            detail.show(self.pane, record)
        self._dim()

    def _dim(self) -> None:
        """Which keys of the footer could do nothing now."""
        chosen = self.table.chosen()
        stop = verbs.STOPPING.get(self.pane.name, ("",))[0]
        named = {
            key.id: stop if key.id == "stop" else key.action[6:-2]
            for key in self.footer.keys
            if key.id == "stop" or key.action.startswith("verb(")
        }
        self.footer.dimmed = frozenset(
            ident for ident, name in named.items() if verbs.why_not(name, chosen, self.readonly)
        )

    def show_pane(self) -> None:
        self.tabs.chosen = panes.named().index(self.pane.name)
        self.table.busy = ""
        self.detail.set_reactive(Detail.tab, self.kept.panes.setdefault(self.pane.name, PaneState()).tab)
        if len(self.details) > 1:
            self.details[1].set_reactive(Detail.tab, _beside(self.pane))
        self.table.show(self.view(self.pane), list(self.pane.empty))
        self._fill()
        self.retitle()
        self._foot()

    def _foot(self) -> None:
        inner = "log" if isinstance(self.focused, LogView) else "table" if self.focused is self.table else "detail"
        self.footer.keys = tuple(keymap.footer((inner, "main"), self.pane.name))

    def on_descendant_focus(self) -> None:
        self._foot()

    def remember(self) -> None:
        """Writes down what is on the screen."""
        kept = self.kept.panes.setdefault(self.pane.name, PaneState())
        view = self.view(self.pane)
        kept.cursor, kept.sort, kept.backwards = view.cursor, view.rows.sort, view.rows.backwards
        kept.tab = self.detail.tab
        self.kept.pane = self.pane.name
        self.app.remember()

    # What the widgets say.

    @work(exclusive=False, group="details", exit_on_error=False)
    async def on_log_view_wanted(self, message: LogView.Wanted) -> None:
        answer: Any
        try:
            answer = await asyncio.wrap_future(
                self.lists.bridge.ask(
                    "log", kind=message.kind, ref=message.ref, offset=message.offset, limit=message.limit
                )
            )
        except CupolaError as error:
            answer = error
        message.log.take(message.kind, message.ref, answer)

    def action_back(self) -> None:
        if not self.leave_prompt():
            super().action_back()

    def on_record_table_moved(self, message: RecordTable.Moved) -> None:
        self._show_record()
        self.remember()

    def on_record_table_marked(self) -> None:
        self.retitle()
        self.remember()

    def on_footer_pressed(self, message: Footer.Pressed) -> None:
        self.call_later(self.run_action, message.key.action)

    def on_tabs_chosen(self, message: PaneTabs.Chosen) -> None:
        self.action_pane(panes.named()[message.place])

    def on_detail_tab_changed(self, message: Detail.TabChanged) -> None:
        self.remember()

    @work(exclusive=False, group="details", exit_on_error=False)
    async def on_detail_wanted(self, message: Detail.Wanted) -> None:
        await asyncio.gather(*(self._answer(message, name, call, more) for name, (call, more) in message.asks.items()))

    async def _answer(self, message: Detail.Wanted, name: str, call: str, more: dict[str, Any]) -> None:
        try:
            value = await asyncio.wrap_future(self.lists.bridge.ask(call, **more))
        except CupolaError as error:
            value = error
        message.detail.answer(message.about, name, value)

    def on_resize(self, event: events.Resize) -> None:
        width = event.size.width
        self.set_class(width < NARROW, "-narrow")
        self.set_class(width >= WIDE, "-wide")
        if width >= WIDE and len(self.details) == 1:
            aside = Detail(self.pane, id="aside")
            aside.set_reactive(Detail.tab, _beside(self.pane))
            self.details.append(aside)
            self.query_one("#body").mount(aside)
            self.call_after_refresh(self._show_record)


def _beside(pane: Pane) -> int:
    """Which tab the third pane begins with: the log, else the second."""
    return next((place for place, tab in enumerate(pane.tabs) if tab.log), 1)


def _mount(mount: Any) -> str:
    kind = mount.get("kind") if isinstance(mount, dict) else mount
    return clean(kind or "")
