"""What an action answered, readable and ready to copy."""

from typing import Any

import msgspec

from cupola_tui import figures
from cupola_tui.paint import Line
from cupola_tui.plain import clean
from cupola_tui.screens.dialog import Reading
from cupola_tui.screens.pane import facts, heading
from cupola_tui.widgets.rows import Record

MOST = 200  # rows of an answer that are shown; y copies all


class Result(Reading):
    """A record as names and values, a list of them as a table; predictions with their probabilities beside them."""

    def __init__(self, name: str, result: Any) -> None:
        super().__init__(clean(name), classes="-large" if isinstance(result, list) else "")
        self.result = result

    def lines(self, width: int) -> list[Line]:
        return _lines(self.result, width) or [[("done", "")]]

    def text(self) -> str:
        return msgspec.json.format(msgspec.json.encode(self.result)).decode()


def _lines(value: Any, width: int) -> list[Line]:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return table(value, width)
    if not isinstance(value, dict):
        return [[(figures.short(value), "")]]
    predicted = value.get("predictions")
    if isinstance(predicted, list):
        return predictions(value, predicted)
    plain = {key: one for key, one in value.items() if not isinstance(one, dict)}
    lines = facts([(clean(key), one) for key, one in plain.items()], width)
    for key, one in value.items():
        if isinstance(one, dict) and one:
            lines += [[], heading(clean(key)), *_lines(one, width)]
    return lines


def predictions(answer: Record, predicted: list[Any]) -> list[Line]:
    """A line for each row: what is predicted, and how likely each class is."""
    classes = [figures.short(one) for one in answer.get("classes") or []]
    chances = answer.get("probabilities") or []
    cell = max([10, *(len(one) + 2 for one in classes)])
    lines: list[Line] = [[(f" {'row':>5}  {'predicted':<14}" + "".join(f"{one:>{cell}}" for one in classes), "dim")]]
    for place, value in enumerate(predicted[:MOST]):
        shown = figures.short(value.get("predicted_label", value) if isinstance(value, dict) else value)
        line: Line = [(f" {place + 1:>5}  ", "dim"), (f"{shown:<14}", "bold")]
        if place < len(chances) and isinstance(chances[place], list):
            line.append(("".join(f"{one:>{cell}.1%}" for one in chances[place]), ""))
        lines.append(line)
    more = len(predicted) - MOST
    return [*lines, [(f" and {more:,} more: y copies all", "dim")]] if more > 0 else lines


def table(rows: list[Record], width: int) -> list[Line]:
    """Records as a table, as many columns as there is room for."""
    names = list(rows[0])
    cells = [[figures.short(one.get(name)) for name in names] for one in rows[:MOST]]
    widths = [min(30, max(len(clean(name)), *(len(row[place]) for row in cells))) for place, name in enumerate(names)]
    lines: list[Line] = []
    for row in ([clean(name) for name in names], *cells):
        text = " " + "  ".join(f"{one[:space]:<{space}}" for one, space in zip(row, widths, strict=True))
        lines.append([(text[:width], "" if lines else "dim")])
    return lines
