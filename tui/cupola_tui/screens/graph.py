"""The steps of a pipeline as an execution of it stands: live, to be moved about in, opened, marked and run again."""

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from cupola.errors import CupolaError
from cupola_tui import figures, keymap
from cupola_tui.actions import Actions
from cupola_tui.paint import Line, entitle
from cupola_tui.plain import clean
from cupola_tui.screens import doing
from cupola_tui.screens.dialog import Dialog
from cupola_tui.screens.pane import said
from cupola_tui.screens.pipelines import boxes, standing
from cupola_tui.screens.stepview import StepView, WhyView, given
from cupola_tui.widgets.dag import Dag, Link, Node
from cupola_tui.widgets.rows import Record
from cupola_tui.widgets.sheet import Sheet

if TYPE_CHECKING:
    from cupola_tui.screens.doing import Chosen

LOOK = 1.0  # seconds between two looks at an execution that runs
IDLE = 5  # looks after which one that is over is looked at too: it may be gone on with
LOG_TAIL = 8192  # bytes of a log that are shown with a step
MOVING = ("Executing", "Stopping")


class Graph(Dialog[None]):
    """One pipeline; `execution` is the one that is shown, None for the newest."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("graph")
    AUTO_FOCUS = "Dag"
    app: Any

    def __init__(self, actions: Actions, chosen: "Chosen", execution: str | None) -> None:
        super().__init__(classes="-whole")
        self.actions, self.chosen = actions, chosen
        self.pipeline: Record = chosen.records[0]
        self.execution = execution or self.pipeline.get("execution")
        self.state: Record = {}
        self.fault: CupolaError | None = None
        self.dag = Dag(self._boxes)
        self.below = Sheet()
        self.below.can_focus = False
        self._looks = 0

    def inside(self) -> ComposeResult:
        with Vertical():
            yield self.dag
            yield self.below

    def on_mount(self) -> None:
        super().on_mount()
        self.below.fill(self._below, from_top=True)
        self._entitle()
        self.look()
        self.set_interval(LOOK, self._tick)

    def _boxes(self) -> tuple[list[Node], list[Link]]:
        return boxes(self.state if self.state.get("steps") else self.pipeline)

    @property
    def step(self) -> Record:
        """The step that is chosen."""
        known = self.state.get("steps") or self.pipeline.get("steps") or []
        return next((one for one in known if one["name"] == self.dag.chosen), {})

    # What is shown.

    def _tick(self) -> None:
        self._looks += 1
        if self.is_active and (self.state.get("status") in MOVING or self._looks % IDLE == 0):
            self.look()

    def heard(self, changes: list[Record]) -> None:
        if any(one.get("kind") in ("execution", "pipeline", "job") for one in changes):
            self.look()

    @work(exclusive=True, group="look", exit_on_error=False)
    async def look(self) -> None:
        """Reads how it stands."""
        if self.execution:
            asked = {"name": "pipeline show", "arguments": {"pipeline": self.execution}}
            try:
                self.state, self.fault = await self._ask("action", **asked), None
            except CupolaError as error:
                self.fault = error
        self._renew()

    async def _ask(self, call: str, **more: Any) -> Any:
        return await asyncio.wrap_future(self.actions.bridge.ask(call, **more))

    def _renew(self) -> None:
        if self.is_running:
            self.dag.renew()
            self.below.renew()
            self._entitle()

    def _entitle(self) -> None:
        name = clean(self.pipeline.get("name"))
        own = [key for key in keymap.footer("graph", keymap.PIPELINES) if key.scope == "graph"]
        words = keymap.line(own, self.size.width - 6)
        entitle(self.query_one("#box"), f"pipeline {name}", words)

    def _below(self, width: int, height: int) -> list[Line]:
        """How the execution stands, and what there is to say of the step that is chosen."""
        if self.fault:
            return said(f"✗ {self.fault}", width, "bad")
        words = "as its file says: a adds a step, e changes one, r runs it"
        first = standing(self.state) if self.state else [(f" {words}", "dim")]
        marked = [(f"  {len(self.dag.marked)} marked", "mark")] if self.dag.marked else []
        step = self.step
        words = clean(step.get("reason") or step.get("message") or self.state.get("reason") or "")
        if self._waits():
            words = f"A answers it: {words}"
        if not words and step.get("outputs"):
            words = given(step["outputs"])
        if not words and step.get("metrics"):
            words = ", ".join(f"{clean(name)} {figures.short(one)}" for name, one in step["metrics"].items())
        second: Line = [(f" {clean(step.get('name') or '')} ", "bold"), (words, "dim")]
        return [[*first, *marked], second]

    def on_dag_moved(self) -> None:
        self.below.renew()

    def text(self) -> str:
        return str(self.execution or self.pipeline.get("name"))

    # Keys.

    async def on_dag_opened(self) -> None:
        self.action_open_step()

    @work(exclusive=True, group="step", exit_on_error=False)
    async def action_open_step(self) -> None:
        """All there is to know of the step: what came of it, why it was done, the end of its log."""
        step = self.step
        if step:
            log = await self._log(step, LOG_TAIL)
            self.app.push_screen(StepView(step, await self._why(step), log))

    @work(exclusive=True, group="step", exit_on_error=False)
    async def action_why(self) -> None:
        """Why the step was done, or was not."""
        if self.step:
            self.app.push_screen(WhyView(self.step, await self._why(self.step)))

    async def _why(self, step: Record) -> Any:
        about = self.execution if step.get("status") else self.pipeline.get("name")
        try:
            return await self._ask("action", name="pipeline why", arguments={"pipeline": about, "step": step["name"]})
        except CupolaError as error:
            return error

    async def _log(self, step: Record, most: int) -> str:
        """The end of what the step has printed; of a result that was taken again what was printed then."""
        if not step.get("started"):
            return ""
        asked = {"execution": self.execution, "step": step["name"]}
        try:
            return str((await self._ask("action", name="pipeline log", arguments=asked))["text"])[-most:]
        except CupolaError as error:
            return str(error)

    @work(exclusive=True, group="step", exit_on_error=False)
    async def action_log(self) -> None:
        """What the step has printed."""
        from cupola_tui.screens.plainview import PlainView

        text = await self._log(self.step, LOG_TAIL * 8)
        if text:
            self.app.push_screen(PlainView(text))
        else:
            self.app.say("log: this step has printed nothing", "warning")

    def action_mark_step(self) -> None:
        self.dag.action_mark()

    @work(group="verb", exit_on_error=False)
    async def action_run(self) -> None:
        """Runs the pipeline, or of it the steps that are marked."""
        begin = {"steps": " ".join(self.dag.marked)} if self.dag.marked else {}
        if self.dag.marked and self.execution:
            begin["origin"] = str(self.execution)
        result = await doing.fill_in(self.app, self.actions, "pipeline run", self.chosen, begin)
        if isinstance(result, dict) and result.get("execution"):
            self.dag.marked = []
            self._show(result["execution"])

    @work(group="verb", exit_on_error=False)
    async def action_stop(self) -> None:
        """Stops the execution that is shown, after a y."""
        shown = self._shown()
        loss = "What has succeeded stays; R goes on with the rest."
        if await doing.agreed(self.app, self.actions, "pipeline stop", shown, "Stop", loss):
            await self.actions.each("pipeline stop", shown.pane, shown.records)
            self.look()

    @work(group="verb", exit_on_error=False)
    async def action_retry(self) -> None:
        """Goes on with the execution that is shown."""
        shown = self._shown()
        if await doing.may(self.app, self.actions, "pipeline retry", shown):
            await self.actions.each("pipeline retry", shown.pane, shown.records)
            self.look()

    @work(group="verb", exit_on_error=False)
    async def action_answer(self) -> None:
        """Answers the Callback that is chosen, by a form."""
        if not self._waits():
            self.app.say("answer: this step waits for no answer", "warning")
            return
        begin = {"execution": str(self.execution), "step": str(self.step["name"])}
        await doing.fill_in(self.app, self.actions, "pipeline answer", self._shown(), begin)
        self.look()

    def _waits(self) -> bool:
        """Whether the step that is chosen is a Callback that nobody has answered."""
        return (self.step.get("type"), self.step.get("status")) == ("Callback", "Executing")

    def _shown(self) -> "Chosen":
        """The execution that is shown, as something that verbs act on."""
        record = {"name": self.execution, "status": self.state.get("status"), "execution": self.execution}
        return doing.Chosen(self.chosen.pane, [record] if self.execution else [], self.chosen.readonly)

    @work(exclusive=True, group="step", exit_on_error=False)
    async def action_execution(self, by: int) -> None:
        """The execution before (or after) this one; after the newest the pipeline as its file says it."""
        asked = {"pipeline": self.pipeline.get("name"), "limit": 100}
        try:
            found = [one["execution"] for one in await self._ask("action", name="pipeline executions", arguments=asked)]
        except CupolaError as error:
            self.app.say(str(error), "warning")
            return
        place = (found.index(self.execution) if self.execution in found else -1) + by
        if 0 <= place < len(found):
            self._show(found[place])
        elif place == -1:
            self._show_definition(await self._definition())
        else:
            self.app.say("there is no older execution" if by > 0 else "this is what its file says", "warning")

    def _show(self, execution: str) -> None:
        self.execution, self.state = execution, {}
        self.look()

    # What its file says, and changing that.

    async def _definition(self) -> Record:
        return dict(await self._ask("record", kind="pipelines", ref=self.pipeline["name"]))

    def _show_definition(self, pipeline: Record) -> None:
        self.pipeline, self.execution, self.state = pipeline, None, {}
        self._renew()

    @work(group="verb", exit_on_error=False)
    async def action_add(self) -> None:
        """Adds a step after the marked ones, or after the chosen one."""
        from cupola_tui.screens.choice import Choice, Menu

        if not await self._may_edit():
            return
        types = await self._ask("step_types")
        rows = [Choice(one["name"], one["name"], kind=clean(one["summary"])) for one in types]
        picked = await self.app.push_screen_wait(Menu("Which type of step?", rows))
        if picked:
            type = next(one for one in types if one["name"] == picked)
            await self._fill_in(type, "", self.dag.marked or [self.dag.chosen])

    @work(group="verb", exit_on_error=False)
    async def action_edit(self) -> None:
        """Changes the step by a form of what its type takes."""
        if await self._may_edit() and (step := await self._written()):
            types = await self._ask("step_types")
            await self._fill_in(next(one for one in types if one["name"] == step["type"]), str(step["name"]), [])

    async def _fill_in(self, type: Record, name: str, after: list[str]) -> None:
        """The form of the step of that name, or of a new one; once more where somebody has written meanwhile."""
        from cupola_tui.screens.form import Again
        from cupola_tui.screens.stepediting import StepForm

        pipeline, again = str(self.pipeline["name"]), dict[str, str]()
        while True:
            found = await self._ask("opened", kind="pipeline", ref=pipeline)
            steps = {one["name"]: one for one in found["record"].get("steps") or []}
            before = [one for one in after if one in steps]
            form = StepForm(self.actions.bridge, pipeline, type, steps.get(name), before, found["opened"], again)
            made = await self.app.push_screen_wait(form)
            if not isinstance(made, Again):
                break
            again |= made.typed
        if isinstance(made, dict):
            self.dag.marked, self.dag.chosen = [], form.values()["step"]
            self._show_definition(made)

    @work(group="verb", exit_on_error=False)
    async def action_connect(self) -> None:
        """Has the marked steps come before the chosen one; those that do already come before it no more."""
        if not await self._may_edit() or not (step := await self._written()):
            return
        marked = [one for one in self.dag.marked if one != step["name"]]
        if not marked:
            self.app.say("connect: mark the steps that are to come before this one with space first", "warning")
            return
        before = step.get("depends_on") or []
        after = [*(one for one in before if one not in marked), *(one for one in marked if one not in before)]
        await self._change("pipeline step", {"step": step["name"], "after": after or [""]})

    @work(group="verb", exit_on_error=False)
    async def action_remove(self) -> None:
        """Takes the step out, after a y."""
        from cupola_tui.screens.question import Question

        if await self._may_edit() and (step := await self._written()):
            asked = f"Take the step {clean(step['name'])} out?"
            loss = "It goes from the file, and from what other steps say of it; u brings it back."
            if await self.app.push_screen_wait(Question(asked, [loss], "")):
                await self._change("pipeline unstep", {"step": step["name"]})

    @work(group="verb", exit_on_error=False)
    async def action_undo(self, name: str) -> None:
        """Takes the last change of the steps back, or does it again."""
        if await self._may_edit():
            try:
                changed = await asyncio.wrap_future(self.actions.bridge.act(name, {"pipeline": self.pipeline["name"]}))
            except CupolaError as error:
                self.app.say(error.message, "warning")
            else:
                self._show_definition(changed)

    async def _change(self, name: str, arguments: Record) -> None:
        from cupola_tui.screens.panel import Panel

        try:
            changed = await asyncio.wrap_future(
                self.actions.bridge.act(name, {"pipeline": self.pipeline["name"]} | arguments)
            )
        except CupolaError as error:
            self.app.push_screen(Panel.of(error, f"{name} did not work"))
        else:
            self._show_definition(changed)

    async def _may_edit(self) -> bool:
        if str(self.pipeline.get("path")).endswith(".py"):
            self.app.say("edit: a pipeline in Python is changed in an editor: E opens it", "warning")
            return False
        return await doing.may(self.app, self.actions, "pipeline step", self.chosen)

    async def _written(self) -> Record | None:
        """The chosen step as the file has it now; says so where it is not there any more."""
        steps = (await self._definition()).get("steps") or []
        found = next((one for one in steps if one["name"] == self.dag.chosen), None)
        if found is None:
            self.app.say(f"edit: the file has no step {clean(self.dag.chosen)} any more", "warning")
        return found

    def action_editor(self) -> None:
        """The file in $EDITOR; the app waits and comes back."""
        doing.edit(self.app, self.chosen, self.app.main.root)
        self.look()

    def action_help(self) -> None:
        from cupola_tui.screens.help import Help

        self.app.push_screen(Help(keymap.PIPELINES, dict(self.app._keymap), ("Graph",), "the graph"))
