"""What a line after `:` says, what a row of the palette or of a menu stands for, and going where a record leads."""

from typing import TYPE_CHECKING

from cupola_tui import keymap
from cupola_tui.screens import activity, comments, doing, finding, flowlist, panes
from cupola_tui.screens.menus import WORDS

if TYPE_CHECKING:
    from cupola_tui.screens.main import Main

EDIT_FLOW = "flow edit "


async def line(main: "Main", text: str) -> None:
    """Does what a line says: a word of the screen's own, or a command of `cupola`."""
    word = " ".join(text.split())
    if word in panes.named():
        main.action_pane(word)
    elif word in WORDS:
        await main.run_action(WORDS[word][0])
    elif word.startswith(EDIT_FLOW):
        doing.edit_flow(main.app, word.removeprefix(EDIT_FLOW))
    elif (query := finding.query(text)) is not None:
        await _find(main, query)
    elif await main.actions.unfilled(word):
        main.action_verb(word)
    else:
        await doing.run_line(main.app, main.actions, text, main.root, main.readonly)


async def row(main: "Main", chosen: str | None) -> None:
    """Does what a row of the palette or of a menu stands for, if one was chosen."""
    what, _, rest = (chosen or "").partition(" ")
    match what:
        case "at":
            main.go_to(*rest.split(" ", 1))
        case "do":
            main.action_verb(rest)
        case "key":
            await main.press(keymap.named(rest))
        case "word":
            await line(main, rest)


def lead(main: "Main", to: str, ref: str, *, said: bool = False) -> None:
    """Goes to that record of that pane if it is still here, to a flow in its editor. said: to what is said of it."""
    if to == flowlist.FLOWS:
        doing.edit_flow(main.app, ref)
        return
    if to == keymap.EXECUTION:
        main.open_graph(ref)
        return
    pane = to and panes.pane(to)
    ident = main.body.ident(pane, ref) if pane else None
    if not pane or ident is None:
        main.app.say(f"{ref or 'this'} is not here any more", "warning")
        return
    main.go_to(pane.name, ident)
    if said:
        main.body.show_tab(comments.TITLE)


async def _find(main: "Main", query: str) -> None:
    found = await finding.choose(main.app, query)
    if found and found["kind"] == "schedule":  # which stands in no pane, unless it runs a pipeline
        await doing.run_line(main.app, main.actions, f"schedule show {found['ref']}", main.root, main.readonly)
    elif found:
        pane = activity.PANES.get(str(found["kind"]), "")
        shown = "name" if found["kind"] == "execution" else "ref"  # an execution stands with its pipeline
        lead(main, pane, str(found[shown]))
