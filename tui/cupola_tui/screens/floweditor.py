"""The editor of a flow: its steps, what the one under the cursor does to a sample, and the form of the one in hand."""

from typing import Any, ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical

from cupola.errors import CupolaError
from cupola_tui import drafts, keymap
from cupola_tui.drafts import Change, Draft, Edit
from cupola_tui.live import Bridge
from cupola_tui.paint import Line, entitle, fold
from cupola_tui.plain import clean
from cupola_tui.screens import flowing
from cupola_tui.screens.dialog import Dialog
from cupola_tui.screens.panel import Panel
from cupola_tui.widgets.difference import Difference
from cupola_tui.widgets.grid import CellGrid, GridColumn, Place
from cupola_tui.widgets.rows import Record
from cupola_tui.widgets.sheet import Sheet
from cupola_tui.widgets.stepform import OF_COLUMNS, StepForm
from cupola_tui.widgets.steplist import StepList

WRITING = ("flow_save", "flow_complete", "flow_command", "dialog_close")  # keys while a step is being written
NARROW = 100  # columns below which the steps have less room
SIDES = ("After", "Before")
EMPTY = [
    "This flow has no steps yet: it gives the rows as they are.",
    "a adds the first one: fill what is missing, encode, filter, join, a formula, SQL, Python ...",
]


