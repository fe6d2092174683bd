"""Verbs by which something ends or goes: stop, roll back, to the trash. Each asks first."""

from typing import TYPE_CHECKING

from cupola.errors import NotFound
from cupola_tui import keymap, verbs
from cupola_tui.plain import clean
from cupola_tui.screens import doing, rollouts
from cupola_tui.widgets.table import RecordTable

if TYPE_CHECKING:
    from cupola_tui.screens.main import Main


async def stop(main: "Main") -> None:
    """Stops what runs, after a y."""
    known, names = await main.actions.known(), verbs.STOPPING.get(main.pane.name, ("",))
    name = next((one for one in names if one in known), names[0])
    await _lose(main, name, "Stop", "What they have done so far stays; they do not go on by themselves.")


async def roll_back(main: "Main") -> None:
    """Brings back what an endpoint served before its last change, after its name."""
    await _lose(main, verbs.ROLL_BACK, "Roll back", rollouts.loss(main.table.cursor_record() or {}))


async def trash(main: "Main") -> None:
    """Moves records to the trash, after a y or their name."""
    loss = "u brings them back, as long as the trash is not emptied."
    await _lose(main, f"{main.pane.about} rm", "Move to the trash:", loss)


async def undo(main: "Main") -> None:
    """Brings back what was thrown away last."""
    try:
        main.app.say(f"{clean(await main.actions.undo())} is back")
    except NotFound as error:
        main.app.say(error.message, "warning")
    main.lists.refresh(main.pane.kind)


async def _lose(main: "Main", name: str, asked: str, loss: str) -> None:
    from cupola_tui.screens import pipelines

    chosen = main.chosen()
    inner = main.focused if isinstance(main.focused, RecordTable) and main.focused is not main.table else None
    if main.pane.name == keymap.PIPELINES and inner:
        name, chosen = pipelines.within(name, chosen, inner.cursor_record())
    if name == "pipeline rm":
        loss = f"{pipelines.loss(chosen.records)} {loss}"
    if not await doing.agreed(main.app, main.actions, name, chosen, asked, loss):
        return
    try:
        undo = "; u brings it back" * await main.actions.each(name, chosen.pane, chosen.records)
    finally:
        main.body.unmark()
        main.lists.refresh(chosen.pane.kind)
    main.app.say(f"{name}: {chosen.words}{undo}")
