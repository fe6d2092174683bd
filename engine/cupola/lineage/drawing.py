"""A lineage as two trees that begin at its record: what it came from, and what came from it."""

import re
from typing import NamedTuple

from cupola.lineage.graph import Lineage, Node

MOST = 40  # records that are drawn below one: of ten thousand runs of a dataset the first are enough to see
UP, DOWN = "came from", "became"
BY_NAME = ("run", "tuning")


class Branch(NamedTuple):
    """A line of the tree: `rule` is what is drawn before it. node: None where `more` records are left out.

    again: it stands above with all that is below it.
    """

    rule: str
    node: Node | None
    more: int = 0
    again: bool = False


def branches(found: Lineage, direction: str) -> list[Branch]:
    """The tree from the root UP or DOWN, without the root."""
    nodes = {one.id: one for one in found.nodes}
    following: dict[str, list[str]] = {}
    for edge in found.edges:
        here, there = (edge.target, edge.source) if direction == UP else (edge.source, edge.target)
        following.setdefault(here, []).append(there)
    for some in following.values():
        some.sort(key=lambda one: _order(nodes[one]))
    drawn: list[Branch] = []
    seen: set[str] = set()
    todo: list[tuple[str, str, str]] = [(found.root, "", "")]  # a record, its rule, the rule before what is below it
    while todo:
        here, rule, below = todo.pop()
        if rule:
            left_out = here.partition(" ")[2] if here.startswith("more ") else ""
            if left_out:
                drawn.append(Branch(rule, None, int(left_out)))
                continue
            again = here in seen and bool(following.get(here))
            drawn.append(Branch(rule, nodes[here], again=again))
        if here in seen:
            continue
        seen.add(here)
        shown = following.get(here, [])
        rest = len(shown) - MOST
        children = [*shown[:MOST], f"more {rest}"] if rest > 0 else shown
        for place, child in reversed(list(enumerate(children))):
            last = place == len(children) - 1
            todo.append((child, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  ")))
    return drawn


def _order(node: Node) -> tuple[str, list[str | int], str]:
    """By kind and name, in which 2 comes before 10."""
    called = node.name if node.kind in BY_NAME else node.ref
    parts = re.split(r"(\d+)", called)
    return node.kind, [int(part) if place % 2 else part for place, part in enumerate(parts)], node.id


def text(found: Lineage) -> str:
    """Both trees as lines of text. What is bad about data stands once, with the record itself and with the data."""
    root = next(one for one in found.nodes if one.id == found.root)
    lines = [words(root, root.bad)]
    for direction in (UP, DOWN):
        if drawn := branches(found, direction):
            lines += ["", direction, *map(_line, drawn)]
    if len(lines) == 1:
        lines += ["", "it came from nothing that is recorded, and nothing came from it"]
    return "\n".join(lines)


def _line(branch: Branch) -> str:
    node = branch.node
    if node is None:
        return f"{branch.rule}... and {branch.more:,} more"
    bad = node.bad if node.kind == "dataset" else "bad data" if node.bad else ""
    return branch.rule + words(node, bad) + "  (as above)" * branch.again


def words(node: Node, bad: str) -> str:
    """One record in a line."""
    name = f"{node.name} ({node.ref})" if node.kind in (*BY_NAME, "execution") else node.ref
    return f"{node.kind} {name}" + f"  {node.status}" * bool(node.status) + f"  ✗ {bad}" * bool(bad)
