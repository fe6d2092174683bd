"""What a comparison of runs says, as lines: side by side, in the order of a metric, and in code and packages."""

from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len

from cupola_tui import figures
from cupola_tui.paint import Line, fit, fold
from cupola_tui.plain import clean
from cupola_tui.screens.experiments import rank
from cupola_tui.screens.pane import badge, heading, said
from cupola_tui.widgets.overlay import LETTERS
from cupola_tui.widgets.rows import Record

SIGNS = {
    "best": ("★", "good"),
    "worse": ("≠", ""),
    "not different": ("≈", "good"),
    "unknown": ("?", "dim"),
    "": (" ", "dim"),
}
WORDS = {
    "folds": "over the same folds, by the corrected resampled t-test (Nadeau and Bengio 2003)",
    "rows": "by a bootstrap of the same rows, in pairs",
    "errors": "by their own standard errors, as if of different rows: no rows are known that they share",
}
NAMES = 24  # cells of the first column
CELL = (18, 34)  # cells of a run
FEW = 12  # names of what is equal
RANKED = 39  # cells of a ranking beside names and values


@dataclass(frozen=True)
class Sides:
    """Which of the runs stand side by side: those that there is room for, from `first` on."""

    first: int
    count: int
    cell: int
    names: int

    @property
    def places(self) -> range:
        return range(self.first, self.first + self.count)


