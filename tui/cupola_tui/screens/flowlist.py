"""The tab of a dataset that lists the flows which begin with it or join it; enter opens one in its editor."""

from cupola_tui.paint import Line
from cupola_tui.plain import clean
from cupola_tui.screens.pane import Ask, Listing, Scene, Tab, figure, name_of, pending, said, text
from cupola_tui.widgets.rows import Column, Record

TITLE = "Flows"
FLOWS = "flows"  # where enter leads
NONE = "No flow takes this dataset yet. p makes one: fill what is missing, encode, filter, join, with a preview."


def tab() -> Tab:
    return Tab(TITLE, draw, _needs, listing=listing)


def of_dataset(flows: list[Record], dataset: str) -> list[Record]:
    """The flows that begin with a dataset, or join it."""
    return [one for one in flows if dataset in {str(ref).partition("@")[0] for ref in one["sources"].values()}]


def draw(scene: Scene) -> list[Line]:
    if scene.answer("flows") is None:
        return pending(scene, "flows", "reading the flows ...")
    return said(NONE, scene.width, "dim")


def listing(scene: Scene) -> Listing | None:
    found = of_dataset(scene.answer("flows") or [], str(scene.record.get("dataset")))
    return Listing(found, _columns(), name_of, lambda one: (FLOWS, str(one["name"]))) if found else None


def _needs(record: Record) -> dict[str, Ask]:
    return {"flows": ("records", {"kind": "flows"})}


def _columns() -> list[Column]:
    return [
        text("name", "flow", width=10, grow=30, priority=9),
        figure("steps", "steps", str, lambda one: len(one["steps"]), width=5, grow=5, priority=7),
        Column("sources", "takes", lambda one: (clean(", ".join(one["sources"].values())), ""), _takes, grow=30),
        Column(
            "wrong", "wrong", lambda one: (clean(one.get("wrong") or ""), "bad"), lambda one: one.get("wrong"), grow=40
        ),
    ]


def _takes(flow: Record) -> str:
    return ", ".join(flow["sources"].values())
