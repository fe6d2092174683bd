"""What stands between a verb's key and the verb: its form, its question, and the words for what came of it."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from cupola.errors import CupolaError
from cupola_tui import keymap, shell
from cupola_tui.actions import Actions, Opened
from cupola_tui.plain import clean
from cupola_tui.screens import panes
from cupola_tui.screens.pane import Pane
from cupola_tui.state import State
from cupola_tui.widgets.rows import Record
from cupola_tui.widgets.table import RecordTable

if TYPE_CHECKING:
    from cupola_tui.screens.form import Form
    from cupola_tui.studio import Studio

T = TypeVar("T")
LISTED = 12  # records that a question names one by one
REMEMBERED = 50  # lines after `:` that up brings back
SOON = 0.1  # seconds that a form may take to open without a word
# Where what was made is to be seen, and which field of the answer tells it from the others; none: it is the record.
MADE = {
    "train": (keymap.EXPERIMENTS, ("run", "id")),
    "dataset import": (keymap.DATASETS, ()),
    "model register": (keymap.REGISTRY, ()),
    "endpoint deploy": (keymap.ENDPOINTS, ("endpoint", "name")),
    "job submit": (keymap.JOBS, ("job", "id")),
    "autopilot": (keymap.EXPERIMENTS, ("autopilot",)),
    "tune": (keymap.TUNINGS, ("tuning",)),
    "tuning narrow": (keymap.TUNINGS, ("tuning",)),
}
# What they write is what there is to say.
WRITING = ("run plot", "run report", "autopilot report", "run export", "dataset export")
NAMES = ("endpoint", "name", "run", "dataset", "job", "id")


@dataclass(frozen=True)
class Chosen:
    """What a verb is to act on: the marked records of a pane, or the one under the cursor."""

    pane: Pane
    records: list[Record]
    readonly: bool

    @property
    def words(self) -> str:
        """What a menu or a question calls them."""
        if not self.records:
            return self.pane.title
        return (
            clean(self.pane.label(self.records[0]))
            if len(self.records) == 1
            else f"{len(self.records)} {self.pane.about}s"
        )


async def may(app: "Studio", actions: Actions, name: str, chosen: Chosen) -> bool:
    """Whether that can be done with what is chosen; says why not."""
    reason = await actions.why_not(name, chosen.records, chosen.readonly)
    if reason:
        app.keys.refuse()
        app.say(f"{name}: {reason}", "warning")
    return not reason


async def fill_in(
    app: "Studio", actions: Actions, name: str, chosen: Chosen, begin: dict[str, str] | None = None
) -> Any:
    """Opens the form of an action for what is chosen and runs it; None when it was left, or cannot be.

    begin: what is typed into it already. Where somebody has changed the record meanwhile the form can be had anew, with
    what was typed; and so it can after it was left.
    """
    from cupola_tui.screens.form import Again

    if not await may(app, actions, name, chosen):
        return None
    if name == "endpoint invoke" and chosen.records and not begin:
        takes = await _until_open(app, name, app.ask("takes", endpoint=chosen.pane.ref(chosen.records[0])))
        if takes is None:
            return None
        if takes["columns"]:
            from cupola_tui.screens.invoke import Invoke

            return await app.push_screen_wait(Invoke(app.bridge, chosen.records[0], takes, app.kept))
    about = (name, *map(chosen.pane.ident, chosen.records), *(begin or {}).values())
    left = app.left.get(about, {})
    typed = (begin or {}) | left
    while True:
        found = await _until_open(app, name, actions.opened(name, chosen.pane, chosen.records))
        if found is None:
            return None
        opened = _form(app, name, chosen, found, found.values | typed)
        opened.said = "this is what you had typed when you left; ctrl+u empties a field" if left else ""
        result = await app.push_screen_wait(opened)
        if opened.left is None:
            app.left.pop(about, None)
        elif (kept := typed | opened.left) != (begin or {}):
            app.left[about] = kept
            app.say(f"{name}: what you typed is kept until you come back to it")
        if not isinstance(result, Again):
            return result
        typed |= result.typed


def _form(app: "Studio", name: str, chosen: Chosen, found: Opened, values: dict[str, str]) -> "Form":
    """The form of an action; that of one pipeline has its parameters as fields, as far as they are known."""
    from cupola_tui.screens import parameters
    from cupola_tui.screens.form import Form

    known = chosen.records[0].get("parameters") if len(chosen.records) == 1 else None
    if name in parameters.ACTIONS and known:
        return parameters.ParameterForm(app.bridge, found.form, values, known, found.states)
    return Form(app.bridge, found.form, values, found.others, found.states)


async def _until_open(app: "Studio", name: str, opened: Coroutine[Any, Any, T]) -> T | None:
    """What a form begins with; where that takes a while its frame is shown meanwhile. None when esc was pressed."""
    task = asyncio.ensure_future(opened)
    if (await asyncio.wait({task}, timeout=SOON))[0]:
        return task.result()
    from cupola_tui.screens.dialog import Opening

    opening = Opening(name)
    app.push_screen(opening)
    try:
        found = await task
    finally:
        here = app.screen is opening
        if here:
            opening.dismiss()
    return found if here else None


async def agreed(app: "Studio", actions: Actions, name: str, chosen: Chosen, asked: str, loss: str) -> bool:
    """Asks before something is lost; what is served or registered is worth its whole name."""
    from cupola_tui.screens.question import Question

    if not await may(app, actions, name, chosen):
        return False
    pane, records = chosen.pane, chosen.records
    guarded = actions.by_name[name].get("confirm") == "name" or pane.name in (keymap.REGISTRY, keymap.ENDPOINTS)
    listed = [f"• {clean(pane.label(one))}" for one in records[:LISTED]]
    typed = chosen.words if guarded and len(records) == 1 else ""
    return await app.push_screen_wait(Question(f"{asked} {chosen.words}?", [*listed, "", loss], typed))


async def from_menu(app: "Studio", actions: Actions, chosen: Chosen, at: tuple[int, int] | None) -> str | None:
    """Which row of the menu of all verbs was chosen; what cannot act now is dimmed and says why."""
    from cupola_tui.screens.choice import Menu
    from cupola_tui.screens.menus import verbs_of

    rows = verbs_of(chosen.pane, chosen.records, await actions.known(), chosen.readonly)
    return await app.push_screen_wait(Menu(chosen.words, rows, at))


async def from_palette(app: "Studio", actions: Actions, pane: Pane, records: dict[str, list[Record]]) -> str | None:
    """Which row of the palette was chosen; without the actions, where those cannot be read."""
    from cupola_tui.screens.choice import Palette
    from cupola_tui.screens.menus import palette

    with contextlib.suppress(CupolaError):
        await actions.known()
    return await app.push_screen_wait(Palette(palette(pane, actions.by_name, records)))


async def typed_line(app: "Studio", actions: Actions, kept: State) -> str | None:
    """What was typed after `:`; it is kept with the lines before it."""
    from cupola_tui.screens.commandline import CommandLine
    from cupola_tui.screens.menus import WORDS

    with contextlib.suppress(CupolaError):
        await actions.known()
    words = dict.fromkeys(keymap.PANES, "the pane") | {word: said for word, (_, said) in WORDS.items()}
    asked = CommandLine(app.bridge, actions.by_name, words, kept.commands, actions.forms)
    text = await app.push_screen_wait(asked)
    if text:
        kept.commands = [*(one for one in kept.commands if one != text), text][-REMEMBERED:]
    return text


async def copy(app: "Studio", pane: Pane, record: Record | None, root: str) -> None:
    """Offers what can be copied of the record."""
    from cupola_tui.screens.choice import Choice, Menu
    from cupola_tui.screens.menus import copies

    if record is None:
        app.say("there is nothing to copy", "warning")
        return
    texts = copies(pane, record, root)
    rows = [Choice(str(place), words, key) for place, (words, key, _) in enumerate(texts)]
    picked = await app.push_screen_wait(Menu("Copy", rows))
    if picked is not None:
        words, _, text = texts[int(picked)]
        app.copy(text, words)


def compare(app: "Studio", chosen: Chosen) -> None:
    """Puts the marked runs side by side."""
    from cupola_tui.screens.compare import Compare

    if len(chosen.records) < 2:
        app.say("compare: mark two or more runs with space first", "warning")
    else:
        app.push_screen(Compare(chosen.records))


def show_compared(app: "Studio", runs: list[Any], name: str) -> None:
    """Shows the runs that an action has compared, by their records or ids, as the key for it does."""
    from cupola_tui.screens.compare import Compare

    known = {one["id"]: one for one in app.lists.get("runs")}
    ids = [str(one["id"] if isinstance(one, dict) else one) for one in runs]
    shown = [known.get(one, {"id": one}) for one in ids]
    app.push_screen(Compare(shown, "Code" if name == "run diff" else "Overview"))


def explore(app: "Studio", table: RecordTable, go: Callable[[str], None]) -> None:
    """Plots the runs of the experiment under the cursor; goes to the one that is chosen there."""
    from cupola_tui.screens.explore import Explore

    record = table.cursor_record()
    if record is None:
        app.say("plot: there are no runs yet", "warning")
        return
    shown = Explore(app.lists, table.view.rows.wanted, str(record.get("experiment")))
    app.push_screen(shown, lambda run: go(run) if run else None)


def graph(app: "Studio", actions: Actions, chosen: Chosen, execution: str | None) -> None:
    """The steps of a pipeline, as an execution of it stands; without one as the newest does."""
    from cupola_tui.screens.graph import Graph

    if not chosen.records:
        app.say("graph: there is no pipeline yet", "warning")
        return
    app.push_screen(Graph(actions, chosen, execution))


def report(app: "Studio", actions: Actions, chosen: Chosen) -> None:
    """The report of a dataset's version, which is made where there is none yet."""
    from cupola_tui.screens import reports
    from cupola_tui.screens.report import ReportView

    if not chosen.records:
        app.say("report: there is no dataset yet; i imports one", "warning")
        return
    app.push_screen(ReportView(chosen, actions), lambda _: app.main.body.ask_again(reports.TITLE))


