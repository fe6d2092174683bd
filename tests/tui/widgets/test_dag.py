"""Drawing graphs in cells: every box whole and apart, every line joined, whatever the graph."""

from hypothesis import given, settings
from hypothesis import strategies as st

from cupola_tui.paint import width_of
from cupola_tui.widgets.dag import HIGH, Drawing, Link, Node, beside, drawn


def node(name: str) -> Node:
    return Node(name, "✓", "good", "Training", "12s")


def rows(drawing: Drawing) -> list[str]:
    return ["".join(text for text, _ in line) for line in drawing.lines]


def test_a_fork_and_its_join() -> None:
    links = [Link("a", "b"), Link("a", "c"), Link("b", "d", "if 1 > 0"), Link("c", "d")]
    found = drawn([node(one) for one in "abcd"], links, chosen="b", marked=["c"])
    assert (
        "\n".join(line.rstrip() for line in rows(found))
        == """\
          ┌────────────────┐
          │ ✓ a            │
          │ Training   12s │
          └────────────────┘
         ┌─────────┴─────────┐
         ▾                   ▾
╔════════════════╗  ┌────────────────┐
║ ✓ b            ║  │ ✓ c           ◆│
║ Training   12s ║  │ Training   12s │
╚════════════════╝  └────────────────┘
         └─────────┬─────────┘
                   │ if 1 > 0
                   ▾
          ┌────────────────┐
          │ ✓ d            │
          │ Training   12s │
          └────────────────┘"""
    )
    assert found.layers == [["a"], ["b", "c"], ["d"]]
    assert [beside(found, "b", 1, 0), beside(found, "c", 1, 0), beside(found, "b", 0, 1)] == ["c", "c", "d"]
    assert [beside(found, "d", 0, -1), beside(found, "a", 0, -1), beside(found, "nobody", 0, 1)] == ["b", "a", "a"]


def test_a_line_past_a_layer_leaves_room_for_itself() -> None:
    found = drawn([node(one) for one in "abc"], [Link("a", "b"), Link("b", "c"), Link("a", "c")])
    (left, top, width) = found.boxes["b"]
    for row in rows(found)[top : top + HIGH]:
        beside_it = row[:left] + row[left + width :]
        assert beside_it.count("│") == 1


def test_nothing_one_and_a_circle() -> None:
    assert drawn([], []).lines == []
    assert len(drawn([node("a")], []).lines) == HIGH
    found = drawn([node(one) for one in "abc"], [Link("a", "b"), Link("b", "c"), Link("c", "a"), Link("a", "gone")])
    assert set(found.boxes) == {"a", "b", "c"}


def test_boxes_are_as_narrow_as_the_room_wants() -> None:
    nodes = [node(f"a-step-with-a-long-name-{number}") for number in range(3)]
    assert max(map(width_of, drawn(nodes, []).lines)) > 60
    assert max(map(width_of, drawn(nodes, [], room=60).lines)) <= 60


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Node], list[Link]]:
    count = draw(st.integers(1, 14))
    names = [f"s{number}" + "é漢"[: number % 3] for number in range(count)]
    pairs = draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=30))
    links = [Link(names[min(pair)], names[max(pair)], "if x" if sum(pair) % 3 == 0 else "") for pair in pairs]
    return [node(one) for one in names], list({(one.source, one.target): one for one in links}.values())


@settings(max_examples=150, deadline=None)
@given(graphs(), st.integers(0, 120))
def test_boxes_are_whole_and_apart_and_lines_go_down(graph: tuple[list[Node], list[Link]], room: int) -> None:
    nodes, links = graph
    found = drawn(nodes, links, room=room)
    assert set(found.boxes) == {one.name for one in nodes}
    taken: set[tuple[int, int]] = set()
    for left, top, width in found.boxes.values():
        cells = {(x, y) for x in range(left, left + width) for y in range(top, top + HIGH)}
        assert not cells & taken, "boxes overlap"
        taken |= cells
    for link in links:
        if link.source != link.target:
            assert found.boxes[link.source][1] < found.boxes[link.target][1], "a line goes down"
    for number, (_, top, _) in enumerate(found.boxes.values()):
        assert "s" in rows(found)[top + 1], number
    into = {link.target for link in links if link.source != link.target}
    assert sum(row.count("▾") for row in rows(found)) == len(into)