def sides(runs: int, first: int, width: int) -> Sides:
    names = min(NAMES, width // 3)
    count = max(1, min(runs, (width - names) // CELL[0]))
    cell = min(CELL[1], (width - names) // count)
    return Sides(max(0, min(first, runs - count)), count, cell, names)


def overview(found: Record, first: int, equal: bool, width: int) -> list[Line]:
    """What differs, then the metrics, a column a run; what is equal is named alone, or shown too."""
    shown = sides(len(found["runs"]), first, width)
    lines = [*_head(found, shown), [], heading("What differs")]
    told = facts(found)
    lines += _rows([one for one in told if one["differs"]], shown, "warn") or [[(" nothing that went in", "dim")]]
    same = [one for one in told if not one["differs"] and one["values"][0] not in (None, "")]
    if equal:
        lines += [[], heading("What is equal"), *_rows(same, shown, "dim")]
    elif same:
        lines += said(f"equal: {', '.join(clean(one['name']) for one in same)} (e shows them)", width, "dim")
    if not found["same_data"]:
        lines += [[], *said("⚠ they learnt from different data or targets: their metrics are of different rows", width)]
    return [*lines, [], heading("Metrics"), *_metrics(found, shown), *_legend(found, width)]


def _head(found: Record, shown: Sides) -> list[Line]:
    runs = found["runs"]
    title = "" if shown.count == len(runs) else f" {shown.first + 1}-{shown.first + shown.count} of {len(runs)}, ← →"
    names: Line = [(fit(title, shown.names), "dim")]
    status: Line = [(" " * shown.names, "")]
    for place in shown.places:
        name = f"{LETTERS[place]} {clean(runs[place]['name'] or runs[place]['id'])}"
        names += [(fit(name, shown.cell - 1, True) + " ", "title")]
        words, style = badge(runs[place]["status"])
        status += [(fit(words, shown.cell - 1, True) + " ", style)]
    return [names, status]


def facts(found: Record) -> list[Record]:
    """What went into the runs: the experiment, then their parameters; of lists what is not in them."""
    shown = [_fact("experiment", [one["experiment"] for one in found["runs"]])]
    for one in found["params"]:
        values = one["values"]
        inner = [value for value in values if value is not None]
        if one["differs"] and inner and all(isinstance(value, list) for value in inner):
            every = list(dict.fromkeys(str(each) for value in inner for each in value))
            shown.append(_fact(one["name"], [_of_all(value, every) for value in values]))
        else:
            shown.append(one)
    return shown


def _fact(name: str, values: list[Any]) -> Record:
    return {"name": name, "values": values, "differs": any(value != values[0] for value in values)}


def _of_all(some: list[Any] | None, every: list[str]) -> str | None:
    """A list as how many there are of those that any run has, and which are not."""
    if some is None:
        return None
    without = [one for one in every if one not in set(map(str, some))]
    return f"{len(some)}" + (f", without {', '.join(without)}" if without else "")


def _rows(facts: list[Record], shown: Sides, style: str) -> list[Line]:
    return [
        [
            (fit(f" {clean(one['name'])}", shown.names - 1) + " ", ""),
            *((fit(_value(one["values"][place]), shown.cell - 1, True) + " ", style) for place in shown.places),
        ]
        for one in facts
    ]


def _value(value: Any) -> str:
    return figures.ABSENT if value is None else figures.given(value) if value != "" else '""'


def _metrics(found: Record, shown: Sides) -> list[Line]:
    lines = []
    for one in sorted(found["metrics"], key=order):
        line: Line = [(fit(f" {clean(one['name'])}", shown.names - 1) + " ", "")]
        for place in shown.places:
            sign, style = SIGNS[one["verdicts"][place]]
            value = figures.measured(one["values"][place], one["errors"][place])
            room = shown.cell - 3  # beside the sign, which is never cut off
            value = value if cell_len(value) <= room else value.replace(" ± ", "±")
            line.append((f"{fit(value, room, True)} {sign} ", style))
        lines.append(line)
    return lines or [[(" none yet", "dim")]]


def order(metric: Record) -> tuple[int, int]:
    """The validation first, since runs are chosen by it; within a part what they are compared by first."""
    parts = ("validation_", "test_", "train_")
    return next((place for place, part in enumerate(parts) if metric["name"].startswith(part)), 9), rank(metric["name"])


def _legend(found: Record, width: int) -> list[Line]:
    """What the signs mean, and how the verdicts were found."""
    used = {by for one in found["metrics"] for by in one["by"]}
    pairs = len(found["runs"]) * (len(found["runs"]) - 1) // 2
    among = f", corrected for {pairs:,} comparisons (Holm)" if pairs > 1 else ""
    lines = said(f"★ best   ≈ not different from the best   ≠ worse (p < 0.05{among})   ? cannot be told", width, "dim")
    for by, words in WORDS.items():
        if by in used:
            some = "some are " if len(used - {""}) > 1 else ""
            lines += said(f"{some}held against the best {words}", width, "dim")
    return [[], *lines]


def ranking(found: Record, name: str, front: int, width: int) -> list[Line]:
    """The runs from the best on in one metric, with what they are held against the best by."""
    metric = next((one for one in found["metrics"] if one["name"] == name), None)
    if metric is None:
        return [[(" no metric yet", "dim")]]
    runs, values = found["runs"], metric["values"]
    best = values[metric["best"]] if metric["best"] is not None else 0.0
    places = sorted(range(len(runs)), key=lambda one: (values[one] is None, abs((values[one] or 0.0) - best), one))
    more = min(16, max(cell_len(clean(one["experiment"])) for one in runs) + 2) if width > 90 else 0
    told = [
        figures.measured(value, metric["errors"][place]) if value is not None else clean(runs[place]["status"])
        for place, value in enumerate(values)
    ]
    figured = min(24, max(map(cell_len, (clean(name), *told))))
    cells = max(8, min(28, width - more - figured - RANKED, max(cell_len(clean(one["name"])) for one in runs) + 2))
    head = f" {fit('run', cells + 2)}{fit('experiment', more)}{fit(clean(name), figured, True)}   "
    lines: list[Line] = [[(head + fit("verdict", 16) + f"{'p':>8}  by", "dim")]]
    for place in places:
        sign, style = SIGNS[metric["verdicts"][place]]
        chance = metric["p"][place]
        lines.append(
            [
                (f" {LETTERS[place]} ", "mark" if place == front else "title"),
                (fit(clean(runs[place]["name"] or runs[place]["id"]), cells - 1), "mark" if place == front else ""),
                (" " + fit(clean(runs[place]["experiment"]), more - 1) if more else " ", "dim"),
                (fit(told[place], figured, True) + " ", ""),
                (f"{sign} {metric['verdicts'][place]:<16}", style),
                (f"{'' if chance is None else _chance(chance):>8}  {metric['by'][place]}", "dim"),
            ]
        )
    return [*lines, *_legend({**found, "metrics": [metric]}, width)]


def _chance(p: float) -> str:
    return "< 0.0001" if p < 1e-4 else f"{p:.4f}"


def code(found: Record, first: int, width: int) -> list[Line]:
    """What differs in code and packages, a column a run."""
    shown = sides(len(found["runs"]), first, width)
    lines = _head(found, shown)
    for words, key in (("Code", "code"), ("Packages", "environment")):
        different = [one for one in found[key] if one["differs"]]
        same = [clean(one["name"]) for one in found[key] if not one["differs"]]
        lines += [[], heading(words), *_rows(different, shown, "warn")]
        if same:
            others = f" and {len(same) - FEW} more" if len(same) > FEW else ""
            lines += said(f"equal: {', '.join(same[:FEW])}{others}", width, "dim")
        elif not different:
            lines.append([(" nothing is known of it", "dim")])
    return lines


def changes(answer: Record | None, names: tuple[str, str], width: int) -> list[Line]:
    """How the code of one run differs from that of another, line by line."""
    title = heading(f"From {clean(names[0])} to {clean(names[1])}")
    if answer is None:
        return [[], title, [(" reading ...", "dim")]]
    if "trouble" in answer:
        return [[], title, *said(answer["trouble"], width, "bad")]
    lines: list[Line] = [[], title]
    commits = answer["commits"]
    if commits[0] != commits[1] and not any(one["where"] == "commit" for one in answer["code"]):
        lines += said("their commits differ; the repository that holds both is not here", width, "dim")
    elif not answer["code"]:
        lines.append([(" no line of it differs", "dim")])
    for one in answer["code"]:
        where = {"commit": "committed", "uncommitted": "not committed", "job": "copied by the job"}[one["where"]]
        lines += [[(f" {clean(one['path'])}", "bold"), (f"  {where}", "dim")]]
        lines += [_changed(line, width) for line in one["diff"].splitlines()]
    return lines


def _changed(line: str, width: int) -> Line:
    style = {"+": "good", "-": "bad", "@": "accent"}.get(line[:1], "")
    parts = fold(clean(line), width - 4)
    return [(f"   {parts[0] if len(parts) == 1 else fit(clean(line), width - 4)}", style)]
