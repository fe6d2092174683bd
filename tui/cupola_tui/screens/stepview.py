"""What there is to know of a step of an execution, and why it was done."""

from typing import Any

import msgspec

from cupola.errors import CupolaError
from cupola_tui import figures
from cupola_tui.paint import Line
from cupola_tui.plain import clean
from cupola_tui.screens.dialog import Reading
from cupola_tui.screens.pane import badge, facts, heading, said
from cupola_tui.widgets.rows import Record

LOG_LINES = 40  # of the end of a log
UPKEEP = ("format", "revision", "mac")  # fields of a record that nobody asks for


class StepView(Reading):
    """A step: how it stands, what it gave, why it was done, the end of its log."""

    def __init__(self, step: Record, why: Any, log: str) -> None:
        super().__init__(f"step {clean(step['name'])}", classes="-large")
        self.step, self.why, self.written = step, why, log

    def lines(self, width: int) -> list[Line]:
        one = self.step
        pairs: list[tuple[str, Any]] = [
            ("status", badge(one.get("status")) if one.get("status") else "not run yet"),
            ("type", one.get("type")),
            ("took", figures.span(one.get("started"), one.get("ended")) if one.get("started") else None),
            ("result", "taken from an earlier execution, where nothing has changed" if one.get("cached") else None),
            ("try", one.get("attempt") if (one.get("attempt") or 0) > 1 else None),
            ("job", one.get("job")),
            ("does", one.get("description")),
        ]
        shown = facts(pairs, width)
        for name in ("reason", "message"):
            if one.get(name):
                shown += said(one[name], width, "bad" if one.get("status") == "Failed" else "")
        if one.get("values"):
            shown += [[], heading("Compared"), *(_compared(each, width) for each in one["values"])]
        for name in ("arguments", "outputs", "metrics", "properties"):
            if one.get(name):
                told = [(clean(key), _plain(value)) for key, value in one[name].items() if key not in UPKEEP]
                shown += [[], heading(name.capitalize()), *facts(told, width)]
        shown += [[], heading("Why"), *why_lines(self.why, width)]
        if self.written:
            shown += [[], heading("Log")]
            shown += [[(f" {clean(line)}", "")] for line in self.written.splitlines()[-LOG_LINES:]]
        return shown


class WhyView(Reading):
    """Why a step was done, or was not."""

    def __init__(self, step: Record, why: Any) -> None:
        super().__init__(f"why {clean(step['name'])}")
        self.why = why

    def lines(self, width: int) -> list[Line]:
        return why_lines(self.why, width)


def why_lines(why: Any, width: int) -> list[Line]:
    """What `pipeline why` says."""
    if isinstance(why, CupolaError):
        return said(str(why), width, "dim")
    shown = said(why["said"], width) if why.get("said") else []
    return [*shown, *(line for one in why.get("changes") or [] for line in said(f"≠ {one}", width, "warn"))]


def _compared(one: Record, width: int) -> Line:
    glyph, style = ("✓", "good") if one.get("result") else ("✗", "bad")
    return [(f" {glyph} ", style), (f"{one.get('type')}: {_plain(one.get('left'))}, {_plain(one.get('right'))}", "")]


def given(outputs: Record) -> str:
    """What a step gave, in a line: the values that are short."""
    short = {
        name: value for name, value in outputs.items() if name not in UPKEEP and not isinstance(value, dict | list)
    }
    return ", ".join(
        f"{clean(name)}={figures.short(value)}" for name, value in short.items() if value not in (None, "")
    )


def _plain(value: Any) -> str:
    """A value in a line."""
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        return f"{len(value)}, each with {clean(', '.join(value[0]))}"
    if isinstance(value, dict | list):
        return clean(msgspec.json.encode(value).decode())
    return figures.short(value)
