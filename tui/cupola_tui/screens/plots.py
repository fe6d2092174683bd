"""The tab of a run that draws its plots, one at a time: by left and right, or a click.

< and > move the threshold of a matrix, and go to the next item of a forecast.
"""

from typing import Any

import msgspec
from rich.cells import cell_len

from cupola.experiments import evidence, fans
from cupola.experiments.evidence import Cuts
from cupola.experiments.histories import Logged
from cupola.plots.records import Curves, Matrix, Plot, Series
from cupola_tui.paint import Line, width_of
from cupola_tui.plain import clean
from cupola_tui.screens.pane import Scene, pending
from cupola_tui.widgets.plot import drawn
from cupola_tui.widgets.rows import Record

LOWEST, HIGHEST = 6, 24  # lines of what has a scale upwards
LIVE = 12  # lines of what is drawn anew every second, so that a slow link bears it
AROUND = 9  # lines about it: the chooser, the title, the axis
_curves: list[Any] = [None, []]  # the answer that was drawn last, and its curves: a key is no reason to sort it anew


def draw(scene: Scene) -> list[Line]:
    found = _found(scene)
    if not found:
        return _nothing(scene)
    place = _place(scene, found)
    most = LIVE if scene.record.get("status") == "InProgress" else HIGHEST
    height = max(LOWEST, min(most, scene.height - AROUND))
    lines = [_chooser(scene, found, place), []]
    if isinstance(found[place], Matrix) and (cuts := _cuts(scene)):
        return [*lines, *_at_threshold(scene, cuts, height)]
    if fans.is_fan(found[place]) and (several := _fans(scene))[1:]:
        number = several.index(found[place]) + 1
        moved: Line = [(f" < item {number} of {len(several)} >", "key")]
        return [*lines, moved, *drawn(found[place], scene.width - 1, height - 1)]
    return [*lines, *drawn(found[place], scene.width - 1, height)]


def turn(scene: Scene, thing: str, by: int) -> None:
    """Chooses the plot, or the threshold, so many steps on."""
    found = _found(scene)
    if thing == "plot" and found:
        scene.turned["plot"] = found[(_place(scene, found) + by) % len(found)].name
    elif thing == "line 0" and found:
        named = _clicked(_chooser(scene, found, _place(scene, found)), by, found)
        scene.turned |= {"plot": named} if named else {}
    elif thing == "threshold" and (several := _fans(scene)):
        place = next((place for place, one in enumerate(several) if one.name == scene.turned.get("item")), 0)
        scene.turned["item"] = scene.turned["plot"] = several[(place + by) % len(several)].name
    elif thing == "threshold" and (cuts := _cuts(scene)):
        scene.turned["plot"] = "confusion"
        place = max(0, min(len(cuts.thresholds) - 1, _threshold(scene, cuts) + by))
        scene.turned["threshold"] = cuts.thresholds[place]


def of_metrics(answer: Any, record: Record) -> list[Curves]:
    """The curves of the metrics in an answer of the bridge about a run."""
    if _curves[0] is not answer:
        entries = msgspec.convert((answer or {}).get("entries") or [], list[Logged])
        _curves[:] = answer, evidence.of_metrics(entries, str(record.get("metric") or ""))
    found: list[Curves] = _curves[1]
    return found


def _found(scene: Scene) -> list[Plot]:
    left = (scene.answer("plots") or {}).get("plots") or []
    metrics = of_metrics(scene.answer("metrics"), scene.record)
    return [*metrics, *_one_fan(msgspec.convert(left, list[Plot]), scene.turned.get("item"))]


def _fans(scene: Scene) -> list[Plot]:
    """A fan for each item of a forecast."""
    left = (scene.answer("plots") or {}).get("plots") or []
    return [one for one in msgspec.convert(left, list[Plot]) if fans.is_fan(one)]


def _one_fan(found: list[Plot], item: str | None) -> list[Plot]:
    """The plots with that of one item only, since these are moved by keys of their own."""
    every = [one for one in found if fans.is_fan(one)]
    chosen = next((one for one in every if one.name == item), every[0] if every else None)
    return [one for one in found if one is chosen or not fans.is_fan(one)]


