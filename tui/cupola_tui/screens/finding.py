"""What `:find QUERY` has found, to go there."""

import shlex
from typing import TYPE_CHECKING

from cupola_tui.plain import clean
from cupola_tui.widgets.rows import Record

if TYPE_CHECKING:
    from cupola_tui.studio import Studio

MOST = 200


def query(text: str) -> str | None:
    """What is looked for, of a line after `:`; None where it is no `find`, or one with options, which prints."""
    try:
        words = shlex.split(text)
    except ValueError:
        return None
    return words[1] if len(words) == 2 and words[0] == "find" and not words[1].startswith("-") else None


async def choose(app: "Studio", wanted: str) -> Record | None:
    """The record that was chosen of those found; None when none was, or nothing is found."""
    from cupola_tui.screens.choice import Choice, Palette

    found: list[Record] = await app.ask("action", name="find", arguments={"query": wanted, "limit": MOST})
    if not found:
        app.say(f"find: nothing here is or says {clean(wanted)}", "warning")
        return None
    rows = [Choice(str(place), _words(one), kind=str(one.get("kind"))) for place, one in enumerate(found)]
    picked = await app.push_screen_wait(Palette(rows, f"Found: {clean(wanted)}", "a few letters of one of them"))
    return None if picked is None else found[int(picked)]


def _words(one: Record) -> str:
    """What a record is called, and what it is about."""
    kind, name = one.get("kind"), one.get("name")
    called = str(one.get("ref") if kind in ("dataset", "model") else name)
    return "  ".join(clean(part) for part in (called, one.get("status"), one.get("text")) if part)
