"""The tab of every record that shows what it came from and what came from it, drawn as trees, to any depth."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from cupola_tui.paint import Line
from cupola_tui.plain import clean
from cupola_tui.screens.pane import Ask, Scene, Tab, badge, heading, id_of, pending
from cupola_tui.widgets.rows import Record

if TYPE_CHECKING:
    from cupola.lineage.drawing import Branch

TITLE = "Lineage"


def tab(kind: str, ref: Callable[[Record], str] = id_of) -> Tab:
    """The tab for records of that kind, which `ref` names."""

    def needs(record: Record) -> dict[str, Ask]:
        return {"lineage": ("action", {"name": "lineage", "arguments": {"reference": f"{kind}:{ref(record)}"}})}

    return Tab(TITLE, draw, needs)


def draw(scene: Scene) -> list[Line]:
    from cupola.lineage import drawing
    from cupola.lineage.graph import Lineage

    answer = scene.answer("lineage")
    if answer is None:
        return pending(scene, "lineage", "reading what came from what ...")
    found = msgspec.convert(answer, Lineage)
    lines: list[Line] = []
    for direction, nothing in (
        (drawing.UP, "nothing that is recorded"),
        (drawing.DOWN, "nothing yet"),
    ):
        branches = drawing.branches(found, direction)
        lines += [heading(direction.capitalize())]
        lines += [_line(branch) for branch in branches] or [[(f"  {nothing}", "dim")]]
        lines += [[]]
    return lines[:-1]


def _line(branch: "Branch") -> Line:
    from cupola.lineage import drawing

    node = branch.node
    if node is None:
        return [(f" {branch.rule}", "dim"), (f"... and {branch.more:,} more: `cupola lineage` --json has them", "dim")]
    line: Line = [(f" {branch.rule}", "dim"), (f"{clean(node.kind)} ", "dim")]
    named = (*drawing.BY_NAME, "execution")
    line.append((clean(node.name if node.kind in named else node.ref), "accent"))
    if node.bad:
        line.append(("  ✗ bad data", "bad"))
    if node.status:
        line += [("  ", ""), badge(node.status)]
    return [*line, ("  as above", "dim")] if branch.again else line
