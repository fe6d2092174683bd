"""The views of a pane: which there are, to be chosen from, and what is on the screen as one to be kept."""

from typing import TYPE_CHECKING

from cupola_tui.plain import clean
from cupola_tui.screens import doing
from cupola_tui.screens.doing import Chosen
from cupola_tui.screens.pane import Pane
from cupola_tui.widgets.rows import Record

if TYPE_CHECKING:
    from cupola_tui.screens.main import Main
    from cupola_tui.studio import Studio

SAVE: Record = {"name": "save"}
EVERYTHING: Record = {"name": "", "filter": "", "sort": "", "columns": []}


async def choose(main: "Main") -> None:
    """Shows what the view selects that is chosen, or keeps what is shown as one."""
    chosen = await _chosen(main.app, main.pane)
    if chosen is SAVE:
        begin = {"kind": _kind(main.pane), **main.body.shown()}
        nothing = Chosen(main.pane, [], main.readonly)
        result = await doing.fill_in(main.app, main.actions, "view save", nothing, begin)
        if result is not None:
            doing.tell(main.app, "view save", result)
    elif chosen is not None:
        main.body.show_view(chosen)
        main.remember()


async def _chosen(app: "Studio", pane: Pane) -> Record | None:
    """Which view was chosen, or SAVE; None when nothing was."""
    from cupola_tui.screens.choice import Choice, Palette

    found = await app.ask("action", name="view ls", arguments={"kind": _kind(pane)})
    rows = [Choice(str(place), _words(one), kind=_whose(one)) for place, one in enumerate(found)]
    rows += [
        Choice("save", "keep what is shown as a view"),
        Choice("all", f"everything, without a view: all {pane.about}s"),
    ]
    picked = await app.push_screen_wait(Palette(rows, f"Views of {pane.title}", "a few letters of a view"))
    if picked is None or picked in ("save", "all"):
        return {"save": SAVE, "all": EVERYTHING}.get(picked or "")
    chosen: Record = found[int(picked)]
    return chosen


def _words(view: Record) -> str:
    """What a view is called and what it shows."""
    parts = [view.get("filter"), f"by {view['sort']}" if view.get("sort") else "", ", ".join(view.get("columns") or [])]
    said = "  ".join(clean(part) for part in parts if part)
    return f"{clean(view.get('name'))}  {said}".rstrip()


def _whose(view: Record) -> str:
    return "everybody's" if view.get("shared") else "yours"


def _kind(pane: Pane) -> str:
    """What a view calls that a pane lists."""
    return "activity" if pane.leads else pane.about
