"""What the trials of a tuning have shown, drawn with cells: the tabs of the pane of tunings but the first."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from rich.cells import cell_len

from cupola_tui import figures
from cupola_tui.keymap import EXPERIMENTS
from cupola_tui.paint import Line, fit
from cupola_tui.plain import clean
from cupola_tui.screens.pane import Ask, Listing, Scene, badge, facts, figure, heading, pending, said, text
from cupola_tui.widgets.rows import Column, Record
from cupola_tui.widgets.scales import Axis, is_wide

STATES = {"Waiting": "Queued", "Running": "InProgress", "Pruned": "Stopped"}  # as statuses, for their glyphs
CONTOURED = 3  # parameters, each two of which have a contour
LISTED = 30  # trials of a front that are written out
# Trials that are drawn, at most: so many of the best, and of the others; more would be no clearer.
DOTS, LINES = (100, 200), (75, 75)


def asks(record: Record) -> dict[str, Ask]:
    """The trials."""
    return {"trials": ("trials", {"tuning": record.get("tuning")})}


def asks_what_matters(record: Record) -> dict[str, Ask]:
    """The trials, and how much each parameter matters."""
    asked = {"name": "tuning importance", "arguments": {"tuning": record.get("tuning")}}
    return asks(record) | {"importance": ("action", asked)}


# The table.


def table(scene: Scene) -> Listing | None:
    """The trials as rows, the newest first; enter leads to the run of one."""
    found = scene.answer("trials")
    if not found:
        return None
    return Listing(
        found, columns(scene.record, found), lambda one: str(one["number"]), lambda one: (EXPERIMENTS, str(one["run"]))
    )


def columns(tuning: Record, trials: list[Record]) -> list[Column]:
    return [
        figure("number", "trial", _whole, width=5, grow=6, priority=9),
        Column("state", "state", _state, lambda one: one.get("state"), width=11, grow=12, priority=8),
        *(_objective(name, place) for place, name in enumerate(objectives_of(tuning))),
        *(_param(name, 6 - min(place, 3)) for place, name in enumerate(names(trials))),
        Column(
            "took", "time", lambda one: (figures.span(one.get("started"), one.get("ended")), ""),
            lambda one: figures.seconds(one.get("started"), one.get("ended")), width=6, grow=8, right=True, priority=4,
        ),
        text("why", "why", width=6, priority=2),
    ]  # fmt: skip


def _state(trial: Record) -> tuple[str, str]:
    """The state; the best trials have a mark, those that another tuning made say so."""
    glyph, style = badge(STATES.get(str(trial.get("state")), trial.get("state")))
    word = "given" if trial.get("given") else "best" if trial.get("best") else clean(trial.get("state"))
    return f"{'◆' if trial.get('best') else glyph.partition(' ')[0]} {word}", "mark" if trial.get("best") else style


def _whole(value: Any) -> str:
    return f"{value}"


def _objective(name: str, place: int) -> Column:
    def value(trial: Record) -> Any:
        return _value(trial, place)

    room = {"width": 8, "grow": 14, "priority": 8 - min(place, 2)}
    return figure(f"values {place}", clean(name), figures.number, value, **room)


def _param(name: str, priority: int) -> Column:
    def value(trial: Record) -> Any:
        return trial["params"].get(name)

    return Column(
        f"params.{name}", clean(name), lambda one: (figures.short(value(one)), ""), value, width=8, grow=16, right=True,
        priority=priority,
    )  # fmt: skip


# Importance.


def importance(scene: Scene) -> list[Line]:
    """How much each parameter matters for being among the best trials, as bars."""
    answer = scene.answer("importance")
    if not answer:
        return pending(scene, "importance", "reading ..." if answer is None else "nothing yet: it takes two trials")
    lines: list[Line] = []
    longest = min(28, max(cell_len(clean(one["parameter"])) for one in answer))
    room = max(4, scene.width - longest - 11)
    for objective in dict.fromkeys(one["objective"] for one in answer):
        found = [one for one in answer if one["objective"] == objective]
        most = max(one["importance"] for one in found) or 1.0
        lines += [heading(f"Importance for {clean(objective)}")]
        for one in found:
            bar = "█" * round(one["importance"] / most * room) or "▏"
            name = fit(clean(one["parameter"]), longest)
            lines.append([(f" {name} ", ""), (bar, "good"), (f" {one['importance']:.1%}", "dim")])
        lines += [[]]
    words = f"PED-ANOVA over {answer[0]['trials']} trials: what tells the best tenth of them from all."
    return [*lines, *said(words, scene.width, "dim")]


# Plots.


def parallel(scene: Scene) -> list[Line]:
    """Each completed trial as a line over the parameters that matter most, and the objective."""
    from cupola_tui.widgets.parallel import parallel as drawn
    from cupola_tui.widgets.parallel import room

    done = thinned(scene, *LINES)
    if not done:
        return _nothing(scene)
    known, most = ordered(scene), room(scene.width - 2) - 1
    axes = [*(axis(scene, done, name) for name in known[:most]), goal(scene, done)]
    best = next((place for place, one in enumerate(done) if one.get("best")), None)
    height = max(10, scene.height - 3)
    lines = drawn(axes, scene.width - 1, height, smaller_is_better=smaller(scene), chosen=best)
    words = _drawn(scene, done, LINES[0])
    words += f". The {most} that matter most of {len(known)} parameters" if len(known) > most else ""
    return [*lines, [], *said(words, scene.width, "dim")]


def slices(scene: Scene) -> list[Line]:
    """The objective over each parameter, the most important first."""
    from cupola_tui.widgets.scatter import scatter

    done = thinned(scene, *DOTS)
    if not done:
        return _nothing(scene)
    height = max(9, min(14, (scene.height - 2) // 2))
    words = f"{_drawn(scene, done, DOTS[0])}; the later the greener, the best a cross"
    lines: list[Line] = said(words, scene.width, "dim")
    when = Axis("trial", [one["number"] for one in done])
    best = next((place for place, one in enumerate(done) if one.get("best")), None)
    for name in ordered(scene):
        lines += scatter(axis(scene, done, name), goal(scene, done), scene.width - 2, height, colour=when, chosen=best)
        lines += [[]]
    return lines


def contours(scene: Scene) -> list[Line]:
    """The objective over two parameters, for each two of those that matter most."""
    from cupola_tui.widgets.contour import contour

    done = thinned(scene, *DOTS)
    known = ordered(scene)[:CONTOURED]
    if not done or len(known) < 2:
        return _nothing(scene, "one parameter alone has no contour: see Slice" if done else "")
    height = max(10, min(20, scene.height - 2))
    lines: list[Line] = []
    for one, other in combinations(known, 2):
        both = [trial for trial in done if one in trial["params"] and other in trial["params"]]
        x, y, z = axis(scene, both, one), axis(scene, both, other), goal(scene, both)
        lines += [*contour(x, y, z, scene.width - 2, height, smaller_is_better=smaller(scene)), []]
    return [*lines, *said(_drawn(scene, done, DOTS[0]), scene.width, "dim")]


def front(scene: Scene) -> list[Line]:
    """Of several objectives, each two against each other, and the trials that no other is better than."""
    from cupola_tui.widgets.scatter import scatter

    done, goals = completed(scene), objectives_of(scene.record)
    if len(goals) < 2:
        return said(
            "It has one objective: the best trial is in the overview. Several --metric have a front.", scene.width
        )
    if not done:
        return _nothing(scene)
    lines: list[Line] = said("bright: no other trial is as good or better in every objective", scene.width, "dim")
    best = Axis("best", [1.0 if one.get("best") else None for one in done])
    for one, other in combinations(range(len(goals)), 2):
        x, y = goal(scene, done, one), goal(scene, done, other)
        lines += [*scatter(x, y, scene.width - 2, max(10, min(18, scene.height // 2)), colour=best), []]
    among = [one for one in done if one.get("best")]
    lines += [heading(f"Front: {len(among)} trials"), *said("  ".join(map(clean, goals)), scene.width, "dim")]
    return [*lines, *facts([_member(one, len(goals)) for one in among[:LISTED]], scene.width)]


def _member(trial: Record, objectives: int) -> tuple[str, str]:
    values = "  ".join(figures.number(_value(trial, place)) for place in range(objectives))
    return f"trial {trial['number']}", f"{values}  {clean(trial.get('run'))}"


def _nothing(scene: Scene, words: str = "") -> list[Line]:
    waits = "reading ..." if scene.answer("trials") is None else "no trial has completed yet"
    return pending(scene, "trials", words or waits)


# What is drawn.


def best_so_far(scene: Scene, height: int) -> list[Line]:
    """The best value of each objective after so many trials, one plot each."""
    from cupola_tui.widgets.plot import Points, curve

    done = [one for one in scene.answer("trials") or [] if one.get("values") and not one.get("given")]
    lines: list[Line] = []
    for place, name in enumerate(objectives_of(scene.record)):
        points: Points = []
        for trial in sorted(done, key=lambda one: int(one["number"])):
            value, number = float(_value(trial, place)), float(trial["number"])
            before = points[-1][1] if points else value
            points += [(number, before)] * bool(points)
            points.append((number, min(before, value) if smaller(scene, place) else max(before, value)))
        if len(points) > 1:
            lines += [[], *curve({f"best {clean(name)} by trial": points}, scene.width - 2, height)]
    return lines


def objectives_of(tuning: Record) -> list[str]:
    """What each objective is called; of the study of a script they have no names."""
    ways = tuning.get("directions") or ["minimize"]
    named = tuning.get("objectives") or []
    return list(named) or [f"value_{place}" if len(ways) > 1 else "value" for place in range(len(ways))]


def smaller(scene: Scene, place: int = 0) -> bool:
    """Whether an objective is to be small."""
    ways = scene.record.get("directions") or []
    return place >= len(ways) or bool(ways[place] == "minimize")


def completed(scene: Scene) -> list[Record]:
    """The trials that have come to values."""
    found = [one for one in scene.answer("trials") or [] if one.get("state") == "Completed" and one.get("values")]
    return sorted(found, key=lambda one: int(one["number"]))


def thinned(scene: Scene, best: int, others: int) -> list[Record]:
    """The completed trials, few enough to be drawn: the best by the first objective, and every so many-th besides."""
    done = completed(scene)
    if len(done) <= best + others:
        return done
    ranked = sorted(done, key=lambda one: float(_value(one, 0)), reverse=not smaller(scene))
    among = {one["number"] for one in ranked[:best]}
    step = -(-len(done) // others)
    return [one for one in done if one["number"] in among or one.get("best") or one["number"] % step == 0]


def _drawn(scene: Scene, shown: Sequence[Record], best: int) -> str:
    """Of how many trials a plot is made."""
    every = sum(one.get("state") == "Completed" for one in scene.answer("trials") or [])
    if len(shown) == every:
        return f"{every:,} completed trials"
    return f"{len(shown)} of {every:,} completed trials: the {best} best, and some of the others"


def names(trials: Sequence[Record]) -> list[str]:
    """The parameters that trials have drawn."""
    return list(dict.fromkeys(name for one in trials for name in one["params"]))


def ordered(scene: Scene) -> list[str]:
    """The parameters that vary, those first that matter most for the first objective."""
    goal_ = objectives_of(scene.record)[0]
    matter = [one["parameter"] for one in scene.answer("importance") or [] if one["objective"] == goal_]
    done = completed(scene)
    known = names(done)
    vary = [name for name in known if any(one["params"].get(name) != done[0]["params"].get(name) for one in done)]
    return sorted(vary or known, key=lambda name: matter.index(name) if name in matter else len(matter))


def axis(scene: Scene, trials: Sequence[Record], name: str) -> Axis:
    """A parameter of these trials, by logarithm where it is drawn so; of a script's study, where that shows more."""
    values = [one["params"].get(name) for one in trials]
    drawn = [one.partition(" if ")[0] for one in scene.record.get("space") or [] if one.startswith(f"{name}=")]
    return Axis(name, values, log=drawn[0].endswith(":log") if drawn else is_wide(values))


def goal(scene: Scene, trials: Sequence[Record], place: int = 0) -> Axis:
    """An objective of these trials."""
    return Axis(objectives_of(scene.record)[place], [_value(one, place) for one in trials])


def _value(trial: Record, place: int) -> Any:
    values = trial.get("values") or []
    return values[place] if place < len(values) else None
