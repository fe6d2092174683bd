"""A graph of steps drawn in cells: boxes in layers from the top down, and lines between them; one moves about in it."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rich.cells import cell_len
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from cupola_tui import keymap
from cupola_tui.paint import Line, PaintedScroll, fit, joined, width_of
from cupola_tui.plain import clean

Record = dict[str, Any]
NARROWEST, WIDEST = 18, 28  # cells of a box
HIGH = 4  # lines of a box
GAP = 2  # cells between two boxes
SWEEPS = 6
UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8
LINES = {
    UP: "│", DOWN: "│", UP | DOWN: "│", LEFT: "─", RIGHT: "─", LEFT | RIGHT: "─", DOWN | RIGHT: "┌", DOWN | LEFT: "┐",
    UP | RIGHT: "└", UP | LEFT: "┘", UP | DOWN | RIGHT: "├", UP | DOWN | LEFT: "┤", DOWN | LEFT | RIGHT: "┬",
    UP | LEFT | RIGHT: "┴", UP | DOWN | LEFT | RIGHT: "┼",
}  # fmt: skip
PLAIN, DOUBLE = "┌─┐│└┘", "╔═╗║╚╝"


@dataclass(frozen=True)
class Node:
    """A box: its two lines, the second with something to the right; `style` of its glyph and frame. short: what stands
    for `below` where there is no room for that."""

    name: str
    glyph: str
    style: str
    below: str = ""
    aside: str = ""
    faint: bool = False
    short: str = ""


@dataclass(frozen=True)
class Link:
    """A line from one box to another; text stands beside it, style says whether it was taken."""

    source: str
    target: str
    text: str = ""
    style: str = "dim"


@dataclass
class Drawing:
    """What was drawn, where each box stands (x, y, width), and the boxes of each layer from left to right."""

    lines: list[Line] = field(default_factory=list)
    boxes: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    layers: list[list[str]] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)


@dataclass
class _Place:
    """A box, or a place where a line passes a layer (`name` is "" then)."""

    name: str
    width: int
    x: int = 0

    @property
    def middle(self) -> int:
        return self.x + self.width // 2


def drawn(nodes: list[Node], links: list[Link], chosen: str = "", marked: Iterable[str] = (), room: int = 0) -> Drawing:
    """The graph; `chosen` is framed doubly, `marked` have a mark. Lines that go in a circle are left out.

    room: cells that it is to fit into, where boxes need not be narrower than `NARROWEST` for that.
    """
    if not nodes:
        return Drawing()
    known = {one.name for one in nodes}
    links = [one for one in links if {one.source, one.target} <= known and one.source != one.target]
    depth = _depths([one.name for one in nodes], links)
    links = [one for one in links if depth[one.source] < depth[one.target]]
    width = min(WIDEST, max(NARROWEST, *(cell_len(clean(one.name)) + 6 for one in nodes)))
    most = max(Counter(depth.values()).values())
    width = max(NARROWEST, min(width, (room + GAP) // most - GAP)) if room else width
    layers, hops = _layers(nodes, links, depth, width)
    _order(layers, hops)
    _spread(layers, hops)
    return _painted({one.name: one for one in nodes}, links, layers, hops, chosen, set(marked))


def beside(drawing: Drawing, name: str, across: int, down: int) -> str:
    """The box to the left or right in the layer, or the nearest above or below, of those that are joined first."""
    place = next(((row, layer.index(name)) for row, layer in enumerate(drawing.layers) if name in layer), None)
    if place is None:
        return next((layer[0] for layer in drawing.layers if layer), "")
    row, column = place
    if across:
        layer = drawing.layers[row]
        return layer[max(0, min(len(layer) - 1, column + across))]
    if not 0 <= row + down < len(drawing.layers):
        return name
    joined_to = {one.target if down > 0 else one.source for one in drawing.links if name in (one.source, one.target)}
    layer = drawing.layers[row + down]
    near = [one for one in layer if one in joined_to] or layer
    return min(near, key=lambda one: abs(drawing.boxes[one][0] - drawing.boxes[name][0]))


def _depths(names: list[str], links: list[Link]) -> dict[str, int]:
    """How many steps are before each at most."""
    depth = dict.fromkeys(names, 0)
    for _ in names:
        moved = False
        for one in links:
            if depth[one.target] <= depth[one.source] < len(names):
                depth[one.target], moved = depth[one.source] + 1, True
        if not moved:
            break
    ranks = {value: rank for rank, value in enumerate(sorted(set(depth.values())))}
    return {name: ranks[value] for name, value in depth.items()}


Hops = list[list[tuple[_Place, _Place, Link]]]


def _layers(nodes: list[Node], links: list[Link], depth: dict[str, int], width: int) -> tuple[list[list[_Place]], Hops]:
    """The places of each layer, and the hops from each to the next: a long line passes the layers between."""
    layers: list[list[_Place]] = [[] for _ in range(max(depth.values()) + 1)]
    places = {}
    for one in nodes:
        places[one.name] = _Place(one.name, width)
        layers[depth[one.name]].append(places[one.name])
    hops: Hops = [[] for _ in layers]
    for link in links:
        before = places[link.source]
        for row in range(depth[link.source] + 1, depth[link.target]):
            passing = _Place("", 1)
            layers[row].append(passing)
            hops[row - 1].append((before, passing, link))
            before = passing
        hops[depth[link.target] - 1].append((before, places[link.target], link))
    return layers, hops


def _order(layers: list[list[_Place]], hops: Hops) -> None:
    """Puts each place near the middle of those that it is joined to, above and below in turn (Sugiyama's method)."""
    for sweep in range(SWEEPS):
        rows = range(1, len(layers)) if sweep % 2 == 0 else range(len(layers) - 2, -1, -1)
        for row in rows:
            other = layers[row - 1] if sweep % 2 == 0 else layers[row + 1]
            at = {id(one): place for place, one in enumerate(other)}
            near: dict[int, list[int]] = {}
            for above, below, _ in hops[row - 1 if sweep % 2 == 0 else row]:
                mine, theirs = (below, above) if sweep % 2 == 0 else (above, below)
                near.setdefault(id(mine), []).append(at[id(theirs)])
            own = {id(one): place for place, one in enumerate(layers[row])}
            layers[row].sort(key=lambda one: _mean(near.get(id(one)), own[id(one)]))


def _mean(values: list[int] | None, otherwise: int) -> float:
    return sum(values) / len(values) if values else otherwise


def _spread(layers: list[list[_Place]], hops: Hops) -> None:
    """Gives each place its x: as near to the middle of its neighbours as those beside it let it."""
    for layer in layers:
        x = 0
        for one in layer:
            one.x = x
            x += one.width + GAP
    for sweep in range(SWEEPS):
        rows = range(1, len(layers)) if sweep % 2 == 0 else range(len(layers) - 2, -1, -1)
        for row in rows:
            near: dict[int, list[int]] = {}
            for above, below, _ in hops[row - 1 if sweep % 2 == 0 else row]:
                mine, theirs = (below, above) if sweep % 2 == 0 else (above, below)
                near.setdefault(id(mine), []).append(theirs.middle)
            wanted = [round(_mean(near.get(id(one)), one.middle)) - one.width // 2 for one in layers[row]]
            _settle(layers[row], wanted)
    left = min(one.x for layer in layers for one in layer)
    for layer in layers:
        for one in layer:
            one.x -= left


def _settle(layer: list[_Place], wanted: list[int]) -> None:
    """Moves the places of a layer to where they want to be, in their order and apart; what is pushed pushes on."""
    groups: list[tuple[float, list[int]]] = []  # where the first of a group wants to be, and the places in it
    offsets = [0]
    for one in layer:
        offsets.append(offsets[-1] + one.width + GAP)
    for place, want in enumerate(wanted):
        groups.append((want - offsets[place], [place]))
        while len(groups) > 1 and groups[-2][0] > groups[-1][0]:
            (first, before), (second, behind) = groups[-2:]
            both = [*before, *behind]
            groups[-2:] = [((first * len(before) + second * len(behind)) / len(both), both)]
    for start, places in groups:
        for place in places:
            layer[place].x = round(start) + offsets[place]


class _Canvas:
    """Cells that boxes are painted on, and lines that join where they meet."""

    def __init__(self) -> None:
        self.cells: dict[tuple[int, int], tuple[str, str]] = {}
        self.masks: dict[tuple[int, int], int] = {}
        self.styles: dict[tuple[int, int], str] = {}

    def put(self, x: int, y: int, text: str, style: str) -> None:
        for character in text:
            self.cells[x, y] = character, style
            x += max(1, cell_len(character))

    def join(self, x: int, y: int, sides: int, style: str) -> None:
        self.masks[x, y] = self.masks.get((x, y), 0) | sides
        if style != "dim" or (x, y) not in self.styles:
            self.styles[x, y] = style

    def across(self, x: int, other: int, y: int, style: str) -> None:
        """A level line between two columns; what joins it there is drawn by who does."""
        left, right = sorted((x, other))
        for at in range(left, right + 1):
            self.join(at, y, (LEFT if at > left else 0) | (RIGHT if at < right else 0), style)

    def free(self, x: int, y: int, width: int) -> bool:
        return all((at, y) not in self.cells and (at, y) not in self.masks for at in range(x, x + width))

    def lines(self, height: int) -> list[Line]:
        for at, sides in self.masks.items():
            self.cells.setdefault(at, (LINES.get(sides, " "), self.styles[at]))
        right = max((x for x, _ in self.cells), default=-1) + 1
        rows: list[Line] = []
        for y in range(height):
            row: Line = []
            x = 0
            while x < right:
                text, style = self.cells.get((x, y), (" ", ""))
                row.append((text, style))
                x += max(1, cell_len(text))
            rows.append(joined(row))
        return rows


def _painted(
    nodes: dict[str, Node], links: list[Link], layers: list[list[_Place]], hops: Hops, chosen: str, marked: set[str]
) -> Drawing:
    canvas, y = _Canvas(), 0
    found = Drawing(links=links)
    texts: list[tuple[int, int, Link]] = []
    for row, layer in enumerate(layers):
        found.layers.append([one.name for one in layer if one.name])
        for place in layer:
            if place.name:
                found.boxes[place.name] = place.x, y, place.width
                _box(canvas, place, y, nodes[place.name], place.name == chosen, place.name in marked)
            else:
                style = next((link.style for _, below, link in hops[row - 1] if below is place), "dim")
                for line in range(HIGH):
                    canvas.join(place.middle, y + line, UP | DOWN, style)
        y += HIGH
        if row + 1 < len(layers):
            y = _lines(canvas, hops[row], y, texts)
    found.lines = _with_texts(canvas, texts, y)
    return found


def _box(canvas: _Canvas, place: _Place, y: int, node: Node, chosen: bool, marked: bool) -> None:
    frame, width = DOUBLE if chosen else PLAIN, place.width
    style = "mark bold" if chosen else node.style if node.style != "good" else "dim"
    canvas.put(place.x, y, frame[0] + frame[1] * (width - 2) + frame[2], style)
    name = fit(clean(node.name), width - 6)
    aside = clean(node.aside)[: width - 4]
    room = width - 4 - (cell_len(aside) + 1 if aside else 0)
    below = node.below if cell_len(node.below) <= room else node.short or node.below
    text = "dim" if node.faint else ""
    canvas.put(place.x, y + 1, frame[3], style)
    canvas.put(place.x + 2, y + 1, node.glyph, node.style)
    canvas.put(place.x + 4, y + 1, name, f"{text} bold".strip() if chosen else text)
    canvas.put(place.x + width - 2, y + 1, "◆" if marked else " ", "mark")
    canvas.put(place.x + width - 1, y + 1, frame[3], style)
    canvas.put(place.x, y + 2, frame[3], style)
    canvas.put(place.x + 2, y + 2, fit(clean(below), max(0, room)), "dim")
    canvas.put(place.x + width - 2 - cell_len(aside), y + 2, aside, "dim" if node.faint else node.style)
    canvas.put(place.x + width - 1, y + 2, frame[3], style)
    canvas.put(place.x, y + 3, frame[4] + frame[1] * (width - 2) + frame[5], style)


def _lines(canvas: _Canvas, hops: list[tuple[_Place, _Place, Link]], y: int, texts: list[tuple[int, int, Link]]) -> int:
    """Draws the lines from one layer to the next; the first row of that."""
    bent = sorted(
        (hop for hop in hops if hop[0].middle != hop[1].middle), key=lambda hop: (hop[0].middle, hop[1].middle)
    )
    tracks: list[list[_Level]] = []
    rows: dict[tuple[int, int], int] = {}
    for above, below, link in bent:  # level parts that would overlap, and are not of one box, get rows of their own
        left, right = sorted((above.middle, below.middle))
        part = _Level(left, right, id(above), id(below))
        number = next((number for number, track in enumerate(tracks) if _fits(part, track)), len(tracks))
        if number == len(tracks):
            tracks.append([])
        tracks[number].append(part)
        rows[id(link), id(above)] = number
    said = any(link.text and below.name for _, below, link in hops)
    height = max(1, len(tracks)) + 1 + said
    for above, below, link in sorted(hops, key=lambda hop: hop[2].style != "dim"):
        turn = y + rows.get((id(link), id(above)), 0)
        for at in range(y, turn):
            canvas.join(above.middle, at, UP | DOWN, link.style)
        if above.middle == below.middle:
            canvas.join(above.middle, turn, UP | DOWN, link.style)
        else:
            canvas.across(above.middle, below.middle, turn, link.style)
            canvas.join(above.middle, turn, UP, link.style)
            canvas.join(below.middle, turn, DOWN, link.style)
        for at in range(turn + 1, y + height):
            canvas.join(below.middle, at, UP | DOWN, link.style)
        if below.name:
            canvas.put(below.middle, y + height - 1, "▾", link.style)
            if link.text:
                texts.append((below.middle + 2, y + height - 2, link))
    return y + height


class _Level(NamedTuple):
    """The level part of a line, and which boxes it joins."""

    left: int
    right: int
    above: int
    below: int

    def meets(self, other: "_Level") -> bool:
        return self.left <= other.right + 1 and self.right >= other.left - 1


def _fits(part: _Level, track: list[_Level]) -> bool:
    """Whether it may be drawn in a row with others: it meets none, or all it meets come from, or go to, its own box."""
    met, before = [part], 0
    while len(met) > before:
        before = len(met)
        met += [one for one in track if one not in met and any(one.meets(other) for other in met)]
    return len({one.above for one in met}) == 1 or len({one.below for one in met}) == 1


def _with_texts(canvas: _Canvas, texts: list[tuple[int, int, Link]], height: int) -> list[Line]:
    """What stands beside lines, cut where something else begins."""
    right = max((x for x, _ in (*canvas.cells, *canvas.masks)), default=0)
    for x, y, link in texts:
        text = clean(link.text)
        room = next((at - x for at in range(x, x + len(text)) if not canvas.free(at, y, 1)), len(text))
        room = room if room == len(text) else room - 1
        if x + room <= max(right, x + len(text)) and room > 1:
            canvas.put(x, y, fit(text, min(room, cell_len(text))), link.style)
    return canvas.lines(height)


class Dag(PaintedScroll, can_focus=True, inherit_bindings=False):
    """A graph that one moves about in; it keeps what is chosen and what is marked by name."""

    BINDINGS = keymap.bindings("dag")
    DEFAULT_CSS = "Dag { scrollbar-size: 1 1; overflow-x: auto; }"

    class Moved(Message):
        """Another box is chosen."""

    class Opened(Message):
        """Enter on a box."""

    def __init__(self, draw: Callable[[], tuple[list[Node], list[Link]]], id: str | None = None) -> None:
        super().__init__(id=id)
        self._draw = draw
        self.chosen = ""
        self.marked: list[str] = []
        self.drawing = Drawing()

    def on_mount(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Draws the newest state; what is chosen stays, or the first is."""
        nodes, links = self._draw()
        names = [one.name for one in nodes]
        self.marked = [one for one in self.marked if one in names]
        if self.chosen not in names:
            self.chosen = names[0] if names else ""
        before = self.drawing.lines
        self.drawing = drawn(nodes, links, self.chosen, self.marked)
        if self.drawing.lines != before:
            width = max((width_of(one) for one in self.drawing.lines), default=0)
            self.virtual_size = Size(width + 2, len(self.drawing.lines))
            self.refresh()

    def choose(self, name: str) -> None:
        if name and name != self.chosen:
            self.chosen = name
            self.renew()
            x, y, width = self.drawing.boxes.get(name, (0, 0, 0))
            self.scroll_to_region(Region(x, y, width + 2, HIGH), animate=False)
            self.post_message(self.Moved())

    def action_go(self, across: int, down: int) -> None:
        self.choose(beside(self.drawing, self.chosen, across, down))

    def action_mark(self) -> None:
        """Marks the box, or takes its mark away."""
        if self.chosen:
            self.marked = [one for one in self.marked if one != self.chosen] + [self.chosen] * (
                self.chosen not in self.marked
            )
            self.renew()
            self.post_message(self.Moved())

    def action_open(self) -> None:
        if self.chosen:
            self.post_message(self.Opened())

    def on_click(self, event: events.Click) -> None:
        x, y = event.x + round(self.scroll_x) - 1, event.y + round(self.scroll_y)
        for name, (left, top, width) in self.drawing.boxes.items():
            if left <= x < left + width and top <= y < top + HIGH:
                self.choose(name)

    def render_line(self, y: int) -> Strip:
        row, left, width = y + round(self.scroll_y), round(self.scroll_x), self.size.width
        line = [(" ", ""), *self.drawing.lines[row]] if row < len(self.drawing.lines) else []
        return self.strip(line, max(width_of(line), left + width)).crop(left, left + width)
