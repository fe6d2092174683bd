"""What an action answered, readable and ready to copy."""

from typing import Any

import msgspec
from rich.cells import cell_len

from cupola_tui import figures
from cupola_tui.paint import Line, fit
from cupola_tui.plain import clean
from cupola_tui.screens.dialog import Reading
from cupola_tui.screens.pane import facts, heading
from cupola_tui.widgets.rows import Record

HEIGHT = 14  # lines of a plot
MOST = 200  # rows of an answer that are shown; y copies all


class Result(Reading):
    """A record as names and values, a list of them as a table; predictions with their probabilities beside them."""

    def __init__(self, name: str, result: Any) -> None:
        large = isinstance(result, list) or (isinstance(result, dict) and any(map(is_table, result.values())))
        super().__init__(clean(name), classes="-large" if large else "")
        self.result = result

    def lines(self, width: int) -> list[Line]:
        return _lines(self.result, width) or [[("done", "")]]

    def text(self) -> str:
        return msgspec.json.format(msgspec.json.encode(self.result)).decode()


def is_table(value: Any) -> bool:
    """Whether it is a list of records."""
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _lines(value: Any, width: int) -> list[Line]:
    if is_table(value):
        return table(value, width)
    if not isinstance(value, dict):
        return [[(figures.short(value), "")]]
    predicted = value.get("predictions")
    if isinstance(predicted, list):
        return predictions(value, predicted)
    if isinstance(value.get("plots"), list):
        return plots(value["plots"], width)
    plain = {key: one for key, one in value.items() if not isinstance(one, dict) and not is_table(one)}
    lines = facts([(clean(key), one) for key, one in plain.items()], width)
    for key, one in value.items():
        if is_table(one) or (isinstance(one, dict) and one):
            lines += [[], heading(clean(key)), *_lines(one, width)]
    return lines


def plots(found: list[Any], width: int) -> list[Line]:
    """All of them, one below the other."""
    from cupola.plots.records import Plot
    from cupola_tui.widgets.plot import drawn

    return [line for one in msgspec.convert(found, list[Plot]) for line in [*drawn(one, width, HEIGHT), []]]


def predictions(answer: Record, predicted: list[Any]) -> list[Line]:
    """A line for each row: what is predicted, and how likely each class is."""
    classes = [figures.short(one) for one in answer.get("classes") or []]
    chances = answer.get("probabilities") or []
    cell = max([10, *(len(one) + 2 for one in classes)])
    lines: list[Line] = [[(f" {'row':>5}  {'predicted':<14}" + "".join(f"{one:>{cell}}" for one in classes), "dim")]]
    for place, value in enumerate(predicted[:MOST]):
        shown = figures.short(value.get("predicted_label", value) if isinstance(value, dict) else value)
        line: Line = [(f" {place + 1:>5}  ", "dim"), (fit(shown, 14), "bold")]
        if place < len(chances) and isinstance(chances[place], list):
            line.append(("".join(f"{one:>{cell}.1%}" for one in chances[place]), ""))
        lines.append(line)
    more = len(predicted) - MOST
    return [*lines, [(f" and {more:,} more: y copies all", "dim")]] if more > 0 else lines


def table(rows: list[Record], width: int) -> list[Line]:
    """Records as a table, as many columns as there is room for; the last has all that the others leave."""
    heads: list[str] = []
    columns: list[list[str]] = []
    widths: list[int] = []
    for name in rows[0]:  # of two thousand columns most are never written: 200 rows of them would take a minute
        heads.append(clean(name))
        columns.append([figures.given(one.get(name)) for one in rows[:MOST]])
        widths.append(min(30, max(1, *map(cell_len, [heads[-1], *columns[-1]]))))
        if sum(widths) + 2 * len(widths) - 1 > width:
            break
    widths[-1] = max(widths[-1], width - 1 - sum(one + 2 for one in widths[:-1]))
    lines: list[Line] = []
    for row in (heads, *zip(*columns, strict=True)):
        text = " " + "  ".join(fit(one, space) for one, space in zip(row, widths, strict=True))
        lines.append([(fit(text, width).rstrip(), "" if lines else "dim")])
    return lines
