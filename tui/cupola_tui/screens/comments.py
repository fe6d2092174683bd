"""The tab of every record that says what people said of it: its tags and the comments on it."""

from collections.abc import Callable

from cupola_tui import figures
from cupola_tui.paint import Line
from cupola_tui.plain import clean, lines
from cupola_tui.screens.pane import Ask, Scene, Tab, heading, id_of, pending, said
from cupola_tui.widgets.rows import Record

TITLE = "Comments"


def tab(kind: str, ref: Callable[[Record], str] = id_of) -> Tab:
    """The tab for records of that kind, which `ref` names."""

    def needs(record: Record) -> dict[str, Ask]:
        return {"notes": ("notes", {"kind": kind, "ref": ref(record)})}

    return Tab(TITLE, draw, needs)


def draw(scene: Scene) -> list[Line]:
    notes = scene.answer("notes")
    if notes is None:
        return pending(scene, "notes", "reading ...")
    tags = ", ".join(clean(one) for one in notes["tags"])
    found: list[Line] = [heading("Tags"), *(said(tags, scene.width) if tags else [[(" none: # sets one", "dim")]])]
    found += [[], heading("Comments")]
    for one in notes["comments"]:
        found += [*comment(one, scene), []]
    return found if notes["comments"] else [*found, [(" nobody has said anything yet: C does", "dim")]]


def comment(one: Record, scene: Scene) -> list[Line]:
    """Who said it, when and of what, and the text in as many lines as it has."""
    first: Line = [(f" {clean(one.get('user'))}", "accent"), (f"  {figures.age(one.get('time'))} ago", "dim")]
    first.append((f"  on {clean(one.get('kind'))} {clean(one.get('ref'))}", "dim"))
    return [first, *(line for part in lines(one.get("text") or "") for line in said(part, scene.width, indent=3))]
