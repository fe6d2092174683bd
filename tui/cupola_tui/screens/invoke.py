"""Asking an endpoint from a form: a field for each column that its model takes, and the answer below."""

import asyncio
import json
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType

from cupola.errors import CupolaError
from cupola_tui import figures, keymap
from cupola_tui.live import Bridge
from cupola_tui.paint import Line, fit
from cupola_tui.plain import clean
from cupola_tui.screens import calling
from cupola_tui.screens.choice import Choice, Menu
from cupola_tui.screens.dialog import Lines
from cupola_tui.screens.form import Form
from cupola_tui.screens.panel import Panel
from cupola_tui.screens.plainview import PlainView
from cupola_tui.state import State
from cupola_tui.widgets.field import FormField
from cupola_tui.widgets.rows import Record

NAME = "endpoint invoke"
REMEMBERED = 10  # rows of an endpoint, and endpoints
LARGEST = 4000  # characters of a row that is remembered
BAR = 24  # cells of a probability
MOST_CLASSES = 8


class Invoke(Form):
    """Sends the row that is typed, and stays open for the next. kept: where the rows that were sent are remembered."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("invoke")
    below_fields = 12

    def __init__(self, bridge: Bridge, endpoint: Record, takes: Record, kept: State) -> None:
        self.endpoint, self.columns, self.kept = endpoint, list(takes["columns"]), kept
        used = kept.rows.get(str(endpoint["name"]), [])
        sample = [{name: calling.typed(value) for name, value in row.items()} for row in takes["rows"]]
        self.rows, self.used = [*used, *sample], len(used)
        self.place = len(used)  # the first of the sample
        summary = "sends the row; ctrl+s too"
        form = {"name": NAME, "summary": summary, "fields": calling.fields(self.columns)}
        super().__init__(bridge, form, sample[0] if sample else {})
        self.heading = f"invoke {clean(endpoint['name'])}"
        self.hint = "ctrl+s sends it   pgup pgdn other rows   f2 as curl, Python   esc leaves"
        self.answer = Lines(id="answer")
        self.answer.can_focus = False
        self.answered: Record | None = None
        self.sent: dict[str, str] = {}  # the row that was answered

    def inside(self) -> ComposeResult:
        yield from super().inside()
        yield self.answer

    def on_mount(self) -> None:
        super().on_mount()
        self.answer.fill(lambda width, height: self._told(width), from_top=True)

    def data(self) -> str:
        """The row that is typed, as it is sent."""
        row, _ = calling.row(self.columns, self.values())
        return json.dumps({"dataframe_records": [row]})

    def first(self) -> FormField | None:
        return self.fields[0]

    # As one types.

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return False if action == "again" else super().check_action(action, parameters)

    @work(exclusive=True, group="look", exit_on_error=False)
    async def look(self, turn: int) -> None:
        _, wrong = calling.row(self.columns, self.values())
        for one in self.fields:
            key = one.field["name"]
            one.wrong = wrong.get(key, "") if key in self.touched else ""
        self.offer(await self._completions({}), turn)
        self.answer.renew()

    def action_row(self, by: int) -> None:
        """Puts in another row: of those that were sent, the newest first, and of the sample."""
        if not self.rows:
            self.app.say("no row was sent yet, and the model has kept none")
            return
        self.place = (self.place + by) % len(self.rows)
        for one in self.fields:
            one.put(self.rows[self.place].get(one.field["name"], ""))
        self.touched = {one.field["name"] for one in self.fields}
        used, sample = self.used, len(self.rows) - self.used
        self.said = (
            f"row {used - self.place} of the last {used} that were sent"
            if self.place < used
            else f"row {self.place - used + 1} of {sample} of the model's sample"
        )
        self._look()

    # Asking.

    @work(exclusive=True, group="submit", exit_on_error=False)
    async def submit(self) -> None:
        """Sends the row; an error leaves the form as it is."""
        try:
            _, wrong = calling.row(self.columns, self.values())
            if wrong:
                self._refuse(wrong)
                return
            self.said = "asking ..."
            self._tell()
            row = self.values()
            asked = {"endpoint": self.endpoint["name"], "data": self.data()}
            self.answered = await asyncio.wrap_future(self.bridge.ask("action", name=NAME, arguments=asked))
            self.sent = row
            self._remember(row)
        except CupolaError as error:
            self.app.push_screen(Panel.of(error, f"{NAME} did not work"))
        finally:
            self.running, self.said = False, ""
            if self.is_attached:
                self._tell()
                self.answer.renew()
                self.answer.refresh(layout=True)

    def _remember(self, row: dict[str, str]) -> None:
        """Keeps the row for another time, as the newest of a few."""
        name = str(self.endpoint["name"])
        if len(json.dumps(row)) > LARGEST:
            return
        before = [one for one in self.kept.rows.pop(name, []) if one != row]
        self.kept.rows[name] = [*before, row][-REMEMBERED:]
        for oldest in list(self.kept.rows)[:-REMEMBERED]:
            del self.kept.rows[oldest]
        self.rows = [*self.kept.rows[name], *self.rows[self.used :]]
        self.used = len(self.kept.rows[name])
        self.place = self.used - 1
        self.app.remember()

    def _told(self, width: int) -> list[Line]:
        """What was answered, and how long that took."""
        found = self.answered
        if found is None:
            return []
        took = f"{found['milliseconds']:,.2f} ms" + f", {clean(found['variant'])}" * bool(found.get("variant"))
        if self.values() != self.sent:
            took += "; of the row before: ctrl+s asks again"
        lines = answered(found.get("answer"), width)
        return [[*lines[0], (f"  {took}", "dim")], *lines[1:]]

    # Taking it elsewhere.

    def action_command_line(self) -> None:
        self.copy_as()

    @work(exclusive=True, group="copy", exit_on_error=False)
    async def copy_as(self) -> None:
        """Offers this very request as curl, boto3 or Python: sends it to the terminal's clipboard, and shows it."""
        found = dict(calling.snippets(self.endpoint, self.data()))
        rows = [Choice(title, title, key) for title, key in zip(found, "cmbp", strict=True)]
        title = await self.app.push_screen_wait(Menu("Copy this request as", rows))
        if title is not None:
            self.app.copy(found[title], title)
            self.app.push_screen(
                PlainView(found[title], "it was sent to your terminal; y sends it again, esc comes back")
            )

    def text(self) -> str:
        return json.dumps(self.answered) if self.answered else ""


def answered(answer: Any, width: int) -> list[Line]:
    """What an endpoint said of one row: the prediction, and how likely each class is."""
    if not isinstance(answer, dict) or not answer.get("predictions"):
        return [[(" " + fit(figures.short(answer), max(8, width - 24)).rstrip(), "bold")]]
    value = answer["predictions"][0]
    value = value.get("predicted_label", value) if isinstance(value, dict) else value
    lines: list[Line] = [[(f" {figures.short(value)}", "good bold")]]
    if answer.get("scores"):
        lines[0].append((f"  score {figures.number(answer['scores'][0])}", ""))
    chances = (answer.get("probabilities") or [[]])[0]
    classes = answer.get("classes") or list(range(len(chances)))
    likely = sorted(zip(chances, map(figures.short, classes), strict=False), reverse=True)[:MOST_CLASSES]
    room = min(20, max((len(name) for _, name in likely), default=0))
    for chance, name in likely:
        full = round(chance * BAR)
        bar = [("█" * full, "accent"), ("░" * (BAR - full), "dim")]
        lines.append([(f" {fit(name, room)} ", ""), *bar, (f" {chance:.1%}", "")])
    return lines