def _cuts(scene: Scene) -> Cuts | None:
    found = (scene.answer("plots") or {}).get("thresholds")
    return msgspec.convert(found, Cuts) if found else None


def _place(scene: Scene, found: list[Plot]) -> int:
    """Which plot is in front: that of the name that was chosen, where this run has it."""
    wanted = scene.turned.get("plot")
    return next((place for place, one in enumerate(found) if one.name == wanted), 0)


def _chooser(scene: Scene, found: list[Plot], place: int) -> Line:
    """The names of the plots about the one in front, as many as there is room for."""
    names = [clean(one.name) for one in found]
    count = f" {place + 1} of {len(names)} ← →"
    room = scene.width - len(count) - 4
    first = last = place
    while last - first + 1 < len(names):
        after, before = last + 1 < len(names), first > 0
        grown = (first, last + 1) if after and (not before or last - place <= place - first) else (first - 1, last)
        if width_of([(f"{name}  ", "") for name in names[grown[0] : grown[1] + 1]]) > room:
            break
        first, last = grown
    line: Line = [(" ‹ " if first else " ", "key")]
    for number in range(first, last + 1):
        line.append((f"{names[number]}  ", "title" if number == place else "dim"))
    return [*line, ("› " if last + 1 < len(names) else "", "key"), (count, "dim")]


def _clicked(chooser: Line, x: int, found: list[Plot]) -> str:
    """The plot whose name stands at a place of the chooser."""
    edge = 0
    for text, _ in chooser:
        edge += cell_len(text)
        if x < edge:
            return next((one.name for one in found if clean(one.name) == text.strip()), "")
    return ""


def _threshold(scene: Scene, cuts: Cuts) -> int:
    """The place of the threshold that was chosen, else of the model's own."""
    return cuts.nearest(scene.turned.get("threshold", cuts.own))


def _at_threshold(scene: Scene, cuts: Cuts, height: int) -> list[Line]:
    """The matrix at the threshold, what it makes of precision and recall, and both over all thresholds."""
    place = _threshold(scene, cuts)
    matrix = evidence.at_threshold(cuts, place)
    named = {name: f"{value:.1%}" for name, value in evidence.measures(cuts, place).items()}
    said = [
        [
            (f" {name:<9} ", "dim"),
            (f"{named.get(name, '—'):>7}   ", "bold"),
            (f"{other:<8} ", "dim"),
            (f"{named.get(other, '—'):>7}", "bold"),
        ]
        for name, other in (("precision", "f1"), ("recall", "accuracy"))
    ]
    moved: Line = [(f" < threshold {cuts.thresholds[place]:g} >", "key")]
    if place == cuts.nearest(cuts.own):
        moved.append(("  the model's own", "dim"))
    below = drawn(_over_thresholds(cuts, place), scene.width - 1, max(LOWEST, height - len(matrix.classes) - 7))[1:]
    bare = msgspec.structs.replace(matrix, note="")
    return [*drawn(bare, scene.width - 1, height), [], moved, *said, [], *below]


def _over_thresholds(cuts: Cuts, place: int) -> Curves:
    every = [evidence.measures(cuts, one) for one in range(len(cuts.thresholds))]
    series = [
        Series(name=name, points=[(x, one[name]) for x, one in zip(cuts.thresholds, every, strict=True) if name in one])
        for name in ("precision", "recall")
    ]
    here = cuts.thresholds[place]
    series.append(Series(name="here", points=[(here, step / 20) for step in range(21)], kind="points"))
    limits = (cuts.thresholds[0], cuts.thresholds[-1], 0.0, 1.0)
    return Curves(name="thresholds", title="By threshold", x="threshold", y="", series=series, limits=limits)


def _nothing(scene: Scene) -> list[Line]:
    if scene.answer("plots") is None:
        return pending(scene, "plots", "reading ...")
    under_way = scene.record.get("status") in ("Queued", "InProgress")
    words = "nothing yet: plots come with metrics, step by step" if under_way else "it has left nothing to draw"
    return [[(f" {words}", "dim")]]