class FlowEditor(Dialog[None]):
    """Everything that can be done to one flow."""

    CSS_PATH: ClassVar[Any] = ["dialog.tcss", "floweditor.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("flow")
    AUTO_FOCUS = "StepList"
    app: Any

    def __init__(self, bridge: Bridge, name: str) -> None:
        super().__init__(classes="-whole")
        self.draft = Draft(bridge, name, self._told)
        self.steps, self.below = StepList(), Sheet("below")
        self.below.can_focus = False
        self.difference = Difference(self.draft)
        self.cells = CellGrid(self.difference, self._empty)
        self.form: StepForm | None = None
        self.edit: Edit | None = None
        self.job = ""
        self.news = ""
        self._drawn: tuple[Any, ...] = ()
        self._seen: dict[str, GridColumn] = {}
        self._is_new = True  # whether the cursor is still to be put on the first cell that is changed

    def inside(self) -> ComposeResult:
        with Horizontal():
            yield self.steps
            with Vertical(id="right"):
                yield self.cells
                yield self.below

    def on_mount(self) -> None:
        self.below.fill(self._below, from_top=True)
        self._retitle()
        self.begin()
        self.set_interval(1.0, self._follow)

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < NARROW, "-narrow")

    @work(exclusive=True, group="read", exit_on_error=False)
    async def begin(self, cursor: str = "") -> None:
        """Reads the flow, the last step first in sight."""
        try:
            await self.draft.read()
        except CupolaError as error:
            self.app.push_screen(Panel.of(error))
            self.dismiss(None)
            return
        last = self.draft.steps[-1]["id"] if self.draft.steps else ""
        self._show(cursor or (self.steps.node.id if self.steps.node else last))

    def _show(self, cursor: str = "") -> None:
        self.steps.show(flowing.nodes(self.draft), cursor)
        self._retitle()

    # What is shown.

    def _told(self) -> None:
        if not self.is_running:
            return
        self._lay_out()
        self.steps.nodes = flowing.nodes(self.draft)
        self.steps.refresh()
        self.below.renew()
        self._retitle()

    def _lay_out(self) -> None:
        """The columns of what is shown; widths that a person has chosen stay."""
        columns = tuple(self.difference.columns.items())
        if columns != self._drawn:
            self._seen |= {one.name: one for one in self.cells.place.columns}
            self._drawn = columns
            self.cells.place.columns = [
                self._seen.get(name) or GridColumn(name, type in ("integer", "number")) for name, type in columns
            ]
            self.cells.fit_columns()
        if (self._is_new or self.form) and self.draft.preview:
            self._is_new = False
            row, column = self.difference.first_changed()
            names = [one.name for one in self.cells.columns]
            self.cells.go(row, names.index(column) if column in names else 0)
        self.cells.renew()

    def _empty(self) -> list[str]:
        if self.draft.error and not self.form:
            return fold(f"✗ {clean(self.draft.error.message)}", max(20, self.cells.size.width - 4))
        return [] if self.draft.preview is None else ["No row is left."]

    def _below(self, width: int, height: int) -> list[Line]:
        """What the step does, the cell under the cursor, what is wrong."""
        draft, lines = self.draft, list[Line]()
        if self.news:
            lines += [[(part, "warn")] for part in fold(f"⚠ {self.news}; ctrl+l shows it", width - 1)[:2]]
        if self.form:
            field = self.form.here.field if self.form.here else {}
            offered = "  ".join(map(clean, self.form.offered()))
            hint = offered or (f"{clean(field['name'])}: {clean(field.get('help') or '')}" if field else "")
            lines.append([(f" {hint}"[: width - 1], "accent" if offered else "dim")])
        if draft.error and (self.form or not len(self.difference)):
            lines += [[(part, "bad")] for part in fold(f"✗ {flowing.sentence(draft.error)}", width - 1)[:3]]
        elif draft.waits or (draft.preview is None and not self.form):
            lines.append([(" looking at a sample of the rows ...", "dim")])
        elif not draft.steps and not self.form:
            lines += [[(part, "dim")] for said in EMPTY for part in fold(said, width - 1)]
        else:
            lines += [[(part, "")] for part in fold(self.difference.said(), width - 1)[:2]]
        if self.job:
            lines.append([(f" {flowing.progress(self.app.lists.get('jobs'), self.job)}", "accent")])
        column = self.cells.column
        if column and (told := self.difference.cell(self.cells.place.row, column.name)):
            lines.append([(fold(told, width - 1)[0], "warn")])
        return lines[:height] if height else lines

    def _retitle(self) -> None:
        node, side = self.steps.node, self.difference.side
        tabs = " ".join(f"[{one}]" if one == side else one for one in SIDES)
        doing = f"{'change' if self.edit.step else 'add'} {self.edit.transform['name']}" if self.edit else ""
        where = f" › {clean(node.id)}" if node else ""
        title = f"flow {clean(self.draft.name)}{where}   {doing or tabs}"
        footer = [key for key in keymap.TABLE if key.scope == "flow" and key.footer]
        keys = [keymap.named(one) for one in WRITING] if self.form else footer
        entitle(self.query_one("#box"), title, keymap.line(keys, self.app.size.width - 8))

    def on_step_list_moved(self) -> None:
        if self.steps.node and not self.form:
            self.cells.place = Place(columns=self.cells.place.columns)
            self._is_new = True
            self._look()

    def on_cell_grid_moved(self) -> None:
        self.below.renew()

    def _look(self) -> None:
        if self.steps.node:
            self.draft.look(self.steps.node.id)
        self._retitle()

    # The form of a step.

    async def _open_form(self, edit: Edit, values: dict[str, str]) -> None:
        self.app.keys.hold()
        self.edit, self.form = edit, StepForm(edit.transform, values, self._known)
        await self.query_one("#right").mount(self.form, before=self.below)
        self.add_class("-form")
        if not edit.transform["fields"]:
            self.app.keys.release()
        self._retitle()

    def _known(self, field: Record) -> list[str]:
        """What a field can be completed with: the columns that the step takes."""
        names = field.get("completes") == "column" or field["name"] in ("by", *OF_COLUMNS)
        return self.difference.taken(by_new=bool(self.edit and not self.edit.step)) if names else []

    def on_step_form_changed(self) -> None:
        """Shows at once what the step would do."""
        if self.form and self.edit:
            self.draft.look("", self.edit.change(self.form.values))
            self.below.renew()

    async def _leave_form(self) -> None:
        form, self.form, self.edit = self.form, None, None
        if form:
            await form.remove()
        self.remove_class("-form")
        self.steps.focus()
        self._look()

    @work(exclusive=True, group="change", exit_on_error=False)
    async def action_save(self) -> None:
        """Writes what is typed."""
        if not (self.form and self.edit):
            return
        change, id = self.edit.change(self.form.values), (self.edit.step or {}).get("id") or ""
        before = {one["id"] for one in self.draft.steps}
        if await self._change(change):
            fresh = next((one["id"] for one in self.draft.steps if one["id"] not in before), id)
            await self._leave_form()
            self._show(fresh)

    async def _change(self, change: Change) -> bool:
        """Writes a change; what somebody else has written meanwhile is said, and not overwritten."""
        if self.app.readonly:
            self.app.say("this workspace was opened read-only", "warning")
            return False
        try:
            await self.draft.change(**change)
        except CupolaError as error:
            self.app.push_screen(Panel.of(error))
            await self._hear_of_others()
            return False
        self.news = ""
        return True

    # Keys.

    def action_add(self) -> None:
        """Another step after the one under the cursor."""
        self.app.keys.hold()
        self.add_step(branch=False)

    def action_branch(self) -> None:
        """Another step that takes what the one under the cursor gives, beside those that do."""
        self.app.keys.hold()
        self.add_step(branch=True)

    @work(exclusive=True, group="choose", exit_on_error=False)
    async def add_step(self, branch: bool) -> None:
        draft = self.draft
        if self.steps.node is None or self.form:
            return
        picked = await flowing.choose_transform(self.app, draft.transforms)
        node = self.steps.node  # an undo that was under way may have taken the one from before away
        if picked is None or node is None:
            return
        places, transform, source = flowing.places(draft, node.id, branch), draft.transforms[picked], ""
        if transform["inputs"] in ("two", "many") and transform["name"] != "sql":
            other = await flowing.choose_input(self.app, draft, node.id, transform["name"])
            if other is None:
                return
            id, source = other
            places["inputs"] = f"{node.id},{id}"
        await self._open_form(Edit(transform, None, places, source), flowing.defaults(transform))

    async def action_change(self) -> None:
        """The form of the step under the cursor."""
        step = self.draft.step(self.steps.node.id) if self.steps.node else None
        if step is None:
            self.app.say("change: a source has no parameters; i chooses another version of it", "warning")
            return
        transform = self.draft.transforms[step["type"]]
        values = flowing.defaults(transform) | {name: drafts.typed(one) for name, one in step["params"].items()}
        await self._open_form(Edit(transform, step, {}), values)

    async def on_step_list_opened(self) -> None:
        await self.action_change()

    @work(exclusive=True, group="change", exit_on_error=False)
    async def action_remove(self) -> None:
        """Takes the step under the cursor out; u brings it back."""
        node = self.steps.node
        if node is None or node.is_source:
            self.app.say("remove: there is no step under the cursor", "warning")
        elif await self._change({"remove": [node.id]}):
            self.app.say(f"{clean(node.id)} is out; u brings it back")
            self._show()

    @work(exclusive=True, group="change", exit_on_error=False)
    async def action_undo(self, name: str) -> None:
        """Takes the last change back, or does it again."""
        try:
            await self.draft.act(name)
        except CupolaError as error:
            self.app.say(error.message, "warning")
        else:
            self._show()

    @work(exclusive=True, group="change", exit_on_error=False)
    async def action_shift(self, by: int) -> None:
        """Moves the step up or down; where it could not stand there, says why."""
        node, ids = self.steps.node, [one["id"] for one in self.draft.steps]
        at = ids.index(node.id) + by if node and node.id in ids else -1
        if node is None or not 0 <= at < len(ids):
            return
        change = {"move": [f"{node.id} {'after' if by > 0 else 'before'}={ids[at]}"]}
        try:
            await self.draft.try_out(change)
        except CupolaError as error:
            self.app.say(f"{node.id} cannot stand there: {flowing.sentence(error)}", "warning")
        else:
            if await self._change(change):
                self._show(node.id)

    @work(exclusive=True, group="choose", exit_on_error=False)
    async def action_inputs(self) -> None:
        """Chooses what the step under the cursor takes, or which version a source is."""
        node = self.steps.node
        if node and (change := await flowing.choose_inputs(self.app, self.draft, node)):
            try:
                await self.draft.try_out(change)
            except CupolaError as error:
                self.app.say(f"{node.id} cannot take that: {flowing.sentence(error)}", "warning")
                return
            if await self._change(change):
                self._show(node.id)

    @work(exclusive=True, group="choose", exit_on_error=False)
    async def action_run(self) -> None:
        """Runs it as a job, into a version of a dataset."""
        made = await flowing.run(self.app, self.draft.name)
        if made:
            self.job = str(made["job"])
            self.below.renew()

    @work(exclusive=True, group="choose", exit_on_error=False)
    async def action_export(self) -> None:
        """Writes it as plain Python, or as a pipeline."""
        await flowing.export(self.app, self.draft.name)

    @work(exclusive=True, group="choose", exit_on_error=False)
    async def action_result(self) -> None:
        """The version that the last run has made, in a grid."""
        await flowing.show_result(self.app, self.job)

    @work(exclusive=True, group="choose", exit_on_error=False)
    async def action_python(self) -> None:
        """Lets steps of Python run in previews, or no longer."""
        self.draft.python = not self.draft.python and await flowing.may_run_python(self.app)
        self._look()

    def action_side(self, by: int) -> None:
        """The rows after the step, or before it."""
        self.difference.turn()
        self._told()

    def action_next(self, by: int) -> None:
        if self.form:
            self.form.next(by)
        else:
            (self.cells if self.steps.has_focus else self.steps).focus()

    def action_complete(self) -> None:
        if self.form:
            self.form.complete()
            self.below.renew()

    @property
    def command(self) -> str:
        """The command line that does what is about to be done, or shows what is shown."""
        import shlex

        if self.form and self.edit:
            pairs = self.edit.change(self.form.values).items()
            options = [word for name, texts in pairs for text in texts for word in (f"--{name}", text)]
            return shlex.join(["cupola", "flow", "edit", self.draft.name, *options])
        node = self.steps.node
        step = ["--step", node.id] if node and not node.is_source else []
        return shlex.join(["cupola", "flow", "preview", self.draft.name, *step])

    def action_command_line(self) -> None:
        from cupola_tui.screens.plainview import PlainView

        self.app.push_screen(PlainView(self.command, "y copies it, esc comes back"))

    def action_help(self) -> None:
        from cupola_tui.screens.help import Help

        self.app.push_screen(Help(keymap.DATASETS, dict(self.app._keymap), ("Flow", "Cells"), "the flow editor"))

    def text(self) -> str:
        return f"{self.steps.plain}\n\n{self.cells.plain}\n\n{self.below.plain}"

    def action_close(self) -> None:
        """Out of the form, then out of the flow."""
        if self.form:
            self.run_worker(self._leave_form(), exclusive=True, group="change", exit_on_error=False)
        else:
            self.dismiss(None)

    # What others do meanwhile, and how a run goes.

    def heard(self, changes: list[Record]) -> None:
        path = f"flows/{self.draft.name}.toml"
        if any((one.get("kind"), one.get("ref")) in (("flow", self.draft.name), ("file", path)) for one in changes):
            self.hear()

    @work(exclusive=True, group="hear", exit_on_error=False)
    async def hear(self) -> None:
        await self._hear_of_others()

    async def _hear_of_others(self) -> None:
        """Shows what somebody else has written; while a form is open, it says so and leaves what is typed alone."""
        try:
            self.news = clean(await self.draft.changed_by())
            if self.news and not self.form:
                await self.draft.read()
                self.app.say(f"{self.news}: shown as it is now")
                self.news = ""
                self._show()
        except CupolaError as error:
            self.news = clean(error.message)
        self.below.renew()

    @work(exclusive=True, group="hear", exit_on_error=False)
    async def action_again(self) -> None:
        """Takes the flow as it is by now; what is typed into the form stays."""
        await self.draft.read()
        self.news = ""
        self._show()
        self.on_step_form_changed()

    def _follow(self) -> None:
        if self.job:
            self.below.renew()