def grid(app: "Studio", record: Record | None) -> None:
    """The rows of a dataset's version in a grid; goes to the version that was made of it there, if one was."""
    from cupola_tui.screens.grid import Grid

    if record is None:
        app.say("grid: there is no dataset yet; i imports one", "warning")
        return
    app.push_screen(Grid(app.bridge, record), lambda made: grid(app, made) if made else None)


async def prepare(app: "Studio", record: Record | None, step: str = "") -> None:
    """A flow of a dataset in its editor: one that it has, or a new one; `step` is added to it."""
    from cupola_tui.screens import flowing

    name = await flowing.prepare(app, record, step)
    if name:
        edit_flow(app, name)


def edit_flow(app: "Studio", name: str) -> None:
    """A flow in its editor."""
    from cupola_tui.screens.floweditor import FlowEditor

    app.push_screen(FlowEditor(app.bridge, name))


async def run_line(app: "Studio", actions: Actions, text: str, root: str, readonly: bool) -> None:
    """Runs a command line of `cupola` and shows what it says; of an action's outcome, which is seen, the name alone."""
    try:
        said, failed = await shell.run(text, root, readonly=readonly, quiet=actions.changes(text))
    except ValueError as error:
        app.say(f"{text}: {error}", "warning")
    else:
        app.show_result(text, said, failed)


def edit(app: "Studio", chosen: Chosen, root: str) -> None:
    """The record's TOML file in $EDITOR; the app waits and comes back."""
    if chosen.readonly:
        app.say("edit: this workspace was opened read-only", "warning")
    elif not chosen.records:
        app.say("edit: there is no record under the cursor", "warning")
    else:
        app.edit(f"{root}/{_edited(chosen.pane, chosen.records[0])}")


def _edited(pane: Pane, record: Record) -> str:
    """The file of a record that people edit."""
    if pane.name == keymap.REGISTRY:
        return f"models/{record.get('name')}/{record.get('version')}-{record.get('id')}/card.toml"
    if pane.name == keymap.PIPELINES:
        return pane.files(record)
    return f"{pane.name}/{record.get('name')}/{pane.about}.toml"


def made(name: str, result: Any) -> tuple[str, str | None] | None:
    """The pane in which the outcome is to be seen, and the record there; None when it made nothing."""
    if name not in MADE or not isinstance(result, dict):
        return None
    pane, fields = MADE[name]
    if not fields:
        return pane, panes.pane(pane).ident(result)
    return pane, next((str(result[field]) for field in fields if result.get(field)), None)


def tell(app: "Studio", name: str, result: Any) -> None:
    """Says what came of an action: in a line where that will do."""
    answer = result if isinstance(result, dict) else {}
    words, version = answer.get("status") or "", answer.get("version")
    what = next((str(answer[key]) for key in NAMES if isinstance(answer.get(key), str)), "")
    what = what or f"{answer.get('kind', '')} {answer.get('ref', '')}".strip()
    what += f"@{version}" if version and "@" not in what else ""
    written = answer.get("saved") or [answer.get("path")]
    if name in WRITING and written[0]:
        more = f" and {len(written) - 1} more" * (len(written) > 1)
        app.say(f"{name}: {clean(written[0])}{more}")
    elif "execution" in answer and "pipeline" in answer:
        app.say(f"{name}: {clean(answer['pipeline'])}, execution {clean(answer['execution'])}, {words}")
    elif name == "dataset mark":
        made = len(answer.get("downstream") or [])
        app.say(f"{what} is {answer.get('verdict')}: {made} records were made from it, as its tab Lineage shows")
    elif name == "endpoint bench":
        held = f"{answer['rate']:,.0f} requests a second on {answer['workers']} server process"
        app.say(f"{answer['endpoint']} holds {held}{'es' * (answer['workers'] > 1)}, as the tab Load shows")
    elif name in ("run compare", "run diff"):
        show_compared(app, answer["runs"], name)
    elif name in ("endpoint invoke", "run plot") or not (words or what):
        app.complain_not(name, result)
    else:
        app.say(f"{name}: {what} {words}".strip())
